"""Which engine opens which file."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from ceres_fast.artifact.classifier import ONNX_KINDS
from ceres_fast.engines.loading import KINDS, exported_model, load
from ceres_fast.errors import CeresFastError, InputError

from ..tiny_models import classifier, peak_model, written


def run_folder(folder: Path) -> Path:
    path = written(folder, peak_model())
    classifier().with_file("onnx", path).write(folder)
    return folder


def test_by_file_by_folder_and_by_json(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    for model in (folder, folder / "classifier.json", folder / "classifier.onnx"):
        assert load(model).classifier == classifier()


def test_an_export_that_is_not_the_run_s_is_refused(tmp_path: Path) -> None:
    folder = run_folder(tmp_path)
    written(folder, peak_model(gain=2.0))
    with pytest.raises(InputError, match="not the onnx file"):
        load(folder)


def test_a_run_without_its_export(tmp_path: Path) -> None:
    classifier().write(tmp_path)
    with pytest.raises(InputError, match="Run `ceres-fast export`"):
        load(tmp_path)


@pytest.mark.parametrize("kinds", [["float32", "float16", "int8"], ["int8", "float16"], ["int8"]])
def test_of_several_precisions_a_run_stands_for_the_most_precise(tmp_path: Path, kinds: list[str]) -> None:
    made = classifier()
    for precision in kinds:
        path = written(tmp_path, peak_model()).rename(tmp_path / f"classifier-{precision}.onnx")
        made = made.with_file(ONNX_KINDS[precision], path)
    made.write(tmp_path)
    best = min(kinds, key=list(ONNX_KINDS).index)
    assert exported_model(tmp_path) == tmp_path / f"classifier-{best}.onnx"


@pytest.fixture
def runtime(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Path, bool]]:
    """What the engine of engine files is opened with."""
    opened: list[tuple[Path, bool]] = []
    module = ModuleType("ceres_fast.engines.tensorrt.run")
    module.TensorRTEngine = lambda path, *, rebuild: opened.append((path, rebuild))  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ceres_fast.engines.tensorrt", ModuleType("ceres_fast.engines.tensorrt"))
    monkeypatch.setitem(sys.modules, "ceres_fast.engines.tensorrt.run", module)
    return opened


@pytest.mark.parametrize("suffix", [".engine", ".rtx", ".RTX"])
def test_engine_files_go_to_tensorrt(tmp_path: Path, runtime: list[tuple[Path, bool]], suffix: str) -> None:
    path = tmp_path / f"classifier{suffix}"
    with pytest.raises(InputError, match="does not exist"):
        load(path)
    load(path, rebuild=True)  # the engine makes it, from the ONNX file beside it
    path.touch()
    load(path)
    assert runtime == [(path, True), (path, False)]


def test_options_of_another_kind_of_file_are_refused(tmp_path: Path, runtime: list[tuple[Path, bool]]) -> None:
    (tmp_path / "classifier.rtx").touch()
    with pytest.raises(CeresFastError, match=r"classifier\.rtx: .* Leave out --provider cuda"):
        load(tmp_path / "classifier.rtx", provider="cuda")
    with pytest.raises(CeresFastError, match=r"classifier\.onnx: .* Leave out --rebuild"):
        load(run_folder(tmp_path), rebuild=True)
    assert runtime == []


def test_the_kinds_of_engine_files_are_those_that_are_built() -> None:
    api = pytest.importorskip("ceres_fast.engines.tensorrt.flavours")
    assert KINDS.keys() == {".onnx"} | {flavour.suffix for flavour in api.FLAVOURS.values()}


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "model.pkl", "model.pb"])
def test_files_that_can_run_code_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"\x80\x04cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(InputError, match="can run code"):
        load(tmp_path / name)


@pytest.mark.parametrize("name", ["model.txt", "model", "classifier.weights.h5"])
def test_other_files_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="does not exist"):
        load(tmp_path / name)
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=r"ending in \.onnx"):
        load(tmp_path / name)
