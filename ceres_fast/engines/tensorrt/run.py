"""Run an engine file of TensorRT or TensorRT-RTX on the GPU of this machine, one batch after another.

A batch is copied to the GPU, run, copied back and waited for, on one stream. For throughput there are ONNX Runtime's
TensorRT provider, which builds and keeps engines of its own (`tensorrt_provider`), and Triton.

Nothing here has run on a GPU yet. mypy checks every call of TensorRT against NVIDIA's type stubs
(tools/tensorrt-stubs); there are none for CUDA's module, so a test compares `CudaRuntime` with the module itself.
"""

# ruff: noqa: N802, N803 (CUDA's names)

from __future__ import annotations

import importlib
import math
import weakref
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Protocol, SupportsInt, cast

import numpy as np

from ...artifact.onnx_file import INPUT, OUTPUT
from ...errors import InputError
from ...locks import alone
from ..agreement import agreement
from ..batches import BatchedEngine
from ..gpus import driver
from .build import Accept, rebuild
from .checks import checked, refuse_invalid, refuse_other_tensors
from .flavours import FLAVOURS, Log, version_of
from .options import Profile, profile_for
from .sidecar import REBUILD, Sidecar

if TYPE_CHECKING:
    import tensorrt as trt

_MESSAGES = 100
"""Of TensorRT that are kept while an engine is loaded: it may warn in each run, and nights are long."""

_ACTIONS = {
    "cudaErrorMemoryAllocation": "end what else uses the GPU, or build the engine for smaller batches (--batch)",
    "cudaErrorInsufficientDriver": "install an NVIDIA driver that is as new as the CUDA version of cuda-bindings; "
    "without a GPU, name the ONNX file",
    "cudaErrorNoDevice": "an engine file needs an NVIDIA GPU; without one, name the ONNX file",
    "cudaErrorNoKernelImageForDevice": "build the engine again on this GPU (--rebuild)",
}
"""What can be done about errors of CUDA that a user may meet."""

_BINDINGS = "install it (`pip install cuda-bindings`), or classify with the ONNX file"
_FLOAT32 = 4
"""Bytes."""

_TO_DEVICE, _TO_HOST = 1, 2
"""``cudaMemcpyKind``."""


_Error = tuple[SupportsInt]


class CudaRuntime(Protocol):
    """What is used of ``cuda.bindings.runtime``: each function returns its error, 0 for success, before its value.

    Source: CUDA Runtime API, https://docs.nvidia.com/cuda/cuda-runtime-api/.
    """

    def cudaStreamCreate(self) -> tuple[SupportsInt, SupportsInt]: ...
    def cudaStreamDestroy(self, stream: SupportsInt) -> _Error: ...
    def cudaStreamSynchronize(self, stream: SupportsInt) -> _Error: ...
    def cudaMalloc(self, size: int) -> tuple[SupportsInt, int]: ...
    def cudaFree(self, devPtr: int) -> _Error: ...
    def cudaMemcpyKind(self, value: int) -> object: ...
    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: object, stream: SupportsInt) -> _Error: ...
    def cudaGetErrorName(self, error: SupportsInt) -> tuple[SupportsInt, bytes]: ...
    def cudaGetErrorString(self, error: SupportsInt) -> tuple[SupportsInt, bytes]: ...
    def cudaGetLastError(self) -> _Error: ...


class Device:
    """A stream of the GPU and memory there, given back when this object goes. Errors name `path`, the engine file."""

    def __init__(self, path: Path) -> None:
        try:
            self._cuda = cast(CudaRuntime, importlib.import_module("cuda.bindings.runtime"))
        except ImportError as error:
            problem = f"needs the package cuda-bindings, which cannot be imported ({error})"
            raise InputError(path, problem, action=_BINDINGS) from error
        self._path, self._owned = path, ExitStack()
        weakref.finalize(self, self._owned.close)
        failed, self.stream = self._cuda.cudaStreamCreate()
        self._check("cudaStreamCreate", failed)
        self._owned.callback(self._cuda.cudaStreamDestroy, self.stream)

    def allocate(self, size: int) -> int:
        """Return the address of `size` bytes on the GPU."""
        error, address = self._cuda.cudaMalloc(size)
        self._check("cudaMalloc", error)
        self._owned.callback(self._cuda.cudaFree, address)
        return int(address)

    def copy(self, target: int, source: int, size: int, kind: int) -> None:
        """Put a copy of `size` bytes, `kind` says from where to where, into the stream."""
        copied = self._cuda.cudaMemcpyAsync(target, source, size, self._cuda.cudaMemcpyKind(kind), self.stream)
        self._check("cudaMemcpyAsync", *copied)

    def synchronise(self) -> None:
        """Wait until all that is in the stream has been done."""
        self._check("cudaStreamSynchronize", *self._cuda.cudaStreamSynchronize(self.stream))

    def _check(self, function: str, error: SupportsInt) -> None:
        if int(error) == 0:
            return
        self._cuda.cudaGetLastError()  # CUDA remembers its last error, and TensorRT would report it as one of its own
        name, text = (of(error)[1].decode() for of in (self._cuda.cudaGetErrorName, self._cuda.cudaGetErrorString))
        raise InputError(self._path, f"{function} failed: {name} ({text})", action=_ACTIONS.get(name))


class Loaded(NamedTuple):
    """An engine file that may run here: its sidecar, what runs it, what that says of it, and what must outlive it."""

    sidecar: Sidecar
    runtime: str
    engine: trt.ICudaEngine
    log: Log
    owners: tuple[trt.Runtime, trt.ILogger]


class TensorRTEngine(BatchedEngine):
    """A classifier in an engine file of TensorRT (``.engine``) or TensorRT-RTX (``.rtx``); for one thread at a time.

    Parameters
    ----------
    path : pathlib.Path
        The engine file, its sidecar (``.json``) beside it.
    rebuild : bool, default False
        Build it again from the ONNX file beside it where it cannot be used as it is: it is missing or damaged, or made
        from another ONNX file, by another version or for another GPU. It takes its place if it answers as that file.

    Raises
    ------
    InputError
        When there is no GPU or no cuda-bindings, or the engine does not belong to its sidecar, this TensorRT or this
        GPU; while it runs, when it or CUDA fails.
    CeresFastError
        When TensorRT is not installed.
    """

    def __init__(self, path: Path, *, rebuild: bool = False) -> None:
        self._device = device = _device(path, rebuild)
        self._loaded = loaded = load_engine(path, rebuild_refused=rebuild, accept=partial(_accept, path))
        classifier, sizes = loaded.sidecar.described(path), loaded.sidecar.batches
        super().__init__(path, classifier, runtime=loaded.runtime, batch_size=max(sizes), sizes=sizes)
        self._context = loaded.engine.create_execution_context()
        self._accepted(self._context is not None, "gets no memory to run in")
        lengths = {INPUT: math.prod(classifier.stamp_shape), OUTPUT: len(classifier.classes)}
        self._addresses = {name: device.allocate(max(sizes) * length * _FLOAT32) for name, length in lengths.items()}

    @property
    def source(self) -> Path:
        """The ONNX file that it was built from, beside it; on a machine that only runs it, it may not be there."""
        return self.path.with_name(self._loaded.sidecar.onnx)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        device, output = self._device, np.empty((len(batch), len(self.classifier.classes)), np.float32)
        self._prepare(len(batch))
        device.copy(self._addresses[INPUT], batch.ctypes.data, batch.nbytes, _TO_DEVICE)
        started = self._context.execute_async_v3(int(device.stream))
        self._accepted(started, f"failed on {len(batch)} stamps")
        device.copy(output.ctypes.data, self._addresses[OUTPUT], output.nbytes, _TO_HOST)
        device.synchronise()
        return output

    def _prepare(self, size: int) -> None:
        """Choose the profile for a batch of this size, and say its shape and where it lies."""
        context, shape = self._context, (size, *self.classifier.stamp_shape)
        profile = profile_for(size, [Profile(*each) for each in self._loaded.sidecar.profiles])
        if context.active_optimization_profile != profile:
            chosen = context.set_optimization_profile_async(profile, int(self._device.stream))
            self._accepted(chosen, f"refuses its profile {profile}")
        # Another profile forgets the shape, so both are said for each batch: that costs nothing beside running it.
        self._accepted(context.set_input_shape(INPUT, shape), f"refuses stamps of the shape {shape}")
        for name, address in self._addresses.items():
            self._accepted(context.set_tensor_address(name, address), f"refuses the memory for {name}")

    def _accepted(self, accepted: bool, problem: str) -> None:
        if not accepted:
            raise InputError(self.path, f"{problem} ({self._loaded.log.reason()})")


def load_engine(path: Path, *, rebuild_refused: bool, accept: Accept) -> Loaded:
    """Load an engine file; build one that is refused again where that is asked (see `TensorRTEngine`).

    Of several processes one builds, and the others wait: the engine of one with the sidecar of another would be
    refused. `accept` looks at what was built before it takes the place of what was there.
    """
    try:
        return _loaded(path)
    except InputError:
        if not rebuild_refused:
            raise
    with alone(path):
        try:
            return _loaded(path)  # as another process may have built it meanwhile
        except InputError:
            rebuild(path, accept)
        return _loaded(path)


def _loaded(path: Path) -> Loaded:
    content, sidecar, module = checked(path)
    if TYPE_CHECKING:
        import tensorrt as api
    else:
        api = module  # TensorRT, or TensorRT-RTX, which has the same API and no stubs
    log = Log(_MESSAGES)
    logger = log.logger(module)
    runtime = api.Runtime(logger)
    # `checked` has found the engine to be the one that was built, so its code is as trusted as the engine.
    runtime.engine_host_code_allowed = sidecar.host_code
    refuse_invalid(module, runtime, content, path)
    engine = runtime.deserialize_cuda_engine(content)
    by = f"{FLAVOURS[sidecar.flavour].title} {version_of(module)}"
    if engine is None:
        raise InputError(path, f"cannot be loaded by {by} ({log.reason()})", action=REBUILD)
    refuse_other_tensors(module, engine, sidecar.described(path), path)
    return Loaded(sidecar, by, engine, log, (runtime, logger))


def _accept(path: Path, built: Path) -> None:
    """Refuse what was built for `path` unless it answers as the ONNX file beside that."""
    engine = TensorRTEngine(built)
    agreement(engine, path.with_name(engine.source.name))


def _device(path: Path, rebuild: bool) -> Device:
    """Return the GPU; where there is none, report first what is wrong with the engine file itself."""
    try:
        if problem := driver().problem:
            raise InputError(
                path, f"needs an NVIDIA GPU, and there is none to use ({problem})", action="name the ONNX file instead"
            )
        return Device(path)
    except InputError:
        if not rebuild:
            checked(path)
        raise
