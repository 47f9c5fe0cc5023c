"""What is classified: frames with their catalogues, by a classifier that is one for them."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast.catalogues import read_catalogue, write_table
from ceres_fast.classify import classify
from ceres_fast.classify.scores import FLAGS, NO_TEMPLATE, NOT_SCORED, PROBABILITY
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.settings.classifier import TableFormat
from ceres_fast.stamps import PLANES

from ..survey_files import STARS, header, pixels, write_field
from ..tiny_models import classifier, peak_model, written
from .conftest import RULES, place, skipped, table_of


def test_exposures_with_too_few_stars_to_compare_them_by_are_no_templates(
    night: Path, out: Path, tmp_path: Path
) -> None:
    write_field(night)
    model = written(tmp_path, peak_model(classifier_json=classifier(rules=RULES, planes=PLANES).to_json(), planes=3))
    result = classify([night], model, output=out, keep_above=1.0)
    assert [table_of(path)[FLAGS].tolist() for path in result.written] == [[NOT_SCORED | NO_TEMPLATE]] * 3


def test_a_frame_without_a_catalogue_says_what_to_do(night: Path, model: Path, out: Path) -> None:
    night.mkdir()
    fits.PrimaryHDU(pixels(STARS, 0), header(0)).writeto(night / "one.fits")
    with pytest.raises(InputError, match=r"one\.fits: is 200x200 pixels and has no catalogue.*ceres-fast detect"):
        classify([night], model, output=out)


def test_the_same_exposure_twice(night: Path, model: Path, out: Path, tmp_path: Path) -> None:
    write_field(night)
    copy = tmp_path / "copy"
    (tmp_path / "night").rename(copy)
    write_field(night)
    with pytest.raises(InputError, match="has the field, CCD and time of"):
        classify([tmp_path], model, output=out)
    result = classify([tmp_path], model, output=out, on_error="skip")
    assert len(result.failed) == 3
    assert len(result.written) == 6
    assert result.total["asteroids"] == 3


def test_a_table_that_was_classified_already(night: Path, model: Path, out: Path, tmp_path: Path) -> None:
    frames = write_field(night)
    classify([night], model, output=out)
    with pytest.raises(InputError, match=r"has a column \w+ already"):
        classify([frames[0]], model, catalogue=place(out, frames[0]), output=tmp_path / "again.cat")


@pytest.mark.parametrize(("scale", "warned"), [(0.33, False), (0.35, False), (0.25, True), (1.01, True), (None, True)])
def test_another_pixel_scale_is_warned_of(
    night: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], scale: float | None, warned: bool
) -> None:
    write_field(night)
    text = classifier(rules=RULES, pixel_scale=scale).to_json()
    classify([night], written(tmp_path, peak_model(classifier_json=text)), output=out)
    assert ("trained on" in capsys.readouterr().err.replace("was trained, so", "trained on")) == warned


@pytest.mark.parametrize(
    "change", [{"stamp_size": 64}, {"centre": 15}, {"magic": 3}, {"slowest": "0.1"}, {"match_radius": -1}]
)
def test_rules_that_cannot_be_applied_are_refused(night: Path, out: Path, tmp_path: Path, change: dict) -> None:
    write_field(night)
    text = classifier(rules={**RULES, **change}).to_json()
    with pytest.raises(InputError, match="cannot apply"):
        classify([night], written(tmp_path, peak_model(classifier_json=text)), output=out)


def test_rules_that_differ_are_applied_and_said(
    night: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(night)
    text = classifier(rules={**RULES, "slowest": 0.02}).to_json()
    result = classify([night], written(tmp_path, peak_model(classifier_json=text)), output=out)
    assert result.total["stationary"] == 0
    assert "slowest: 0.1 here, 0.02 there" in capsys.readouterr().err


def old_rules(**change: object) -> dict[str, object]:
    """Return what a classifier says that was trained with version 1 of the rule for stationary detections."""
    new = ("stationary_rule", "slowest", "chance", "position_error")
    kept = {name: value for name, value in RULES.items() if name not in new}
    return {**kept, "stationary_exposures": 2, "chance_coincidence": 0.01, **change}


def test_a_classifier_of_the_old_rule_is_refused_with_what_to_do(night: Path, out: Path, tmp_path: Path) -> None:
    write_field(night)
    text = classifier(rules=old_rules()).to_json()
    with pytest.raises(InputError, match=r"version 1 of the rule.*removed slow asteroids.*or train again"):
        classify([night], written(tmp_path, peak_model(classifier_json=text)), output=out)
    assert not out.exists()


def test_a_classifier_without_the_old_rule_is_used(night: Path, out: Path, tmp_path: Path) -> None:
    write_field(night)
    text = classifier(rules=old_rules(remove_stationary=False)).to_json()
    result = classify([night], written(tmp_path, peak_model(classifier_json=text)), output=out)
    assert (result.total["stationary"], result.total["provisional"]) == (0, 0)


def test_two_files_of_one_frame_share_a_catalogue(night: Path, model: Path, out: Path) -> None:
    frames = write_field(night)
    copy = frames[0].with_suffix(".fit")
    copy.write_bytes(frames[0].read_bytes())
    with pytest.raises(InputError, match=r"F0001-1\.fits: has the same catalogue as .*F0001-1\.fit: "):
        classify([night], model, output=out)
    result = skipped([night], model, out)
    assert (len(result.written), len(result.failed), result.total["asteroids"]) == (3, 1, 3)


def test_a_missing_time_is_said(night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = write_field(night)
    with fits.open(frames[2], mode="update") as hdus:
        del hdus[0].header["MJD-OBS"]
    classify([night], model, output=out)
    said = capsys.readouterr().err
    assert "F0001-3.fits: its header does not say its time (MJD-OBS or DATE-OBS), so nothing can be called" in said


def test_a_slower_asteroid_than_in_training_is_said(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(night)
    assert classify([night], model, output=out, slowest=0.06).total["stationary"] == 12
    assert "--slowest 0.06 is less than the 0.1 arcsec/min" in capsys.readouterr().err


# ---- a folder with the catalogues of all frames


def move_catalogues(frames: list[Path], folder: Path) -> Path:
    """Move the catalogues of frames into a folder."""
    folder.mkdir(parents=True)
    for frame in frames:
        shutil.move(frame.parents[1] / "sextractor_cat" / f"{frame.stem}.cat", folder)
    return folder


@pytest.mark.parametrize("place", ["sextractor_cat", "F0001/resamp", "F0001/catalogues"])
def test_catalogues_that_are_named_are_no_orphans_inside_the_source(
    night: Path, model: Path, out: Path, place: str
) -> None:
    frames = write_field(night)
    folder = night / place
    if place == "F0001/resamp":  # frames of another folder have their catalogues beside these
        (night / "more").mkdir()
        for frame in frames[1:]:
            shutil.copy(frame.parents[1] / "sextractor_cat" / f"{frame.stem}.cat", folder)
            shutil.move(frame, night / "more")
            (frame.parents[1] / "sextractor_cat" / f"{frame.stem}.cat").unlink()
        shutil.move(frames[0].parents[1] / "sextractor_cat" / "F0001-1.cat", folder)
    else:
        move_catalogues(frames, folder)
    result = classify([night], model, output=out, catalogues=folder)
    assert (result.status, len(result.written), result.total["rows"]) == (0, 3, 15)


@pytest.mark.parametrize("given", ["CSV", "ECSV"])
def test_a_folder_of_catalogues_is_no_output(night: Path, model: Path, tmp_path: Path, given: TableFormat) -> None:
    folder = move_catalogues(write_field(night), tmp_path / "catalogues")
    before = sorted(folder.iterdir())
    with pytest.raises(CeresFastError, match="would be taken for the catalogue of a frame from then on"):
        classify([night], model, output=folder, catalogues=folder, format=given)
    assert sorted(folder.iterdir()) == before


def test_catalogues_of_no_frame_that_was_given_are_counted(
    night: Path, model: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = write_field(night)
    folder = move_catalogues(frames, tmp_path / "catalogues")
    for name in ("gone1", "gone2", "gone3"):
        shutil.copy(folder / "F0001-1.cat", folder / f"{name}.cat")
    (folder / "notes.txt").write_text("no catalogue")
    result = classify(frames[:2], model, output=out, catalogues=folder)
    said = capsys.readouterr()
    assert (
        f"{folder}: 4 of its catalogues are of no frame that was given, and are left out: F0001-3.cat, gone1.cat, "
        "gone2.cat, …"
    ) in said.err
    assert "files found: 6 = 2 classified + 4 left out (4 catalogues of frames that were not given)" in said.out
    assert (result.status, result.total["rows"]) == (0, 10)


@pytest.mark.parametrize("given", [None, "CSV"])
@pytest.mark.parametrize("inside", [False, True])
def test_all_catalogues_of_a_frame_go_on_where_none_can_be_preferred(
    night: Path, model: Path, out: Path, tmp_path: Path, given: TableFormat | None, inside: bool
) -> None:
    frames = write_field(night)
    folder = move_catalogues(frames, (night if inside else tmp_path) / "sextractor_cat")
    more = read_catalogue(folder / "F0001-2.cat")
    write_table(more.table[:2], folder / "F0001-2.ldac", "FITS_LDAC")
    with pytest.raises(InputError, match=r"F0001-2\.fits: has 2 catalogues in .*: F0001-2\.cat, F0001-2\.ldac"):
        classify([night], model, output=out, catalogues=folder)
    result = classify([night], model, output=out, catalogues=folder, format=given, on_error="skip")
    assert result.total["rows"] == 3 * 5 + 2
    names = ["F0001-2.cat", "F0001-2.ldac"]
    assert [path.name for path in result.failed] == names
    end = "" if given is None else ".csv"
    assert {f"{name}{end}" for name in names} < {path.name for path in result.written}
    assert result.status == 3


def test_what_is_no_exposure_of_the_sky_is_not_scored(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = write_field(night, 5)
    for frame in frames[3:]:
        fits.setval(frame, "IMAGETYP", value="Dark Frame")
    place(night, frames[4]).unlink()
    result = classify([night], model, output=out)
    assert [counts["stationary"] for counts in result.counts.values()].count(4) == 3
    assert (result.failed, result.status) == ([], 0)
    assert np.isnan(table_of(place(out, frames[3]))[PROBABILITY]).all()
    assert (table_of(place(out, frames[3]))[FLAGS] == NOT_SCORED).all()
    shown = capsys.readouterr()
    assert "5 = 3 classified + 1 passed on unfiltered + 1 left out (1 no exposures of the sky)" in shown.out
    assert "F0001-5.fits (IMAGETYP = 'Dark Frame')" in shown.err
    assert "F0001-4.fits (IMAGETYP = 'Dark Frame')" in shown.err


def test_where_nothing_shows_the_sky_the_first_card_is_named(night: Path, model: Path, out: Path) -> None:
    frames = write_field(night, 2)
    for frame in frames:
        fits.setval(frame, "EXPTIME", value=0.0)
    with pytest.raises(InputError, match=r"F0001-1\.fits: is no exposure of the sky.*EXPTIME = 0\.0"):
        classify([night], model, output=out)
    result = skipped([night], model, out)
    assert (len(result.written), result.total["not_scored"], result.status) == (2, 10, 0)


def test_what_headers_say_wrongly_is_said_once(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = write_field(night)
    for frame in frames:
        fits.setval(frame, "GAIN", value=-1.0)
    fits.setval(frames[2], "MJD-OBS", value="soon")
    classify([night], model, output=out)
    said = capsys.readouterr().err
    assert said.count("GAIN = -1.0 is not plausible") == 1
    assert "(and 2 more files with such a card)" in said
    assert "F0001-3.fits: its header does not say its time (MJD-OBS or DATE-OBS) (MJD-OBS = 'soon'" in said
