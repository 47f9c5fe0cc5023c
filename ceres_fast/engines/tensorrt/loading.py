"""An engine file, checked against its sidecar and deserialized; built again from the ONNX file where that is asked."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ...artifact.classifier import Classifier
from ...artifact.onnx_file import INPUT, OUTPUT
from ...errors import InputError
from ...locks import alone
from .api import Flavour, flavour_of, version_of
from .build import Accept
from .build import rebuild as build_again
from .checks import checked, refuse_invalid
from .log import Log
from .profiles import Profile, profile_for
from .sidecar import REBUILD, Sidecar

_MESSAGES = 100
"""Of TensorRT that are kept while an engine is loaded: it may warn in each run, and nights are long."""


@dataclass(frozen=True)
class LoadedEngine:
    """An engine that may be run here.

    Attributes
    ----------
    path : pathlib.Path
        Its file.
    kind : Flavour
        What runs it.
    module : module
        ``tensorrt`` or ``tensorrt_rtx``.
    engine : ICudaEngine
        The engine.
    classifier : Classifier
        What it says of itself.
    sidecar : Sidecar
        What it was built from, by and for.
    log : Log
        What TensorRT says of it.
    owners : tuple
        What must live as long as the engine.
    """

    path: Path
    kind: Flavour
    module: ModuleType
    engine: Any
    classifier: Classifier
    sidecar: Sidecar
    log: Log
    owners: tuple[Any, ...]

    def profile_for(self, stamps: int) -> int:
        """Return the index of the optimisation profile for a batch size."""
        return profile_for(stamps, [Profile(*each) for each in self.sidecar.profiles])

    def problem(self, what: str, action: str | None = None) -> InputError:
        """Return the error that says what TensorRT refused, and what it says of it."""
        return InputError(self.path, f"{what} ({self.log.errors() or 'TensorRT does not say why'})", action=action)


def load_engine(path: Path, *, rebuild: bool = False, accept: Accept = lambda engine: None) -> LoadedEngine:
    """Load an engine file.

    Parameters
    ----------
    path : pathlib.Path
        The engine file.
    rebuild : bool
        Build it again, on this machine and for its GPU, where it cannot be loaded. Of several processes one builds,
        and the others wait: the engine of one with the sidecar of another would be refused.
    accept : callable, optional
        Looks at what was built again, before it takes the place of what was there.

    Raises
    ------
    InputError
        When it is not one, does not belong to its sidecar, this version of TensorRT or this GPU, or cannot be built.
    CeresFastError
        When the package is not installed.
    """
    try:
        return _loaded(path)
    except InputError:
        if not rebuild:
            raise
    with alone(path):
        try:
            return _loaded(path)  # as another process may have built it meanwhile
        except InputError:
            build_again(path, accept)
        return _loaded(path)


def _loaded(path: Path) -> LoadedEngine:
    content, sidecar, module = checked(path)
    log = Log(_MESSAGES)
    logger = log.logger(module)
    runtime = module.Runtime(logger)
    # `checked` has found the engine to be the one that was built, so its code is as trusted as the engine.
    runtime.engine_host_code_allowed = sidecar.host_code
    refuse_invalid(module, runtime, content, path)
    engine = runtime.deserialize_cuda_engine(content)
    classifier = sidecar.described(path)
    loaded = LoadedEngine(path, flavour_of(path), module, engine, classifier, sidecar, log, (runtime, logger))
    if engine is None:
        raise loaded.problem(f"cannot be loaded by {loaded.kind.title} {version_of(module)}", REBUILD)
    _check_tensors(loaded)
    return loaded


def _check_tensors(loaded: LoadedEngine) -> None:
    """An engine has one input and one output, float32, of the shapes that its classifier says."""
    engine, module, classifier = loaded.engine, loaded.module, loaded.classifier
    names = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
    found = [
        (name, engine.get_tensor_mode(name).name, engine.get_tensor_dtype(name), tuple(engine.get_tensor_shape(name)))
        for name in names
    ]
    expected = [
        (INPUT, "INPUT", module.float32, (-1, *classifier.stamp_shape)),
        (OUTPUT, "OUTPUT", module.float32, (-1, len(classifier.classes))),
    ]
    if sorted(found, key=lambda each: each[1]) != expected:
        raise InputError(
            loaded.path,
            f"has the tensors {', '.join(_shown(each) for each in found)}",
            expected=", ".join(_shown(each) for each in expected),
            action="export the classifier again with `ceres-fast export`",
        )


def _shown(tensor: tuple[str, str, Any, tuple[int, ...]]) -> str:
    name, _, dtype, shape = tensor
    return f"{name} {list(shape)} {dtype.name.lower()}"
