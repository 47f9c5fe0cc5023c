"""What is written beside an engine file: from what, by what and for what it was built."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, TypedDict

from msgspec import Meta

from ...artifact.classifier import LARGEST_CLASSIFIER, Classifier
from ...errors import CeresFastError, InputError
from ...files import read_json
from ...schema import Mismatch, Sha256, check, check_fields, check_version, file_name, one_of, plain, shown
from ..gpus import CAPABILITY, Gpu
from .flavours import FLAVOURS
from .options import Batch, Batches, EngineOptions

FORMAT_VERSION = 1
SIDECAR_SUFFIX = ".json"
LOG_SUFFIX = ".log"
REBUILD = "build it anew from the ONNX file beside it with `--rebuild`"

HARDWARE = {
    "none": "the GPU it was built on",
    "same_compute_capability": "GPUs of the compute capability of the one it was built on",
    "ampere_plus": "GPUs of compute capability 8.0 and later",
    "portable": "GPUs of its compute capabilities",
}
"""Which GPUs may run an engine: TensorRT's HardwareCompatibilityLevel in small letters, or TensorRT-RTX's way."""

PRECISIONS = ("float32", "float16", "int8")

Version = Annotated[str, Meta(pattern=r"^[0-9]{1,4}(\.[0-9a-z+]{1,20}){1,5}\Z", title="a version")]
Capability = Annotated[str, Meta(pattern=rf"^(?:{CAPABILITY})\Z", title='a compute capability such as "8.6"')]
Profile = tuple[Batch, Batch, Batch]


class BuiltOn(TypedDict):
    """The GPU that an engine was built on."""

    name: Annotated[str, Meta(min_length=1, max_length=299)]
    compute_capability: Capability


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

    flavour: Annotated[str, one_of(FLAVOURS)]
    runtime_version: Version
    onnx: Annotated[str, file_name(".onnx")]
    onnx_sha256: Sha256
    engine_bytes: Annotated[int, Meta(ge=1)]
    engine_sha256: Sha256
    precision: Annotated[str, one_of(PRECISIONS)]
    gpu: BuiltOn | None
    hardware: Annotated[str, one_of(HARDWARE)]
    compute_capabilities: Annotated[tuple[Capability, ...], Meta(max_length=1000)]
    batches: Batches
    profiles: Annotated[tuple[Profile, ...], Meta(min_length=1, max_length=1000, title="a list of [least, best, most]")]
    options: Mapping[str, Any]
    built: str
    log: Annotated[str, file_name(".log")]
    classifier: Mapping[str, Any]
    stamp_shape: tuple[int, ...]
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        plain(_stored(self))
        check_fields(self)
        for name in ("compute_capabilities", "batches", "profiles", "stamp_shape"):
            object.__setattr__(self, name, _tuples(getattr(self, name)))
        try:
            EngineOptions.from_dict(self.options)
        except CeresFastError as error:
            raise Mismatch("options", f"is {shown(self.options)}", f"the options of a build ({error})") from error
        if not _is_moment(self.built):
            raise Mismatch("built", f"is {shown(self.built)}", "a time, ISO 8601 with its zone")
        for number, profile in enumerate(self.profiles):
            if list(profile) != sorted(profile):
                raise Mismatch(f"profiles[{number}]", f"is {shown(profile)}", "[least, best, most]")
        self._check_agreement()

    def _check_agreement(self) -> None:
        classifier = self.described(Path(self.onnx))
        portable = FLAVOURS[self.flavour].portable
        largest = max(most for _, _, most in self.profiles)
        for key, found, fits, wanted in (
            ("format_version", self.format_version, self.format_version == FORMAT_VERSION, str(FORMAT_VERSION)),
            ("hardware", self.hardware, (self.hardware == "portable") == portable, f"what {self.flavour} builds for"),
            ("batches", self.batches, max(self.batches) == largest, f"the largest of its profiles, {largest}, in them"),
            ("precision", self.precision, self.precision == classifier.precision, "that of its classifier"),
            ("stamp_shape", self.stamp_shape, self.stamp_shape == classifier.stamp_shape, "that of its classifier"),
        ):
            if not fits:
                raise Mismatch(key, f"is {shown(found)}", wanted)

    def described(self, where: Path) -> Classifier:
        """Return its classifier; `where` is the file that errors name.

        Raises
        ------
        InputError
            When it is not a valid one.
        """
        return Classifier.from_values(self.classifier, where)

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
        return json.dumps(_stored(self), indent=2, allow_nan=False) + "\n"


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
    if not path.exists():
        # Also where a build was killed between the two: the sidecar is written last.
        expected = "what it was built from, by and for; without that no engine is loaded"
        raise InputError(path, "does not exist", expected=expected, action=REBUILD)
    values = read_json(path, what="a sidecar", action=REBUILD, largest=LARGEST_CLASSIFIER)
    check_version(values, FORMAT_VERSION, path, older=REBUILD, newer=f"install a newer ceres-fast, or {REBUILD}")
    try:
        check(values, Sidecar)
        return Sidecar(**values)
    except Mismatch as error:
        raise error.of_file(path, action=REBUILD) from error
    except InputError as error:
        raise InputError(path, f"has a classifier that is none: {error}", action=REBUILD) from error


def _stored(sidecar: Sidecar) -> dict[str, Any]:
    return {each.name: getattr(sidecar, each.name) for each in fields(sidecar)}


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list | tuple) else value
