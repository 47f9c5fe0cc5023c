"""What a manifest must look like: nothing missing, nothing unknown, and sums that agree."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..selection.rules import Rules
from ..stamps import CLASSES, PLANE_SETS, stamp_shape
from .reconcile import imbalance
from .splits import SPLITS

FORMAT_VERSION = 2
REBUILD = "build the records again with `ceres-fast build-records`"

Check = Callable[[Any], bool]


def described_stamp(planes: Sequence[str]) -> dict[str, Any]:
    """Return what the manifest says of stamps with these planes."""
    pixels = {"dtype": "float32", "byte_order": "little", "unit": "ADU"}
    return {"shape": list(stamp_shape(planes)), "planes": list(planes), **pixels}


def shard_name(name: str, split: str, number: int, shards: int) -> str:
    """Return the file name of a shard, ``NAME-SPLIT.tfrecord-00000-of-00008``."""
    return f"{name}-{split}.tfrecord-{number:05d}-of-{shards:05d}"


def valid_name(name: Any) -> bool:
    """Return whether shards may be called so: letters, digits, ``.``, ``_``, ``-``; no dot or dash at the start."""
    return isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,99}", name) is not None


def class_counts(shards: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """Return {class name: number of stamps} of some shards."""
    stamps, asteroids = (sum(shard[key] for shard in shards) for key in ("count", "asteroids"))
    return dict(zip(CLASSES, (stamps - asteroids, asteroids), strict=True))


def check_manifest(path: Path, value: dict[str, Any]) -> None:
    """Check a manifest read from `path`.

    Raises
    ------
    InputError
        Naming the first thing that is not as ``docs/records.md`` says.
    """
    version = value.get("format_version")
    if isinstance(version, bool) or version != FORMAT_VERSION:
        newer = isinstance(version, int) and version > FORMAT_VERSION
        action = "install a newer ceres-fast" if newer else REBUILD
        raise InputError(path, f"has format_version {version!r}", expected=str(FORMAT_VERSION), action=action)
    _check_keys(path, "the manifest", value, _MANIFEST)
    _check_rules(path, value["rules"])
    for name, split in value["splits"].items():
        _check_split(path, value["name"], name, split)


def _check_split(path: Path, records: str, name: str, split: Any) -> None:
    _check_keys(path, f"split {name}", split, _SPLIT)
    for number, shard in enumerate(split["shards"]):
        _check_keys(path, f"shard {number} of split {name}", shard, _SHARD)
        # A name that is spelt out cannot lead to another folder.
        wanted = shard_name(records, name, number, len(split["shards"]))
        _require(path, shard["file"] == wanted, f"split {name} names the file {shard['file']!r}", wanted)
    counted = class_counts(split["shards"])
    _require(
        path, split["classes"] == counted, f"split {name} has classes {split['classes']}", f"{counted} as its shards"
    )


def _check_rules(path: Path, rules: dict[str, Any]) -> None:
    try:
        Rules.from_dict(rules)
    except ValueError as error:
        raise InputError(path, f"has rules that do not fit ({error})", action=REBUILD) from error


def _check_keys(path: Path, what: str, value: Any, checks: Mapping[str, Check]) -> None:
    _require(path, isinstance(value, dict), f"{what} is not an object", f"the keys {', '.join(checks)}")
    for strange in sorted(value.keys() ^ checks.keys()):
        problem = f"{what} has no key {strange!r}" if strange in checks else f"{what} has an unknown key {strange!r}"
        raise InputError(path, problem, expected=f"the keys {', '.join(checks)}", action=REBUILD)
    for key, fits in checks.items():
        _require(path, fits(value[key]), f"{what} has {key} = {value[key]!r:.80}", "what docs/records.md says")


def _require(path: Path, fine: bool, problem: str, expected: str) -> None:
    if not fine:
        raise InputError(path, problem, expected=expected, action=REBUILD)


def _count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _positive(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value > 0


def _text(value: Any) -> bool:
    return isinstance(value, str)


def _sha256(value: Any) -> bool:
    return isinstance(value, str) and re.fullmatch(r"[0-9a-f]{64}", value) is not None


def _object(**checks: Check) -> Check:
    return lambda value: (
        isinstance(value, dict) and value.keys() == checks.keys() and all(checks[key](value[key]) for key in checks)
    )


def _objects(check: Check) -> Check:
    return lambda value: isinstance(value, dict) and all(map(check, value.values()))


def _list(check: Check) -> Check:
    return lambda value: isinstance(value, list) and all(map(check, value))


def _condition(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and _text(value[0]) and _list(_text)(value[1])


def _balanced(value: Any) -> bool:
    return _object(input=_count, dropped=_objects(_count), kept=_count)(value) and not imbalance(value)


_MANIFEST: dict[str, Check] = {
    "format_version": _count,
    "ceres_fast": _text,
    "name": valid_name,
    "stamp": lambda value: value in map(described_stamp, PLANE_SETS),
    "classes": lambda value: value == list(CLASSES),
    "columns": _objects(_object(type=lambda value: value in ("float", "int", "str"), unit=_text, meaning=_text)),
    "seed": _count,
    "fractions": _object(**dict.fromkeys(SPLITS, _positive)),
    "hold_out": _list(_condition),
    "preset": lambda value: value is None or (_text(value) and re.fullmatch(r"\w+(/\d+)?", value) is not None),
    "where": _list(_condition),
    "nan": lambda value: value in ("error", "fill"),
    "rules": lambda value: isinstance(value, dict),
    "pixel_scale": lambda value: value is None or _positive(value),
    "sources": _list(
        _object(name=_text, kind=lambda value: value in ("stamps", "frames", "alerts", "static"), files=_count)
    ),
    "sources_file": _object(file=_text, sha256=_sha256),
    "counts": _objects(_count),
    "reconciliation": _objects(_balanced),
    "splits": lambda value: isinstance(value, dict) and value.keys() == set(SPLITS),
}
_SPLIT: dict[str, Check] = {
    "groups": _count,
    "classes": _object(**dict.fromkeys(CLASSES, _count)),
    "shards": lambda value: isinstance(value, list) and len(value) > 0,
}
_SHARD: dict[str, Check] = {"file": _text, "count": _count, "asteroids": _count, "bytes": _count, "sha256": _sha256}
