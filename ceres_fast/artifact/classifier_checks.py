"""What each value of a classifier may be, and which model files are never read."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from ..errors import InputError
from ..stamps import CLASSES, PLANE_SETS, STAMP_SIZE, stamp_shape
from .scaling import DIGITS, EXPECTED, allowed

FORMAT_VERSION = 3
CLASSIFIER_FILE = "classifier.json"

_RUNS_CODE = "loading such a file can run code that was put into it"
REFUSED_SUFFIXES = {
    ".keras": f"is a whole Keras model; {_RUNS_CODE}",
    ".h5": f"is a whole Keras model in the legacy HDF5 format; {_RUNS_CODE}",
    ".hdf5": f"is a whole Keras model in the legacy HDF5 format; {_RUNS_CODE}",
    ".pb": f"is a TensorFlow graph; {_RUNS_CODE}",
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".pt", ".pth"), f"is a Python pickle; {_RUNS_CODE}"),
    ".npy": f"can hold a Python pickle; {_RUNS_CODE}",
}
SAFE_SUFFIXES = (".weights.h5", ".onnx")
_SHA256 = re.compile(r"[0-9a-f]{64}")


def refuse_code(path: Path) -> None:
    """Refuse a model file of a kind that can run code when it is loaded.

    Raises
    ------
    InputError
        When the suffix of `path` is one of `REFUSED_SUFFIXES`; ``*.weights.h5`` (bare weights) is not.
    """
    problem = REFUSED_SUFFIXES.get(path.suffix.lower())
    if problem and not path.name.lower().endswith(SAFE_SUFFIXES):
        raise InputError(
            path,
            problem,
            expected=f"a run folder with {CLASSIFIER_FILE}, or its .onnx file",
            action="train again, or convert the file to ONNX where you trust it",
        )


def shown(value: object) -> str:
    text = ascii(value)
    return text if len(text) < 80 else text[:77] + "…"


def _word(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) < 200 and value.isprintable()


def _number(value: object, low: float, high: float) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high


def _whole(value: object, low: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= low


def _head(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and value.keys() == {"dense", "dropout"}
        and _whole(value["dense"], 1)
        and _number(value["dropout"], 0, 1)
        and value["dropout"] < 1
    )


def _file(kind: object, value: object) -> bool:
    """A name beside the JSON: no folder, no drive, and of a kind that cannot run code."""
    if not (_word(kind) and isinstance(value, Mapping) and value.keys() == {"file", "sha256"}):
        return False
    name, sha256 = value["file"], value["sha256"]
    bare = _word(name) and PurePosixPath(name).name == name == PureWindowsPath(name).name and not name.startswith(".")
    suffixes = SAFE_SUFFIXES[:1] if kind == "weights" else SAFE_SUFFIXES
    return bare and name.endswith(suffixes) and isinstance(sha256, str) and _SHA256.fullmatch(sha256) is not None


def _mapping_of(entry: Callable[[object, object], bool]) -> Callable[[object], bool]:
    return lambda value: isinstance(value, Mapping) and all(entry(*item) for item in value.items())


def _operating_point(value: object) -> bool:
    """What is promised of the threshold; the rest is an account of how it was chosen, which nothing is decided by."""
    return (
        isinstance(value, Mapping)
        and _finite(value)
        and value.keys() >= {"threshold", "max_loss", "confidence", "needs"}
        and all(_number(value[name], 0, 1) for name in ("threshold", "max_loss", "confidence"))
        # `classify` rounds probabilities to as many digits, some of them down.
        and round(value["threshold"], DIGITS) == value["threshold"]
        and _whole(value["needs"], 1)
    )


def _finite(value: object) -> bool:
    """Data that JSON can hold: nested, finite, printable."""
    if isinstance(value, Mapping):
        return all(_word(name) and _finite(item) for name, item in value.items())
    if isinstance(value, list | tuple):
        return all(map(_finite, value))
    if isinstance(value, str):
        return value.isprintable()
    return value is None or (isinstance(value, int | float) and abs(value) <= sys.float_info.max)


FIELDS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "format_version": (lambda value: value == FORMAT_VERSION, str(FORMAT_VERSION)),
    "backbone": (_word, "a name"),
    "experiment": (lambda value: _word(value) or _whole(value, 1), "a name or a number from 1"),
    "weights_from": (_word, '"imagenet", "none" or a file name'),
    "normalise": (_word, "a name"),
    "precision": (_word, "a name"),
    "stamp_shape": (
        lambda value: value in map(stamp_shape, PLANE_SETS),
        f"[{STAMP_SIZE}, {STAMP_SIZE}, number of planes]",
    ),
    "planes": (lambda value: value in PLANE_SETS, " or ".join(str(list(planes)) for planes in PLANE_SETS)),
    "classes": (lambda value: value == CLASSES, str(list(CLASSES))),
    "head": (_head, '{"dense": a number from 1, "dropout": at least 0 and below 1}'),
    "threshold": (lambda value: _number(value, 0, 1), "a number from 0 to 1"),
    "scaling": (allowed, EXPECTED),
    "operating_point": (
        lambda value: value is None or _operating_point(value),
        'null, or an object with "threshold" (at most 6 decimals), "max_loss" and "confidence" from 0 to 1, and '
        '"needs", a number from 1',
    ),
    "pixel_scale": (lambda value: value is None or _number(value, 1e-4, 1e4), "arcsec/pixel, or null"),
    "rules": (lambda value: isinstance(value, Mapping) and _finite(value), "an object"),
    "records": (lambda value: isinstance(value, Mapping) and _finite(value), "an object"),
    "versions": (_mapping_of(lambda name, version: _word(name) and _word(version)), "an object of strings"),
    "files": (
        _mapping_of(_file),
        'an object of {"file": a bare file name ending in .weights.h5 or .onnx, "sha256": 64 hexadecimal digits}',
    ),
}
"""Name of each value: what tells that it is allowed, and the words for what was expected."""
