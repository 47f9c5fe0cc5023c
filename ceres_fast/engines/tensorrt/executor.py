"""Run an engine at one batch size: by its execution context, or by a CUDA graph of what that does."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

from ...artifact.onnx_file import INPUT
from ...console import warn
from ...errors import CeresFastError
from .contexts import Contexts
from .cuda import Cuda
from .loading import LoadedEngine


@dataclass(frozen=True)
class Device:
    """Where an engine runs.

    Attributes
    ----------
    cuda : Cuda
        The runtime.
    stream : cudaStream_t
        Where all work is put.
    addresses : dict of str to int
        Device memory of each tensor, by its name.
    resources : contextlib.ExitStack
        Owns them, and the graphs.
    """

    cuda: Cuda
    stream: Any
    addresses: Mapping[str, int]
    resources: ExitStack


class Executor:
    """An engine at one batch size.

    Parameters
    ----------
    device : Device
        Where it runs.
    loaded : LoadedEngine
        The engine.
    contexts : Contexts
        Where its execution context comes from.
    size : int
        Stamps of a batch.

    Raises
    ------
    InputError
        When TensorRT refuses; by `enqueue` as well.
    """

    def __init__(self, device: Device, loaded: LoadedEngine, contexts: Contexts, size: int) -> None:
        self._device, self._loaded, self._contexts = device, loaded, contexts
        self._shape = (size, *loaded.classifier.stamp_shape)
        self._runs = 0
        self._graph: Any = None
        self._context = contexts.context()
        if self._context is None:
            raise loaded.problem(f"gets no memory for batches of {size}")
        profile = loaded.profile_for(size)
        if self._context.active_optimization_profile != profile:
            self._accepted(self._context.set_optimization_profile_async(profile, int(device.stream)), "its profile")
        for name, address in device.addresses.items():
            self._accepted(self._context.set_tensor_address(name, address), f"the memory for {name}")

    def enqueue(self) -> None:
        """Put a run of the engine into the stream."""
        if self._runs == 1 and self._contexts.captured:
            self._graph = self._captured()
        if self._graph is None:
            self._execute()
        else:
            self._device.cuda.launch(self._graph, self._device.stream)
        if self._runs == 0:
            # What is done only for the first run of a shape must be over before a graph is captured.
            self._device.cuda.synchronise(self._device.stream)
            self._contexts.used()
        self._runs += 1

    def _captured(self) -> Any:
        """Return a CUDA graph of a run, None where that is impossible."""
        try:
            return self._device.resources.enter_context(self._device.cuda.graph(self._device.stream, self._execute))
        except CeresFastError as error:
            warn(f"{error} Batches of {self._shape[0]} run without a CUDA graph, which may be slower")
            return None

    def _execute(self) -> None:
        # A context prepares itself anew whenever it is given a shape.
        if tuple(self._context.get_tensor_shape(INPUT)) != self._shape:
            self._accepted(self._context.set_input_shape(INPUT, self._shape), f"stamps of the shape {self._shape}")
        if not self._context.execute_async_v3(int(self._device.stream)):
            raise self._loaded.problem(f"failed on {self._shape[0]} stamps")

    def _accepted(self, accepted: bool, what: str) -> None:
        if not accepted:
            raise self._loaded.problem(f"refuses {what}")
