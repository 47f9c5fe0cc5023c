"""Engine files on a GPU made of NumPy: every answer is that of its own stamp; errors name the file and the reason."""

from __future__ import annotations

import gc
import inspect
import pickle
import re
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceres_fast.engines.gpus import Driver, Gpu
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.engines.tensorrt import run
from ceres_fast.engines.tensorrt.run import CudaRuntime, TensorRTEngine
from ceres_fast.engines.tensorrt.sidecar import sidecar_path
from ceres_fast.errors import InputError

from ...tiny_models import classifier
from . import fake_runtime
from .fake_runtime import Engine, FakeCuda, answers, write_engine

BATCHES = (1, 4, 16)
FLAVOURS = ["tensorrt", "tensorrt-rtx"]
GPU = Gpu("NVIDIA Fake", "8.6")


class Machine:
    """A machine with a fake GPU and a fake TensorRT."""

    def __init__(self, flavour: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("ceres_fast.engines.tensorrt.checks.current_gpu", lambda: GPU)
        monkeypatch.setattr("ceres_fast.engines.tensorrt.run.driver", lambda: Driver("13.0", (GPU,)))
        self.cuda, self.engines = fake_runtime.install(monkeypatch, flavour)
        self.flavour, self.folder = flavour, folder
        self.path = write_engine(folder, flavour, BATCHES)

    @property
    def engine(self) -> Engine:
        return self.engines[-1]

    def open(self, **options: Any) -> TensorRTEngine:
        return TensorRTEngine(self.path, **options)


@pytest.fixture(params=FLAVOURS)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine(request.param, tmp_path, monkeypatch)


@pytest.fixture
def tensorrt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Machine:
    return Machine("tensorrt", tmp_path, monkeypatch)


def stamps(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(500, 40, (n, 32, 32, 1)).astype(np.float32)


@pytest.mark.parametrize("n", [0, 1, 2, 4, 5, 16, 17, 40, 64, 100])
def test_any_number_of_stamps(machine: Machine, n: int) -> None:
    engine, pixels = machine.open(), stamps(n)
    found = engine.predict(pixels, raw=True)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, answers(pixels))
    assert engine.classifier == classifier()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(calls=st.lists(st.tuples(st.integers(0, 70), st.integers(1, 40)), min_size=1, max_size=5))
def test_one_call_after_another_and_every_split(machine: Machine, calls: list[tuple[int, int]]) -> None:
    engine = machine.open()
    for number, (n, batch_size) in enumerate(calls):
        pixels = stamps(n, number)
        np.testing.assert_array_equal(engine.predict(pixels, batch_size=batch_size, raw=True), answers(pixels))


def test_each_batch_is_of_a_size_that_the_engine_was_built_for(machine: Machine) -> None:
    engine = machine.open()
    engine.predict(stamps(39), raw=True)
    engine.warm_up()
    assert {count for count, _ in machine.engine.runs} == set(BATCHES)
    largest_of_profiles = {(count, count if machine.flavour == "tensorrt" else 16) for count in BATCHES}
    assert set(machine.engine.runs) == largest_of_profiles


def test_memory_is_allocated_once_and_given_back(machine: Machine) -> None:
    engine = machine.open()
    assert machine.cuda.living() == 3  # two buffers and a stream
    engine.predict(stamps(100), raw=True)
    assert machine.cuda.calls["cudaMalloc"] == 2
    del engine
    gc.collect()
    assert not machine.cuda.living()


@pytest.mark.parametrize(("function", "after"), [("cudaStreamCreate", 0), ("cudaMalloc", 0), ("cudaMalloc", 1)])
def test_no_memory_leaks_where_there_is_too_little(machine: Machine, function: str, after: int) -> None:
    machine.cuda.fail(function, "cudaErrorMemoryAllocation", after)
    with pytest.raises(InputError, match=rf"classifier\.\w+: {function} failed: cudaErrorMemoryAllocation .*--batch"):
        machine.open()
    gc.collect()
    assert not machine.cuda.living()


@pytest.mark.parametrize(
    ("function", "after"), [("cudaMemcpyAsync", 0), ("cudaMemcpyAsync", 1), ("cudaStreamSynchronize", 0)]
)
def test_a_cuda_error_while_running_is_said_once(machine: Machine, function: str, after: int) -> None:
    engine = machine.open()
    engine.warm_up()
    machine.cuda.fail(function, "cudaErrorIllegalAddress", after)
    with pytest.raises(
        InputError, match=rf"classifier\.\w+: {function} failed: cudaErrorIllegalAddress \(what"
    ) as error:
        engine.predict(stamps(3), raw=True)
    assert machine.cuda.last_error == 0  # else TensorRT would find it and take it for its own
    assert str(pickle.loads(pickle.dumps(error.value))) == str(error.value)


@pytest.mark.parametrize(
    ("error", "action"), [("cudaErrorInsufficientDriver", "NVIDIA driver"), ("cudaErrorNoDevice", "ONNX file")]
)
def test_what_can_be_done_is_said(machine: Machine, error: str, action: str) -> None:
    machine.cuda.fail("cudaStreamCreate", error)
    with pytest.raises(InputError, match=action):
        machine.open()


def test_without_the_package_for_cuda(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    with pytest.raises(InputError, match=r"classifier\.\w+: needs the package cuda-bindings.*`pip install"):
        machine.open()


def test_no_memory_for_a_context(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "create_execution_context", lambda engine: None)
    with pytest.raises(InputError, match=r"classifier\.\w+: gets no memory to run in \(TensorRT does not say why\)"):
        machine.open()


@pytest.mark.parametrize("what", ["run", "profile", "shape", "memory"])
def test_an_engine_that_refuses_says_why_and_goes_on(tensorrt: Machine, what: str) -> None:
    engine, pixels = tensorrt.open(), stamps(36)
    engine.predict(pixels, raw=True)
    tensorrt.engine.refuses = what
    with pytest.raises(InputError, match=rf"classifier\.engine: (failed on|refuses) .*\(cannot {what}\)"):
        engine.predict(pixels, raw=True)
    tensorrt.engine.refuses = ""
    np.testing.assert_array_equal(engine.predict(pixels[::-1], raw=True), answers(pixels[::-1]))


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "not an engine": ({"content": b"not an engine"}, r"cannot be loaded by TensorRT.*magic tag does not match"),
    "another input": ({"input": "stamps"}, r"tensors stamps .*expected stamp \[-1, 32, 32, 1\] float"),
    "half precision output": ({"half": True}, r"probability \[-1, 2\] half"),
    "three classes": ({"classes": 3}, r"probability \[-1, 3\] float"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_classifier_is_refused(machine: Machine, name: str) -> None:
    changed, message = REFUSED[name]
    write_engine(machine.folder, machine.flavour, **changed)
    with pytest.raises(InputError, match=message):
        machine.open()
    assert not machine.cuda.living()


@pytest.mark.parametrize("compatible", [True, False])
def test_code_for_the_cpu_is_loaded_only_of_an_engine_that_has_some(tensorrt: Machine, compatible: bool) -> None:
    write_engine(tensorrt.folder, "tensorrt", BATCHES, version_compatible=compatible)
    engine, pixels = tensorrt.open(), stamps(3)
    np.testing.assert_array_equal(engine.predict(pixels, raw=True), answers(pixels))
    runtime, _ = engine._loaded.owners
    assert runtime.engine_host_code_allowed is compatible


def test_what_tensorrt_says_at_each_run_does_not_fill_the_memory(machine: Machine) -> None:
    engine, machine.engine.refuses = machine.open(), "run"
    for _ in range(1000):
        machine.engine.takes("run")
    assert len(engine._loaded.log.messages) == 100


def test_an_engine_without_its_sidecar_is_not_loaded(machine: Machine) -> None:
    sidecar_path(machine.path).unlink()
    with pytest.raises(InputError, match="--rebuild"):
        machine.open()
    assert not machine.engines


@pytest.mark.parametrize("damage", ["no sidecar", "no engine", "another engine", "not an engine"])
def test_rebuilding_what_cannot_be_used(machine: Machine, monkeypatch: pytest.MonkeyPatch, damage: str) -> None:
    if damage == "no sidecar":
        sidecar_path(machine.path).unlink()
    elif damage == "no engine":
        machine.path.unlink()
    elif damage == "another engine":
        machine.path.write_bytes(machine.path.read_bytes() + b" ")
    else:
        write_engine(machine.folder, machine.flavour, content=b"not an engine")
    built: list[Path] = []

    def build(path: Path, accept: Callable[[Path], object]) -> None:
        built.append(path)
        write_engine(machine.folder, machine.flavour, BATCHES)

    monkeypatch.setattr("ceres_fast.engines.tensorrt.run.rebuild", build)
    pixels = stamps(5)
    np.testing.assert_array_equal(machine.open(rebuild=True).predict(pixels, raw=True), answers(pixels))
    np.testing.assert_array_equal(machine.open(rebuild=True).predict(pixels, raw=True), answers(pixels))
    assert built == [machine.path]


def test_what_is_built_again_must_answer_as_its_onnx_file(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    def build(path: Path, accept: Callable[[Path], object]) -> None:
        (machine.folder / "new").mkdir(exist_ok=True)
        accept(write_engine(machine.folder / "new", machine.flavour, BATCHES))
        write_engine(machine.folder, machine.flavour, BATCHES)

    sidecar_path(machine.path).unlink()
    monkeypatch.setattr("ceres_fast.engines.tensorrt.run.rebuild", build)
    with pytest.raises(InputError, match=rf"^{machine.path}: does not answer as classifier\.onnx"):
        machine.open(rebuild=True)
    assert not sidecar_path(machine.path).exists()
    like = OnnxRuntimeEngine(machine.path.with_suffix(".onnx"), provider="cpu")
    monkeypatch.setattr(fake_runtime, "answers", partial(like.predict, raw=True))
    pixels = stamps(5)
    np.testing.assert_array_equal(machine.open(rebuild=True).predict(pixels, raw=True), like.predict(pixels, raw=True))


def test_what_another_process_has_built_meanwhile_is_not_built_again(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    @contextmanager
    def after_another(path: Path) -> Iterator[None]:
        write_engine(machine.folder, machine.flavour, BATCHES)
        yield

    def build(path: Path, accept: Callable[[Path], object]) -> None:
        raise AssertionError("built twice")

    sidecar_path(machine.path).unlink()
    monkeypatch.setattr("ceres_fast.engines.tensorrt.run.alone", after_another)
    monkeypatch.setattr("ceres_fast.engines.tensorrt.run.rebuild", build)
    pixels = stamps(5)
    np.testing.assert_array_equal(machine.open(rebuild=True).predict(pixels, raw=True), answers(pixels))


def test_an_engine_is_built_by_one_of_two_at_once(tensorrt: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    sidecar_path(tensorrt.path).unlink()
    both, built = threading.Barrier(2, timeout=30), []
    loaded = run._loaded

    def both_fail_first(path: Path) -> run.Loaded:
        try:
            return loaded(path)
        except InputError:
            if not getattr(first, "failed", False):
                first.failed = True
                both.wait()
            raise

    def build(path: Path, accept: Callable[[Path], object]) -> None:
        built.append(path)
        write_engine(tensorrt.folder, "tensorrt", BATCHES)

    def load(_: int) -> run.Loaded:
        return run.load_engine(tensorrt.path, rebuild_refused=True, accept=lambda built: None)

    first = threading.local()
    monkeypatch.setattr(run, "_loaded", both_fail_first)
    monkeypatch.setattr(run, "rebuild", build)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(load, range(2)))
    assert built == [tensorrt.path]


@pytest.mark.parametrize("rebuild", [False, True])
def test_without_a_gpu_nothing_is_loaded_or_rebuilt(machine: Machine, rebuild: bool) -> None:
    sidecar_path(machine.path).unlink()
    machine.cuda.fail("cudaStreamCreate", "cudaErrorNoDevice")
    before = machine.path.read_bytes()
    with pytest.raises(InputError, match=r"cudaErrorNoDevice.*ONNX file" if rebuild else "--rebuild"):
        machine.open(rebuild=rebuild)
    assert not machine.engines
    assert machine.path.read_bytes() == before
    assert not sidecar_path(machine.path).exists()


def without_a_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ceres_fast.engines.tensorrt.run.driver", lambda: Driver(problem="no libcuda.so.1"))
    monkeypatch.setattr("ceres_fast.engines.tensorrt.checks.current_gpu", lambda: None)


@pytest.mark.parametrize("rebuild", [False, True])
def test_without_a_driver_that_is_the_reason(machine: Machine, monkeypatch: pytest.MonkeyPatch, rebuild: bool) -> None:
    without_a_driver(monkeypatch)
    with pytest.raises(InputError, match=r"classifier\.\w+: needs an NVIDIA GPU.*\(no libcuda.so.1\).*ONNX file"):
        machine.open(rebuild=rebuild)
    assert not machine.engines


def test_a_changed_engine_is_told_before_the_missing_gpu(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.path.write_bytes(machine.path.read_bytes() + b" ")
    without_a_driver(monkeypatch)
    with pytest.raises(InputError, match="--rebuild"):
        machine.open()


PARTS = {
    "IExecutionContext": fake_runtime.Context,
    "ICudaEngine": fake_runtime.Engine,
    "Runtime": fake_runtime.Runtime,
}


def used(fake: type) -> set[str]:
    return {name for name in vars(fake) if not name.startswith("_")} - {"takes"}


def test_tensorrt_rtx_has_all_that_the_fake_has() -> None:
    real = pytest.importorskip("tensorrt_rtx")
    for name, fake in PARTS.items():
        assert used(fake) <= set(dir(getattr(real, name))), name
    assert real.float32


def test_tensorrt_has_all_that_the_fake_has() -> None:
    path = Path(sys.prefix) / "stubs" / "tensorrt_bindings" / "tensorrt.pyi"
    if not path.exists():
        pytest.skip("TensorRT's stubs are not there (tools/tensorrt-stubs)")
    stubs = path.read_text(encoding="utf-8")
    classes = {text.partition(":")[0].partition("(")[0]: text for text in stubs.split("\nclass ")}
    for name, fake in PARTS.items():
        members = set(re.findall(r"^    (?:def )?(\w+)[(:]", classes[name], re.MULTILINE))
        assert used(fake) <= members, name
    assert "float32: DataType" in stubs


CUDA_FUNCTIONS = sorted(name for name in vars(CudaRuntime) if name.startswith("cuda"))


@pytest.mark.parametrize("name", CUDA_FUNCTIONS)
def test_the_package_for_cuda_has_what_is_used_of_it(name: str) -> None:
    real = pytest.importorskip("cuda.bindings.runtime")
    if name == "cudaMemcpyKind":
        kinds = (real.cudaMemcpyKind.cudaMemcpyHostToDevice, real.cudaMemcpyKind.cudaMemcpyDeviceToHost)
        assert (real.cudaMemcpyKind(run._TO_DEVICE), real.cudaMemcpyKind(run._TO_HOST)) == kinds
        return
    expected = list(inspect.signature(getattr(CudaRuntime, name)).parameters)[1:]
    assert list(inspect.signature(getattr(real, name)).parameters) == expected
    assert list(inspect.signature(getattr(FakeCuda, name)).parameters)[1:] == expected


def test_the_package_for_cuda_answers_as_the_fake_does() -> None:
    """Without a GPU it can be asked for errors only: they come first, are numbers, and have names as bytes."""
    real = pytest.importorskip("cuda.bindings.runtime")
    success, name = real.cudaGetErrorName(real.cudaError_t.cudaErrorNoDevice)
    assert (int(success), name) == (0, b"cudaErrorNoDevice")
    assert isinstance(real.cudaGetErrorString(real.cudaError_t.cudaErrorNoDevice)[1], bytes)
    assert int(real.cudaStream_t(4096)) == 4096
