"""Writing files so that a crash, a full disk or a second process never costs what was there before."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Container, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import CeresFastError, InputError

StrPath = str | os.PathLike[str]
"""What a caller may give as a path."""


def as_paths(paths: StrPath | Iterable[StrPath]) -> list[Path]:
    """Return one path or several as a list of `pathlib.Path`; a text is one path, and not a sequence of letters."""
    return [Path(paths)] if isinstance(paths, str | os.PathLike) else [Path(path) for path in paths]


def sync(path: Path) -> None:
    """Wait until the disk has what was written to a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO}
"""What the disk says when it refuses; any other OSError in a block is the block's own affair."""


@contextmanager
def disk_errors(path: Path, numbers: Container[int] | None = None) -> Iterator[None]:
    """Turn an OSError (of these `numbers`) into a CeresFastError that says that `path` cannot be written."""
    try:
        yield
    except OSError as error:
        if numbers is not None and error.errno not in numbers:
            raise
        # HDF5 raises an OSError with a number and a page of text.
        reason = os.strerror(error.errno) if error.errno else str(error).partition("\n")[0]
        raise CeresFastError(
            f"{path}: cannot be written ({reason}). Make room or choose another place; "
            "nothing that was there before has been changed."
        ) from error


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; when the block succeeds, fsync it and rename it to `path`.

    The temporary name keeps the suffix of `path`, because many writers choose their format by it.

    Raises
    ------
    CeresFastError
        When the disk refuses, or `path` is a folder; it is then what it was before.
    """
    if path.is_dir():
        raise CeresFastError(f"{path}: is a folder, and a file is to be written. Choose another name.")
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stem, suffix = path.name.split(".")[0], "".join(path.suffixes)
        descriptor, name = tempfile.mkstemp(prefix=f".{stem}.", suffix=suffix, dir=path.parent)
        os.close(descriptor)
    temporary = Path(name)
    try:
        with disk_errors(path, DISK):
            yield temporary
            temporary.chmod(0o666 & ~_umask())
            sync(temporary)
            temporary.replace(path)
            sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def reserve(path: Path, size: int) -> None:
    """Make sure now that `size` bytes fit into the file at `path`, where the file system can tell.

    Raises
    ------
    OSError
        When they do not.
    """
    if not hasattr(os, "posix_fallocate"):
        return
    with path.open("r+b") as stream:
        try:
            os.posix_fallocate(stream.fileno(), 0, size)
        except OSError as error:
            if error.errno in DISK:
                raise


@contextmanager
def atomic_directory(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yield a temporary directory beside `path` that becomes `path` when the block succeeds.

    Raises
    ------
    CeresFastError
        When `path` exists (before or after the block) and `overwrite` is false, or the disk refuses.
    """
    refuse_existing(path, overwrite)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.partial-", dir=path.parent))
    try:
        with disk_errors(path, DISK):
            yield temporary
            move_directory(temporary, path, overwrite=overwrite)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def move_directory(new: Path, path: Path, *, overwrite: bool = False) -> None:
    """Fsync a finished directory and rename it to `path`, in place of what is there.

    Raises
    ------
    CeresFastError
        When `path` exists and `overwrite` is false.
    """
    for file in [new, *new.rglob("*")]:
        sync(file)
    new.chmod(0o777 & ~_umask())
    refuse_existing(path, overwrite)
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


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise a CeresFastError when `path` exists and must not be replaced."""
    if path.exists() and not overwrite:
        raise CeresFastError(f"{path}: exists already. Choose another name, or pass --overwrite to replace it.")


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def copy_file(source: Path, path: Path) -> None:
    """Copy a file to `path`, whole or not at all; raises as `atomic_file`."""
    with atomic_file(path) as temporary:
        shutil.copyfile(source, temporary)


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON to `path`, whole or not at all; NaN is refused (JSON has none)."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def read_json(path: Path, *, what: str) -> dict[str, Any]:
    """Read a JSON object.

    Raises
    ------
    InputError
        When the file is missing, is not JSON, or is not an object; `what` names what was expected.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected=what) from error
    except ValueError as error:
        raise InputError(path, f"is not valid JSON ({error})", expected=what) from error
    if not isinstance(value, dict):
        raise InputError(path, f"holds a {type(value).__name__}, not an object", expected=what)
    return value


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
