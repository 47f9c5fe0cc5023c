"""The doctor tells what runs here and why the rest does not, and is not brought down by what is broken."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper
from typer.testing import CliRunner

from ceres_fast.cli import app
from ceres_fast.engines import doctor, providers
from ceres_fast.engines.batches import BatchedEngine
from ceres_fast.engines.doctor import show
from ceres_fast.engines.gpus import Driver, Gpu
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.engines.packages import UNTRIED, Finding

from ..tiny_models import classifier, peak_model, written


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """The packages have tests of their own."""
    monkeypatch.setattr(doctor, "packages", lambda driver: [Finding("packages", True)])


def found(what: str, model: Path | None = None) -> Finding:
    (finding,) = (each for each in doctor.examine(model) if each.what == what)
    return finding


def test_this_machine() -> None:
    findings = doctor.examine()
    names = [finding.what for finding in findings]
    assert names[:4] == ["Python", "ceres-fast", "ONNX Runtime", "ONNX Runtime, cpu"]
    assert names[-1] == "packages"
    assert all(finding.usable for finding in findings[:4])
    assert all(finding.usable or finding.why for finding in findings)
    assert onnxruntime.__version__ in found("ONNX Runtime").found


def test_the_file_that_providers_are_tried_with() -> None:
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 32, 32, 1]) for name in ("stamp", "probability")
    ]
    graph = helper.make_graph([helper.make_node("Identity", ["stamp"], ["probability"])], "g", ends[:1], ends[1:])
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(made, full_check=True)
    assert made.SerializeToString() == doctor.IDENTITY


def test_both_packages_of_onnx_runtime(monkeypatch: pytest.MonkeyPatch) -> None:
    owners = {"onnxruntime": ["onnxruntime-gpu", "onnxruntime", "onnxruntime"]}
    monkeypatch.setattr(doctor, "packages_distributions", lambda: owners)
    monkeypatch.setattr(doctor, "installed", {"onnxruntime": "1.32.0", "onnxruntime-gpu": "1.31.0"}.get)
    finding = found("ONNX Runtime")
    assert finding.found == "onnxruntime 1.32.0, onnxruntime-gpu 1.31.0"
    assert "have the same files" in finding.why
    assert "pip uninstall --yes onnxruntime onnxruntime-gpu" in finding.action


def test_onnx_runtime_whose_files_went_with_the_other_s(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ceres_fast.engines.providers", None)
    finding = found("ONNX Runtime")
    assert not finding.usable
    assert finding.why.startswith("it cannot be imported (")
    assert "pip install one of them" in finding.action
    assert not any(each.what == "ONNX Runtime, cpu" for each in doctor.examine())


def test_a_provider_that_is_listed_and_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(providers.onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(providers, "_session", lambda *arguments: (_ for _ in ()).throw(RuntimeError("no cuBLAS")))
    monkeypatch.setattr(providers, "why_not", lambda name: "libcublasLt.so.13: cannot open shared object file")
    finding = found("ONNX Runtime, cuda")
    assert not finding.usable
    assert "libcublasLt.so.13" in finding.why
    assert found("ONNX Runtime, cpu").why == "no cuBLAS"


def test_what_has_never_run_on_a_gpu_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    start = providers.start
    monkeypatch.setattr(providers, "start", lambda model, name: start(model, "cpu"))
    for name in ("cuda", "tensorrt"):
        finding = found(f"ONNX Runtime, {name}")
        assert finding.usable
        assert finding.why == UNTRIED
    assert found("ONNX Runtime, cpu") == Finding("ONNX Runtime, cpu", True, "--provider cpu")


def test_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    gpus = (Gpu("NVIDIA H100", "9.0", 80 * 2**30), Gpu("NVIDIA A2", "8.6", 15 * 2**30))
    monkeypatch.setattr(doctor, "driver", lambda: Driver("13.0", gpus))
    assert found("NVIDIA driver") == Finding("NVIDIA driver", True, "CUDA up to 13.0")
    assert found("GPU 0").found == "NVIDIA H100, compute capability 9.0, 80 GiB"
    assert found("GPU 1").found == "NVIDIA A2, compute capability 8.6, 15 GiB"


@pytest.mark.parametrize("cuda", ["", "12.4"])
def test_no_gpu(monkeypatch: pytest.MonkeyPatch, cuda: str) -> None:
    monkeypatch.setattr(doctor, "driver", lambda: Driver(cuda, problem="it sees no GPU"))
    finding = found("NVIDIA driver")
    assert not finding.usable
    assert finding.found == (f"CUDA up to {cuda}" if cuda else "")
    assert finding.why == "it sees no GPU"


def test_what_cannot_be_looked_at_is_told_and_the_rest_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(driver: Driver) -> Any:
        yield Finding("first", True)
        raise OSError("damaged metadata")

    monkeypatch.setattr(doctor, "packages", broken)
    assert found("first").usable
    assert found("packages") == Finding("packages", False, why="looking at it failed: OSError: damaged metadata")


def test_a_model_that_runs_here(tmp_path: Path) -> None:
    path = written(tmp_path, peak_model())
    classifier().with_file("onnx", path).write(tmp_path)
    for model in (path, tmp_path):
        finding = found(str(model), model)
        assert finding.usable
        assert finding.found.startswith("Xception, experiment 2, float32; runs in ONNX Runtime")


class OnGpu(BatchedEngine):
    """Answers as an ONNX file does, further up by `by`."""

    def __init__(self, onnx: Path, by: float) -> None:
        super().__init__(onnx.with_suffix(".engine"), classifier(), runtime="TensorRT")
        self.like, self.by = OnnxRuntimeEngine(onnx, provider="cpu"), by

    @property
    def source(self) -> Path:
        return self.like.path

    def _run(self, batch: np.ndarray) -> np.ndarray:
        asteroid = np.clip(self.like._run(batch)[:, 1] + np.float32(self.by), 0, 1)
        return np.stack([1 - asteroid, asteroid], axis=1)


def test_an_engine_is_compared_with_its_onnx_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    onnx = written(tmp_path, peak_model())
    path = onnx.with_suffix(".engine")
    monkeypatch.setattr(doctor, "load", lambda path: OnGpu(onnx, 3e-5))
    assert found(str(path), path).found.endswith("runs in TensorRT; within 3e-05 of classifier.onnx on the CPU")
    monkeypatch.setattr(doctor, "load", lambda path: OnGpu(onnx, 0.3))
    assert not found(str(path), path).usable
    assert "does not answer as classifier.onnx" in found(str(path), path).why
    far = OnGpu(onnx, 0.3)
    onnx.unlink()
    monkeypatch.setattr(doctor, "load", lambda path: far)
    assert found(str(path), path).found.endswith("not compared with classifier.onnx, which is not beside it")


@pytest.mark.parametrize(
    ("content", "why"), [(None, "does not exist"), (b"", "is empty"), (b"\x08" * 99, "is not an ONNX file")]
)
def test_a_model_that_does_not_run_here(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "classifier.onnx"
    if content is not None:
        path.write_bytes(content)
    finding = found(str(path), path)
    assert not finding.usable
    assert why in finding.why
    assert str(path) not in finding.why


def test_a_model_that_fails_when_it_runs(tmp_path: Path) -> None:
    made = peak_model()
    made.graph.node[-1].CopyFrom(helper.make_node("Identity", ["logits"], ["probability"]))  # no softmax
    path = written(tmp_path, made)
    finding = found(str(path), path)
    assert not finding.usable
    assert "as a probability" in finding.why


def test_json_and_table_of_the_command(tmp_path: Path) -> None:
    missing = tmp_path / ":cat: [bold].onnx"
    done = CliRunner().invoke(app, ["doctor", str(missing), "--json"])
    assert done.exit_code == 1
    findings = json.loads(done.output)
    assert findings[0].keys() == {"what", "usable", "found", "why", "action"}
    assert findings[-1]["what"] == str(missing)
    shown = CliRunner().invoke(app, ["doctor"])
    assert shown.exit_code == 0
    for finding in findings[:4]:
        assert finding["what"] in shown.output


def test_the_status_says_whether_a_model_runs(tmp_path: Path) -> None:
    path = written(tmp_path, peak_model())
    assert CliRunner().invoke(app, ["doctor", str(path)]).exit_code == 0
    path.write_bytes(path.read_bytes()[:100])
    assert CliRunner().invoke(app, ["doctor", str(path)]).exit_code == 1


def test_what_to_do_is_said_once_and_not_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ceres_fast.console.console._width", 80)
    action = (
        "put another one in its place: pip uninstall --yes onnxruntime, then pip install 'onnxruntime-gpu[cuda,cudnn]'"
    )
    why = "compute_capability_that_is_not_on_the_list_of_this_version_and_a_word_that_is_too_long_for_a_column"
    show(
        [Finding("cuda", False, why=why, action=action), Finding("tensorrt", False, action=action), Finding("a", True)]
    )
    said = capsys.readouterr().out
    assert said.count(action) == 1
    assert f"cuda; tensorrt: {action}\n" in said
    assert "…" not in said


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys\n"
        "from ceres_fast.engines.doctor import examine\n"
        "examine()\n"
        "print(*({'tensorflow', 'keras', 'onnx', 'tf2onnx', 'polygraphy'} & sys.modules.keys()))\n"
    )
    environment = {"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "\n", "")
