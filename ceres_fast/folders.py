"""Folders that a command makes: one writer at a time, and whole or not at all.

A folder that is there and empty is as good as none: batch systems and containers make the place of the output before
the command starts. It may be the root of a volume, which nothing can be renamed to, and beside which nothing may be
written. So what is to be in it is prepared inside it.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .console import warn
from .errors import CeresFastError
from .files import DISK, disk_errors, sync, umask
from .locks import Busy, Lock, lock_where_possible

PARTIAL = ".partial"
"""Folder in which the content of an empty folder is prepared."""

LOCK = "lock"
"""File in such a folder that its writer has locked."""

_OF_THE_DISK = re.compile(r"lost\+found|\.snapshot|\.DS_Store|\.nfs[0-9A-Fa-f]+")
"""What file systems put into folders by themselves: for recovered files, for old versions, for deleted open files."""


def contents(path: Path, *ours: str) -> list[Path]:
    """Return what is where a folder is to be made: nothing where there is none, or an empty one.

    Parameters
    ----------
    path : pathlib.Path
        The folder.
    *ours : str
        Names in it that do not count, beside those that file systems put there.

    Returns
    -------
    list of pathlib.Path
        What is in it, sorted; `path` itself where it is a file, or a link to nothing.

    Raises
    ------
    CeresFastError
        When it cannot be looked into.
    """
    if not path.is_dir():
        return [path] if os.path.lexists(path) else []
    with disk_errors(path):
        return sorted(
            each for each in path.iterdir() if each.name not in ours and not _OF_THE_DISK.fullmatch(each.name)
        )


def occupied(path: Path, *ours: str) -> str:
    """Return in words what keeps a folder from being made at `path`; empty where nothing does (see `contents`)."""
    there = contents(path, *ours)
    if not there:
        return ""
    return "exists already" if there[0] == path else f"exists already, and {there[0].name} is in it"


def refuse_occupied(path: Path, overwrite: bool = False) -> None:
    """Raise a CeresFastError when something is where a folder is to be made, and must not be replaced.

    What is no folder never is: it was not made by what makes folders.
    """
    problem = occupied(path, PARTIAL)
    if problem and not path.is_dir():
        raise CeresFastError(f"{path}: {problem}, and is no folder. Choose another name.")
    if problem and not overwrite:
        raise CeresFastError(f"{path}: {problem}. Choose another name, or pass --overwrite to replace it.")


@contextmanager
def prepared(path: Path) -> Iterator[Path]:
    """Yield the folder in which the content of `path` is prepared, which no other process has at the same time.

    It is ``.NAME.partial`` beside `path`, and ``.partial`` in it where `path` is there and empty. It is not removed,
    and may hold what a process has left that was killed.

    Raises
    ------
    CeresFastError
        When another process writes there, or the disk refuses.
    """
    empty = path.is_dir() and not contents(path, PARTIAL)
    folder = path / PARTIAL if empty else path.parent / f".{path.name}{PARTIAL}"
    with disk_errors(path):
        held = _locked(folder, path)
    if held.problem:
        warn(f"{path}: cannot be locked ({held.problem}); see to it that no other process writes it")
    with held:
        yield folder


def _locked(folder: Path, path: Path) -> Lock:
    while True:
        folder.mkdir(parents=True, exist_ok=True)
        try:
            # Not found: who had the lock has ended between the two calls and taken the folder away.
            with suppress(FileNotFoundError):
                return lock_where_possible(folder / LOCK)
        except Busy as busy:
            raise CeresFastError(f"{path}: is being written by {busy}. Wait for it, or choose another name.") from None


@contextmanager
def atomic_directory(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary directory whose content is in `path` when the block succeeds.

    Raises
    ------
    CeresFastError
        When something is at `path` (before or after the block) and `overwrite` is false, another process writes there,
        or the disk refuses.
    """
    refuse_occupied(path, overwrite)
    with prepared(path) as folder:
        try:
            with disk_errors(path, DISK):
                new = folder / "new"
                shutil.rmtree(new, ignore_errors=True)
                new.mkdir()
                yield new
                move_directory(new, path, overwrite=overwrite)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def move_directory(new: Path, path: Path, *, overwrite: bool = False) -> None:
    """Fsync a finished directory and rename it to `path`, in place of what is there.

    Where an empty folder is there, that stays, and gets the content: JSON files last, as they say what the others are.

    Raises
    ------
    CeresFastError
        When something is at `path` and `overwrite` is false.
    """
    for file in [new, *new.rglob("*")]:
        sync(file)
    refuse_occupied(path, overwrite)
    if path.is_dir() and not contents(path, PARTIAL):
        for file in sorted(new.iterdir(), key=lambda file: file.suffix == ".json"):
            file.rename(path / file.name)
        sync(path)
        return
    new.chmod(0o777 & ~umask())
    _swap_in(new, path)
    sync(path.parent)


def _swap_in(new: Path, path: Path) -> None:
    if not path.exists():
        new.rename(path)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old-", dir=path.parent)) / path.name
    path.rename(old)
    try:
        new.rename(path)
    except OSError:
        old.rename(path)
        old.parent.rmdir()
        raise
    shutil.rmtree(old.parent, ignore_errors=True)
