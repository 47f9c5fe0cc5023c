"""Where alert packets are: files of Avro or Parquet, folders of them, and the archives of a night.

Nothing is unpacked to disk: members of an archive are read in memory, one at a time, and their names are names only.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple, Self

from ..errors import InputError
from .avro import SCHEMA_ENDING
from .formats import AVRO, GZIP, LOOKED_AT, PARQUET, format_of
from .parquet import has_cutouts

PACKETS = (".avro", ".avro.gz", ".parquet")
ARCHIVES = (".tar", ".tar.gz", ".tgz")
ENDINGS = PACKETS + ARCHIVES
"""How names of files with packets, of archives of such, and of both end."""

LARGEST_MEMBER = 64 * 2**20
"""Bytes of a member of an archive, at most; ZTF's packets are 70 kB."""

_LARGEST_HEADER = 2**20
_END = bytes(tarfile.BLOCKSIZE)
_FIRST = 100
"""Members of an archive that tell whether it is one of alerts."""

_BROKEN = (tarfile.TarError, OSError, EOFError, ValueError, OverflowError, zlib.error)


@dataclass(frozen=True)
class AlertUnit:
    """A piece of work: some files with packets, or a part of an archive. It can be pickled.

    Parameters
    ----------
    name : str
        Of the unit, relative to its source.
    root : pathlib.Path
        Folder that names of packets are relative to.
    files : tuple of pathlib.Path
        Files with packets, or one archive.
    schemas : tuple of pathlib.Path
        Files beside them with the schemas of packets that do not hold their own.
    start : int
        Byte of the archive where its first member begins.
    count : int or None
        How many packets of the archive belong to the unit; None: all to its end.
    """

    name: str
    root: Path
    files: tuple[Path, ...]
    schemas: tuple[Path, ...] = ()
    start: int = 0
    count: int | None = None


class Content(NamedTuple):
    """A file with packets: which one it is, and its bytes, or why there are none."""

    path: Path
    member: str
    stream: BinaryIO | InputError


def is_alerts(path: Path) -> bool:
    """Tell whether `path` is a file with packets, an archive with some among its first members, or a folder with these.

    An archive that cannot be read, or holds nothing, as that of a night without alerts, counts as well: reading it says
    what there is. In a folder, which may be one of frames, an empty archive and Parquet without cut-outs do not count.
    """
    if path.is_dir():
        return any(_shows_alerts(file) for file in _below(path, ENDINGS))
    if _is_archive(path.name):
        return _shows_alerts(path) or not any(_all_members(path))
    return _is_packet(path.name) or _start(path).startswith((AVRO, PARQUET))


def _shows_alerts(path: Path) -> bool:
    if _is_archive(path.name):
        first = islice(_all_members(path), _FIRST)
        return any(_is_packet(content.member) or isinstance(content.stream, InputError) for content in first)
    return path.name.lower().endswith(PACKETS[:-1]) or has_cutouts(path)


def _all_members(path: Path) -> Iterator[Content]:
    return _members(AlertUnit("", path.parent, (path,)), all_members=True)


def alert_units(path: Path, chunk: int = 2048) -> list[AlertUnit]:
    """Divide a source of alerts into pieces of work.

    Parameters
    ----------
    path : pathlib.Path
        A file with packets (`PACKETS`), a tar archive of such (`ARCHIVES`), or a folder with any of these.
    chunk : int
        How many files, or packets of an archive, a unit has at most; a compressed archive is one unit, because it can
        only be read from its start.

    Raises
    ------
    InputError
        When there is none of these.
    """
    root = path if path.is_dir() else path.parent
    found = sorted(_below(path, (*ENDINGS, SCHEMA_ENDING))) if path.is_dir() else [path]
    beside = found if path.is_dir() else sorted(root.glob(f"[!.]*{SCHEMA_ENDING}"))
    schemas = tuple(file for file in beside if _is_schema(file.name))
    archives = [file for file in found if _is_archive(file.name)]
    files = [file for file in found if not _is_archive(file.name) and not _is_schema(file.name)]
    if not files and not archives:
        raise InputError(path, "holds no alert packets", expected=f"files ending in {', '.join(ENDINGS)}")
    chunks = [tuple(files[start : start + chunk]) for start in range(0, len(files), chunk)]
    units = [AlertUnit(f"{some[0].relative_to(root).as_posix()} ...", root, some, schemas) for some in chunks]
    return units + [unit for archive in archives for unit in _archive_units(archive, root, schemas, chunk)]


def contents(unit: AlertUnit) -> Iterator[Content]:
    """Yield the files with packets of a unit, in order; for one that cannot be opened, why."""
    if _is_archive(unit.files[0].name):
        yield from _members(unit)
        return
    for path in unit.files:
        try:
            stream = path.open("rb")
        except OSError as error:
            yield Content(path, "", InputError(path, f"cannot be read ({error.strerror})"))
            continue
        with stream:
            yield Content(path, "", stream)


def _below(folder: Path, endings: tuple[str, ...]) -> Iterator[Path]:
    for file in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in file.relative_to(folder).parts)
        if not hidden and file.name.lower().endswith(endings) and file.is_file():
            yield file


def _is_packet(name: str) -> bool:
    last = name.rpartition("/")[2]
    return last.lower().endswith(PACKETS) and not last.startswith(".")  # macOS puts "._name" beside each file


def _is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)


def _is_schema(name: str) -> bool:
    return name.lower().endswith(SCHEMA_ENDING)


def _start(path: Path) -> bytes:
    try:
        with path.open("rb") as stream:
            return stream.read(LOOKED_AT)
    except OSError:
        return b""


def _archive_units(path: Path, root: Path, schemas: tuple[Path, ...], chunk: int) -> list[AlertUnit]:
    name = path.relative_to(root).as_posix()
    starts = [0, *_later_starts(path, chunk)]
    counts = [chunk] * (len(starts) - 1) + [None]
    numbers = range(0, len(starts) * chunk, chunk)
    return [
        AlertUnit(f"{name}[{number}]", root, (path,), schemas, start, count)
        for number, start, count in zip(numbers, starts, counts, strict=True)
    ]


def _later_starts(path: Path, chunk: int) -> Iterator[int]:
    """Yield where every `chunk`-th packet begins, of an archive that is not gzipped.

    What is wrong with the archive shows when the last unit is read.
    """
    try:
        with tarfile.open(path, "r:", tarinfo=_Header) as tar:
            found = 0
            while (member := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]
                if _is_packet(member.name):
                    if found and found % chunk == 0:
                        yield member.offset
                    found += 1
    except _BROKEN:
        return


class _Header(tarfile.TarInfo):
    """A header that may not be wrong: `tarfile` takes a broken one for the end of the archive, without a word."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        if buf == _END:
            return super().frombuf(buf, encoding, errors)  # which says so
        try:
            header = super().frombuf(buf, encoding, errors)
        except tarfile.HeaderError as error:
            raise tarfile.ReadError(f"a header is broken or missing: {error}") from error
        if not header.isreg() and header.size > _LARGEST_HEADER:
            raise tarfile.ReadError(f"a header of {header.size} bytes")
        return header


class _GzippedHeader(_Header):
    """A header of an archive that is gzipped: a checksum proves its end, so that it may lack the empty blocks there."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        return super().frombuf(buf or _END, encoding, errors)


def _members(unit: AlertUnit, *, all_members: bool = False) -> Iterator[Content]:
    (path,) = unit.files
    found = 0
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(len(GZIP)) == GZIP
            raw.seek(unit.start)
            stream = gzip.GzipFile(fileobj=raw) if gzipped else raw
            header = _GzippedHeader if gzipped else _Header
            with tarfile.open(fileobj=stream, mode="r|", tarinfo=header) as tar:
                while found != unit.count and (member := tar.next()) is not None:
                    tar.members.clear()  # type: ignore[attr-defined]  # it would remember all of a night
                    if all_members or _is_packet(member.name):
                        found += 1
                        yield Content(path, _printable(member.name), _in_memory(tar, member, path))
            while found != unit.count and stream.read(2**20):
                pass  # to the checksum at the end of the compressed file
    except _BROKEN as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        problem = f"cannot be read to its end ({reason}); {found} packets before it can"
        what = format_of(_start(path))
        if not found and what not in ("a tar archive", "gzip", "empty", ""):
            problem = f"is no tar archive, but {what}"
        action = "copy or download it again"
        yield Content(path, "", InputError(path, problem, expected="a whole tar archive", action=action))


def _in_memory(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> BinaryIO | InputError:
    name = _printable(member.name)
    stream = tar.extractfile(member) if member.isreg() else None
    if stream is None:
        return InputError(path, "is a link or another special file, not a packet", row=name)
    if member.size > LARGEST_MEMBER:
        return InputError(path, f"has {member.size} bytes", row=name, expected=f"at most {LARGEST_MEMBER} in a packet")
    return io.BytesIO(stream.read())


def _printable(name: str) -> str:
    return "".join(letter if letter.isprintable() else "?" for letter in name)
