"""An engine file lies beside its ONNX file, and replaces nothing unasked."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ceres_fast.engines.tensorrt.build import build
from ceres_fast.engines.tensorrt.checks import checked
from ceres_fast.engines.tensorrt.flavours import FLAVOURS, EngineOptions
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.export import engine_files
from ceres_fast.export.engine_files import _summary, write_engine
from ceres_fast.files import sha256_of

from ..tiny_models import peak_model, written

pytest.importorskip("tensorrt_rtx")


@pytest.fixture(autouse=True)
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    for user in ("engines.tensorrt.build", "engines.tensorrt.checks", "export.engine_files"):
        monkeypatch.setattr(f"ceres_fast.{user}.current_gpu", lambda: None)


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    (tmp_path / "run").mkdir()
    return written(tmp_path / "run", peak_model())


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


FILES = ["classifier.onnx", "classifier.rtx", "classifier.rtx.json", "classifier.rtx.log"]


def test_beside_the_onnx_file(onnx: Path, capsys: pytest.CaptureFixture[str]) -> None:
    engine = write_engine(onnx, "tensorrt-rtx")
    assert engine == onnx.with_suffix(".rtx")
    assert names(onnx.parent) == FILES
    printed = capsys.readouterr().out
    assert f"wrote {engine} (0." in printed
    assert "float32, TensorRT-RTX 1." in printed
    assert "built for the GPUs of TensorRT-RTX's own choice from classifier.onnx" in printed
    assert write_engine(onnx, "tensorrt-rtx", EngineOptions(batches=(2,))) == engine  # its own, and replaced
    assert checked(engine)[1].batches == (2,)


@pytest.mark.parametrize("output", ["edge", "edge/classifier.rtx"])
def test_in_another_folder_with_its_onnx_file(onnx: Path, tmp_path: Path, output: str) -> None:
    engine = write_engine(onnx, "tensorrt-rtx", output=tmp_path / output)
    assert engine == tmp_path / "edge" / "classifier.rtx"
    assert names(engine.parent) == FILES
    assert names(onnx.parent) == ["classifier.onnx"]
    assert engine.with_suffix(".onnx").read_bytes() == onnx.read_bytes()
    assert checked(engine)
    with pytest.raises(CeresFastError, match=r"classifier\.rtx: exists already.*--overwrite"):
        write_engine(onnx, "tensorrt-rtx", output=tmp_path / output)
    write_engine(onnx, "tensorrt-rtx", output=tmp_path / output, overwrite=True)


def test_another_onnx_file_of_that_name_is_kept(onnx: Path, tmp_path: Path) -> None:
    (tmp_path / "edge").mkdir()
    other = written(tmp_path / "edge", peak_model(gain=2.0)).read_bytes()
    with pytest.raises(CeresFastError, match=r"edge/classifier\.onnx: exists already"):
        write_engine(onnx, "tensorrt-rtx", output=tmp_path / "edge")
    assert names(tmp_path / "edge") == ["classifier.onnx"]
    assert (tmp_path / "edge" / "classifier.onnx").read_bytes() == other
    assert checked(write_engine(onnx, "tensorrt-rtx", output=tmp_path / "edge", overwrite=True))


def test_a_build_that_fails_leaves_the_other_folder_as_it_was(onnx: Path, tmp_path: Path) -> None:
    impossible = EngineOptions(hardware_compatible=True)
    with pytest.raises(CeresFastError):
        write_engine(onnx, "tensorrt-rtx", impossible, output=tmp_path / "edge" / "classifier.rtx")
    assert names(tmp_path / "edge") == []
    before = write_engine(onnx, "tensorrt-rtx", output=tmp_path / "edge")
    newer = written(onnx.parent, peak_model(gain=2.0))
    with pytest.raises(CeresFastError):
        write_engine(newer, "tensorrt-rtx", impossible, output=tmp_path / "edge", overwrite=True)
    assert names(tmp_path / "edge") == FILES
    assert checked(before)


def test_its_proof_is_kept_beside_it(onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def proven(built: Path, onnx: Path, records: Path | None) -> dict[str, Any]:
        asked.append((checked(built)[1].onnx, onnx, records))
        return {"largest": 0.25}

    monkeypatch.setattr(engine_files, "prove_engine", proven)
    engine = write_engine(onnx, "tensorrt-rtx", output=tmp_path / "edge", records=tmp_path)
    assert asked == [("classifier.onnx", tmp_path / "edge" / "classifier.onnx", tmp_path)]
    assert json.loads((tmp_path / "edge" / "classifier.rtx.proof.json").read_text()) == {
        "product": "classifier.rtx",
        "sha256": sha256_of(engine),
        "largest": 0.25,
    }
    monkeypatch.setattr(engine_files, "prove_engine", lambda *_: {})
    write_engine(onnx, "tensorrt-rtx", output=tmp_path / "edge", overwrite=True)
    assert names(tmp_path / "edge") == FILES  # what was proven is not there any more


@pytest.mark.parametrize("before", [False, True])
def test_an_engine_that_is_not_proven_is_not_written(
    onnx: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, before: bool
) -> None:
    (tmp_path / "edge").mkdir()
    if before:
        write_engine(onnx, "tensorrt-rtx", output=tmp_path / "edge")
        onnx = written(onnx.parent, peak_model(gain=2.0))
    contents = {path.name: path.read_bytes() for path in (tmp_path / "edge").iterdir()}

    def proven(*_: Any) -> dict[str, Any]:
        raise CeresFastError("Not exported: too far")

    monkeypatch.setattr(engine_files, "prove_engine", proven)
    with pytest.raises(CeresFastError, match="too far"):
        write_engine(onnx, "tensorrt-rtx", output=tmp_path / "edge", overwrite=True)
    assert {path.name: path.read_bytes() for path in (tmp_path / "edge").iterdir()} == contents


def test_a_damaged_onnx_file_is_not_copied(onnx: Path, tmp_path: Path) -> None:
    onnx.write_bytes(onnx.read_bytes()[:-100])
    with pytest.raises(InputError, match=r"run/classifier\.onnx: is not an ONNX file, or was cut short"):
        write_engine(onnx, "tensorrt-rtx", output=tmp_path / "edge" / "classifier.rtx")
    assert not (tmp_path / "edge" / "classifier.onnx").exists()


def test_names(onnx: Path, tmp_path: Path) -> None:
    with pytest.raises(CeresFastError, match=r"choose a name that ends in \.rtx, or a folder"):
        write_engine(onnx, "tensorrt-rtx", output=tmp_path / "classifier.engine")
    with pytest.raises(InputError, match="does not exist"):
        write_engine(tmp_path / "none.onnx", "tensorrt-rtx")


def test_what_is_said_of_where_it_runs(onnx: Path) -> None:
    engine = onnx.with_suffix(".rtx")
    sidecar = build(onnx, engine, "tensorrt-rtx", EngineOptions(compute_capabilities=("8.6", "8.9")))
    assert "built for compute capability 8.6, 8.9 from" in _summary(engine, FLAVOURS["tensorrt-rtx"], sidecar, 1.0)
