"""What is written beside an engine file: from what, by what and for what it was built."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from ...artifact.classifier import LARGEST_CLASSIFIER, Classifier
from ...errors import InputError
from ...schema import shown
from ..gpus import Gpu
from .api import FLAVOURS
from .options import EngineOptions
from .sidecar_fields import FIELDS, FORMAT_VERSION

SIDECAR_SUFFIX = ".json"
LOG_SUFFIX = ".log"
REBUILD = "build it anew from the ONNX file beside it with `--rebuild`"


@dataclass(frozen=True)
class Sidecar:
    """What an engine file says of itself.

    Attributes
    ----------
    flavour : str
        Which package built it: a row of `FLAVOURS`.
    runtime_version : str
        That package's version.
    onnx, onnx_sha256 : str
        Name (in the same folder) and SHA-256 of the ONNX file it was built from.
    engine_bytes, engine_sha256 : int, str
        Size and SHA-256 of the engine file.
    precision : str
        ``"float32"``, ``"float16"`` or ``"int8"``.
    gpu : dict or None
        ``{"name": …, "compute_capability": "8.6"}`` of the GPU it was built on; None: built without one.
    hardware : str
        Which other GPUs may run it: a row of `HARDWARE`.
    compute_capabilities : tuple of str
        The GPUs it was built for; empty: those of the package's own choice (TensorRT-RTX), or `gpu` alone (TensorRT).
    batches : tuple of int
        Batch sizes it was made fast for; the largest is the largest it takes.
    profiles : tuple of tuple of int
        Its optimisation profiles: (least, best, most) stamps.
    options : dict
        The options it was built with (`EngineOptions.as_dict`).
    built : str
        When, UTC, ISO 8601.
    log : str
        Name (in the same folder) of the log of the build.
    classifier : dict
        The classifier's JSON, as the ONNX file has it.
    stamp_shape : tuple of int
        (rows, columns, planes) of a stamp.
    format_version : int
        Version of this description.

    Raises
    ------
    ValueError
        When a value is not what this version of the format allows, or two do not fit together.
    """

    flavour: str
    runtime_version: str
    onnx: str
    onnx_sha256: str
    engine_bytes: int
    engine_sha256: str
    precision: str
    gpu: Mapping[str, str] | None
    hardware: str
    compute_capabilities: tuple[str, ...]
    batches: tuple[int, ...]
    profiles: tuple[tuple[int, int, int], ...]
    options: Mapping[str, Any]
    built: str
    log: str
    classifier: Mapping[str, Any]
    stamp_shape: tuple[int, ...]
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        for name, (allowed, expected) in FIELDS.items():
            value = getattr(self, name)
            if not allowed(value):
                raise ValueError(f"{name} is {shown(value)}, expected {expected}")
            object.__setattr__(self, name, _tuples(value))
        if (self.hardware == "portable") != FLAVOURS[self.flavour].portable:
            raise ValueError(f"hardware is {self.hardware}, and its flavour {self.flavour}")
        if max(self.batches) != max(most for _, _, most in self.profiles):
            raise ValueError(f"profiles are {shown(self.profiles)}, and its largest batch is {max(self.batches)}")
        classifier = self.described(Path(self.onnx))
        for name in ("precision", "stamp_shape"):
            if getattr(self, name) != getattr(classifier, name):
                raise ValueError(f"{name} is {shown(getattr(self, name))}, and its classifier's another")

    def described(self, where: Path) -> Classifier:
        """Return its classifier; `where` is the file that errors name.

        Raises
        ------
        InputError
            When it is not a valid one.
        """
        return Classifier.from_json(json.dumps(self.classifier), where)

    @property
    def engine_options(self) -> EngineOptions:
        """The options it was built with, as a build takes them."""
        return EngineOptions.from_dict(self.options)

    @property
    def host_code(self) -> bool:
        """Whether it carries code for the CPU: it is loaded only with ``Runtime.engine_host_code_allowed``."""
        return bool(self.options["version_compatible"])

    @property
    def built_on(self) -> Gpu | None:
        """The GPU it was built on."""
        return Gpu(self.gpu["name"], self.gpu["compute_capability"]) if self.gpu else None

    def to_json(self) -> str:
        """Return the JSON text (no NaN, no machine paths)."""
        return json.dumps(asdict(self), indent=2, allow_nan=False) + "\n"


def sidecar_path(engine: Path) -> Path:
    """Return where the sidecar of an engine file is."""
    return engine.with_name(engine.name + SIDECAR_SUFFIX)


def log_path(engine: Path) -> Path:
    """Return where the build log of an engine file is."""
    return engine.with_name(engine.name + LOG_SUFFIX)


def read_sidecar(engine: Path) -> Sidecar:
    """Read the sidecar of an engine file.

    Raises
    ------
    InputError
        When there is none, or it is not valid: the engine is not to be loaded then.
    """
    path = sidecar_path(engine)
    try:
        with path.open(encoding="utf-8") as stream:
            text = stream.read(LARGEST_CLASSIFIER + 1)
    except FileNotFoundError as error:
        # Also where a build was killed between the two: the sidecar is written last.
        expected = "what it was built from, by and for; without that no engine is loaded"
        raise InputError(path, "does not exist", expected=expected, action=REBUILD) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(path, f"cannot be read ({error})", expected="a sidecar", action=REBUILD) from error
    try:
        return _from_json(text)
    except (ValueError, TypeError, RecursionError, InputError) as error:
        raise InputError(path, f"is not a valid sidecar: {error}", action=REBUILD) from error


def _from_json(text: str) -> Sidecar:
    if len(text) > LARGEST_CLASSIFIER:
        raise ValueError(f"more than {LARGEST_CLASSIFIER} characters")
    values = json.loads(text, parse_constant=_no_constant)
    if not isinstance(values, dict):
        raise ValueError(f"it holds a {type(values).__name__}, not an object")
    version = values.get("format_version")
    if version != FORMAT_VERSION or isinstance(version, bool):
        raise ValueError(f"format version {shown(version)}, expected {FORMAT_VERSION}")
    names = {each.name for each in fields(Sidecar)}
    if wrong := names ^ values.keys():
        raise ValueError(f"missing or unknown: {', '.join(shown(name) for name in sorted(wrong))}")
    return Sidecar(**values)


def _no_constant(name: str) -> None:
    raise ValueError(f"JSON has no {name}")


def _tuples(value: Any) -> Any:
    return tuple(_tuples(each) for each in value) if isinstance(value, list) else value
