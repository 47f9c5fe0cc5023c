"""What other exposures show: columns, the rule by forced fluxes, planes; and that no asteroid is lost by any of it."""

from __future__ import annotations

import gc
import shutil
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table, vstack
from typer.testing import CliRunner

from ceres_fast.catalogues import FORMATS, write_table, write_tables
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.classify import classify, classify_table
from ceres_fast.classify.checks import rules_of
from ceres_fast.classify.scores import (
    ELSEWHERE,
    FLAGS,
    FORCED,
    NO_TEMPLATE,
    NOT_SCORED,
    PROBABILITY,
    PROBABILITY_OF_TRACKLET,
    PROVISIONAL,
    TRACKLET,
)
from ceres_fast.cli import app
from ceres_fast.engines import Engine, load
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.frames.cut import cut_stamps
from ceres_fast.frames.reading import read_frame
from ceres_fast.selection.others.exposures import OtherExposures
from ceres_fast.selection.rules import Rules
from ceres_fast.stamps import PLANES

from ..survey_files import header, write_stamp
from ..tiny_models import classifier, peak_model, written
from .conftest import skipped, table_of
from .star_fields import FAINT, HIDDEN, MOVING, STARS, detections, image, write_field, write_template

LIMIT = 0.4
POINT = {"threshold": 0.5, "max_loss": 0.02, "confidence": 0.95, "needs": 3}
UNKNOWN = [np.nan, np.nan, -1, -1]


def model_of(folder: Path, planes: int = 1, **rules: Any) -> Path:
    """Return a classifier to which bright sources are asteroids, with some rules."""
    folder.mkdir(exist_ok=True)
    names = PLANES if planes == 3 else PLANES[:1]
    made = classifier(rules=Rules(**rules).as_dict(), planes=names, threshold=0.5, operating_point=POINT)
    return written(folder, peak_model(classifier_json=made.to_json(), planes=planes))


@pytest.fixture
def three(tmp_path: Path) -> Path:
    """A classifier of three planes."""
    return model_of(tmp_path / "three", planes=3)


def forced_of(table: Table, row: int) -> list[float]:
    """Return what the columns of forced fluxes say of a row."""
    return [float(np.ma.filled(np.ma.asarray(table[name]).astype(float), np.nan)[row]) for name in FORCED]


def seen_by(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[np.ndarray]:
    """Return a list that gets all stamps that the engine is given."""
    shown: list[np.ndarray] = []
    predict = engine.predict

    def noted(stamps: np.ndarray, *arguments: Any, **options: Any) -> np.ndarray:
        shown.extend(stamps)
        return predict(stamps, *arguments, **options)

    monkeypatch.setattr(engine, "predict", noted)
    return shown


# Columns


def test_without_the_options_nothing_is_new(night: Path, model: Path, out: Path) -> None:
    write_field(night)
    text = classify([night], model, output=out).written[0].read_text()
    assert "FORCED" not in text
    assert text.splitlines()[6].endswith(
        "32 provisional, 64 too few pixels, 512 blended, 1024 near the edge, 2048 not as calibrated"
    )


@pytest.mark.parametrize("table_format", FORMATS)
def test_columns_in_every_format(night: Path, model: Path, out: Path, table_format: str) -> None:
    frames = write_field(night, table_format=table_format)
    tables = [table_of(path) for path in classify([night], model, output=out, forced=True).written]
    assert [table.colnames[-8:] for table in tables] == [
        [PROBABILITY, FLAGS, TRACKLET, PROBABILITY_OF_TRACKLET, *FORCED]
    ] * 3
    for table in tables:
        least, most, seen, looked = forced_of(table, MOVING)
        assert -0.05 < least <= most < 0.05
        assert (seen, looked) == (0, 2)
        np.testing.assert_array_equal([forced_of(table, row) for row in range(len(STARS))], [UNKNOWN] * len(STARS))
        assert {table[name].dtype.kind for name in list(FORCED)[2:]} == {"i"}
        np.testing.assert_array_equal(table["FORCED_MIN"], np.round(table["FORCED_MIN"], 4))
    least, most, seen, looked = forced_of(tables[0], HIDDEN)
    assert 0.85 < least <= most < 1.15
    assert (seen, looked) == (2, 2)
    assert tables[0][FLAGS][HIDDEN] == 0  # what is measured decides nothing
    assert tables[0][PROBABILITY][HIDDEN] > 0
    in_memory = classify_table(frames, [frame.with_suffix(".cat") for frame in frames], model, forced=True)
    for found, table in zip(in_memory, tables, strict=True):
        assert found.colnames == table.colnames
        for name in table.colnames:
            np.testing.assert_array_equal(found[name], table[name])
        assert [found[name].dtype for name in FORCED] == [np.float64, np.float64, np.int32, np.int32]


@pytest.mark.parametrize("table_format", ["CSV", "ECSV"])
def test_columns_in_the_format_that_is_asked_for(night: Path, model: Path, out: Path, table_format: Any) -> None:
    write_field(night, table_format="FITS_LDAC")
    (path, *_) = classify([night], model, output=out, forced=True, format=table_format).written
    assert forced_of(table_of(path), MOVING)[2:] == [0, 2]


def test_scores_are_the_same_with_forced_fluxes_beside_them(night: Path, model: Path, out: Path) -> None:
    write_field(night)
    plain = [table_of(path) for path in classify([night], model, output=out).written]
    more = [table_of(path) for path in classify([night], model, output=out, forced=True, overwrite=True).written]
    for with_forced, table in zip(more, plain, strict=True):
        for name in table.colnames:
            np.testing.assert_array_equal(with_forced[name], table[name])


@pytest.mark.parametrize("name", ["FORCED_MIN", "forced_looked"])
def test_a_catalogue_with_such_a_column(night: Path, model: Path, out: Path, name: str) -> None:
    frames = write_field(night)
    own = detections(1, faint=False)
    own[name] = 7.0
    write_table(own, frames[1].with_suffix(".cat"), "CSV")
    assert table_of(classify([night], model, output=out).written[1])[name].tolist() == [7.0] * len(own)
    with pytest.raises(InputError, match=rf"F0001-2\.cat: has a column {name.upper()} already"):
        classify([night], model, output=out, forced=True, overwrite=True)
    shutil.rmtree(out)
    result = classify([night], model, output=out, forced=True, on_error="skip")
    assert result.status == 3
    table = table_of(next(path for path in result.written if path.name == "F0001-2.cat"))
    assert len(table) == len(own)
    assert table[name].tolist() == [7.0] * len(own)
    assert np.isnan(table[PROBABILITY]).all()


# The rule


def test_what_the_other_exposures_have_too_is_no_asteroid(
    night: Path, out: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(night)
    engine = load(model_of(tmp_path / "model"))
    shown = seen_by(engine, monkeypatch)
    result = classify([night], engine, output=out, forced_limit=LIMIT)
    said = capsys.readouterr()
    assert "does no harm; but its operating point was chosen without" in said.err
    first, *others = [table_of(path) for path in result.written]
    assert (first[PROBABILITY][HIDDEN], first[FLAGS][HIDDEN]) == (0, ELSEWHERE)
    assert forced_of(first, HIDDEN)[2:] == [2, 2]
    assert all(table[FLAGS][MOVING] == 0 and table[PROBABILITY][MOVING] > 0.9 for table in (first, *others))
    assert len(shown) == 3  # the asteroid, thrice
    assert (result.total["elsewhere"], result.total["asteroids"], result.total["written"]) == (1, 3, 79)
    for words in ("elsewhere", "3 scored", "What the rules cost, by synthetic asteroids"):
        assert words in said.out


def test_it_is_dropped_under_its_own_reason(
    night: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(night, faint_in=(0, 1))
    model = model_of(tmp_path / "model", forced_limit=LIMIT, remove_stationary=False)
    for options in ({"drop": True}, {"keep_above": 0.0}):
        result = classify([night], model, output=out, overwrite=True, **options)
        tables = [table_of(path) for path in result.written]
        assert [table["NUMBER"].tolist() for table in tables] == [[MOVING + 1]] * 3
        dropped = table_of(out / "F0001-1.dropped.cat")
        assert set(dropped[FLAGS]) == {ELSEWHERE}
        assert set(dropped[PROBABILITY]) == {0.0}
        (why,) = result.fields.values()
        assert {name: count for name, count in why.items() if count} == {
            "dropped: in the other exposures too": 77,
            "kept: P ≥ {limits.detection:g}": 3,
        }
    said = capsys.readouterr().out
    assert "rows below 0.5, stationary ones and those that the other exposures have too are dropped" in said
    there = sorted(tmp_path.rglob("*"))
    classify([night], model, output=tmp_path / "dry", drop=True, dry_run=True)
    assert sorted(tmp_path.rglob("*")) == there
    said = capsys.readouterr().out
    assert "dropped: in the other exposures too" in said
    assert "77" in said


@pytest.mark.parametrize(
    ("trained", "given", "used", "said"),
    [
        (None, 0.4, 0.4, ("was trained without such a limit", "guarantee")),
        (0.4, 0.5, 0.5, ("is more than the 0.4", "never saw")),
        (0.4, 0.3, 0.3, ("is less than the 0.4", "guarantee")),
        (0.4, 0.4, 0.4, ()),
        (0.4, None, 0.4, ()),
        (None, None, None, ()),
    ],
)
def test_another_limit_than_that_of_training_is_warned_of(
    trained: float | None,
    given: float | None,
    used: float | None,
    said: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = classifier(rules=Rules(forced_limit=trained).as_dict())
    assert rules_of(made, Path("m.onnx"), 0.2, given) == Rules(forced_limit=used, slowest=0.2)
    warned = capsys.readouterr().err
    assert ("--forced-limit" in warned) == bool(said)
    assert all(words in warned for words in said)


@pytest.mark.parametrize("limit", [0, -1, 11, np.nan, "0.4"])
def test_a_limit_that_cannot_be_meant_is_refused(night: Path, model: Path, out: Path, limit: Any) -> None:
    frames = write_field(night, 1)
    with pytest.raises(CeresFastError, match=r"--forced-limit .*expected a number above 0, 10 at most"):
        classify([night], model, output=out, forced_limit=limit)
    with pytest.raises(CeresFastError, match="--forced-limit"):
        classify_table(frames[0], frames[0].with_suffix(".cat"), model, forced_limit=limit)


# Planes


@pytest.mark.parametrize("planes", [1, 3])
def test_the_network_sees_what_the_core_measures(
    night: Path, out: Path, tmp_path: Path, planes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = write_field(night, faint_in=(0, 2))
    engine = load(model_of(tmp_path / "model", planes, remove_stationary=False))
    shown = seen_by(engine, monkeypatch)
    monkeypatch.setattr("ceres_fast.classify.exposures.CHUNK", 7)
    tables = [table_of(path) for path in classify([night], engine, output=out, forced=True).written]
    exposures = [read_detections(frame) for frame in frames]
    others = OtherExposures(exposures, Rules(remove_stationary=False))
    expected = []
    for e, (exposure, table) in enumerate(zip(exposures, tables, strict=True)):
        rows = np.arange(len(exposure.x))
        science, _, _ = cut_stamps(read_frame(frames[e]).data, exposure.x, exposure.y)
        all_planes = (science, *others.planes(e, rows))
        expected.append(np.stack(all_planes, axis=-1) if planes == 3 else science)
        np.testing.assert_array_equal(table["FORCED_MAX"], np.round(others.forced(e, rows).most, 4))
        np.testing.assert_array_equal(table["FORCED_LOOKED"], others.forced(e, rows).looked)
    np.testing.assert_array_equal(np.stack(shown), np.concatenate(expected))
    together = np.concatenate([np.asarray(table[PROBABILITY]) for table in tables])
    np.testing.assert_allclose(together, engine.predict(np.concatenate(expected)), atol=1e-6)
    assert np.isfinite(together).all()


def test_a_single_exposure_has_no_template(
    night: Path, three: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(night, 1)
    result = classify([night], three, output=out, drop=True)
    table = table_of(result.written[0])
    assert set(table[FLAGS] & ~1) == {NOT_SCORED | NO_TEMPLATE | PROVISIONAL}
    assert np.isnan(table[PROBABILITY]).all()
    assert set(table["FORCED_LOOKED"]) == {0}
    assert result.total["no_template"] == result.total["written"] == HIDDEN + 1
    (why,) = result.fields.values()
    assert {name for name, count in why.items() if count} == {"kept: no template"}
    said = capsys.readouterr()
    assert "27 of 27 detections have no template" in said.err
    assert "--template" in said.err
    assert "no templ." in said.out


def test_a_template_stands_for_other_exposures(night: Path, three: Path, out: Path, tmp_path: Path) -> None:
    (frame,) = write_field(night, 1)
    template = write_template(tmp_path / "sky" / "deep.fits")
    result = classify([night], three, output=out, template=template, forced_limit=LIMIT, drop=True)
    (table,) = [table_of(path) for path in result.written]
    assert table["NUMBER"].tolist() == [MOVING + 1]  # a star that the template shows is no asteroid
    assert table[FLAGS].tolist() == [PROVISIONAL]
    assert table[PROBABILITY][0] > 0.9
    assert forced_of(table, 0)[2:] == [0, 1]
    assert set(table_of(out / "F0001-1.dropped.cat")[FLAGS]) == {ELSEWHERE}
    for where in (template.parent, str(template)):
        found = classify_table(frame, frame.with_suffix(".cat"), three, template=where, forced_limit=LIMIT)
        assert (found[FLAGS] == ELSEWHERE).sum() == HIDDEN
        assert found[PROBABILITY][MOVING] == table[PROBABILITY][0]


def test_a_template_of_other_sky_is_none(night: Path, three: Path, out: Path, tmp_path: Path) -> None:
    write_field(night, 1)
    template = write_template(tmp_path / "elsewhere.fits", CRVAL1=160.0)
    (path,) = classify([night], three, output=out, template=template, forced_limit=LIMIT).written
    assert set(table_of(path)[FLAGS] & (ELSEWHERE | NO_TEMPLATE)) == {NO_TEMPLATE}


def test_a_bad_template_is_said_before_anything_is_done(night: Path, three: Path, out: Path, tmp_path: Path) -> None:
    frames = write_field(night, 1)
    template = write_template(tmp_path / "sky.fits")
    with fits.open(template, mode="update") as hdus:
        for name in ("CTYPE1", "CTYPE2"):
            del hdus[0].header[name]
    for bad, message in ((template, "has no coordinates"), (tmp_path / "none.fits", r"none\.fits")):
        for on_error in ("stop", "skip"):
            with pytest.raises(CeresFastError, match=message):
                classify([night], three, output=out, template=bad, on_error=on_error)
        with pytest.raises(CeresFastError, match=message):
            classify_table(frames[0], frames[0].with_suffix(".cat"), three, template=bad)
    assert not out.exists()


def test_a_template_that_is_not_asked_for_is_said(
    night: Path, model: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(night, 1)
    template = write_template(tmp_path / "sky.fits")
    (path,) = classify([night], model, output=out, template=template).written
    assert "FORCED_MIN" not in table_of(path).colnames
    assert f"{template}: is not used" in capsys.readouterr().err


def test_stamps_have_no_planes(night: Path, three: Path, out: Path) -> None:
    write_field(night)
    stamp = write_stamp(night / "stamp.fits", image(0)[:32, :32])
    with pytest.raises(InputError, match=r"stamp\.fits: is one plane.*science, template, difference"):
        classify([night], three, output=out)
    assert not out.exists()
    result = skipped([night], three, out)
    assert result.status == 3
    assert result.failed == [stamp]
    table = Table.read(out / "stamps.csv", format="ascii.csv")
    assert table.colnames == ["file", PROBABILITY, FLAGS]
    assert (np.isnan(table[PROBABILITY]).all(), table[FLAGS].tolist()) == (True, [NOT_SCORED])
    assert result.total["asteroids"] == 4  # of the frames: the faint star is a bright source, too


def test_a_stamp_of_one_value_is_not_scored_whatever_the_template_shows(night: Path, three: Path, out: Path) -> None:
    frames = write_field(night)
    with fits.open(frames[0], mode="update") as hdus:
        hdus[0].data[130:, 150:] = 60000.0
    own = vstack([detections(0, True), Table({"NUMBER": [99], "X_IMAGE": [178.0], "Y_IMAGE": [160.0]})])
    write_table(own.filled(0), frames[0].with_suffix(".cat"), "CSV")
    table = table_of(classify([night], three, output=out).written[0])
    assert table[FLAGS][-1] == NOT_SCORED
    assert np.isnan(table[PROBABILITY][-1])


# Whatever may go wrong


def test_an_exposure_that_cannot_be_read_costs_itself_alone(
    night: Path, three: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = write_field(night, 4)
    fits.writeto(frames[2], np.full((200, 200), 7, np.float32), fits.getheader(frames[2]), overwrite=True)
    with pytest.raises(InputError, match=r"F0001-3\.fits: every pixel is 7"):
        classify([night], three, output=out, forced_limit=LIMIT)
    assert sorted(path.name for path in out.iterdir()) == ["F0001-1.cat", "F0001-2.cat"]
    result = classify([night], three, output=out, forced_limit=LIMIT, on_error="skip", overwrite=True)
    assert (result.status, result.failed) == (3, [frames[2]])
    tables = [table_of(out / f"F0001-{number}.cat") for number in (1, 2, 3, 4)]
    for number in (0, 1, 3):
        assert forced_of(tables[number], MOVING)[2:] == [0, 2]
        assert tables[number][PROBABILITY][MOVING] > 0.9
    assert tables[0][FLAGS][HIDDEN] == ELSEWHERE
    assert np.isnan(tables[2][PROBABILITY]).all()
    assert [forced_of(tables[2], row)[2:] for row in range(3)] == [UNKNOWN[2:]] * 3
    assert result.cost  # of the rule for stationary detections, which needs no pixels
    assert "synthetic tracks" in capsys.readouterr().out


@pytest.mark.parametrize("planes", [1, 3])
def test_other_exposures_at_the_same_time_tell_nothing(night: Path, out: Path, tmp_path: Path, planes: int) -> None:
    """An asteroid of the slowest rate is in all of them at one place, and so is a star."""
    for number, frame in enumerate(write_field(night)):
        fits.writeto(frame, image(0) + np.float32(number), fits.getheader(frame), overwrite=True)
        fits.setval(frame, "MJD-OBS", value=60000.1 + number * 4.1 / 1440)
        write_table(detections(0, True), frame.with_suffix(".cat"), "ASCII_HEAD")
    model = model_of(tmp_path / "model", planes, forced_limit=LIMIT)
    result = classify([night], model, output=out, drop=True)
    assert result.total["written"] == result.total["rows"] == 3 * (HIDDEN + 1)
    for path in result.written:
        table = table_of(path)
        assert set(table[FLAGS] & (ELSEWHERE | PROVISIONAL | NO_TEMPLATE)) == {
            PROVISIONAL | (NO_TEMPLATE if planes == 3 else 0)
        }
        assert set(table["FORCED_LOOKED"]) == {0}


def with_hole(number: int) -> np.ndarray:
    """Return an exposure with a hole darker than the sky, where a detection may be claimed."""
    made = image(number)
    made[36:42, 118:124] -= 60
    return made


@pytest.mark.parametrize(
    ("place", "looked"), [((121.5, 39.5), 2), ((1.2, 120.0), 0), ((np.nan, np.nan), 0), ((-40.0, 50.0), 0)]
)
def test_what_has_no_flux_of_its_own_is_not_elsewhere(
    night: Path, model: Path, out: Path, place: tuple[float, float], looked: int
) -> None:
    for number, frame in enumerate(write_field(night)):
        fits.writeto(frame, with_hole(number), fits.getheader(frame), overwrite=True)
        if number == 0:
            own = detections(0, True)
            own.add_row([99, *place, 20.0, 0])
            write_table(own, frame.with_suffix(".cat"), "CSV")
    table = table_of(classify([night], model, output=out, forced_limit=0.01).written[0])
    assert table[FLAGS][-1] & ELSEWHERE == 0
    assert np.isnan(table["FORCED_MIN"][-1])
    assert table["FORCED_LOOKED"][-1] == looked


def test_without_positions_on_the_sky_the_detector_is_compared(night: Path, out: Path, tmp_path: Path) -> None:
    frames = write_field(night)
    for frame in frames:
        with fits.open(frame, mode="update") as hdus:
            for name in ("CTYPE1", "CTYPE2"):
                del hdus[0].header[name]
    model = model_of(tmp_path / "model", 3, forced_limit=LIMIT)
    result = classify([night], model, output=out)
    tables = [table_of(path) for path in result.written]
    assert tables[0][FLAGS][HIDDEN] == ELSEWHERE
    assert all(table[PROBABILITY][MOVING] > 0.9 for table in tables)


def test_exposures_that_contradict_each_other_are_not_believed(
    night: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same exposure under three names and times: whatever is in it, asteroids too, is in the others."""
    places = np.random.default_rng(0).uniform(5, 195, (40, 2))
    for frame in write_field(night):
        fits.writeto(frame, image(0), fits.getheader(frame), overwrite=True)
        own = detections(0, True)
        for number, place in enumerate(places):
            own.add_row([100 + number, *place, 20.0, 0])
        write_table(own, frame.with_suffix(".cat"), "CSV")
    for planes in (1, 3):
        model = model_of(tmp_path / "model", planes, forced_limit=LIMIT)
        with pytest.raises(InputError, match="twice"):
            classify([night], model, output=out, drop=True, overwrite=True)
        result = classify([night], model, output=out, drop=True, on_error="skip", overwrite=True)
        assert result.total["written"] == result.total["rows"]
        assert result.total["elsewhere"] == 0
        assert result.total["no_template"] == (result.total["rows"] if planes == 3 else 0)
    assert "are provisional" in capsys.readouterr().err


@pytest.mark.parametrize("copied", [False, True], ids=["another name of it", "a copy"])
def test_an_exposure_is_no_template_of_itself(
    night: Path, model: Path, out: Path, tmp_path: Path, copied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (frame,) = write_field(night, 1)
    template = tmp_path / "link.fits"
    if copied:
        shutil.copyfile(frame, template)
    else:
        fits.delval(frame, "MJD-OBS")  # a template without a time is one of long ago
        template.symlink_to(frame)
    monkeypatch.chdir(night)
    for same in (template, Path(frame.name)):
        (path,) = classify([night], model, output=out, template=same, forced_limit=LIMIT, overwrite=True).written
        table = table_of(path)
        assert set(table[FLAGS] & ELSEWHERE) == {0}
        assert set(table["FORCED_LOOKED"]) == {0}


# Mosaics


def write_mosaic(night: Path, exposures: int = 3) -> list[Path]:
    """Write exposures of two CCDs with a catalogue of both; the faint star is in the first of the second CCD."""
    night.mkdir()
    frames = []
    for number in range(exposures):
        hdus: list[Any] = [fits.PrimaryHDU()]
        parts = []
        for ccd in range(2):
            head = header(number)
            head.update({"SEEING": 1.55, "CCDNAME": f"A{ccd + 1}", "CRPIX1": 100.5 - 250 * ccd})
            hdus.append(fits.ImageHDU(image(number) + np.float32(20 * ccd), head, name=f"CCD{ccd + 1}"))
            parts.append((detections(number, faint=(number, ccd) == (0, 1)), fits.Header()))
        frame = night / f"F0001-{number + 1}.fits"
        fits.HDUList(hdus).writeto(frame)
        write_tables(parts, frame.with_suffix(".cat"), "ASCII_HEAD")
        frames.append(frame)
    return frames


@pytest.mark.parametrize("planes", [1, 3])
def test_a_mosaic_has_one_table(night: Path, out: Path, tmp_path: Path, planes: int) -> None:
    write_mosaic(night)
    model = model_of(tmp_path / "model", planes, forced_limit=LIMIT)
    tables = [table_of(path) for path in classify([night], model, output=out).written]
    assert [len(table) for table in tables] == [2 * HIDDEN + 1, 2 * HIDDEN, 2 * HIDDEN]
    second = HIDDEN + MOVING
    assert tables[0][FLAGS][HIDDEN * 2] == ELSEWHERE
    for table in tables:
        for row in (MOVING, second):
            assert forced_of(table, row)[2:] == [0, 2]
            assert table[PROBABILITY][row] > 0.9
        assert (table["FORCED_LOOKED"] == -1).sum() == 2 * len(STARS)


def test_a_ccd_of_a_mosaic_that_cannot_be_read(night: Path, three: Path, out: Path) -> None:
    frames = write_mosaic(night)
    with fits.open(frames[1], mode="update") as hdus:
        hdus[2].data[:] = 7.0
    result = skipped([night], three, out)
    assert result.status == 3
    tables = [table_of(out / f"F0001-{number}.cat") for number in (1, 2, 3)]
    assert [forced_of(table, MOVING)[2:] for table in tables] == [[0, 2]] * 3
    second = HIDDEN + MOVING
    assert [forced_of(table, second)[3] for table in tables] == [1, -1, 1]
    assert [bool(table[PROBABILITY][second] > 0.9) for table in tables] == [True, False, True]
    assert tables[1][FLAGS][second] == NOT_SCORED


# Memory, and the command


def test_no_more_than_a_field_is_held(night: Path, model: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for field in ("F0001", "F0002", "F0003"):
        write_field(night / field, field=field, CRVAL1=150.0 + int(field[-1]))
    made: list[weakref.ref[OtherExposures]] = []
    whole: Callable[..., None] = OtherExposures.__init__

    def noted(others: OtherExposures, *arguments: Any, **options: Any) -> None:
        assert not [each for each in made if each() is not None]
        made.append(weakref.ref(others))
        whole(others, *arguments, **options)

    monkeypatch.setattr(OtherExposures, "__init__", noted)
    gc.disable()
    try:
        classify([night], model, output=out, forced=True)
    finally:
        gc.enable()
    assert len(made) == 3


def test_the_command_hands_them_on(night: Path, three: Path, out: Path, tmp_path: Path) -> None:
    write_field(night, 1)
    template = write_template(tmp_path / "sky.fits")
    words = ["classify", night, "--model", three, "--output", out, "--template", template, "--forced-limit", LIMIT]
    done = CliRunner().invoke(app, [*map(str, words), "--forced"])
    assert done.exit_code == 0
    assert (table_of(out / "F0001-1.cat")[FLAGS] == ELSEWHERE).sum() == HIDDEN
    assert CliRunner().invoke(app, [*map(str, words[:-1]), "0"]).exit_code == 2


def test_the_faint_star_is_where_it_is_said() -> None:
    column, row = (round(place) - 1 for place in FAINT)
    assert image(0)[row, column] > image(0, faint=False)[row, column] + 40
