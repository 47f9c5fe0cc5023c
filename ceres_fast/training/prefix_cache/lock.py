"""The locks of an entry: one shared by those who use it and had alone by who clears it, one of who computes it.

The locks are the system's, so a process that is killed gives them free.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import ExitStack, suppress
from pathlib import Path

from ...console import say

LOCK, COMPUTING = "lock", "computing"
"""Names of their files in the entry; when the first was modified last is when the entry was used last."""

_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


class Held:
    """A lock that is held until `release`, or as a context manager."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor

    def release(self) -> None:
        """Give the lock back; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()


def use(folder: Path) -> Held:
    """Make the folder of an entry, and hold its lock with others who use it: it cannot be cleared.

    Raises
    ------
    OSError
        When the folder cannot be made or read.
    """
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        if held := _locked(folder / LOCK, fcntl.LOCK_SH):
            return held
        # It has been cleared between the two calls.


def compute_alone(folder: Path) -> Held:
    """Hold the lock of who computes an entry that is in use; say so where another process has to end first.

    Raises
    ------
    OSError
        When the folder cannot be written.
    """
    held = _locked(folder / COMPUTING, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if held is None:
        say(f"{folder}: another process computes these features; waiting for it")
        held = _locked(folder / COMPUTING, fcntl.LOCK_EX)
    assert held is not None  # who waits cannot be refused, and the folder stays while it is used
    return held


def try_to_clear(folder: Path) -> Held | None:
    """Hold the lock of an entry alone, or return None where others use it or have removed it."""
    return _locked(folder / LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB)


def touch(folder: Path) -> None:
    """Say that the entry is used now, where it may be written to."""
    with suppress(OSError):
        os.utime(folder / LOCK)


def _locked(path: Path, kind: int) -> Held | None:
    """Return the lock, or None where others hold it or have removed its file in the meantime."""
    with suppress(BlockingIOError, FileNotFoundError), ExitStack() as undo:
        descriptor = _open(path)
        undo.callback(os.close, descriptor)
        fcntl.flock(descriptor, kind)
        if os.path.samestat(os.fstat(descriptor), path.stat()):
            undo.pop_all()
            return Held(descriptor)
    return None


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if error.errno not in _NOT_WRITABLE or not path.exists():
            raise
        return os.open(path, os.O_RDONLY)  # an entry of somebody else can be read all the same
