"""TensorRT-RTX builds for real, on a machine without a GPU."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx as onnx_api
import pytest
from onnx import TensorProto, helper, numpy_helper

from ceres_fast.artifact.onnx_file import INPUT, OUTPUT
from ceres_fast.engines.gpus import Gpu
from ceres_fast.engines.tensorrt.build import build, rebuild
from ceres_fast.engines.tensorrt.checks import checked, refuse_invalid
from ceres_fast.engines.tensorrt.flavours import Log
from ceres_fast.engines.tensorrt.options import EngineOptions
from ceres_fast.engines.tensorrt.run import Device, load_engine
from ceres_fast.errors import CeresFastError, InputError

from ...tiny_models import classifier, model, written

trt = pytest.importorskip("tensorrt_rtx")
pytestmark = pytest.mark.usefixtures("no_gpu")


def test_built_and_checked(onnx: Path) -> None:
    engine = onnx.with_suffix(".rtx")
    sidecar = build(onnx, engine, "tensorrt-rtx", EngineOptions(batches=(1, 8)))
    content, read, module = checked(engine)
    assert (content, read, module) == (engine.read_bytes(), sidecar, trt)
    assert (sidecar.runtime_version, sidecar.gpu, sidecar.hardware) == (trt.__version__, None, "portable")
    assert sidecar.profiles == ((1, 8, 8),)
    assert "Engine generation completed" in engine.with_name(sidecar.log).read_text()


def test_built_for_these_gpus(onnx: Path) -> None:
    engine = onnx.with_suffix(".rtx")
    sidecar = build(onnx, engine, "tensorrt-rtx", EngineOptions(compute_capabilities=("8.6", "12.0"), workspace_mib=64))
    assert sidecar.compute_capabilities == ("8.6", "12.0")
    assert checked(engine)[1] == sidecar


def in_float16() -> list[onnx_api.NodeProto]:
    """A convolution in float16 between a float32 input and a float32 softmax."""
    return [
        helper.make_node("Cast", ["planes"], ["x"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["weights"], ["w"], to=TensorProto.FLOAT16),
        helper.make_node("Conv", ["x", "w"], ["halves"]),
        helper.make_node("Cast", ["halves"], ["y"], to=TensorProto.FLOAT),
    ]


def in_int8() -> list[onnx_api.NodeProto]:
    """A convolution between explicit, symmetric quantisers."""
    return [
        helper.make_node("QuantizeLinear", ["planes", "scale", "zero"], ["xq"]),
        helper.make_node("DequantizeLinear", ["xq", "scale", "zero"], ["x"]),
        helper.make_node("QuantizeLinear", ["weights", "scale", "zero"], ["wq"]),
        helper.make_node("DequantizeLinear", ["wq", "scale", "zero"], ["w"]),
        helper.make_node("Conv", ["x", "w"], ["y"]),
    ]


@pytest.mark.parametrize(("precision", "nodes"), [("float16", in_float16()), ("int8", in_int8())])
def test_precisions(tmp_path: Path, precision: str, nodes: list[onnx_api.NodeProto]) -> None:
    made = model(
        [
            helper.make_node("Transpose", [INPUT], ["planes"], perm=[0, 3, 1, 2]),
            *nodes,
            helper.make_node("Flatten", ["y"], ["logits"]),
            helper.make_node("Softmax", ["logits"], [OUTPUT], axis=1),
        ],
        {"scale": 0.1},
        classifier_json=classifier(precision=precision).to_json(),
    )
    weights = np.linspace(-1, 1, 2 * 32 * 32, dtype=np.float32).reshape(2, 1, 32, 32)
    made.graph.initializer.append(numpy_helper.from_array(weights, "weights"))
    made.graph.initializer.append(numpy_helper.from_array(np.int8(0), "zero"))
    onnx_api.checker.check_model(made)
    onnx = written(tmp_path, made)
    sidecar = build(onnx, onnx.with_suffix(".rtx"), "tensorrt-rtx")
    assert sidecar.precision == precision
    assert checked(onnx.with_suffix(".rtx"))[1] == sidecar


def test_a_gpu_that_it_does_not_build_for(onnx: Path) -> None:
    with pytest.raises(
        CeresFastError, match=r"9\.0: TensorRT-RTX .* does not build for it\. It knows 7\.5, 8\.0.*12\.0"
    ):
        build(onnx, onnx.with_suffix(".rtx"), "tensorrt-rtx", EngineOptions(compute_capabilities=("8.6", "9.0")))


def test_the_gpu_of_a_machine_that_has_none(onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    options = EngineOptions(compute_capabilities=("current",))
    with pytest.raises(CeresFastError, match="this machine has no GPU"):
        build(onnx, onnx.with_suffix(".rtx"), "tensorrt-rtx", options)
    if not Path("/dev/nvidiactl").exists():
        monkeypatch.setattr("ceres_fast.engines.tensorrt.build.current_gpu", lambda: Gpu("a driver's mistake", "8.6"))
        with pytest.raises(CeresFastError, match=r"built no engine of it .*driver"):
            build(onnx, onnx.with_suffix(".rtx"), "tensorrt-rtx", options)
    assert list(onnx.parent.iterdir()) == [onnx]


def test_too_little_workspace(onnx: Path) -> None:
    options = EngineOptions(workspace_mib=1)
    with pytest.raises(CeresFastError, match=r"OutOfMemory.*The workspace was limited to 1 MiB"):
        build(onnx, onnx.with_suffix(".rtx"), "tensorrt-rtx", options)


def test_operators_that_it_does_not_know(tmp_path: Path) -> None:
    node = helper.make_node("RunShell", [INPUT], [OUTPUT], domain="evil.example")
    onnx = written(tmp_path, model([node], {}, extra_opsets=("evil.example",)))
    with pytest.raises(InputError, match=r"is not read by TensorRT-RTX .*RunShell: .*Plugin not found"):
        build(onnx, onnx.with_suffix(".rtx"), "tensorrt-rtx")


def test_it_says_itself_what_is_no_engine(onnx: Path) -> None:
    engine = onnx.with_suffix(".rtx")
    logger = Log().logger(trt)
    with pytest.raises(InputError, match=r"will not run on this machine, says TensorRT-RTX \(malformed engine\)"):
        refuse_invalid(trt, trt.Runtime(logger), b"no engine" * 1000, engine)


def test_without_a_gpu_the_real_runtime_refuses_what_it_built(onnx: Path) -> None:
    """The runner, up to where it needs a GPU, with the real TensorRT-RTX and CUDA's real module."""
    if Path("/dev/nvidiactl").exists():
        pytest.skip("there is a GPU: test_on_gpu")
    engine = onnx.with_suffix(".rtx")
    build(onnx, engine, "tensorrt-rtx")
    with pytest.raises(InputError, match=r"classifier\.rtx: will not run on this machine, says TensorRT-RTX"):
        load_engine(engine, rebuild_refused=False, accept=lambda built: None)
    pytest.importorskip("cuda.bindings.runtime")
    with pytest.raises(InputError, match=r"classifier\.rtx: cudaStreamCreate failed: cudaError\w+ \(.+\)"):
        Device(engine)


def test_rebuilt_for_the_gpu_of_this_machine(onnx: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = onnx.with_suffix(".rtx")
    build(onnx, engine, "tensorrt-rtx", EngineOptions(batches=(4,), compute_capabilities=("12.0",)))
    assert rebuild(engine).compute_capabilities == ("12.0",)  # without a GPU, as before
    asked = []
    monkeypatch.setattr("ceres_fast.engines.tensorrt.build.current_gpu", lambda: Gpu("NVIDIA RTX A4000", "8.6"))
    monkeypatch.setattr("ceres_fast.engines.tensorrt.build.build", lambda *arguments: asked.append(arguments))
    rebuild(engine)
    ((*arguments, _),) = asked
    assert arguments == [onnx, engine, "tensorrt-rtx", EngineOptions(batches=(4,), compute_capabilities=("current",))]


@pytest.mark.parametrize("full", ["classifier.rtx", "classifier.rtx.log", "classifier.rtx.json"])
def test_a_full_disk_costs_nothing(onnx: Path, monkeypatch: pytest.MonkeyPatch, full: str) -> None:
    engine = onnx.with_suffix(".rtx")
    build(onnx, engine, "tensorrt-rtx")
    before = {path.name: path.read_bytes() for path in onnx.parent.iterdir()}
    really = os.fsync

    def fsync(descriptor: int) -> None:
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        if path.parent.name.startswith(".classifier.") and path.name == full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        really(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(CeresFastError, match=rf"{full}: cannot be written \(No space left on device\)"):
        build(onnx, engine, "tensorrt-rtx", EngineOptions(batches=(2,)))
    assert {path.name: path.read_bytes() for path in onnx.parent.iterdir()} == before


def test_what_is_not_accepted_leaves_what_was_there(onnx: Path) -> None:
    engine = onnx.with_suffix(".rtx")
    build(onnx, engine, "tensorrt-rtx")
    before = {path.name: path.read_bytes() for path in onnx.parent.iterdir()}

    def refuse(built: Path) -> None:
        content, sidecar, _ = checked(built)
        assert sidecar.batches == (2,)
        raise InputError(built, f"has {len(content)} bytes")

    with pytest.raises(InputError, match=r"classifier\.rtx: has [0-9]+ bytes"):
        build(onnx, engine, "tensorrt-rtx", EngineOptions(batches=(2,)), refuse)
    assert {path.name: path.read_bytes() for path in onnx.parent.iterdir()} == before


KILLED = """
import os, signal, sys
from pathlib import Path
from ceres_fast.engines.tensorrt.build import build
from ceres_fast.engines.tensorrt.options import EngineOptions

onnx, last = Path(sys.argv[1]), sys.argv[2]
really = os.replace

def replace(old, new):
    really(old, new)
    if Path(new).name == last:
        os.kill(os.getpid(), signal.SIGKILL)

os.replace = replace
build(onnx, onnx.with_suffix(".rtx"), "tensorrt-rtx", EngineOptions(batches=(2,)))
"""


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("last", ["classifier.rtx", "classifier.rtx.log"])
def test_killed_between_the_engine_and_its_sidecar(onnx: Path, last: str, before: bool) -> None:
    engine = onnx.with_suffix(".rtx")
    if before:
        build(onnx, engine, "tensorrt-rtx", EngineOptions(batches=(1, 64)))
    command = [sys.executable, "-c", KILLED, str(onnx), last]
    ended = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True)
    assert (ended.returncode, ended.stderr) == (-signal.SIGKILL, "")
    assert engine.exists()
    with pytest.raises(InputError, match="`--rebuild`"):
        checked(engine)
    rebuild(engine)
    assert checked(engine)
