"""Classifying: every row and column stays, tables replace nothing unasked, and stamps have a table of their own."""

from __future__ import annotations

import subprocess
import sys
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import get_args, get_type_hints

import numpy as np
import onnxruntime
import pytest
from astropy.io import fits
from typer.testing import CliRunner

from ceres_fast.catalogues import FORMATS, read_catalogue, write_table
from ceres_fast.classify import classify
from ceres_fast.classify.scores import (
    FEW_PIXELS,
    FILLED,
    FLAGS,
    NEAR_EDGE,
    NOT_SCORED,
    PADDED,
    PROBABILITY,
    PROBABILITY_OF_TRACKLET,
    PROVISIONAL,
    STATIONARY,
    TRACKLET,
)
from ceres_fast.cli import EXTRAS, app
from ceres_fast.cli.classify import classify as command
from ceres_fast.engines import AUTO
from ceres_fast.engines.providers import PROVIDERS
from ceres_fast.errors import CeresFastError, InputError

from ..survey_files import write_exposure, write_field, write_stamp
from ..tiny_models import peak_model, written
from .conftest import place, table_of


@pytest.mark.parametrize("table_format", FORMATS)
def test_every_row_and_column_is_kept(night: Path, model: Path, out: Path, table_format: str) -> None:
    frames = write_field(night, table_format=table_format)
    result = classify([night], model, output=out)
    assert result.written == [place(out, frame) for frame in frames]
    for frame, target in zip(frames, result.written, strict=True):
        before, after = read_catalogue(frame.parents[1] / "sextractor_cat" / target.name), read_catalogue(target)
        assert after.format == before.format == table_format
        assert after.table.colnames == [*before.table.colnames, PROBABILITY, FLAGS, TRACKLET, PROBABILITY_OF_TRACKLET]
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
    # A tick for each look at the clock: two around the one batch of each of three exposures, and those of the steps.
    assert result.engine_seconds == 3
    assert set(result.steps) == {"read", "cut", "infer", "write"}
    assert result.engine_seconds < result.steps["infer"] < sum(result.steps.values()) < result.seconds


@pytest.mark.parametrize("wanted", ["CSV", "ECSV"])
def test_other_formats(night: Path, model: Path, out: Path, wanted: str) -> None:
    write_field(night)
    result = classify([night], model, output=out, format=wanted)  # type: ignore[arg-type]
    assert len(result.written) == 3
    for path in result.written:
        assert path.suffix == f".{wanted.lower()}"
        read = read_catalogue(path)
        assert read.format == wanted
        assert read.table.colnames[-4:] == [PROBABILITY, FLAGS, TRACKLET, PROBABILITY_OF_TRACKLET]
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
    assert list(read.table[FLAGS] - PROVISIONAL) == [0, 0, 0, PADDED | NEAR_EDGE, 0]
    assert np.isfinite(read.table[PROBABILITY]).all()
    message = capsys.readouterr().err
    assert "no other exposure" in message
    assert "expect stars among the asteroids" in message


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
    assert {"a", "b"} <= set(scored) <= {"a", "b", "h"}
    assert dict(zip(names, table[FLAGS], strict=True)) | {"h": 0} == dict.fromkeys("cdefjk", 8) | {
        "a": 0,
        "b": 2,
        "h": 0,
        "i": FILLED | NOT_SCORED | FEW_PIXELS,  # the source itself is missing
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


def test_a_full_disk_is_said_in_one_line(night: Path, model: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    write_field(night)
    monkeypatch.setattr("ceres_fast.files.sync", full)
    with pytest.raises(CeresFastError, match="No space left"):
        classify([night], model, output=out, on_error="skip")
    assert list(out.rglob("*.*")) == []


def test_two_nights_with_the_same_names_are_counted_apart(night: Path, model: Path, out: Path) -> None:
    write_field(night / "1")
    second = write_field(night / "2")
    for number, frame in enumerate(second):
        with fits.open(frame, mode="update") as hdus:
            hdus[0].header["MJD-OBS"] = 60005.1 + number * 0.01
    result = classify([night], model, output=out)
    assert result.total["rows"] == 30
    assert len(set(result.written)) == 6


def test_tables_are_not_put_where_catalogues_are_looked_for(night: Path, model: Path) -> None:
    (frame,) = write_field(night, 1)
    table = night / "F0001/sextractor_cat/F0001-1.cat"
    beside = table.rename(frame.with_suffix(".ecsv"))
    write_table(read_catalogue(beside).table, beside, "ECSV")
    with pytest.raises(CeresFastError, match=r"F0001-1\.csv: would be taken for the catalogue of a frame"):
        classify([frame.parent], model, output=frame.parent, format="CSV")


def test_the_choices_are_the_table_of_providers() -> None:
    assert set(get_args(get_type_hints(command)["provider"])) == {AUTO, *PROVIDERS}


@pytest.mark.skipif(
    "CUDAExecutionProvider" in onnxruntime.get_available_providers(), reason="this ONNX Runtime has CUDA"
)
@pytest.mark.parametrize(
    ("options", "message"),
    [({"provider": "cuda"}, "provider cuda: onnxruntime"), ({"rebuild": True}, "Leave out --rebuild")],
)
def test_what_cannot_be_done_is_said_before_anything_is_written(
    tmp_path: Path, options: dict[str, object], message: str
) -> None:
    write_field(tmp_path / "night")
    with pytest.raises(CeresFastError, match=message):
        classify([tmp_path / "night"], written(tmp_path, peak_model()), output=tmp_path / "out", **options)  # type: ignore[arg-type]
    assert not (tmp_path / "out").exists()


def test_the_command_hands_its_options_on(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, object] = {}

    def stop(*arguments: object, **options: object) -> None:
        given.update(options)
        raise SystemExit(5)

    monkeypatch.setattr("ceres_fast.classify.classify", stop)
    done = CliRunner().invoke(app, ["classify", "night", "--provider", "tensorrt", "--rebuild"])
    assert done.exit_code == 5
    assert (given["provider"], given["rebuild"]) == ("tensorrt", True)
    assert CliRunner().invoke(app, ["classify", "--provider", "gpu"]).exit_code == 2


def test_it_says_what_it_ran_on(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_field(tmp_path / "night")
    classify([tmp_path / "night"], written(tmp_path, peak_model()), output=tmp_path / "out", provider="cpu")
    assert f"of the time in ONNX Runtime {onnxruntime.__version__}, cpu" in " ".join(capsys.readouterr().out.split())
