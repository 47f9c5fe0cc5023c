"""Engine files on a GPU made of NumPy: every answer is that of its own stamp, however work and batches are cut."""

from __future__ import annotations

import gc
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
from ceres_fast.engines.tensorrt import loading
from ceres_fast.engines.tensorrt.cuda import CudaError
from ceres_fast.engines.tensorrt.run import TensorRTEngine
from ceres_fast.engines.tensorrt.sidecar import sidecar_path
from ceres_fast.errors import CeresFastError, InputError

from ...tiny_models import classifier
from . import fake_runtime
from .fake_cuda import FakeCuda, install
from .fake_runtime import Engine, answers, write_engine

BATCHES = (1, 4, 16)
FLAVOURS = ["tensorrt", "tensorrt-rtx"]
GPU = Gpu("NVIDIA Fake", "8.6")


class Machine:
    """A machine with a fake GPU and a fake TensorRT."""

    def __init__(self, flavour: str, cuda: FakeCuda, engines: list[Engine], folder: Path) -> None:
        self.flavour, self.cuda, self.engines, self.folder = flavour, cuda, engines, folder
        self.path = write_engine(folder, flavour, BATCHES)

    @property
    def engine(self) -> Engine:
        return self.engines[-1]

    def open(self, **options: Any) -> TensorRTEngine:
        return TensorRTEngine(self.path, **options)


@pytest.fixture(params=[True, False], ids=["late", "at once"])
def cuda(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    monkeypatch.setattr("ceres_fast.engines.tensorrt.checks.current_gpu", lambda: GPU)
    monkeypatch.setattr("ceres_fast.engines.tensorrt.run.driver", lambda: Driver("13.0", (GPU,)))
    return install(monkeypatch, lazy=request.param)


@pytest.fixture(params=FLAVOURS)
def machine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cuda: FakeCuda) -> Machine:
    return Machine(request.param, cuda, fake_runtime.install(monkeypatch, request.param, cuda), tmp_path)


@pytest.fixture
def tensorrt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cuda: FakeCuda) -> Machine:
    return Machine("tensorrt", cuda, fake_runtime.install(monkeypatch, "tensorrt", cuda), tmp_path)


@pytest.fixture
def rtx(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, cuda: FakeCuda) -> Machine:
    return Machine("tensorrt-rtx", cuda, fake_runtime.install(monkeypatch, "tensorrt-rtx", cuda), tmp_path)


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


def test_after_warming_up(machine: Machine) -> None:
    engine = machine.open()
    engine.warm_up()
    warm = len(machine.engine.contexts)
    pixels = stamps(50)
    np.testing.assert_array_equal(engine.predict(pixels, raw=True), answers(pixels))
    assert {count for _, count, _ in machine.engine.runs} == set(BATCHES)
    assert len(machine.engine.contexts) == warm


def test_only_sizes_that_the_engine_was_built_for_are_run(machine: Machine) -> None:
    machine.open().predict(stamps(39), raw=True)
    assert {count for _, count, _ in machine.engine.runs} <= set(BATCHES)


def test_a_stamp_that_is_not_finite_touches_no_other(machine: Machine) -> None:
    pixels = stamps(20)
    pixels[3, 4, 5], pixels[17, 0, 0] = np.nan, -np.inf
    found = machine.open().predict(pixels, raw=True)
    finite = np.delete(np.arange(20), [3, 17])
    assert np.isnan(found[[3, 17]]).all()
    np.testing.assert_array_equal(found[finite], answers(pixels[finite]))


@pytest.mark.parametrize("cuda", [True], indirect=True, ids=["late"])
def test_a_batch_is_put_into_place_while_another_is_on_its_way(
    tensorrt: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine, waiting = tensorrt.open(), []
    engine.warm_up()
    start = engine._start
    stream = engine._device.stream
    monkeypatch.setattr(engine, "_start", lambda *given: waiting.append(fake_runtime.busy(stream)) or start(*given))
    engine.predict(stamps(64), raw=True)
    assert waiting == [False, True, True, True]


def test_nothing_is_allocated_after_warming_up(machine: Machine) -> None:
    engine = machine.open()
    engine.warm_up()
    machine.cuda.calls.clear()
    engine.predict(stamps(100), raw=True)
    assert not {"cudaMalloc", "cudaHostAlloc", "cudaStreamBeginCapture"} & set(machine.cuda.calls)


def test_each_batch_size_has_its_context_profile_and_graph(tensorrt: Machine) -> None:
    engine = tensorrt.open()
    engine.warm_up()
    used = {size: context for context, size, _ in tensorrt.engine.runs}
    assert len({id(context) for context in used.values()}) == len(BATCHES)
    profiles = tensorrt.engine.profiles
    assert {size: profiles[each.active_optimization_profile][2] for size, each in used.items()} == {
        size: size for size in BATCHES
    }
    assert tensorrt.engine.strategies == ["ON_PROFILE_CHANGE"] * len(BATCHES)
    assert tensorrt.cuda.living()["executable graph"] == len(BATCHES)
    tensorrt.cuda.calls.clear()
    engine.predict(stamps(64), raw=True)
    assert tensorrt.cuda.calls.count("cudaGraphLaunch") == 4


def test_without_a_graph_where_none_can_be_captured(tensorrt: Machine, capsys: pytest.CaptureFixture[str]) -> None:
    engine = tensorrt.open()
    tensorrt.engine.capturable = False
    for n in (70, 3, 70, 3, 70, 3):
        np.testing.assert_array_equal(engine.predict(stamps(n), raw=True), answers(stamps(n)))
    assert "cudaGraphLaunch" not in tensorrt.cuda.calls
    assert tensorrt.cuda.living()["graph"] == 0
    said = capsys.readouterr().err
    assert said.count("without a CUDA graph") == 2  # of 16 and of 4 stamps
    assert "not permitted while the stream is capturing" in said


def test_rtx_has_one_context_and_captures_by_itself(rtx: Machine) -> None:
    engine = rtx.open()
    engine.warm_up()
    (config,) = rtx.engine.configs
    assert len(rtx.engine.contexts) == 1
    assert config.cuda_graph_strategy == "WHOLE_GRAPH_CAPTURE"
    assert config.dynamic_shapes_kernel_specialization_strategy == "EAGER"
    assert config.cache is not None
    assert "cudaStreamBeginCapture" not in rtx.cuda.calls


def test_rtx_keeps_what_it_compiled(rtx: Machine, tmp_path: Path) -> None:
    cache = tmp_path / "classifier.rtx.cache"
    rtx.open().predict(stamps(16), raw=True)
    first = cache.read_bytes()
    rtx.open().predict(stamps(1), raw=True)
    assert rtx.engine.compiled == {1, 16}
    assert cache.read_bytes() != first
    rtx.open().warm_up()
    assert cache.read_bytes() == b"cache of this GPU [1, 4, 16]"
    written = cache.stat().st_mtime_ns
    rtx.open().warm_up()
    assert cache.stat().st_mtime_ns == written


@pytest.mark.parametrize("content", [b"", b"of another GPU", b"cache of this GPU"])
def test_a_cache_that_does_not_fit_is_replaced(rtx: Machine, tmp_path: Path, content: bytes) -> None:
    cache = tmp_path / "classifier.rtx.cache"
    cache.write_bytes(content)
    pixels = stamps(5)
    np.testing.assert_array_equal(rtx.open().predict(pixels, raw=True), answers(pixels))
    assert cache.read_bytes() == b"cache of this GPU [16]"


def test_a_cache_that_is_too_large_is_not_loaded_but_replaced(
    rtx: Machine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "classifier.rtx.cache"
    monkeypatch.setattr("ceres_fast.engines.tensorrt.contexts.LARGEST_CACHE", 22)
    cache.write_bytes(b"cache of this GPU [16]")
    rtx.open()
    assert rtx.engine.compiled == {16}
    cache.write_bytes(b"cache of this GPU [1, 4]")
    rtx.open().predict(stamps(5), raw=True)
    assert cache.read_bytes() == b"cache of this GPU [16]"


def test_a_cache_in_another_folder_is_refused(rtx: Machine, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    others = tmp_path / "elsewhere" / "classifier.rtx.cache"
    others.write_bytes(b"cache of this GPU [16]")
    (tmp_path / "classifier.rtx.cache").symlink_to(others)
    with pytest.raises(InputError, match=r"rtx\.cache: is a link to another folder"):
        rtx.open()
    assert not rtx.engine.compiled
    assert not rtx.cuda.living()


def test_a_cache_that_cannot_be_written_costs_no_answer(
    rtx: Machine, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(path: Path) -> None:
        raise CeresFastError(f"{path}: cannot be written (No space left on device).")

    monkeypatch.setattr("ceres_fast.engines.tensorrt.contexts.atomic_file", full)
    pixels = stamps(64)
    np.testing.assert_array_equal(rtx.open().predict(pixels, raw=True), answers(pixels))
    assert "No space left" in capsys.readouterr().err


def test_the_gpu_s_memory_is_given_back(machine: Machine) -> None:
    engine = machine.open()
    engine.warm_up()
    engine.predict(stamps(20), raw=True)
    assert machine.cuda.living()
    del engine
    gc.collect()
    assert not machine.cuda.living()


ALLOCATIONS = [
    ("cudaStreamCreateWithFlags", 0),
    *(
        (function, after)
        for function in ("cudaEventCreateWithFlags", "cudaMalloc", "cudaHostAlloc")
        for after in (0, 1)
    ),
]


@pytest.mark.parametrize(("function", "after"), ALLOCATIONS)
def test_no_memory_leaks_where_there_is_too_little(machine: Machine, function: str, after: int) -> None:
    machine.cuda.fail(function, "cudaErrorMemoryAllocation", after)
    with pytest.raises(CudaError, match=f"{function} failed: cudaErrorMemoryAllocation"):
        machine.open()
    assert not machine.cuda.living()


def test_no_memory_for_a_context(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Engine, "create_execution_context", lambda engine, how: None)
    with pytest.raises(InputError, match=r"classifier\.\w+: gets no memory"):
        machine.open().predict(stamps(1), raw=True)


def test_an_engine_that_fails_says_why_and_goes_on(machine: Machine) -> None:
    engine, pixels = machine.open(), stamps(64)
    engine.predict(pixels, raw=True)
    machine.engine.fails = True
    if machine.flavour == "tensorrt":  # as the graph is launched, TensorRT is not asked
        engine._executors.clear()
    with pytest.raises(InputError, match=r"failed on 16 stamps \(cannot run\)"):
        engine.predict(pixels, raw=True)
    machine.engine.fails = False
    np.testing.assert_array_equal(engine.predict(pixels[::-1], raw=True), answers(pixels[::-1]))


def test_after_a_call_that_was_broken_off(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    engine, pixels = machine.open(), stamps(64)
    engine.warm_up()
    probability = engine._probability
    monkeypatch.setattr(engine, "_probability", lambda *given: 1 / 0)
    with pytest.raises(ZeroDivisionError) as caught:
        engine.predict(pixels, raw=True)
    monkeypatch.setattr(engine, "_probability", probability)
    # The traceback keeps the generator alive, with two batches on their way.
    np.testing.assert_array_equal(engine.predict(pixels[::-1], raw=True), answers(pixels[::-1]))
    assert caught.value


def test_a_cuda_error_while_running_is_told(machine: Machine) -> None:
    engine = machine.open()
    engine.warm_up()
    machine.cuda.fail("cudaEventSynchronize", "cudaErrorIllegalAddress")
    with pytest.raises(InputError, match=r"classifier\.\w+: failed \(cudaEventSync.*cudaErrorIllegalAddress"):
        engine.predict(stamps(3), raw=True)


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
    engine = machine.open()
    for _ in range(1000):
        machine.engine.refused("as ever")
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

    monkeypatch.setattr("ceres_fast.engines.tensorrt.loading.build_again", build)
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
    monkeypatch.setattr("ceres_fast.engines.tensorrt.loading.build_again", build)
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
    monkeypatch.setattr("ceres_fast.engines.tensorrt.loading.alone", after_another)
    monkeypatch.setattr("ceres_fast.engines.tensorrt.loading.build_again", build)
    pixels = stamps(5)
    np.testing.assert_array_equal(machine.open(rebuild=True).predict(pixels, raw=True), answers(pixels))


def test_an_engine_is_built_by_one_of_two_at_once(tensorrt: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    sidecar_path(tensorrt.path).unlink()
    both, built = threading.Barrier(2, timeout=30), []
    loaded = loading._loaded

    def both_fail_first(path: Path) -> loading.LoadedEngine:
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

    first = threading.local()
    monkeypatch.setattr(loading, "_loaded", both_fail_first)
    monkeypatch.setattr(loading, "build_again", build)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: loading.load_engine(tensorrt.path, rebuild=True), range(2)))
    assert built == [tensorrt.path]


@pytest.mark.parametrize("rebuild", [False, True])
def test_without_a_gpu_nothing_is_loaded_or_rebuilt(machine: Machine, rebuild: bool) -> None:
    sidecar_path(machine.path).unlink()
    machine.cuda.fail("cudaGetDeviceCount", "cudaErrorNoDevice")
    before = machine.path.read_bytes()
    with pytest.raises(CeresFastError, match=r"cudaErrorNoDevice.*ONNX file" if rebuild else "--rebuild"):
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
    with pytest.raises(CeresFastError, match=r"classifier\.\w+: needs an NVIDIA GPU.*\(no libcuda.so.1\).*ONNX file"):
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
RTX_PARTS = {"IRuntimeCache": fake_runtime.Cache, "IRuntimeConfig": fake_runtime.Config}


def used(fake: type) -> set[str]:
    ours = {"refused"}
    return {name for name in vars(fake) if not name.startswith("_")} - ours


def test_tensorrt_rtx_has_all_that_the_fake_has() -> None:
    real = pytest.importorskip("tensorrt_rtx")
    for name, fake in (PARTS | RTX_PARTS).items():
        assert used(fake) <= set(dir(getattr(real, name))), name
    assert real.ExecutionContextAllocationStrategy.ON_PROFILE_CHANGE
    assert real.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
    assert real.DynamicShapesKernelSpecializationStrategy.EAGER
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
    assert "ON_PROFILE_CHANGE" in classes["ExecutionContextAllocationStrategy"]
    assert "float32: DataType" in stubs
