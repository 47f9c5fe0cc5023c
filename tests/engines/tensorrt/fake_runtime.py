"""The runtime side of TensorRT, and the CUDA runtime, made of NumPy: just what `run` calls.

P(asteroid) of a stamp is `answers`: a hash of its bytes, so that no two stamps, and no two halves of stamps, have the
same. What is put into the stream is done as late as CUDA may do it, when somebody waits, and memory is poisoned before
it is written: a missing wait gives other numbers. `test_run` checks that the real packages have all of it.
"""

# ruff: noqa: N801, N802, N815 (CUDA's names)

from __future__ import annotations

import ctypes
import enum
import hashlib
import json
import sys
import zlib
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from ceres_fast.engines.tensorrt.flavours import FLAVOURS
from ceres_fast.engines.tensorrt.options import EngineOptions, profiles
from ceres_fast.engines.tensorrt.sidecar import Sidecar, log_path, sidecar_path

from ...tiny_models import classifier, peak_model, written

VERSIONS = {"tensorrt": "10.13.0.35", "tensorrt-rtx": "1.7.1.116"}
FLOAT = SimpleNamespace(name="FLOAT")
HALF = SimpleNamespace(name="HALF")
STREAM = 0x1000
POISON = 0xC7
"""Of every byte; as a float32 it is -102286.59."""


def answers(stamps: np.ndarray) -> np.ndarray:
    """Return P(asteroid) of the fake engine, float32 (n,), of stamps (n, …), float32."""
    return np.array([zlib.crc32(stamp.tobytes()) / 2**32 for stamp in stamps], np.float32)


class cudaError_t(enum.IntEnum):
    cudaSuccess = 0
    cudaErrorMemoryAllocation = 2
    cudaErrorInsufficientDriver = 35
    cudaErrorNoDevice = 100
    cudaErrorIllegalAddress = 700


class cudaMemcpyKind(enum.IntEnum):
    cudaMemcpyHostToDevice = 1
    cudaMemcpyDeviceToHost = 2


class FakeCuda:
    """The functions of `cuda.bindings.runtime` that are used, and what a test asks of them."""

    cudaMemcpyKind = cudaMemcpyKind

    def __init__(self) -> None:
        self.device: dict[int, np.ndarray] = {}
        self.streams: list[int] = []
        self.queue: list[Callable[[], None]] = []
        self.last_error = cudaError_t.cudaSuccess
        self.calls: Counter[str] = Counter()
        self._failures: dict[str, tuple[int, cudaError_t]] = {}

    def fail(self, function: str, error: str, after: int = 0) -> None:
        """Let a function fail from its call number `after` (from 0) on."""
        self._failures[function] = self.calls[function] + after, cudaError_t[error]

    def living(self) -> int:
        """Count what has not been given back."""
        return len(self.device) + len(self.streams)

    def read(self, address: int, size: int) -> np.ndarray:
        """Return bytes of device memory, to read or to write."""
        (block,) = (
            block[address - base :][:size]
            for base, block in self.device.items()
            if base <= address and address + size <= base + block.size
        )
        return block

    def _called(self, function: str) -> cudaError_t:
        after, error = self._failures.get(function, (sys.maxsize, cudaError_t.cudaSuccess))
        self.calls[function] += 1
        if self.calls[function] <= after:
            return cudaError_t.cudaSuccess
        self.last_error = error
        return error

    def cudaStreamCreate(self) -> tuple[cudaError_t, int | None]:
        if failed := self._called("cudaStreamCreate"):
            return failed, None
        self.streams.append(STREAM)
        return cudaError_t.cudaSuccess, STREAM

    def cudaStreamDestroy(self, stream: int) -> tuple[cudaError_t]:
        self.streams.remove(stream)
        return (cudaError_t.cudaSuccess,)

    def cudaStreamSynchronize(self, stream: int) -> tuple[cudaError_t]:
        assert stream == STREAM
        while self.queue:
            self.queue.pop(0)()
        return (self._called("cudaStreamSynchronize"),)

    def cudaMalloc(self, size: int) -> tuple[cudaError_t, int | None]:
        if failed := self._called("cudaMalloc"):
            return failed, None
        address = 0x7F00_0000_0000 + self.calls["cudaMalloc"] * 2**30
        self.device[address] = np.full(size, POISON, np.uint8)
        return cudaError_t.cudaSuccess, address

    def cudaFree(self, devPtr: int) -> tuple[cudaError_t]:  # noqa: N803
        del self.device[devPtr]  # a KeyError is one given back twice
        return (cudaError_t.cudaSuccess,)

    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: cudaMemcpyKind, stream: int) -> tuple[cudaError_t]:
        assert stream == STREAM
        if failed := self._called("cudaMemcpyAsync"):
            return (failed,)
        host = (ctypes.c_uint8 * count).from_address(src if kind == cudaMemcpyKind.cudaMemcpyHostToDevice else dst)
        if kind == cudaMemcpyKind.cudaMemcpyHostToDevice:
            staged = np.array(host)  # pageable memory has been read when the call returns
            self.queue.append(lambda: np.copyto(self.read(dst, count), staged))
        else:
            self.queue.append(lambda: np.copyto(np.ctypeslib.as_array(host), self.read(src, count)))
        return (cudaError_t.cudaSuccess,)

    def cudaGetErrorName(self, error: cudaError_t) -> tuple[cudaError_t, bytes]:
        return cudaError_t.cudaSuccess, error.name.encode()

    def cudaGetErrorString(self, error: cudaError_t) -> tuple[cudaError_t, bytes]:
        return cudaError_t.cudaSuccess, b"what it means"

    def cudaGetLastError(self) -> tuple[cudaError_t]:
        error, self.last_error = self.last_error, cudaError_t.cudaSuccess
        return (error,)


class Context:
    """`IExecutionContext`."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.active_optimization_profile = 0
        self.shape: tuple[int, ...] = ()
        self.addresses: dict[str, int] = {}

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        self.active_optimization_profile, self.shape = profile_index, ()
        return self.engine.takes("profile") and 0 <= profile_index < len(self.engine.profiles)

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        least, _, most = self.engine.profiles[self.active_optimization_profile]
        self.shape = tuple(shape)
        return self.engine.takes("shape") and least <= shape[0] <= most

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self.addresses[name] = memory
        return self.engine.takes("memory")

    def execute_async_v3(self, stream_handle: int) -> bool:
        assert stream_handle == STREAM
        if not self.shape or not self.engine.takes("run"):
            return False
        stamps, output, shape = self.addresses["stamp"], self.addresses["probability"], self.shape
        self.engine.cuda.queue.append(lambda: self._compute(stamps, output, shape))
        self.engine.runs.append((shape[0], self.engine.profiles[self.active_optimization_profile][2]))
        return True

    def _compute(self, stamps: int, output: int, shape: tuple[int, ...]) -> None:
        cuda = self.engine.cuda
        pixels = cuda.read(stamps, 4 * int(np.prod(shape))).view(np.float32).reshape(shape)
        found = answers(pixels)
        result = np.stack([1 - found, found], axis=1).astype(np.float32)
        np.copyto(cuda.read(output, result.nbytes), result.view(np.uint8).reshape(-1))


class Engine:
    """`ICudaEngine`."""

    def __init__(self, content: dict[str, Any], cuda: FakeCuda, logger: Any) -> None:
        self.cuda, self.logger, self.profiles = cuda, logger, content["profiles"]
        self.tensors: dict[str, tuple[str, Any, tuple[int, ...]]] = {
            content["input"]: ("INPUT", FLOAT, (-1, *content["stamp_shape"])),
            "probability": ("OUTPUT", HALF if content["half"] else FLOAT, (-1, content["classes"])),
        }
        self.refuses = ""
        self.runs: list[tuple[int, int]] = []

    @property
    def num_io_tensors(self) -> int:
        return len(self.tensors)

    def get_tensor_name(self, index: int) -> str:
        return list(self.tensors)[index]

    def get_tensor_mode(self, name: str) -> Any:
        return SimpleNamespace(name=self.tensors[name][0])

    def get_tensor_dtype(self, name: str) -> Any:
        return self.tensors[name][1]

    def get_tensor_shape(self, name: str) -> tuple[int, ...]:
        return self.tensors[name][2]

    def create_execution_context(self) -> Context | None:
        return Context(self)

    def takes(self, what: str) -> bool:
        """Whether the engine goes on; where a test has it refuse this, it logs why."""
        if refused := what == self.refuses:
            self.logger.log(SimpleNamespace(name="ERROR"), f"cannot {what}")
        return not refused


class Runtime:
    """`Runtime`."""

    engine_host_code_allowed = False
    cuda: FakeCuda
    engines: list[Engine]

    def __init__(self, logger: Any) -> None:
        self.logger = logger

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> Engine | None:
        if not serialized_engine.startswith(b"{"):
            self.logger.log(SimpleNamespace(name="ERROR"), "magic tag does not match")
            return None
        values = json.loads(serialized_engine)
        if values["version_compatible"] and not self.engine_host_code_allowed:
            self.logger.log(SimpleNamespace(name="ERROR"), "engine_host_code_allowed is not set")
            return None
        self.engines.append(Engine(values, self.cuda, self.logger))
        return self.engines[-1]


def install(monkeypatch: pytest.MonkeyPatch, flavour: str) -> tuple[FakeCuda, list[Engine]]:
    """Let CUDA and the package of a flavour be fake ones; returns CUDA, and the engines as they are loaded."""
    module, cuda, engines = ModuleType(FLAVOURS[flavour].module), FakeCuda(), []
    made: dict[str, Any] = {
        "__version__": VERSIONS[flavour],
        "Builder": None,
        "ILogger": type("ILogger", (), {}),
        "Runtime": type("Runtime", (Runtime,), {"cuda": cuda, "engines": engines}),
        "float32": FLOAT,
    }
    for name, value in made.items():
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", cuda)  # type: ignore[arg-type]
    return cuda, engines


def write_engine(
    folder: Path,
    flavour: str,
    batches: Sequence[int] = (1, 4, 16),
    *,
    version_compatible: bool = False,
    **changed: Any,
) -> Path:
    """Write an engine file that the fake package runs, with a valid sidecar and the ONNX file that it is of.

    What is `changed` is in the engine and not in its sidecar: ``input``, ``half``, ``classes``, or ``content``, bytes.
    """
    kind, described = FLAVOURS[flavour], classifier()
    options = EngineOptions(batches=tuple(batches), version_compatible=version_compatible)
    onnx = written(folder, peak_model())
    made = profiles(batches, per_batch=kind.profile_per_batch)
    values = {"stamp_shape": described.stamp_shape, "profiles": made, "input": "stamp", "half": False, "classes": 2}
    values["version_compatible"] = version_compatible
    content = changed.pop("content", None) or json.dumps(values | changed).encode()
    path = onnx.with_suffix(kind.suffix)
    path.write_bytes(content)
    sidecar = Sidecar(
        flavour=flavour,
        runtime_version=VERSIONS[flavour],
        onnx=onnx.name,
        onnx_sha256=hashlib.sha256(onnx.read_bytes()).hexdigest(),
        engine_bytes=len(content),
        engine_sha256=hashlib.sha256(content).hexdigest(),
        precision=described.precision,
        gpu={"name": "NVIDIA Fake", "compute_capability": "8.6"},
        hardware="portable" if kind.portable else "none",
        compute_capabilities=(),
        batches=options.batches,
        profiles=made,
        options=options.as_dict(),
        built="2026-01-01T00:00:00+00:00",
        log=log_path(path).name,
        classifier=json.loads(described.to_json()),
        stamp_shape=described.stamp_shape,
    )
    sidecar_path(path).write_text(sidecar.to_json())
    return path
