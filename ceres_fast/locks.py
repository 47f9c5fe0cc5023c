"""Locks on files: the system's, so that a process which is killed gives them free."""

from __future__ import annotations

import errno
import fcntl
import os
import platform
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from .files import disk_errors

_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS}
"""What a file system says that has no locks."""

_NOT_WRITABLE = {errno.EACCES, errno.EPERM, errno.EROFS}


class Busy(Exception):  # noqa: N818 (a state of things, as BlockingIOError is)
    """Another process has the lock; the text says which."""


class Lock:
    """A lock that is held until `release`, or as a context manager.

    Attributes
    ----------
    problem : str
        Why there is none (see `lock_where_possible`); empty for a lock that keeps others away.
    """

    def __init__(self, descriptor: int | None, problem: str = "") -> None:
        self._descriptor = descriptor
        self.problem = problem

    def is_of(self, path: Path) -> bool:
        """Return whether it is held, and of the file that is at `path` now."""
        with suppress(FileNotFoundError):
            return self._descriptor is not None and os.path.samestat(os.fstat(self._descriptor), path.stat())
        return False

    def release(self) -> None:
        """Give the lock back; a second time does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def __enter__(self) -> Lock:
        return self

    def __exit__(self, *error: object) -> None:
        self.release()


def lock(path: Path, *, shared: bool = False, wait: bool = False) -> Lock:
    """Lock a file, which is made where it is not there; who has it alone says so in it.

    Parameters
    ----------
    path : pathlib.Path
        The file; not the folder that it is for, which cannot be locked on NFS.
    shared : bool
        Whether others may share it; else this process has it alone.
    wait : bool
        Whether to wait for others.

    Raises
    ------
    Busy
        When others hold it, and this one does not wait.
    FileNotFoundError
        When there is no folder, or somebody who had the lock has removed the file in the meantime.
    OSError
        When the file cannot be opened, or its file system has no locks.
    """
    descriptor = _open(path, shared)
    with ExitStack() as undo:
        held = undo.enter_context(Lock(descriptor))
        try:
            fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
        except BlockingIOError:
            raise Busy(os.pread(descriptor, 200, 0).decode(errors="replace").strip() or "another process") from None
        if not held.is_of(path):
            raise FileNotFoundError(errno.ENOENT, "removed in the meantime", str(path))
        if not shared:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, f"process {os.getpid()} on {platform.node()}\n".encode(), 0)
        undo.pop_all()
        return held


def lock_where_possible(path: Path, *, wait: bool = False) -> Lock:
    """Lock a file for this process alone, as `lock` does; on a file system without locks, go on without one.

    Some network file systems have no locks. Work there is not refused, because a user usually starts one process at a
    time; `Lock.problem` then says why nothing keeps a second one away.

    Raises
    ------
    Busy, FileNotFoundError, OSError
        As `lock` does, except where the file system has no locks.
    """
    try:
        return lock(path, wait=wait)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        return Lock(None, error.strerror or "no locks")


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes that use this function from a file, after waiting for them; see `lock_where_possible`.

    Raises
    ------
    CeresFastError
        When the disk refuses the lock, a file named ``<path>.lock``.
    """
    with disk_errors(path):
        held = lock_where_possible(path.with_name(path.name + ".lock"), wait=True)
    with held:
        yield


def _open(path: Path, shared: bool) -> int:
    try:
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    except OSError as error:
        if not shared or error.errno not in _NOT_WRITABLE or not path.exists():
            raise
        return os.open(path, os.O_RDONLY | os.O_CLOEXEC)  # what is somebody else's can be shared all the same
