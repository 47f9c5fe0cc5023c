"""The two TensorRT packages: one Python API, what differs as data, and what they say while they work."""

from __future__ import annotations

import importlib
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from ...errors import CeresFastError, InputError
from .options import COMMAND_LINE, EngineOptions

if TYPE_CHECKING:
    import tensorrt as trt

__all__ = ["FLAVOURS", "EngineOptions", "Flavour", "Log", "flavour", "flavour_of", "version_of"]

_QUOTED = 3
_LONGEST = 400
_ERRORS = {"ERROR", "INTERNAL_ERROR"}
_LEFT_OUT = {"VERBOSE"}


@dataclass(frozen=True)
class Flavour:
    """One of the TensorRT packages.

    Attributes
    ----------
    name : str
        How the command line calls it.
    title : str
        How NVIDIA calls it.
    module : str
        What is imported.
    install : str
        How to get it, for the user. No extra of ceres-fast: with it pip would put onnxruntime over onnxruntime-gpu.
    suffix : str
        What the names of its engine files end in.
    majors : tuple of int
        Major versions that this package is written for.
    typed_by_flag : tuple of int
        Major versions whose networks are strongly typed only where a flag asks for it; the others always are.
    portable : bool
        Whether an engine runs on other GPUs than the one it was built on, and is built without a GPU.
    profile_per_batch : bool
        Whether a profile per batch size is worth its place; see `profiles`.
    unsupported : dict
        `EngineOptions` that it has not, and why.
    """

    name: str
    title: str
    module: str
    install: str
    suffix: str
    majors: tuple[int, ...]
    typed_by_flag: tuple[int, ...]
    portable: bool
    profile_per_batch: bool
    unsupported: Mapping[str, str] = field(default_factory=dict)

    def refuse_unsupported(self, options: EngineOptions) -> None:
        """Raise a CeresFastError when an option is set that this package has not."""
        for name, reason in self.unsupported.items():
            if getattr(options, name):
                raise CeresFastError(f"{COMMAND_LINE[name]}: not for {self.title}; {reason}.")


FLAVOURS: dict[str, Flavour] = {
    each.name: each
    for each in (
        Flavour(
            name="tensorrt",
            title="TensorRT",
            module="tensorrt",
            install="pip install tensorrt cuda-bindings (on a Jetson it comes with JetPack: make the environment with "
            "--system-site-packages)",
            suffix=".engine",
            majors=(10, 11),
            typed_by_flag=(10,),
            portable=False,
            profile_per_batch=True,
            unsupported={"compute_capabilities": "it builds for the GPU of the machine that it runs on"},
        ),
        # What is said of TensorRT-RTX was seen in 1.7.1 on a machine without a GPU, where it builds.
        Flavour(
            name="tensorrt-rtx",
            title="TensorRT-RTX",
            module="tensorrt_rtx",
            install="pip install tensorrt-rtx-cu13 nvidia-cuda-runtime cuda-bindings",
            suffix=".rtx",
            majors=(1,),
            typed_by_flag=(),
            portable=True,
            profile_per_batch=False,
            unsupported={
                "timing_cache": "it times nothing while it builds (from 1.2 on a timing cache is ignored)",
                "version_compatible": "it has no lean runtime, so each version needs its own engine",
                "hardware_compatible": "its engines run on several GPUs as they are; choose them by compute capability",
            },
        ),
    )
}
"""By name, as ``--to`` takes it."""


def flavour(name: str) -> ModuleType:
    """Import a TensorRT package.

    Parameters
    ----------
    name : str
        ``"tensorrt"`` or ``"tensorrt-rtx"``.

    Returns
    -------
    module
        ``tensorrt`` or ``tensorrt_rtx``.

    Raises
    ------
    CeresFastError
        When it is not installed, cannot be loaded, is only its type stubs, or of a version this is not written for.
    """
    kind = FLAVOURS[name]
    try:
        module = importlib.import_module(kind.module)
    except (ImportError, OSError) as error:  # OSError: a library of the driver or of CUDA is missing
        missing = isinstance(error, ModuleNotFoundError) and error.name == kind.module
        problem = "is not installed" if missing else f"cannot be loaded ({' '.join(str(error).split())})"
        raise CeresFastError(f"{kind.title} {problem}. Install it: {kind.install}.") from error
    if not hasattr(module, "Builder"):
        # A folder of type stubs is imported as an empty namespace.
        raise CeresFastError(f"{kind.title} is not installed, only its type stubs are. Install it: {kind.install}.")
    major = int(version_of(module).partition(".")[0])
    if major not in kind.majors:
        written_for = " or ".join(f"{each}.x" for each in kind.majors)
        raise CeresFastError(
            f"{kind.title} {version_of(module)} is installed, and ceres-fast is written for {written_for}. "
            f"Install it: {kind.install}."
        )
    return module


def version_of(module: ModuleType) -> str:
    """Return the version of a TensorRT package, as its engines are bound to: ``"10.13.0.35"``."""
    return str(module.__version__)


def flavour_of(engine: Path) -> Flavour:
    """Return the flavour of an engine file, by the end of its name.

    Raises
    ------
    InputError
        When it is not the name of an engine file.
    """
    for kind in FLAVOURS.values():
        if engine.suffix.lower() == kind.suffix:
            return kind
    ends = " or ".join(kind.suffix for kind in FLAVOURS.values())
    raise InputError(engine, "is not the name of an engine file", expected=f"a name that ends in {ends}")


class Log:
    """The messages of a build or a load, as (severity, text).

    Parameters
    ----------
    most : int, optional
        How many are kept, the last ones; without it, all.
    """

    def __init__(self, most: int | None = None) -> None:
        self.messages: deque[tuple[str, str]] = deque(maxlen=most)

    def add(self, severity: str, text: str) -> None:
        """Keep a message, unless it is of the kind that comes by the thousand."""
        if severity not in _LEFT_OUT:
            self.messages.append((severity, text))

    def text(self) -> str:
        """Return all of it, a line for each message."""
        return "".join(f"{severity}: {_line(text)}\n" for severity, text in self.messages)

    def errors(self) -> str:
        """Return the last errors, short enough to be quoted in one; "" where there were none."""
        said = [_line(text) for severity, text in self.messages if severity in _ERRORS]
        quoted = " / ".join(dict.fromkeys(said[-_QUOTED:]))
        return quoted if len(quoted) <= _LONGEST else quoted[: _LONGEST - 1] + "…"

    def reason(self) -> str:
        """Return the last errors, or that there were none, to be quoted where TensorRT refuses something."""
        return self.errors() or "TensorRT does not say why"

    def logger(self, module: ModuleType) -> trt.ILogger:
        """Return a logger of this TensorRT package that writes here; it must live as long as what it is given to."""

        def log(_: object, severity: trt.ILogger.Severity, message: str) -> None:
            self.add(severity.name, message)

        made: trt.ILogger = type("KeptLog", (module.ILogger,), {"log": log})()
        return made


def _line(text: str) -> str:
    return "".join(letter if letter.isprintable() else " " for letter in text).strip()
