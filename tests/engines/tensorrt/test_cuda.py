"""The calls of the CUDA runtime: an error is an error with its name, and nothing is left behind after one."""

from __future__ import annotations

import pickle
import sys

import numpy as np
import pytest

from ceres_fast.engines.tensorrt.cuda import Cuda, CudaError
from ceres_fast.errors import CeresFastError

from .fake_cuda import FakeCuda, install

SHAPE = (3, 2)


@pytest.fixture(params=[True, False], ids=["late", "at once"])
def fake(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> FakeCuda:
    return install(monkeypatch, lazy=request.param)


def everything(cuda: Cuda) -> np.ndarray:
    """Copy there and back, by the stream and by a graph of it."""
    with (
        cuda.stream() as stream,
        cuda.event() as event,
        cuda.device_memory(4 * 6) as address,
        cuda.pinned(SHAPE) as there,
        cuda.pinned(SHAPE) as back,
    ):
        there[:] = 1
        cuda.to_device(address, there, stream)
        cuda.synchronise(stream)
        there[:] = 7
        with cuda.graph(stream, lambda: cuda.to_host(back, address, stream)) as graph:
            cuda.launch(graph, stream)
            cuda.record(event, stream)
            cuda.wait_for(event)
            return back.copy()


def test_there_and_back(fake: FakeCuda) -> None:
    np.testing.assert_array_equal(everything(Cuda()), np.ones(SHAPE))
    assert not fake.living()


CALLS = [
    "cudaGetDeviceCount",
    "cudaStreamCreateWithFlags",
    "cudaEventCreateWithFlags",
    "cudaMalloc",
    "cudaHostAlloc",
    "cudaMemcpyAsync",
    "cudaStreamSynchronize",
    "cudaStreamBeginCapture",
    "cudaStreamEndCapture",
    "cudaGraphInstantiate",
    "cudaGraphLaunch",
    "cudaEventRecord",
    "cudaEventSynchronize",
    "cudaStreamDestroy",
    "cudaEventDestroy",
    "cudaFree",
    "cudaFreeHost",
    "cudaGraphDestroy",
    "cudaGraphExecDestroy",
]


@pytest.mark.parametrize("after", [0, 1])
@pytest.mark.parametrize("function", CALLS)
def test_whatever_fails_is_told_and_nothing_leaks(fake: FakeCuda, function: str, after: int) -> None:
    fake.fail(function, "cudaErrorIllegalAddress", after)
    calls = 2 if function in ("cudaHostAlloc", "cudaMemcpyAsync", "cudaFreeHost") else 1
    if after >= calls:
        everything(Cuda())
    else:
        with pytest.raises(CudaError, match=rf"{function} failed: cudaErrorIllegalAddress \(what it means\)") as caught:
            everything(Cuda())
        assert caught.value.name == "cudaErrorIllegalAddress"
    assert not fake.living()


def test_the_test_above_fails_every_call(fake: FakeCuda) -> None:
    everything(Cuda())
    assert set(fake.calls) == set(CALLS)


def test_the_first_of_two_errors_is_told(fake: FakeCuda) -> None:
    fake.fail("cudaMemcpyAsync", "cudaErrorIllegalAddress")
    fake.fail("cudaFree", "cudaErrorInvalidValue")
    with pytest.raises(CudaError, match="cudaMemcpyAsync failed"):
        everything(Cuda())
    assert not fake.living()


@pytest.mark.parametrize("error", [ValueError("mine"), KeyboardInterrupt()])
def test_an_error_while_capturing_ends_the_capture(fake: FakeCuda, error: BaseException) -> None:
    def enqueue() -> None:
        raise error

    cuda = Cuda()
    with cuda.stream() as stream:
        with pytest.raises(type(error)), cuda.graph(stream, enqueue):
            pass
        assert stream.capture is None
    assert not fake.living()


def test_a_capture_that_waits_is_refused(fake: FakeCuda) -> None:
    cuda = Cuda()
    with cuda.stream() as stream:
        with (
            pytest.raises(CudaError, match="StreamCaptureUnsupported"),
            cuda.graph(stream, lambda: cuda.synchronise(stream)),
        ):
            pass
        assert stream.capture is None
    assert not fake.living()


def test_an_error_is_not_left_for_others_to_find(fake: FakeCuda) -> None:
    fake.fail("cudaMalloc", "cudaErrorMemoryAllocation")
    with pytest.raises(CudaError), Cuda().device_memory(10):
        pass
    assert fake.last_error == 0


@pytest.mark.parametrize(
    ("error", "action"),
    [
        ("cudaErrorMemoryAllocation", "--batch"),
        ("cudaErrorInsufficientDriver", "NVIDIA driver"),
        ("cudaErrorNoDevice", "ONNX file"),
    ],
)
def test_what_can_be_done_is_said(fake: FakeCuda, error: str, action: str) -> None:
    fake.fail("cudaStreamCreateWithFlags", error)
    with pytest.raises(CudaError, match=action) as caught, Cuda().stream():
        pass
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    with pytest.raises(CeresFastError, match=r"cuda-bindings.*pip install cuda-bindings"):
        Cuda()


def test_the_real_package_has_what_is_used() -> None:
    runtime = pytest.importorskip("cuda.bindings.runtime")
    for name in (name for name in vars(FakeCuda) if name.startswith("cuda")):
        assert hasattr(runtime, name), name
    for name in ("cudaMemcpyHostToDevice", "cudaMemcpyDeviceToHost"):
        assert hasattr(runtime.cudaMemcpyKind, name)
    assert hasattr(runtime.cudaStreamCaptureMode, "cudaStreamCaptureModeThreadLocal")
