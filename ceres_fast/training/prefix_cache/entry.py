"""An entry of the cache: a folder of shards, ``meta.json``, which says what they are and which are whole, and locks.

There are two locks. One is shared by all processes that use the entry, and held alone by the one that clears it; the
other is held by the process that computes the entry.
"""

from __future__ import annotations

import math
import os
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from ...console import bytes_text, say, warn
from ...errors import CeresFastError
from ...files import atomic_file, read_json, sha256_of, write_json
from ...locks import Busy, Lock, lock
from .shards import Layout

KEY_DIGITS = 16
"""Number of hexadecimal digits in the name of an entry."""

META = "meta.json"

LOCK, COMPUTING = "lock", "computing"
"""Names of the files of the two locks. The modification time of the first is when the entry was last used."""


def lock_for_use(folder: Path) -> Lock:
    """Create the folder of an entry, and share its lock with other users: the entry cannot be cleared then.

    Raises
    ------
    OSError
        When the folder cannot be created or read.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # another process cleared the entry between the two calls: try again
            return lock(folder / LOCK, shared=True, wait=True)


def lock_for_computing(folder: Path) -> Lock:
    """Hold the lock for computing an entry that is in use; print a line where another process has to end first.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    try:
        return lock(folder / COMPUTING)
    except Busy:
        say(f"{folder}: another process computes these features; waiting for it")
        return lock(folder / COMPUTING, wait=True)


def lock_for_clearing(folder: Path) -> Lock | None:
    """Hold the lock of an entry alone, or return None where other processes use or have removed the entry.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    with suppress(Busy, FileNotFoundError):
        return lock(folder / LOCK)
    return None


def touch(folder: Path) -> None:
    """Record that the entry is used now; without effect in a folder that cannot be written."""
    with suppress(OSError):
        os.utime(folder / LOCK)


_SPARE = 2**28
"""Bytes that are left free on the disk for the run that uses the features."""

_ADVICE = (
    "Make room (`ceres-fast cache ls`, `ceres-fast cache clear`), choose another --cache-dir, halve the features with "
    "--cache-half, or train without them (--no-prefix-cache)."
)


class NoRoom(CeresFastError):  # noqa: N818 (like StopIteration a signal: the run goes on without the cache)
    """The features cannot be kept where they should be: the disk is full, or the folder cannot be written."""


class Entry:
    """An entry as it should be.

    To call its methods, hold the lock of `lock_for_use`; to write or discard shards, that of `lock_for_computing` too.

    Parameters
    ----------
    folder : pathlib.Path
        The folder of the entry, whose name is the key.
    layout : Layout
        The layout of its rows.
    about : dict
        What ``meta.json`` holds beside the shards. Shards are used only where its ``made_from`` is the same.
    """

    def __init__(self, folder: Path, layout: Layout, about: dict[str, Any]) -> None:
        self.folder, self.layout, self.about = folder, layout, about
        self._shards: dict[str, dict[str, Any]] = {}
        self._whole: dict[str, dict[str, Any]] = {}

    def missing(self) -> list[int]:
        """Return the shards that are missing or damaged; this object reads each shard only once to check it."""
        self._shards = self._read_meta()
        numbers = range(self.layout.shards)
        with ThreadPoolExecutor() as pool:
            whole = list(pool.map(self._is_whole, numbers))
        return [number for number in numbers if not whole[number]]

    def room_for(self, shards: Sequence[int]) -> int:
        """Return the size of these shards in bytes.

        Raises
        ------
        NoRoom
            When there is not enough free space on the disk.
        """
        needed = sum(self.layout.rows_in(number) for number in shards) * self.layout.row_bytes
        free = shutil.disk_usage(self.folder).free
        if needed + _SPARE > free:
            raise no_room(f"{self.folder}: needs {bytes_text(needed)}, and {bytes_text(free)} are free.")
        return needed

    def write(self, shard: int, rows: np.ndarray, seconds: float) -> None:
        """Write a shard that was computed in `seconds`, whole or not at all, and then name it in ``meta.json``.

        Raises
        ------
        NoRoom
            When the disk refuses.
        """
        path = self.folder / self.layout.file(shard)
        try:
            with atomic_file(path) as temporary:
                np.save(temporary, rows)
                written = _measured(temporary)
            self._shards[path.name] = self._whole[path.name] = written | {"seconds": round(seconds, 3)}
            self._write_meta()
        except CeresFastError as error:
            raise no_room(str(error)) from error

    @property
    def seconds(self) -> float:
        """Time of computing the shards of the entry, in this process or others."""
        return math.fsum(described["seconds"] for described in self._whole.values())

    def remove_leftovers(self) -> None:
        """Remove files that a killed process had not finished writing: their names begin with a dot."""
        for path in self.folder.glob(".*"):
            path.unlink()

    def discard(self, shards: Sequence[int]) -> None:
        """Remove shards, so that the disk has as much room as before they were written."""
        for number in shards:
            path = self.folder / self.layout.file(number)
            path.unlink(missing_ok=True)
            self._shards.pop(path.name, None)
        with suppress(CeresFastError):  # without harm: a shard that is named but missing is computed again
            self._write_meta()

    def _write_meta(self) -> None:
        write_json(self.folder / META, self.about | {"shards": dict(sorted(self._shards.items()))})

    def _read_meta(self) -> dict[str, dict[str, Any]]:
        path = self.folder / META
        if not path.exists():
            return {}
        with suppress(CeresFastError):
            meta = read_json(path, what="what the cache says of an entry")
            shards = meta.get("shards")
            if meta.get("made_from") == self.about["made_from"] and isinstance(shards, dict):
                return shards
        warn(f"{path}: is damaged, or of another format; the features are computed again")
        return {}

    def _is_whole(self, shard: int) -> bool:
        path = self.folder / self.layout.file(shard)
        described = self._shards.get(path.name)
        if described is None or described == self._whole.get(path.name):
            return described is not None
        try:
            if _has_seconds(described) and _measured(path) | {"seconds": described["seconds"]} == described:
                self._whole[path.name] = described
                return True
        except OSError:
            pass
        warn(f"{path}: is missing, truncated or altered; it is computed again")
        return False


def _measured(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _has_seconds(described: Any) -> bool:
    seconds = described.get("seconds") if isinstance(described, dict) else None
    return isinstance(seconds, int | float) and 0 <= seconds < math.inf


def no_room(problem: str) -> NoRoom:
    """Return the error for a problem, with advice on what to do about it."""
    return NoRoom(f"{problem} {_ADVICE}")
