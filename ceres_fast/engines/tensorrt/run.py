"""Run an engine file on the GPU of this machine.

Nothing is allocated while it runs: buffers for the largest batch are made once, on the GPU and, page-locked, on the
host. A batch is copied to the GPU, run and copied back on one stream, so the device buffers need no second copy: the
stream keeps their order. On the host there are two of each, so that a batch is put into place, and the answers of
another are read, while the GPU works. (A stamp has 4 KB: copies are not worth a stream of their own.)

Batches are padded to the sizes that the engine was built for, of which TensorRT has a CUDA graph each and for which
TensorRT-RTX has compiled kernels. A stamp's answer does not depend on the others of its batch, so padding changes none.
"""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from ...artifact.onnx_file import INPUT, OUTPUT
from ...errors import CeresFastError, InputError
from ..agreement import agreement
from ..batches import BatchedEngine
from ..gpus import driver
from .api import version_of
from .checks import checked
from .contexts import CONTEXTS
from .cuda import Cuda, CudaError
from .executor import Device, Executor
from .loading import load_engine

SLOTS = 2


class Slot(NamedTuple):
    """A place on the host for a batch that is on its way.

    Attributes
    ----------
    stamps, output : numpy.ndarray
        Page-locked, float32, for the largest batch: (n, 32, 32, planes) in, (n, classes) out.
    done : cudaEvent_t
        Happens when the output is there, and the stamps may be overwritten.
    """

    stamps: np.ndarray
    output: np.ndarray
    done: Any


class TensorRTEngine(BatchedEngine):
    """A classifier in an engine file of TensorRT (``.engine``) or TensorRT-RTX (``.rtx``).

    One thread may use it at a time.

    Parameters
    ----------
    path : pathlib.Path
        The engine file, its sidecar (``.json``) beside it.
    rebuild : bool, default False
        Build it again from the ONNX file beside it where it cannot be used as it is: it is missing or damaged, or made
        from another ONNX file, by another version or for another GPU. It takes its place if it answers as that file.

    Attributes
    ----------
    classifier : Classifier
        What the sidecar says.
    seconds : float
        Time spent in `predict` so far.

    Raises
    ------
    InputError
        When the engine does not belong to its sidecar, this TensorRT or this GPU; while it runs, when it or CUDA fails.
    CeresFastError
        When there is no GPU, TensorRT or cuda-bindings is not installed, or CUDA fails as it starts (`CudaError`).
    """

    def __init__(self, path: Path, *, rebuild: bool = False) -> None:
        cuda = _cuda(path, rebuild)
        self._loaded = loaded = load_engine(path, rebuild=rebuild, accept=partial(_accept, path))
        sizes = loaded.sidecar.batches
        super().__init__(
            path,
            loaded.classifier,
            runtime=f"{loaded.kind.title} {version_of(loaded.module)}",
            batch_size=max(sizes),
            sizes=sizes,
        )
        self._executors: dict[int, Executor] = {}
        resources = ExitStack()
        with ExitStack() as on_error:
            on_error.push(resources)
            self._allocate(cuda, resources)
            self._contexts = CONTEXTS[loaded.kind.name](loaded.module, loaded.engine, path)
            resources.callback(self._executors.clear)
            on_error.pop_all()
        # Not in a `close`: no other engine has one to call.
        weakref.finalize(self, resources.close)

    @property
    def source(self) -> Path:
        """The ONNX file that it was built from, beside it; on a machine that only runs it, it may not be there."""
        return self.path.with_name(self._loaded.sidecar.onnx)

    def warm_up(self) -> None:
        """Run a batch of each size twice: kernels are loaded or compiled first, then graphs are captured."""
        super().warm_up()
        super().warm_up()

    def _allocate(self, cuda: Cuda, resources: ExitStack) -> None:
        stamps = (self.batch_size, *self.classifier.stamp_shape)
        output = (self.batch_size, len(self.classifier.classes))
        self._slots = [
            Slot(
                resources.enter_context(cuda.pinned(stamps)),
                resources.enter_context(cuda.pinned(output)),
                resources.enter_context(cuda.event()),
            )
            for _ in range(SLOTS)
        ]
        addresses = {
            name: resources.enter_context(cuda.device_memory(4 * math.prod(shape)))
            for name, shape in ((INPUT, stamps), (OUTPUT, output))
        }
        self._device = Device(cuda, resources.enter_context(cuda.stream()), addresses, resources)

    def _run(self, batch: np.ndarray) -> np.ndarray:
        (output,) = self._run_all(iter([batch]))
        return output

    def _run_all(self, batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        try:
            yield from self._overlapping(batches)
        except CudaError as error:
            raise InputError(self.path, f"failed ({str(error).rstrip('.')})") from error

    def _overlapping(self, batches: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
        # What an earlier call, broken off, has left in the stream is done before all of this, and overwritten by it.
        on_their_way: deque[tuple[Slot, int]] = deque()
        for number, batch in enumerate(batches):
            if len(on_their_way) == SLOTS:
                yield self._finished(*on_their_way.popleft())
            slot = self._slots[number % SLOTS]
            self._start(batch, slot)
            on_their_way.append((slot, len(batch)))
        while on_their_way:
            yield self._finished(*on_their_way.popleft())

    def _start(self, batch: np.ndarray, slot: Slot) -> None:
        """Put a batch into a free slot, and all that is to be done with it into the stream."""
        size, device = len(batch), self._device
        if size not in self._executors:
            self._executors[size] = Executor(device, self._loaded, self._contexts, size)
        slot.stamps[:size] = batch
        device.cuda.to_device(device.addresses[INPUT], slot.stamps[:size], device.stream)
        self._executors[size].enqueue()
        device.cuda.to_host(slot.output[:size], device.addresses[OUTPUT], device.stream)
        device.cuda.record(slot.done, device.stream)

    def _finished(self, slot: Slot, size: int) -> np.ndarray:
        """Wait for a slot; returns its output, which the next batch in it overwrites."""
        self._device.cuda.wait_for(slot.done)
        return slot.output[:size]


def _accept(path: Path, built: Path) -> None:
    """Refuse what was built for `path` unless it answers as the ONNX file beside that."""
    engine = TensorRTEngine(built)
    agreement(engine, path.with_name(engine.source.name))


def _cuda(path: Path, rebuild: bool) -> Cuda:
    """Return the CUDA runtime; where there is none, what is wrong with the engine file itself is told first."""
    try:
        if problem := driver().problem:
            raise CeresFastError(
                f"{path}: needs an NVIDIA GPU, and there is none to use ({problem}). Name the ONNX file instead."
            )
        return Cuda()
    except CeresFastError:
        if not rebuild:
            checked(path)
        raise
