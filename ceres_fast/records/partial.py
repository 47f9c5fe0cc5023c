"""The folder in which records are built, beside the place where they will be: one build at a time."""

from __future__ import annotations

import fcntl
import os
import platform
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from ..console import warn
from ..errors import CeresFastError
from ..files import disk_errors

LOCK, PARTS, RECORDS, PLANS = "lock", "parts", "records", "plans"


@contextmanager
def partial_folder(out: Path) -> Iterator[Path]:
    """Yield the folder ``.NAME.partial`` beside `out`, which no other process has at the same time.

    It stays when the block fails and parts are in it, so that the next build goes on from there; else it is deleted.
    A process that is killed gives it free: the lock is the system's, not a file that stays behind.

    Raises
    ------
    CeresFastError
        When another process builds there, or the disk refuses.
    """
    folder = out.parent / f".{out.name}.partial"
    with disk_errors(out):
        lock = _locked(folder, out)
    with lock:
        try:
            with disk_errors(folder):
                (folder / PARTS).mkdir(exist_ok=True)
                for name in (RECORDS, PLANS):
                    shutil.rmtree(folder / name, ignore_errors=True)
                    (folder / name).mkdir()
            yield folder
        except BaseException:
            if any((folder / PARTS).iterdir()):
                warn(f"{folder}: what is finished is kept here; the next build of {out} goes on from it")
            else:
                shutil.rmtree(folder, ignore_errors=True)
            raise
        shutil.rmtree(folder, ignore_errors=True)


def _locked(folder: Path, out: Path) -> IO[str]:
    """Return the open lock file; the lock ends when it is closed."""
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        stream = (folder / LOCK).open("a+")
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            stream.seek(0)
            who = stream.read().strip() or "another process"
            stream.close()
            raise CeresFastError(f"{out}: is being built by {who}. Wait for it, or choose another name.") from None
        if _is_still_there(stream, folder / LOCK):
            stream.truncate(0)
            stream.write(f"process {os.getpid()} on {platform.node()}\n")
            stream.flush()
            return stream
        # The build that had the lock has ended between the two calls and taken the folder away.
        stream.close()


def _is_still_there(stream: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(stream.fileno()), path.stat())
    except FileNotFoundError:
        return False
