"""Execution contexts of an engine, and how each TensorRT package launches one quickly."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from ...console import warn
from ...errors import CeresFastError
from ...files import atomic_file
from .checks import beside

CACHE_SUFFIX = ".cache"
"""Of the runtime cache of TensorRT-RTX: the engine's name and this."""

LARGEST_CACHE = 256 * 2**20
"""Bytes of a runtime cache that is read: many times what the kernels of a few shapes take."""


class Contexts(Protocol):
    """How a TensorRT package runs an engine at several batch sizes.

    Attributes
    ----------
    captured : bool
        Whether a CUDA graph is to be captured of what a context enqueues; else the package does so by itself.
    """

    captured: bool

    def context(self) -> Any:
        """Return the ``IExecutionContext`` for a further batch size, None where TensorRT refuses."""

    def used(self) -> None:
        """Note that a batch size has run for the first time: what was compiled for it is kept."""


class TensorRTContexts:
    """TensorRT: kernels were chosen when the engine was built, and a CUDA graph is captured at each batch size.

    A graph is bound to the state of its context, so each batch size has one of its own, with the memory that its own
    profile needs (``ON_PROFILE_CHANGE``; else each would take that of the largest).
    """

    captured = True

    def __init__(self, module: ModuleType, engine: Any, path: Path) -> None:
        self._engine = engine
        self._strategy = module.ExecutionContextAllocationStrategy.ON_PROFILE_CHANGE

    def context(self) -> Any:
        """Return a new context."""
        return self._engine.create_execution_context(self._strategy)

    def used(self) -> None:
        """Nothing is compiled at run time."""


class RtxContexts:
    """TensorRT-RTX: kernels are compiled for the GPU at hand when a shape is first run, and kept beside the engine.

    They are compiled before the first answer (``EAGER``), not in the background (``LAZY``, the default), because few
    shapes are ever run, and an answer is not to change when a better kernel is ready. It captures a CUDA graph of each
    shape by itself, so one context, with the memory of the one profile, serves all.

    The kernels that are kept are code, of which no hash is known: it changes whenever a shape is run. They are as
    trusted as the folder that they are in, so a link out of it is refused. Who can write there can replace the engine
    and its sidecar as well.

    Raises
    ------
    InputError
        When the cache is a link to another folder.
    """

    captured = False

    def __init__(self, module: ModuleType, engine: Any, path: Path) -> None:
        self._path = beside(path, path.name + CACHE_SUFFIX)
        config = engine.create_runtime_config()
        config.cuda_graph_strategy = module.CudaGraphStrategy.WHOLE_GRAPH_CAPTURE
        config.dynamic_shapes_kernel_specialization_strategy = module.DynamicShapesKernelSpecializationStrategy.EAGER
        self._cache = config.create_runtime_cache()
        self._kept = self._load()
        config.set_runtime_cache(self._cache)
        self._context = engine.create_execution_context(config)

    def context(self) -> Any:
        """Return the context."""
        return self._context

    def used(self) -> None:
        """Write the cache, where there is something new in it; where that is impossible, it is warned of once."""
        content = bytes(self._cache.serialize())
        if content == self._kept:
            return
        self._kept = content
        try:
            with atomic_file(self._path) as temporary:
                temporary.write_bytes(content)
        except CeresFastError as error:
            warn(f"{error} The next process will compile its kernels again")

    def _load(self) -> bytes:
        """Read the cache; one of another GPU, driver or version, or a damaged one, is left unused and replaced."""
        try:
            with self._path.open("rb") as stream:
                content = stream.read(LARGEST_CACHE + 1)
            fits = len(content) <= LARGEST_CACHE and self._cache.deserialize(content)
            return content if fits else b""
        except (OSError, RuntimeError):
            return b""


CONTEXTS: dict[str, Callable[[ModuleType, Any, Path], Contexts]] = {
    "tensorrt": TensorRTContexts,
    "tensorrt-rtx": RtxContexts,
}
"""By flavour: from the package, the engine and its file."""
