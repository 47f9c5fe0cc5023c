"""Catalogues of exposures: what cannot be scored is kept, and bad input costs only itself."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ceres_fast.catalogues import FORMATS, read_catalogue, write_table
from ceres_fast.classify import classify
from ceres_fast.classify.scores import (
    FILLED,
    FLAGS,
    NOT_SCORED,
    PROBABILITY,
    PROBABILITY_OF_TRACKLET,
    STATIONARY,
    TRACKLET,
)
from ceres_fast.errors import InputError

from ..survey_files import STARS, catalogue, header, pixels, write_field
from ..tiny_models import classifier, peak_model, written
from .conftest import KEEP_ALL, RULES, place, skipped, table_of


def alone(night: Path, table: Table, image: np.ndarray, table_format: str = "ASCII_HEAD") -> Path:
    """Write one frame and its catalogue side by side."""
    night.mkdir()
    fits.PrimaryHDU(image, header(0)).writeto(night / "one.fits")
    write_table(table, night / "one.cat", table_format)
    return night / "one.fits"


def test_what_cannot_be_scored_is_kept_as_nan(
    night: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = written(tmp_path, peak_model(classifier_json=classifier(rules=KEEP_ALL).to_json()))
    image = pixels(STARS, 0)
    image[150:] = 7.0
    image[:20, 150:] = np.nan
    image[100, 100] = np.nan
    places = np.array([[100.0, 60.0], [np.nan, 60.0], [100.0, 185.0], [100.0, 95.0], [100.0, 216.9], [180.0, 1.0]])
    places = np.vstack([places, np.full((60, 2), 60.0) + np.arange(60)[:, None] / 2])
    frame = alone(night, catalogue(places), image)
    (path,) = classify([frame], model, output=out, keep_above=1.0).written
    table = table_of(path)
    assert list(table["NUMBER"][:3]) == [2, 3, 5]
    assert np.isnan(table[PROBABILITY][:3]).all()
    (path,) = classify([frame], model, output=out, overwrite=True).written
    table = table_of(path)
    assert len(table) == 66
    assert np.isfinite(table[PROBABILITY][[0, 3]]).all()
    assert list(table[FLAGS][:5]) == [0, NOT_SCORED, NOT_SCORED, FILLED, NOT_SCORED]
    message = capsys.readouterr().err
    assert "one.cat, row 2 (and " in message
    assert "Kept, with NaN" in message


def test_nan_from_the_model_stays(night: Path, out: Path, tmp_path: Path) -> None:
    model = written(tmp_path, peak_model(gain=float("nan"), classifier_json=classifier(rules=RULES).to_json()))
    write_field(night)
    for path in classify([night], model, output=out, keep_above=0.9).written:
        table = table_of(path)
        assert list(table["NUMBER"]) == [5]
        assert np.isnan(table[PROBABILITY]).all()
        assert list(table[FLAGS]) == [NOT_SCORED]


@pytest.mark.parametrize("table_format", FORMATS)
def test_an_empty_catalogue_gives_an_empty_table(night: Path, model: Path, out: Path, table_format: str) -> None:
    frame = alone(night, catalogue(np.empty((0, 2))), pixels(STARS, 0), table_format)
    (path,) = classify([frame], model, output=out).written
    table = table_of(path)
    assert len(table) == 0
    assert table.colnames[-4:] == [PROBABILITY, FLAGS, TRACKLET, PROBABILITY_OF_TRACKLET]


def test_more_detections_than_fit_in_memory_at_once(
    night: Path, model: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random = np.random.default_rng(1)
    frame = alone(night, catalogue(random.uniform(1, 200, (500, 2))), pixels(STARS, 0))
    (path,) = classify([frame], model, output=out).written
    together = table_of(path)
    monkeypatch.setattr("ceres_fast.classify.exposures.CHUNK", 7)
    (path,) = classify([frame], model, output=out, overwrite=True).written
    in_parts = table_of(path)
    np.testing.assert_allclose(in_parts[PROBABILITY], together[PROBABILITY], atol=2e-6)
    np.testing.assert_array_equal(in_parts[FLAGS], together[FLAGS])


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda content: b"", "is empty"),
        (lambda content: content[:5000], r"F0001-2\.fits"),
        (lambda content: content[: len(content) // 2], r"F0001-2\.fits"),
        (lambda content: b"\x00" * 9000, r"F0001-2\.fits"),
    ],
    ids=["empty", "cut header", "cut pixels", "zeros"],
)
def test_a_bad_frame(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str], spoil, message: str
) -> None:
    frames = write_field(night)
    frames[1].write_bytes(spoil(frames[1].read_bytes()))
    with pytest.raises(InputError, match=message):
        classify([night], model, output=out)
    result = classify([night], model, output=out, on_error="skip", overwrite=True)
    assert result.failed == [frames[1]]
    assert len(result.written) == 3
    passed_on = table_of(place(out, frames[1]))
    assert len(passed_on) == 5
    assert np.isnan(passed_on[PROBABILITY]).all()
    assert set(passed_on[FLAGS]) == {NOT_SCORED}
    assert table_of(place(out, frames[0]))[PROBABILITY][4] > 0.99
    error = capsys.readouterr().err
    assert "Passed on unfiltered" in error
    assert "1 inputs could not be classified" in error


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda text: text.replace("X_IMAGE", "X_FOCAL"), "has no positions"),
        (lambda text: text[:-70], r"row \d"),
        (lambda text: "", "is empty"),
        (lambda text: text.replace("100.0", "900.0").replace("60.0", "960.0"), "outside the frame"),
    ],
    ids=["no positions", "cut", "empty", "another frame"],
)
def test_a_bad_catalogue_is_passed_on_as_it_is(night: Path, model: Path, out: Path, spoil, message: str) -> None:
    frames = write_field(night)
    bad = night / "F0001/sextractor_cat/F0001-3.cat"
    bad.write_text(spoil(bad.read_text()))
    with pytest.raises(InputError, match=message) as caught:
        classify([night], model, output=out)
    assert str(bad) in str(caught.value)
    result = classify([night], model, output=out, on_error="skip", overwrite=True)
    assert result.failed == [frames[2]]
    assert place(out, frames[2]).read_text().startswith(bad.read_text()[:20])
    assert table_of(place(out, frames[1]))[PROBABILITY][4] > 0.99


@pytest.mark.parametrize("far", [1e30, -1e30, 1e12, -5000.0, np.inf])
def test_absurd_positions_are_kept_as_nan(night: Path, model: Path, out: Path, far: float) -> None:
    frames = write_field(night)
    for frame in frames:
        table = night / "F0001/sextractor_cat" / f"{frame.stem}.cat"
        places = np.random.default_rng(0).uniform(20, 180, (30, 2))
        places[7, 0] = far
        table.unlink()
        write_table(catalogue(places), table, "CSV")
    for path in classify([night], model, output=out).written:
        row = table_of(path)[7]
        assert np.isnan(row[PROBABILITY]) or row[FLAGS] == STATIONARY


def test_a_stop_keeps_what_was_written(night: Path, model: Path, out: Path) -> None:
    frames = write_field(night)
    fits.PrimaryHDU(np.zeros((200, 200), np.float32), header(1)).writeto(frames[1], overwrite=True)
    with pytest.raises(InputError, match=r"F0001-2\.fits: every pixel is 0"):
        classify([night], model, output=out)
    assert table_of(place(out, frames[0]))[PROBABILITY][4] > 0.99
    assert not place(out, frames[1]).exists()


def test_a_model_that_fails_passes_the_catalogues_on(night: Path, out: Path, tmp_path: Path) -> None:
    frames = write_field(night)
    no_softmax = peak_model(classifier_json=classifier(rules=RULES).to_json())
    no_softmax.graph.node[-1].op_type = "Identity"
    no_softmax.graph.node[-1].ClearField("attribute")
    model = written(tmp_path, no_softmax)
    with pytest.raises(InputError, match="as a probability"):
        classify([night], model, output=out)
    result = classify([night], model, output=out, on_error="skip")
    assert result.failed == frames
    assert result.total["not_scored"] == 15


def test_what_is_passed_on_has_the_format_asked_for(night: Path, model: Path, out: Path) -> None:
    frames = write_field(night)
    frames[1].write_bytes(b"")
    for target in skipped([night], model, out, "CSV").written:
        assert read_catalogue(target).format == "CSV"
    passed = table_of(out / "F0001/sextractor_cat/F0001-2.csv")
    assert np.isnan(passed[PROBABILITY]).all()
    assert set(passed[FLAGS]) == {NOT_SCORED}


def test_a_catalogue_classified_before_is_passed_on_as_it_is(night: Path, model: Path, out: Path) -> None:
    frames = write_field(night)
    done = place(out, frames[0])
    classify([night], model, output=out)
    (night / "F0001/sextractor_cat/F0001-1.cat").write_bytes(done.read_bytes())
    result = skipped([night], model, out.with_name("again"))
    assert result.failed == [frames[0]]
    assert place(out.with_name("again"), frames[0]).read_bytes() == done.read_bytes()
    assert place(out.with_name("again"), frames[1]).read_bytes() == place(out, frames[1]).read_bytes()
