"""The few functions of the CUDA runtime that running an engine needs, each call checked; over NVIDIA's `cuda-bindings`.

What is allocated belongs to a ``with`` block (or to an `contextlib.ExitStack`) and is given back at its end, also after
an error. Names are those of the CUDA Runtime API, https://docs.nvidia.com/cuda/cuda-runtime-api/.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from ...errors import CeresFastError

_ACTIONS = {
    "cudaErrorMemoryAllocation": "End what else uses the GPU, or build the engine for smaller batches (--batch).",
    "cudaErrorInsufficientDriver": "Install an NVIDIA driver that is as new as the CUDA version of cuda-bindings; "
    "without a GPU, name the ONNX file.",
    "cudaErrorNoDevice": "An engine file needs an NVIDIA GPU; without one, name the ONNX file.",
    "cudaErrorNoKernelImageForDevice": "Build the engine again on this GPU (--rebuild).",
    "cudaErrorSystemDriverMismatch": "Restart the machine, or install the driver again.",
}
"""What can be done about errors that a user may meet."""


class CudaError(CeresFastError):
    """A call of the CUDA runtime failed.

    Parameters
    ----------
    function : str
        Name of the function.
    name : str
        Name of the error, such as ``cudaErrorMemoryAllocation``.
    text : str
        What CUDA says of it.
    """

    def __init__(self, function: str, name: str, text: str) -> None:
        self.name = name
        super().__init__(f"{function} failed: {name} ({text}). {_ACTIONS.get(name, '')}".rstrip())

    def __reduce__(self) -> tuple[Any, ...]:
        return CeresFastError, (str(self),)


class Cuda:
    """The CUDA runtime on the current GPU.

    Raises
    ------
    CeresFastError
        When the package cuda-bindings is not installed.
    CudaError
        When there is no GPU or no driver; and by every method whose call fails.
    """

    def __init__(self) -> None:
        self._runtime = _bindings()
        self.call("cudaGetDeviceCount")

    def call(self, function: str, *arguments: Any) -> Any:
        """Call a function of the runtime; returns what it gives beside the error code, None for nothing."""
        code, *values = getattr(self._runtime, function)(*arguments)
        if code != self._runtime.cudaError_t.cudaSuccess:
            # The runtime remembers its last error, and TensorRT would take it for one of its own.
            self._runtime.cudaGetLastError()
            name, text = (_text(describe(code)) for describe in self._descriptions())
            raise CudaError(function, name, text)
        return values[0] if values else None

    @contextmanager
    def stream(self) -> Iterator[Any]:
        """Make a stream that does not wait for the default one; ``int`` of it is its handle."""
        stream = self.call("cudaStreamCreateWithFlags", self._runtime.cudaStreamNonBlocking)
        with self._owned("cudaStreamDestroy", stream):
            yield stream

    @contextmanager
    def event(self) -> Iterator[Any]:
        """Make an event that is waited for without spinning, and takes no time."""
        flags = self._runtime.cudaEventDisableTiming | self._runtime.cudaEventBlockingSync
        event = self.call("cudaEventCreateWithFlags", flags)
        with self._owned("cudaEventDestroy", event):
            yield event

    @contextmanager
    def device_memory(self, size: int) -> Iterator[int]:
        """Allocate `size` bytes of the GPU's memory; yields the address."""
        address = self.call("cudaMalloc", size)
        with self._owned("cudaFree", address):
            yield int(address)

    @contextmanager
    def pinned(self, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
        """Allocate page-locked memory of the host, which copies need not wait for; yields it as a float32 array."""
        count = int(np.prod(shape))
        address = self.call("cudaHostAlloc", 4 * count, self._runtime.cudaHostAllocDefault)
        with self._owned("cudaFreeHost", address):
            yield np.ctypeslib.as_array((ctypes.c_float * count).from_address(int(address))).reshape(shape)

    @contextmanager
    def graph(self, stream: Any, enqueue: Callable[[], None]) -> Iterator[Any]:
        """Capture what `enqueue` puts into the stream, which is not done then; yields a graph to be launched."""
        captured = self._captured(stream, enqueue)
        with self._owned("cudaGraphDestroy", captured):
            graph = self.call("cudaGraphInstantiate", captured, 0)
            with self._owned("cudaGraphExecDestroy", graph):
                yield graph

    def _captured(self, stream: Any, enqueue: Callable[[], None]) -> Any:
        # Other threads may call CUDA meanwhile.
        mode = self._runtime.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self.call("cudaStreamBeginCapture", stream, mode)
        try:
            enqueue()
        except BaseException:
            # Else the stream would go on capturing. A capture that became invalid has no graph.
            code, captured = self._runtime.cudaStreamEndCapture(stream)
            if code == self._runtime.cudaError_t.cudaSuccess:
                self._runtime.cudaGraphDestroy(captured)
            self._runtime.cudaGetLastError()
            raise
        return self.call("cudaStreamEndCapture", stream)

    def to_device(self, address: int, array: np.ndarray, stream: Any) -> None:
        """Put a copy of pinned memory (C-contiguous) to the GPU into the stream: it must stay as it is until then."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyHostToDevice
        self.call("cudaMemcpyAsync", address, array.ctypes.data, array.nbytes, kind, stream)

    def to_host(self, array: np.ndarray, address: int, stream: Any) -> None:
        """Put a copy from the GPU to pinned memory (C-contiguous) into the stream: it is not there before that."""
        kind = self._runtime.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self.call("cudaMemcpyAsync", array.ctypes.data, address, array.nbytes, kind, stream)

    def launch(self, graph: Any, stream: Any) -> None:
        """Put a graph into the stream."""
        self.call("cudaGraphLaunch", graph, stream)

    def record(self, event: Any, stream: Any) -> None:
        """Let the event happen when all that is in the stream now has been done."""
        self.call("cudaEventRecord", event, stream)

    def wait_for(self, event: Any) -> None:
        """Wait until the event has happened."""
        self.call("cudaEventSynchronize", event)

    def synchronise(self, stream: Any) -> None:
        """Wait until all that is in the stream has been done."""
        self.call("cudaStreamSynchronize", stream)

    @contextmanager
    def _owned(self, release: str, resource: Any) -> Iterator[None]:
        try:
            yield
        except BaseException:
            getattr(self._runtime, release)(resource)  # unchecked: what failed first is what is told
            raise
        self.call(release, resource)

    def _descriptions(self) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
        return self._runtime.cudaGetErrorName, self._runtime.cudaGetErrorString


def _bindings() -> ModuleType:
    try:
        return importlib.import_module("cuda.bindings.runtime")
    except ImportError as error:
        raise CeresFastError(
            f"The package cuda-bindings, which runs engine files on a GPU, cannot be imported ({error}). Install it "
            "(`pip install cuda-bindings`), or classify with the ONNX file."
        ) from error


def _text(described: tuple[Any, bytes | str | None]) -> str:
    text = described[1]
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)
