"""Writing files so that a crash, a full disk or a second process never costs what was there before."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import shutil
import tempfile
from collections.abc import Container, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import CeresFastError, InputError
from .file_names import ESCAPE_BYTES

try:
    import fcntl  # noqa: F401  (looked for here, because all that reads or writes files imports this file)
except ImportError as error:
    raise CeresFastError(
        "ceres-fast runs on Linux and macOS: this system lacks their locks, and their way to put a file in the place "
        "of another. On Windows run it in the Windows Subsystem for Linux."
    ) from error

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


_PART = 25
"""Characters of 1 to 4 bytes each, of which a name has at most 255."""


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary name beside `path`; when the block succeeds, fsync it and rename it to `path`.

    The temporary name keeps the suffix of `path`, because many writers choose their format by it, and of the rest only
    a part: it is longer than that of `path` else, which may be as long as a name can be.

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
        descriptor, name = tempfile.mkstemp(prefix=f".{stem[:_PART]}.", suffix=suffix[-_PART:], dir=path.parent)
        os.close(descriptor)
    temporary = Path(name)
    try:
        with disk_errors(path, DISK):
            yield temporary
            temporary.chmod(0o666 & ~umask())
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


def refuse_existing(path: Path, overwrite: bool) -> None:
    """Raise a CeresFastError when the file `path` exists and must not be replaced."""
    if path.exists() and not overwrite:
        raise CeresFastError(f"{path}: exists already. Choose another name, or pass --overwrite to replace it.")


def umask() -> int:
    """Return the bits that new files and folders of this process do not get."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


@contextmanager
def temporary_folder(purpose: str) -> Iterator[Path]:
    """Yield a folder that is removed when the block ends, for libraries and programs that read and write files only.

    Parameters
    ----------
    purpose : str
        What needs it, for the error.

    Raises
    ------
    CeresFastError
        When there is no place for it, or the disk refuses what is written there.
    """
    try:
        made = tempfile.TemporaryDirectory(prefix="ceres-fast-")
    except OSError as error:
        raise CeresFastError(
            f"{purpose} needs a folder for temporary files, and none can be made ({error.strerror}). "
            "Name a folder with room in $TMPDIR."
        ) from error
    with made as folder, disk_errors(Path(folder), DISK):
        yield Path(folder)


def copy_file(source: Path, path: Path) -> None:
    """Copy a file to `path`, whole or not at all; raises as `atomic_file`."""
    with atomic_file(path) as temporary:
        shutil.copyfile(source, temporary)


def write_text(path: Path, text: str) -> None:
    """Write `text` (UTF-8) to `path`, whole or not at all; bytes of a name that are no text are escaped."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors=ESCAPE_BYTES)


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON to `path`, whole or not at all; NaN is refused (JSON has none)."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


LARGEST_JSON = 100_000_000
"""Bytes that are read; the largest format, the manifest of records, has about 200 bytes a shard."""

DEEPEST = 50
"""Objects and lists in each other; the formats have 6. Far deeper ones would break what walks through them."""


def read_json(path: Path, *, what: str, action: str | None = None, largest: int = LARGEST_JSON) -> dict[str, Any]:
    """Read a file that holds a JSON object.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    what : str
        What the file should be, in words.
    action : str, optional
        What a user can do about a file that is not so.
    largest : int
        Most bytes that are read.

    Returns
    -------
    dict
        What it holds.

    Raises
    ------
    InputError
        When the file is missing, or holds none (see `parse_json`).
    """
    try:
        with path.open("rb") as stream:
            content = stream.read(largest + 1)
    except OSError as error:
        raise InputError(path, f"cannot be read ({error.strerror})", expected=what, action=action) from error
    return parse_json(content, path, what=what, action=action, largest=largest)


def parse_json(
    text: str | bytes, where: Path, *, what: str, action: str | None = None, largest: int = LARGEST_JSON
) -> dict[str, Any]:
    """Return the object that a text of JSON holds; `where` is the file that errors name, the rest as in `read_json`.

    NaN and infinity, numbers that no float64 holds, what is not UTF-8, and objects in each other deeper than `DEEPEST`
    are refused. Of a key that stands twice, the last value counts.
    """
    try:
        if len(text) > largest:
            raise ValueError(f"more than {largest:,} bytes")
        if isinstance(text, bytes):
            text = text.decode()
        # Not by msgspec, which refuses the halves of surrogate pairs that Python makes of file names that are no UTF-8.
        value = json.loads(text, parse_constant=_no_number, parse_float=_finite)
        if deeper_than(DEEPEST, value):
            raise RecursionError
    except RecursionError as error:
        raise InputError(where, "is nested too deeply", expected=what, action=action) from error
    except ValueError as error:
        raise InputError(where, f"is not valid JSON ({error})", expected=what, action=action) from error
    if not isinstance(value, dict):
        raise InputError(where, f"holds a {type(value).__name__}, not an object", expected=what, action=action)
    return value


def _no_number(name: str) -> None:
    raise ValueError(f"JSON has no {name}")


def _finite(digits: str) -> float:
    value = float(digits)
    if not math.isfinite(value):
        raise ValueError(f"{digits:.80} is too large a number")
    return value


def deeper_than(levels: int, value: Any) -> bool:
    """Return whether objects and lists stand in each other in more than so many levels."""
    inside = value.values() if isinstance(value, Mapping) else value if isinstance(value, list | tuple) else ()
    return any(levels == 0 or deeper_than(levels - 1, each) for each in inside)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
