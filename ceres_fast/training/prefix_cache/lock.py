"""The lock of an entry: shared by those who read it, exclusive for who computes or clears it.

The lock is the system's, so a process that is killed gives it free.
"""

from __future__ import annotations

import errno
import fcntl
import os
from contextlib import ExitStack, suppress
from pathlib import Path

from ...console import say

LOCK = "lock"
"""Name of its file in the entry; when that was modified last is when the entry was used last."""

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


def hold(folder: Path, *, exclusive: bool) -> Held:
    """Make the folder and hold its lock; say so where others have to give it back first.

    Raises
    ------
    OSError
        When the folder cannot be made or read.
    """
    kind = fcntl.LOCK_EX if exclusive else fcntl.LOCK_SH
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        if (held := _locked(folder, kind | fcntl.LOCK_NB)) is None:
            say(f"{folder}: another process {'uses' if exclusive else 'computes'} these features; waiting for it")
            held = _locked(folder, kind)
        if held is not None:
            return held


def try_to_hold(folder: Path) -> Held | None:
    """Hold the lock of a folder exclusively, or return None where somebody else holds it or has removed it."""
    return _locked(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)


def touch(folder: Path) -> None:
    """Say that the entry is used now, where it may be written to."""
    with suppress(OSError):
        os.utime(folder / LOCK)


def _locked(folder: Path, kind: int) -> Held | None:
    """Return the lock, or None where others hold it or have removed its file in the meantime."""
    with suppress(BlockingIOError, FileNotFoundError), ExitStack() as undo:
        descriptor = _open(folder / LOCK)
        undo.callback(os.close, descriptor)
        fcntl.flock(descriptor, kind)
        if os.path.samestat(os.fstat(descriptor), (folder / LOCK).stat()):
            undo.pop_all()
            return Held(descriptor)
    return None


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        if error.errno not in _NOT_WRITABLE:
            raise
        return os.open(path, os.O_RDONLY)  # an entry of somebody else can be read all the same
