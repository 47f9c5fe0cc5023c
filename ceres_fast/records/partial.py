"""The folder in which records are built, beside the place where they will be: one build at a time."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..console import warn
from ..errors import CeresFastError
from ..files import disk_errors
from ..locks import Busy, Lock, lock

LOCK, PARTS, RECORDS, PLANS = "lock", "parts", "records", "plans"


@contextmanager
def partial_folder(out: Path) -> Iterator[Path]:
    """Yield the folder ``.NAME.partial`` beside `out`, which no other process has at the same time.

    It stays when the block fails and parts are in it, so that the next build goes on from there; else it is deleted.
    A process that is killed gives it free.

    Raises
    ------
    CeresFastError
        When another process builds there, or the disk refuses.
    """
    folder = out.parent / f".{out.name}.partial"
    with disk_errors(out):
        held = _locked(folder, out)
    with held:
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


def _locked(folder: Path, out: Path) -> Lock:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            # Not found: the build that had the lock has ended between the two calls and taken the folder away.
            with suppress(FileNotFoundError):
                return lock(folder / LOCK)
        except Busy as busy:
            raise CeresFastError(f"{out}: is being built by {busy}. Wait for it, or choose another name.") from None
