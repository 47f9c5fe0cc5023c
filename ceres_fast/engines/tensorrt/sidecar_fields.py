"""What each value of a sidecar may be; it comes with an engine file, from wherever that came."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from ...errors import CeresFastError
from .gpu import is_capability
from .options import EngineOptions, is_batch

FORMAT_VERSION = 1
HARDWARE = {
    "none": "the GPU it was built on",
    "same_compute_capability": "GPUs of the compute capability of the one it was built on",
    "ampere_plus": "GPUs of compute capability 8.0 and later",
    "portable": "GPUs of its compute capabilities",
}
"""Which GPUs may run an engine: TensorRT's HardwareCompatibilityLevel in small letters, or TensorRT-RTX's way."""

PRECISIONS = ("float32", "float16", "int8")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"[0-9]{1,4}(\.[0-9a-z+]{1,20}){1,5}")
_FLAVOURS = ("tensorrt", "tensorrt-rtx")


def _name(value: object) -> bool:
    """A bare name: no folder, no drive, not hidden."""
    return (
        isinstance(value, str)
        and 0 < len(value) < 200
        and value.isprintable()
        and PurePosixPath(value).name == value == PureWindowsPath(value).name
        and not value.startswith(".")
    )


def _text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) < 300 and value.isprintable()


def _matches(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _list_of(entry: Callable[[object], bool], least: int = 0) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and least <= len(value) <= 1000 and all(map(entry, value))


def _gpu(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and value.keys() == {"name", "compute_capability"}
        and _text(value["name"])
        and is_capability(value["compute_capability"])
    )


def _profile(value: object) -> bool:
    sizes = list(value) if isinstance(value, list | tuple) else []
    return len(sizes) == 3 and all(map(is_batch, sizes)) and sizes == sorted(sizes)


def _options(value: object) -> bool:
    try:
        return isinstance(value, Mapping) and bool(EngineOptions.from_dict(value))
    except (CeresFastError, TypeError):
        return False


def _moment(value: object) -> bool:
    try:
        return isinstance(value, str) and datetime.fromisoformat(value).tzinfo is not None
    except ValueError:
        return False


FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "format_version": (lambda value: value == FORMAT_VERSION, str(FORMAT_VERSION)),
    "flavour": (lambda value: value in _FLAVOURS, " or ".join(_FLAVOURS)),
    "runtime_version": (_matches(_VERSION), "a version"),
    "onnx": (lambda value: _name(value) and value.endswith(".onnx"), "a bare file name ending in .onnx"),
    "onnx_sha256": (_matches(_SHA256), "64 hexadecimal digits"),
    "engine_bytes": (lambda value: isinstance(value, int) and not isinstance(value, bool) and value > 0, "a size"),
    "engine_sha256": (_matches(_SHA256), "64 hexadecimal digits"),
    "precision": (lambda value: value in PRECISIONS, " or ".join(PRECISIONS)),
    "gpu": (lambda value: value is None or _gpu(value), 'null or {"name", "compute_capability"}'),
    "hardware": (lambda value: value in tuple(HARDWARE), " or ".join(HARDWARE)),
    "compute_capabilities": (_list_of(is_capability), 'a list of such as "8.6"'),
    "batches": (_list_of(is_batch, 1), "a list of numbers from 1"),
    "profiles": (_list_of(_profile, 1), "a list of [least, best, most]"),
    "options": (_options, "the options of a build"),
    "built": (_moment, "a time, ISO 8601 with its zone"),
    "log": (lambda value: _name(value) and value.endswith(".log"), "a bare file name ending in .log"),
    "classifier": (lambda value: isinstance(value, Mapping), "an object"),
    "stamp_shape": (_list_of(is_batch, 3), "[rows, columns, planes]"),
}
"""Name of each value: what tells that it is allowed, and the words for what was expected."""
