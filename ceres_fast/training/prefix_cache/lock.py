"""The locks of an entry: one shared by those who use it and had alone by who clears it, one of who computes it."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from ...console import say
from ...locks import Busy, Lock, lock

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
