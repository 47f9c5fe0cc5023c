"""A CUDA runtime made of NumPy arrays, in the place of `cuda.bindings.runtime`.

What is put into a stream is done as late as CUDA may do it, when somebody waits, and no further than that; or, `lazy`
False, as early as it may, at once. Code that is right gives the same numbers either way; a missing wait, a buffer that
is used again too early or a mixed-up slot does not. Memory is poisoned before it is written and after it is freed.
"""

# ruff: noqa: N801, N802, N815 (CUDA's names)

from __future__ import annotations

import enum
import sys
from collections import Counter, deque
from collections.abc import Callable
from itertools import count
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

POISON = 0xC7
"""Of every byte; as a float32 it is -102286.59."""


class cudaError_t(enum.IntEnum):
    cudaSuccess = 0
    cudaErrorInvalidValue = 1
    cudaErrorMemoryAllocation = 2
    cudaErrorInsufficientDriver = 35
    cudaErrorNoDevice = 100
    cudaErrorInvalidResourceHandle = 400
    cudaErrorIllegalAddress = 700
    cudaErrorStreamCaptureUnsupported = 900
    cudaErrorStreamCaptureInvalidated = 901


SUCCESS = cudaError_t.cudaSuccess


class Handle:
    """A stream, an event or a graph."""

    _numbers = count(0x1000)

    def __init__(self, kind: str) -> None:
        self.kind, self.number = kind, next(self._numbers)
        self.queue: deque[Callable[[], None]] = deque()
        self.capture: list[Callable[[], None]] | None = None
        self.valid = True
        self.recorded_in: Handle | None = None
        self.happened = True
        self.work: list[Callable[[], None]] = []

    def __int__(self) -> int:
        return self.number


class FakeCuda:
    """The functions of the runtime that are used, each as `cuda-bindings` has it: (error, value)."""

    cudaError_t = cudaError_t
    cudaStreamNonBlocking, cudaHostAllocDefault, cudaEventBlockingSync, cudaEventDisableTiming = 1, 0, 1, 2
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)

    def __init__(self, *, lazy: bool = True) -> None:
        self.lazy = lazy
        self.calls: list[str] = []
        self.device: dict[int, np.ndarray] = {}
        self.host: dict[int, np.ndarray] = {}
        self.freed: list[np.ndarray] = []
        self.handles: dict[int, Handle] = {}
        self.last_error = SUCCESS
        self.sticky = SUCCESS
        self._failures: dict[str, list[Any]] = {}
        self._next = 0x7F00_0000_0000

    def fail(self, function: str, error: str, after: int = 0) -> None:
        """Let a function fail from its call number `after` (from 0) on."""
        self._failures[function] = [after, cudaError_t[error]]

    def living(self) -> Counter[str]:
        """Count what has not been given back."""
        kinds = Counter(handle.kind for handle in self.handles.values())
        return kinds + Counter(device=len(self.device), host=len(self.host))

    def read(self, address: int, size: int) -> np.ndarray:
        """Return bytes of device memory, to read or to write; a wild address poisons the runtime."""
        for base, block in self.device.items():
            if base <= address and address + size <= base + block.size:
                return block[address - base : address - base + size]
        self.sticky = cudaError_t.cudaErrorIllegalAddress
        return np.full(size, POISON, np.uint8)

    def push(self, stream: Handle, work: Callable[[], None]) -> None:
        """Put work into a stream, or into the graph that is being captured of it."""
        if stream.capture is not None:
            stream.capture.append(work)
            return
        stream.queue.append(work)
        if not self.lazy:
            self._run(stream)

    def _run(self, stream: Handle, until: Handle | None = None) -> None:
        while stream.queue and not (until and until.happened):
            stream.queue.popleft()()

    def _called(self, function: str) -> cudaError_t:
        self.calls.append(function)
        if function in self._failures:
            left = self._failures[function]
            left[0] -= 1
            if left[0] < 0:
                self.last_error = left[1]
                return left[1]
        return self.sticky

    def _made(self, kind: str) -> Handle:
        handle = Handle(kind)
        self.handles[handle.number] = handle
        return handle

    def _gone(self, function: str, handle: Handle) -> tuple[cudaError_t]:
        failed = self._called(function)
        if self.handles.pop(handle.number, None) is None:
            raise AssertionError(f"{function}: given back twice")
        return (failed,)

    def cudaGetErrorName(self, error: cudaError_t) -> tuple[cudaError_t, bytes]:
        return SUCCESS, error.name.encode()

    def cudaGetErrorString(self, error: cudaError_t) -> tuple[cudaError_t, bytes]:
        return SUCCESS, b"what it means"

    def cudaGetLastError(self) -> tuple[cudaError_t]:
        error, self.last_error = self.last_error, SUCCESS
        return (error,)

    def cudaGetDeviceCount(self) -> tuple[cudaError_t, int | None]:
        failed = self._called("cudaGetDeviceCount")
        return failed, None if failed else 1

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[cudaError_t, Handle | None]:
        if failed := self._called("cudaStreamCreateWithFlags"):
            return failed, None
        return SUCCESS, self._made("stream")

    def cudaStreamDestroy(self, stream: Handle) -> tuple[cudaError_t]:
        self._run(stream)
        return self._gone("cudaStreamDestroy", stream)

    def cudaStreamSynchronize(self, stream: Handle) -> tuple[cudaError_t]:
        if failed := self._called("cudaStreamSynchronize"):
            return (failed,)
        if stream.capture is not None:
            stream.valid = False
            return (cudaError_t.cudaErrorStreamCaptureUnsupported,)
        self._run(stream)
        return (self.sticky,)

    def cudaEventCreateWithFlags(self, flags: int) -> tuple[cudaError_t, Handle | None]:
        if failed := self._called("cudaEventCreateWithFlags"):
            return failed, None
        return SUCCESS, self._made("event")

    def cudaEventDestroy(self, event: Handle) -> tuple[cudaError_t]:
        return self._gone("cudaEventDestroy", event)

    def cudaEventRecord(self, event: Handle, stream: Handle) -> tuple[cudaError_t]:
        if failed := self._called("cudaEventRecord"):
            return (failed,)
        event.recorded_in, event.happened = stream, False
        self.push(stream, lambda: setattr(event, "happened", True))
        return (SUCCESS,)

    def cudaEventSynchronize(self, event: Handle) -> tuple[cudaError_t]:
        if failed := self._called("cudaEventSynchronize"):
            return (failed,)
        if event.recorded_in:
            self._run(event.recorded_in, until=event)
        return (self.sticky,)

    def cudaMalloc(self, size: int) -> tuple[cudaError_t, int | None]:
        if failed := self._called("cudaMalloc"):
            return failed, None
        address, self._next = self._next, self._next + (size // 512 + 1) * 512
        self.device[address] = np.full(size, POISON, np.uint8)
        return SUCCESS, address

    def cudaFree(self, address: int) -> tuple[cudaError_t]:
        failed = self._called("cudaFree")
        if address not in self.device:
            raise AssertionError("cudaFree: given back twice")
        del self.device[address]
        return (failed,)

    def cudaHostAlloc(self, size: int, flags: int) -> tuple[cudaError_t, int | None]:
        if failed := self._called("cudaHostAlloc"):
            return failed, None
        block = np.full(size, POISON, np.uint8)
        self.host[block.ctypes.data] = block
        return SUCCESS, block.ctypes.data

    def cudaFreeHost(self, address: int) -> tuple[cudaError_t]:
        failed = self._called("cudaFreeHost")
        block = self.host.pop(address)  # a KeyError is one given back twice
        block[:] = POISON
        self.freed.append(block)  # an array may still look at it, and shall see the poison
        return (failed,)

    def cudaMemcpyAsync(self, target: int, source: int, size: int, kind: int, stream: Handle) -> tuple[cudaError_t]:
        if failed := self._called("cudaMemcpyAsync"):
            return (failed,)
        if kind == self.cudaMemcpyKind.cudaMemcpyHostToDevice:
            host = self._pinned(source, size)
            self.push(stream, lambda: np.copyto(self.read(target, size), host))
        else:
            host = self._pinned(target, size)
            self.push(stream, lambda: np.copyto(host, self.read(source, size)))
        return (SUCCESS,)

    def _pinned(self, address: int, size: int) -> np.ndarray:
        for base, block in self.host.items():
            if base <= address and address + size <= base + block.size:
                return block[address - base : address - base + size]
        raise AssertionError("an asynchronous copy from or to memory that is not page-locked")

    def cudaStreamBeginCapture(self, stream: Handle, mode: int) -> tuple[cudaError_t]:
        if failed := self._called("cudaStreamBeginCapture"):
            return (failed,)
        assert stream.capture is None
        stream.capture, stream.valid = [], True
        return (SUCCESS,)

    def cudaStreamEndCapture(self, stream: Handle) -> tuple[cudaError_t, Handle | None]:
        failed = self._called("cudaStreamEndCapture")
        work, stream.capture = stream.capture, None
        assert work is not None
        if failed or not stream.valid:
            return failed or cudaError_t.cudaErrorStreamCaptureInvalidated, None
        graph = self._made("graph")
        graph.work = work
        return SUCCESS, graph

    def cudaGraphInstantiate(self, graph: Handle, flags: int) -> tuple[cudaError_t, Handle | None]:
        if failed := self._called("cudaGraphInstantiate"):
            return failed, None
        executable = self._made("executable graph")
        executable.work = list(graph.work)
        return SUCCESS, executable

    def cudaGraphDestroy(self, graph: Handle) -> tuple[cudaError_t]:
        return self._gone("cudaGraphDestroy", graph)

    def cudaGraphExecDestroy(self, graph: Handle) -> tuple[cudaError_t]:
        return self._gone("cudaGraphExecDestroy", graph)

    def cudaGraphLaunch(self, graph: Handle, stream: Handle) -> tuple[cudaError_t]:
        if failed := self._called("cudaGraphLaunch"):
            return (failed,)
        assert graph.kind == "executable graph"
        assert graph.number in self.handles
        for work in graph.work:
            self.push(stream, work)
        return (SUCCESS,)


def install(monkeypatch: pytest.MonkeyPatch, *, lazy: bool = True) -> FakeCuda:
    """Let `cuda.bindings.runtime` be a fake one."""
    made = FakeCuda(lazy=lazy)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", made)  # type: ignore[arg-type]
    return made
