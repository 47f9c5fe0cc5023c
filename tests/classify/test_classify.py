"""Classifying: every row and column stays, stationary detections are told, and bad input costs only itself."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from typer.testing import CliRunner

from ceres_fast.catalogues import FORMATS, read_catalogue, write_table
from ceres_fast.classify import classify
from ceres_fast.classify.scores import FILLED, FLAGS, NOT_SCORED, PADDED, PROBABILITY, PROVISIONAL, STATIONARY
from ceres_fast.cli import EXTRAS, app
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.frames.reading import read_header
from ceres_fast.selection.rules import Rules
from ceres_fast.stamps import PLANES

from ..survey_files import STARS, catalogue, header, pixels, write_exposure, write_field, write_stamp
from ..tiny_models import classifier, peak_model, written

RULES = Rules().as_dict()
KEEP_ALL = Rules(remove_stationary=False).as_dict()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    return written(folder, peak_model(classifier_json=classifier(rules=RULES).to_json()))


def table_of(path: Path) -> Table:
    return read_catalogue(path).table


def place(out: Path, frame: Path) -> Path:
    return out / frame.parent.parent.name / "sextractor_cat" / f"{frame.stem}.cat"


@pytest.mark.parametrize("table_format", FORMATS)
def test_every_row_and_column_is_kept(night: Path, model: Path, out: Path, table_format: str) -> None:
    frames = write_field(night, table_format=table_format)
    result = classify([night], model, output=out)
    assert result.written == [place(out, frame) for frame in frames]
    for frame, target in zip(frames, result.written, strict=True):
        before, after = read_catalogue(frame.parents[1] / "sextractor_cat" / target.name), read_catalogue(target)
        assert after.format == before.format == table_format
        assert after.table.colnames == [*before.table.colnames, PROBABILITY, FLAGS]
        for name in before.table.colnames:
            np.testing.assert_array_equal(after.table[name], before.table[name])
        assert list(after.table[FLAGS][:4]) == [STATIONARY] * 4
        np.testing.assert_array_equal(after.table[PROBABILITY][:4], 0)
        assert after.table[PROBABILITY][4] > 0.99
    assert result.total["rows"] == 15
    assert result.total["stationary"] == 12
    assert result.total["asteroids"] == 3


def test_the_time_in_the_engine_is_part_of_the_whole(
    night: Path, model: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_field(night)
    clock = SimpleNamespace(perf_counter=count().__next__)
    monkeypatch.setattr("ceres_fast.classify.account.time", clock)
    monkeypatch.setattr("ceres_fast.engines.batches.time", clock)
    result = classify([night], model, output=out)
    # A tick for each look at the clock: two around the whole, two around the one batch of each of three exposures.
    assert (result.engine_seconds, result.seconds) == (3, 7)


@pytest.mark.parametrize("wanted", ["CSV", "ECSV"])
def test_other_formats(night: Path, model: Path, out: Path, wanted: str) -> None:
    write_field(night)
    result = classify([night], model, output=out, format=wanted)  # type: ignore[arg-type]
    assert len(result.written) == 3
    for path in result.written:
        assert path.suffix == f".{wanted.lower()}"
        read = read_catalogue(path)
        assert read.format == wanted
        assert read.table.colnames[-2:] == [PROBABILITY, FLAGS]
        assert len(read.table) == 5


def test_one_frame_with_its_catalogue_to_a_file(
    night: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = write_exposure(night, 0)
    table = (night / "F0001/sextractor_cat/F0001-1.cat").rename(tmp_path / "elsewhere.cat")
    (result,) = classify([frame], model, catalogue=table, output=tmp_path / "x.csv").written
    assert result == tmp_path / "x.csv"
    read = read_catalogue(result)
    assert read.format == "CSV"
    assert list(read.table[FLAGS] - PROVISIONAL) == [0, 0, 0, PADDED, 0]
    assert np.isfinite(read.table[PROBABILITY]).all()
    message = capsys.readouterr().err
    assert "no other exposure" in message
    assert "expect stars among the asteroids" in message


def test_no_warning_about_one_exposure_where_nothing_was_removed_in_training(
    night: Path, out: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = write_exposure(night, 0)
    text = classifier(rules=KEEP_ALL).to_json()
    (path,) = classify([frame], written(tmp_path, peak_model(classifier_json=text)), output=out).written
    assert list(table_of(path)[FLAGS]) == [0, 0, 0, PADDED, 0]
    message = capsys.readouterr().err
    assert "no other exposure" not in message
    assert "remove_stationary" in message


def test_nothing_is_removed_where_training_removed_nothing(night: Path, out: Path, tmp_path: Path) -> None:
    write_field(night)
    text = classifier(rules=KEEP_ALL).to_json()
    result = classify([night], written(tmp_path, peak_model(classifier_json=text)), output=out)
    assert result.total["stationary"] == 0
    assert result.total["not_scored"] == 0


def test_rows_go_only_when_asked(night: Path, model: Path, out: Path) -> None:
    write_field(night)
    result = classify([night], model, output=out, keep_above=0.5)
    for path in result.written:
        assert list(table_of(path)["NUMBER"]) == [5]
    assert result.total["written"] == 3


@pytest.mark.parametrize("limit", [-0.1, 1.1, float("nan")])
def test_a_limit_is_a_probability(night: Path, model: Path, out: Path, limit: float) -> None:
    with pytest.raises(CeresFastError, match="from 0 to 1"):
        classify([night], model, output=out, keep_above=limit)


def test_a_classifier_of_three_planes_is_refused(night: Path, out: Path, tmp_path: Path) -> None:
    write_field(night)
    model = written(tmp_path, peak_model(classifier_json=classifier(planes=PLANES).to_json(), planes=3))
    with pytest.raises(InputError, match=r"science, template, difference; frames and FITS stamps have one"):
        classify([night], model, output=out)
    assert not out.exists()


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
    assert table.colnames[-2:] == [PROBABILITY, FLAGS]


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


def test_a_frame_without_a_catalogue_says_what_to_do(night: Path, model: Path, out: Path) -> None:
    night.mkdir()
    fits.PrimaryHDU(pixels(STARS, 0), header(0)).writeto(night / "one.fits")
    with pytest.raises(InputError, match=r"one\.fits: is 200x200 pixels and has no catalogue.*ceres-fast detect"):
        classify([night], model, output=out)


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


def test_tables_of_an_earlier_run_are_kept(night: Path, model: Path, out: Path) -> None:
    write_field(night)
    classify([night], model, output=out)
    before = {path: path.read_bytes() for path in out.rglob("*.cat")}
    with pytest.raises(CeresFastError, match="exists already"):
        classify([night], model, output=out, keep_above=0.9)
    assert {path: path.read_bytes() for path in out.rglob("*.cat")} == before


def test_inputs_are_never_overwritten(night: Path, model: Path, tmp_path: Path) -> None:
    frames = write_field(night)
    table = night / "F0001/sextractor_cat/F0001-1.cat"
    before = table.read_bytes()
    (tmp_path / "link.cat").symlink_to(table)
    for inputs, output in (([night], night), ([frames[0]], table), ([frames[0]], tmp_path / "link.cat")):
        with pytest.raises(CeresFastError, match="never overwritten"):
            classify(inputs, model, output=output, overwrite=True)
    with pytest.raises(CeresFastError, match="never overwritten"):
        classify([frames[0]], model, output=frames[0], overwrite=True)
    assert table.read_bytes() == before


def test_several_tables_do_not_fit_in_a_file(night: Path, model: Path, tmp_path: Path) -> None:
    write_field(night)
    with pytest.raises(CeresFastError, match="two tables"):
        classify([night], model, output=tmp_path / "all.csv")
    with pytest.raises(CeresFastError, match="one frame, and 3 files"):
        classify([night], model, catalogue=night / "x.cat", output=tmp_path)


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


def stamp(peak: float, seed: int) -> np.ndarray:
    y, x = np.mgrid[:32, :32] - 16
    noise = np.random.default_rng(seed).normal(500, 3, (32, 32))
    return (noise + peak * np.exp(-(x**2 + y**2) / 8)).astype(np.float32)


def test_stamps_give_one_table(night: Path, model: Path, out: Path) -> None:
    files = [write_stamp(night / kind / f"{n}.fits", stamp(peak, n)) for kind, peak, n in STAMPS]
    result = classify([night], model, output=out)
    assert result.written == [out / "stamps.csv"]
    table = table_of(out / "stamps.csv")
    assert list(table["file"]) == [file.as_posix() for file in files]
    assert list(table[PROBABILITY] > 0.5) == [True, True, False, False]
    alone_ = classify([files[0]], model, output=out / "one.ecsv")
    one = table_of(alone_.written[0])
    assert one[PROBABILITY][0] == pytest.approx(table[PROBABILITY][0], abs=2e-6)


STAMPS = [("asteroid", 400.0, 1), ("asteroid", 300.0, 2), ("non_asteroid", 0.0, 3), ("non_asteroid", 5.0, 4)]


def test_bad_stamps(night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_stamp(night / "a_good.fits", stamp(400, 1))
    part = stamp(400, 2)
    part[:3] = np.nan
    write_stamp(night / "b_part.fits", part)
    write_stamp(night / "c_nan.fits", np.full((32, 32), np.nan, np.float32))
    write_stamp(night / "d_constant.fits", np.full((32, 32), 7, np.float32))
    write_stamp(night / "e_size.fits", np.zeros((31, 32), np.float32))
    write_stamp(night / "f_cube.fits", np.zeros((3, 32, 32), np.float32))
    write_stamp(night / "h_huge.fits", np.where(stamp(400, 3) > 600, 3e38, -3e38).astype(np.float32))
    write_stamp(night / "i_inf.fits", np.where(stamp(400, 3) > 600, np.inf, stamp(400, 3)).astype(np.float32))
    (night / "j_empty.fits").write_bytes(b"")
    (night / "k_cut.fits").write_bytes((night / "a_good.fits").read_bytes()[:4000])
    with pytest.raises(InputError, match=r"c_nan\.fits: all pixels are missing"):
        classify([night], model, output=out)
    result = classify([night], model, output=out, on_error="skip")
    table = table_of(out / "stamps.csv")
    assert len(table) == 10
    names = [Path(file).name[0] for file in table["file"]]
    scored = [name for name, each in zip(names, table[PROBABILITY], strict=True) if np.isfinite(each)]
    assert {"a", "b", "i"} <= set(scored) <= {"a", "b", "h", "i"}
    assert dict(zip(names, table[FLAGS], strict=True)) | {"h": 0} == dict.fromkeys("cdefjk", 8) | {
        "a": 0,
        "b": 2,
        "h": 0,
        "i": 2,
    }
    assert len(result.failed) == 6
    assert "31" in capsys.readouterr().err


def test_stamps_and_frames_together(night: Path, model: Path, out: Path) -> None:
    write_field(night)
    write_stamp(night / "stamp.fits", stamp(400, 1))
    result = classify([night], model, output=out)
    assert len(result.written) == 4
    assert result.total["rows"] == 16


def test_real_stamps(shared_data: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = sorted((shared_data / "ztf_stamps" / "non_asteroid").glob("*.fits"))[:60]
    result = classify(files, model, output=out)
    table = table_of(result.written[0])
    assert len(table) == 60
    assert np.isfinite(table[PROBABILITY]).all()
    assert "1.01" in capsys.readouterr().err


def test_names_with_brackets_are_said_as_they_are(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_stamp(night / "[old]" / "[/]x.fits", np.zeros((32, 32), np.float32))
    classify([night], model, output=out, on_error="skip")
    assert "[old]/[/]x.fits" in capsys.readouterr().err


BLOCKED = tuple(EXTRAS["train"])

WITHOUT = f"""
import sys
sys.modules.update(dict.fromkeys({BLOCKED!r}))  # importing them raises ModuleNotFoundError
from pathlib import Path
from ceres_fast.classify import classify
classify([Path(sys.argv[1])], Path(sys.argv[2]), output=Path(sys.argv[3]))
assert not any(sys.modules[name] for name in {BLOCKED!r})
"""


def test_runs_on_the_onnx_file_without_tensorflow(night: Path, model: Path, out: Path) -> None:
    frames = write_field(night)
    command = [sys.executable, "-W", "error", "-c", WITHOUT, str(night), str(model), str(out)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=False)
    assert done.returncode == 0, done.stderr
    assert table_of(place(out, frames[0]))[PROBABILITY][4] > 0.99
    assert "detections/s" in done.stdout


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


def test_a_full_disk_is_said_in_one_line(night: Path, model: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    write_field(night)
    monkeypatch.setattr("ceres_fast.files.sync", full)
    with pytest.raises(CeresFastError, match="No space left"):
        classify([night], model, output=out, on_error="skip")
    assert list(out.rglob("*.*")) == []


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


def test_two_nights_with_the_same_names_are_counted_apart(night: Path, model: Path, out: Path) -> None:
    write_field(night / "1")
    second = write_field(night / "2")
    for number, frame in enumerate(second):
        with fits.open(frame, mode="update") as hdus:
            hdus[0].header["MJD-OBS"] = 60005.1 + number * 0.01
    result = classify([night], model, output=out)
    assert result.total["rows"] == 30
    assert len(set(result.written)) == 6


def skipped(inputs: list[Path], model: Path, out: Path, table_format: str | None = None):
    return classify(inputs, model, output=out, on_error="skip", format=table_format)


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


def test_two_files_of_one_frame_share_a_catalogue(night: Path, model: Path, out: Path) -> None:
    frames = write_field(night)
    copy = frames[0].with_suffix(".fit")
    copy.write_bytes(frames[0].read_bytes())
    with pytest.raises(InputError, match=r"F0001-1\.fits: has the same catalogue as .*F0001-1\.fit: "):
        classify([night], model, output=out)
    result = skipped([night], model, out)
    assert (len(result.written), len(result.failed), result.total["asteroids"]) == (3, 1, 3)


def test_tables_are_not_put_where_catalogues_are_looked_for(night: Path, model: Path) -> None:
    (frame,) = write_field(night, 1)
    table = night / "F0001/sextractor_cat/F0001-1.cat"
    beside = table.rename(frame.with_suffix(".ecsv"))
    write_table(read_catalogue(beside).table, beside, "ECSV")
    with pytest.raises(CeresFastError, match=r"F0001-1\.csv: would be taken for the catalogue of a frame"):
        classify([frame.parent], model, output=frame.parent, format="CSV")


def test_a_missing_time_is_said(night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    frames = write_field(night)
    with fits.open(frames[2], mode="update") as hdus:
        del hdus[0].header["MJD-OBS"]
    classify([night], model, output=out)
    said = capsys.readouterr().err
    assert "F0001-3.fits: its header does not say its time (MJD-OBS or DATE-OBS), so nothing can be called" in said


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
        assert list(table_of(path)[FLAGS] - PROVISIONAL) == [0, 0, 0, PADDED, 0]
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


def test_a_slower_asteroid_than_in_training_is_said(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(night)
    assert classify([night], model, output=out, slowest=0.06).total["stationary"] == 12
    assert "--slowest 0.06 is less than the 0.1 arcsec/min" in capsys.readouterr().err


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
            assert list(table_of(path)[FLAGS]) == [STATIONARY] * 2 + [PROVISIONAL, PROVISIONAL | PADDED, PROVISIONAL]


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
