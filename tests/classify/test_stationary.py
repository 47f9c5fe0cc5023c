"""Stationary detections are found by comparing exposures; where these cannot be compared, scores are provisional."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from typer.testing import CliRunner

from ceres_fast.catalogues import write_table
from ceres_fast.classify import classify
from ceres_fast.classify.scores import FLAGS, NEAR_EDGE, PADDED, PROVISIONAL, STATIONARY
from ceres_fast.cli import app
from ceres_fast.errors import InputError
from ceres_fast.frames.reading import read_header
from ceres_fast.selection.rules import Rules

from ..survey_files import STARS, catalogue, write_exposure, write_field
from ..tiny_models import classifier, peak_model, written
from .conftest import KEEP_ALL, place, skipped, table_of


def test_no_warning_about_one_exposure_where_nothing_was_removed_in_training(
    night: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = write_exposure(night, 0)
    text = classifier(rules=KEEP_ALL).to_json()
    (path,) = classify([frame], written(tmp_path, peak_model(classifier_json=text)), output=out).written
    assert list(table_of(path)[FLAGS]) == [0, 0, 0, PADDED | NEAR_EDGE, 0]
    message = capsys.readouterr().err
    assert "no other exposure" not in message
    assert "remove_stationary" in message


def test_nothing_is_removed_where_training_removed_nothing(night: Path, out: Path, tmp_path: Path) -> None:
    write_field(night)
    text = classifier(rules=KEEP_ALL).to_json()
    result = classify([night], written(tmp_path, peak_model(classifier_json=text)), output=out)
    assert result.total["stationary"] == 0
    assert result.total["not_scored"] == 0


def test_an_exposure_left_alone_by_bad_catalogues_is_said(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(night, 2)
    (night / "F0001/sextractor_cat/F0001-1.cat").write_bytes(b"")
    skipped([night], model, out)
    assert "F0001-2.fits: no other exposure of the same field" in capsys.readouterr().err


def near_in_time(night: Path) -> list[Path]:
    """Write a field of three exposures in 8.2 minutes."""
    frames = write_field(night)
    for number, frame in enumerate(frames):
        fits.setval(frame, "MJD-OBS", value=60000.1 + number * 4.1 / 1440)
    return frames


def test_exposures_too_near_in_time_are_provisional(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = near_in_time(night)
    result = classify([night], model, output=out)
    assert result.provisional == frames
    assert (result.total["stationary"], result.total["provisional"], result.total["asteroids"]) == (0, 15, 15)
    for path in result.written:
        assert list(table_of(path)[FLAGS] - PROVISIONAL) == [0, 0, 0, PADDED | NEAR_EDGE, 0]
    said = capsys.readouterr()
    assert "F0001-1.fits and the 2 other exposures of its field: nothing is called stationary" in said.err
    assert "are 8.2 min apart" in said.err
    found = re.search(r"exposures (\S+) min apart or more would tell them apart, or --slowest (\S+)\. ", said.err)
    assert found
    needed = (Rules.stationary_radius + Rules.position_error) * 1.2 / Rules.slowest
    assert needed <= float(found[1]) < 1.02 * needed
    assert needed / 8.2 * Rules.slowest <= float(found[2]) < 1.1 * needed / 8.2 * Rules.slowest
    assert "in 3 exposures nothing could be called stationary: their scores are provisional" in said.err
    assert "synthetic" not in said.out


def test_no_row_of_a_provisional_field_is_dropped(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    near_in_time(night)
    write_field(night, field="F0002")
    result = classify([night], model, output=out, keep_above=1.0)
    assert [len(table_of(path)) for path in result.written] == [5, 5, 5, 0, 0, 0]
    assert "and no such row is dropped" in capsys.readouterr().err


@pytest.mark.parametrize(("minutes", "status"), [(4, 4), (14, 0)])
def test_provisional_scores_have_an_exit_status(
    night: Path, model: Path, out: Path, minutes: float, status: int
) -> None:
    for number, frame in enumerate(write_field(night)):
        fits.setval(frame, "MJD-OBS", value=60000.1 + number * minutes / 1440)
    command = ["classify", str(night), "--model", str(model), "--output", str(out)]
    assert CliRunner().invoke(app, command).exit_code == status
    assert CliRunner().invoke(app, [*command, "--overwrite", "--slowest", "0.3"]).exit_code == 0


def test_exposures_that_point_elsewhere_are_provisional(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for number, frame in enumerate(write_field(night)):
        fits.setval(frame, "CRVAL2", value=2.0 + number)
    result = classify([night], model, output=out, keep_above=1.0)
    assert result.status == 4
    assert result.total["provisional"] == result.total["rows"] == result.total["written"] == 15
    assert "15 of the 15 detections of its field's 3 exposures are where no other exposure" in capsys.readouterr().err


def test_one_exposure_of_several_with_detections_is_a_single_one(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = write_field(night)
    for frame in frames[1:]:
        write_table(catalogue(np.empty((0, 2))), place(night, frame), "ASCII_HEAD")
    result = classify([night], model, output=out)
    assert (result.status, result.total["provisional"]) == (0, 5)
    assert "F0001-1.fits" in capsys.readouterr().err


def test_what_the_rule_costs_is_said(night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_field(night)
    result = classify([night], model, output=out)
    assert result.provisional == []
    shown = capsys.readouterr()
    assert "synthetic tracks" in shown.out
    assert "exposures needed" in " ".join(shown.out.split())
    assert "are stationary by chance" in shown.out
    assert "provisional" not in shown.err


def test_fixed_sources_are_stationary_at_any_time(night: Path, model: Path, out: Path, tmp_path: Path) -> None:
    frame = near_in_time(night)[0]
    places = read_header(frame).wcs.all_pix2world(STARS[:2], 1)
    (tmp_path / "static.csv").write_text("ra,dec\n" + "".join(f"{ra:.8f},{dec:.8f}\n" for ra, dec in places))
    for inputs in ([night], [frame]):
        result = classify(inputs, model, output=out, static=tmp_path / "static.csv", overwrite=True)
        for path in result.written:
            assert list(table_of(path)[FLAGS]) == [STATIONARY] * 2 + [
                PROVISIONAL,
                PROVISIONAL | PADDED | NEAR_EDGE,
                PROVISIONAL,
            ]


def test_a_field_where_nothing_moves_is_refused_or_provisional(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = np.random.default_rng(0).uniform(1, 200, (40, 2))
    frames = write_field(night)
    for frame in frames:
        write_table(catalogue(places), place(night, frame), "ASCII_HEAD")
    with pytest.raises(
        InputError, match=r"F0001-1\.fits: 120 of the 120 detections of its field's 3 exposures .*twice"
    ):
        classify([night], model, output=out)
    result = classify([night], model, output=out, on_error="skip")
    assert result.provisional == frames
    assert (result.total["stationary"], result.total["provisional"]) == (0, 120)
    assert "are called stationary" in capsys.readouterr().err


def test_a_dithered_field_without_sky_positions_is_refused_or_provisional(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    places = np.random.default_rng(0).uniform(30, 170, (40, 2))
    frames = write_field(night)
    for number, frame in enumerate(frames):
        fits.delval(frame, "CTYPE1")
        write_table(catalogue(places + np.array([11.0, 7.0]) * number), place(night, frame), "ASCII_HEAD")
    with pytest.raises(InputError, match=r"none of the 120 detections .*is stationary.*have positions on the sky"):
        classify([night], model, output=out)
    result = classify([night], model, output=out, on_error="skip", keep_above=1.0)
    assert result.provisional == frames
    assert result.total["written"] == result.total["provisional"] == 120
    assert "have positions on the sky" in capsys.readouterr().err
