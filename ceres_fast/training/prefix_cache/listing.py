"""Listing the entries of the cache, and deleting them."""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ...console import warn
from ...errors import CeresFastError
from ...files import read_json
from .entry import KEY_DIGITS, LOCK, META, lock_for_clearing

_KEY = re.compile(rf"[0-9a-f]{{{KEY_DIGITS}}}")


@dataclass(frozen=True)
class Listed:
    """An entry of the cache.

    Attributes
    ----------
    key : str
        Name of its folder.
    backbone : str
        Row of `BACKBONES`; ``?`` here and below where ``meta.json`` cannot be read.
    cut : str
        The layers at which the classifier is cut: `Cut.names`.
    records, split : str
        Name of the records, and their split.
    stamps, variants : int
        Number of stamps, and of rows for each.
    dtype : str
        Type of the features.
    bytes : int
        Size on the disk.
    whole : bool
        Whether all of it has been computed.
    last_used : datetime.datetime
        When it was last used, in UTC.
    """

    key: str
    backbone: str
    cut: str
    records: str
    split: str
    stamps: int
    variants: int
    dtype: str
    bytes: int
    whole: bool
    last_used: datetime


def entries(folder: Path) -> list[Listed]:
    """Return the entries of a cache, the most recently used first; a folder that does not exist has none."""
    if not folder.is_dir():
        return []
    listed = [_listed(path) for path in folder.iterdir() if _is_entry(path)]
    return sorted(listed, key=lambda entry: (entry.last_used, entry.key), reverse=True)


def clear(folder: Path, keys: Sequence[str] | None = None) -> list[Listed]:
    """Delete entries that no process uses, and warn of those that are in use.

    Parameters
    ----------
    folder : pathlib.Path
        Folder of the cache. Anything in it that is not an entry is left alone.
    keys : sequence of str, optional
        Keys of the entries; without it, all.

    Returns
    -------
    list of Listed
        The entries that were deleted.

    Raises
    ------
    CeresFastError
        When there is no such entry, in which case none is deleted; or when an entry cannot be deleted.
    """
    found = {entry.key: entry for entry in entries(folder)}
    if unknown := [key for key in keys or () if key not in found]:
        raise CeresFastError(f"{folder}: has no entry {unknown[0]}. `ceres-fast cache ls` lists what there is.")
    return [found[key] for key in (found if keys is None else dict.fromkeys(keys)) if _deleted(folder / key)]


def _deleted(path: Path) -> bool:
    try:
        held = lock_for_clearing(path)
        if held is None:
            warn(f"{path}: is in use, and is kept")
            return False
        with held:
            shutil.rmtree(path)
        return True
    except OSError as error:
        raise CeresFastError(f"{path}: cannot be deleted ({error.strerror}).") from error


def _is_entry(path: Path) -> bool:
    return bool(_KEY.fullmatch(path.name)) and not path.is_symlink() and (path / LOCK).is_file()


def _listed(path: Path) -> Listed:
    sizes = {file.name: file.stat().st_size for file in path.iterdir()}
    used = datetime.fromtimestamp((path / LOCK).stat().st_mtime, UTC)
    return Listed(key=path.name, **_described(path / META), bytes=sum(sizes.values()), last_used=used)


def _described(path: Path) -> dict[str, Any]:
    try:
        meta = read_json(path, what="what the cache says of an entry")
        made, layout = meta["made_from"], meta["made_from"]["layout"]
        return {
            "backbone": made["backbone"],
            "cut": " + ".join(made["cut"]),
            "records": meta["records"],
            **{name: layout[name] for name in ("split", "variants", "dtype")},
            "stamps": layout["count"],
            "whole": len(meta["shards"]) == -(-layout["count"] * layout["variants"] // layout["shard_rows"]),
        }
    except (CeresFastError, KeyError, TypeError):
        unknown = dict.fromkeys(("backbone", "cut", "records", "split", "dtype"), "?")
        return {**unknown, "stamps": 0, "variants": 0, "whole": False}
