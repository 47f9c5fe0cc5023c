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
"""Hexadecimal digits of the name of an entry."""

META = "meta.json"

LOCK, COMPUTING = "lock", "computing"
"""Names of their files in the entry; when the first was modified last is when the entry was used last."""


def use(folder: Path) -> Lock:
    """Make the folder of an entry, and hold its lock with others who use it: it cannot be cleared.

    Raises
    ------
    OSError
        When the folder cannot be made or read.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        with suppress(FileNotFoundError):  # cleared between the two calls
            return lock(folder / LOCK, shared=True, wait=True)


def compute_alone(folder: Path) -> Lock:
    """Hold the lock of who computes an entry that is in use; say so where another process has to end first.

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


def try_to_clear(folder: Path) -> Lock | None:
    """Hold the lock of an entry alone, or return None where others use it or have removed it.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    with suppress(Busy, FileNotFoundError):
        return lock(folder / LOCK)
    return None


def touch(folder: Path) -> None:
    """Say that the entry is used now, where it may be written to."""
    with suppress(OSError):
        os.utime(folder / LOCK)


_SPARE = 2**28
"""Bytes to leave free on the disk, for the run that the features are for."""

_ADVICE = (
    "Make room (`ceres-fast cache ls`, `ceres-fast cache clear`), choose another --cache-dir, halve the features with "
    "--cache-half, or train without them (--no-prefix-cache)."
)


class NoRoom(CeresFastError):  # noqa: N818 (a reason to go on without, as StopIteration is)
    """The features cannot be kept where they should be: the disk is full, or the folder cannot be written."""


class Entry:
    """A folder of the cache as it should be. Who calls its methods uses it; who changes it computes it alone (`lock`).

    Parameters
    ----------
    folder : pathlib.Path
        Its place; the name is the key.
    layout : Layout
        Of its rows.
    about : dict
        What ``meta.json`` says beside the shards; ``made_from`` has to be the same for the shards to be used.
    """

    def __init__(self, folder: Path, layout: Layout, about: dict[str, Any]) -> None:
        self.folder, self.layout, self.about = folder, layout, about
        self._shards: dict[str, dict[str, Any]] = {}
        self._whole: dict[str, dict[str, Any]] = {}

    def missing(self) -> list[int]:
        """Return the shards that are not there or not whole; each is read once in the life of this object."""
        self._shards = self._read_meta()
        numbers = range(self.layout.shards)
        with ThreadPoolExecutor() as pool:
            whole = list(pool.map(self._is_whole, numbers))
        return [number for number in numbers if not whole[number]]

    def room_for(self, shards: Sequence[int]) -> int:
        """Return the bytes that these shards take.

        Raises
        ------
        NoRoom
            When the disk has not as many to spare.
        """
        needed = sum(self.layout.rows_in(number) for number in shards) * self.layout.row_bytes
        free = shutil.disk_usage(self.folder).free
        if needed + _SPARE > free:
            raise no_room(f"{self.folder}: would take {bytes_text(needed)}, and {bytes_text(free)} are free.")
        return needed

    def write(self, shard: int, rows: np.ndarray, seconds: float) -> None:
        """Write a shard that took `seconds`, whole or not at all, and then into ``meta.json`` that it is there.

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
        """What computing the shards that are there has taken, in whatever processes."""
        return math.fsum(said["seconds"] for said in self._whole.values())

    def remove_leftovers(self) -> None:
        """Remove what a process that was killed had not finished writing."""
        for path in self.folder.glob(".*"):
            path.unlink()

    def discard(self, shards: Sequence[int]) -> None:
        """Remove shards, so that the disk has as much room as before they were written."""
        for number in shards:
            path = self.folder / self.layout.file(number)
            path.unlink(missing_ok=True)
            self._shards.pop(path.name, None)
        with suppress(CeresFastError):  # a shard that is named and not there is computed again
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
        said = self._shards.get(path.name)
        if said is None or said == self._whole.get(path.name):
            return said is not None
        try:
            if _timed(said) and _measured(path) | {"seconds": said["seconds"]} == said:
                self._whole[path.name] = said
                return True
        except OSError:
            pass
        warn(f"{path}: is missing, cut or altered; it is computed again")
        return False


def _measured(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": sha256_of(path)}


def _timed(said: Any) -> bool:
    seconds = said.get("seconds") if isinstance(said, dict) else None
    return isinstance(seconds, int | float) and 0 <= seconds < math.inf


def no_room(problem: str) -> NoRoom:
    """Return the error that says what is wrong and what to do about it."""
    return NoRoom(f"{problem} {_ADVICE}")
