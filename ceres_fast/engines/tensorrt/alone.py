"""One process at a time at a file that several may write."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ...files import disk_errors
from ...locks import NO_LOCKS, lock


@contextmanager
def alone(path: Path) -> Iterator[None]:
    """Keep other processes that use this from a file, after waiting for them; on a file system without locks, hope.

    Raises
    ------
    CeresFastError
        When the disk refuses the lock, a file beside it.
    """
    with disk_errors(path):
        try:
            held = lock(path.with_name(path.name + ".lock"), wait=True)
        except OSError as error:
            if error.errno not in NO_LOCKS:
                raise
            held = None
    try:
        yield
    finally:
        if held:
            held.release()
