"""Parts of records: the stamps of a unit of work on disk, made once, whatever happens to the build.

They are made in a folder beside the place where the records will be, which only one build at a time can have.

A part is a folder that appears when it is complete: ``stamps.npy``, ``columns.npz``, ``lost.npz`` with the asteroids
that became no stamp, and ``part.json`` with what else is known. Its name is the SHA-256 of all that decides what is in
it, so a part that is there is the one that is wanted.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from itertools import chain
from pathlib import Path
from typing import IO, Any

import numpy as np
from astropy.table import Table

from .. import __version__
from ..console import warn, warnings_kept
from ..errors import InputError, Problems
from ..files import DISK, disk_errors, sha256_of, write_json
from ..folders import move_directory, prepared
from ..selection.field import LOST
from ..selection.lost import no_fates
from ..stamps import COLUMNS, empty_table, stamp_shape
from .units import Choice, SourceFile, Unit

PARTS, RECORDS, PLANS = "parts", "records", "plans"
"""What is in the folder of a build, beside its lock."""

STAMPS, TABLE, LOST_TABLE, ABOUT = "stamps.npy", "columns.npz", "lost.npz", "part.json"
"""What is in the folder of a part."""

LAYOUT = 3
"""Goes up when a part is laid out in another way: older parts are then made again."""


@contextmanager
def partial_folder(out: Path) -> Iterator[Path]:
    """Yield the folder in which `out` is prepared, which no other process has at the same time (`folders.prepared`).

    It stays when the block fails and parts are in it, so that the next build goes on from there; else it is deleted.
    A process that is killed gives it free.

    Raises
    ------
    CeresFastError
        When another process builds there, or the disk refuses.
    """
    with prepared(out) as folder:
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


@dataclass(frozen=True)
class Part:
    """What the rest of the build needs to know of a part.

    Parameters
    ----------
    key : str
        Name of its folder.
    rows : int
        How many stamps it has.
    counts : dict
        What happened to the input.
    warnings : list of str
        What was said while it was made.
    listed : list of (sha256, name)
        The files that were read.
    files : dict
        Name: [bytes, SHA-256] of what is in the folder.
    reused : bool
        Whether it was there already.
    """

    key: str
    rows: int
    counts: dict[str, int]
    warnings: list[str]
    listed: list[list[str]]
    files: dict[str, list[Any]]
    reused: bool = field(default=False, compare=False)


@dataclass(frozen=True)
class PartMaker:
    """Makes the parts of units in a folder; it is sent to the workers."""

    folder: Path
    choice: Choice

    def key(self, unit: Unit) -> str:
        """Return the name of the part of a unit: the SHA-256 of all that decides what is in it.

        Raises
        ------
        InputError
            When one of its files is gone.
        """
        decides = [
            LAYOUT,
            __version__,
            unit.kind,
            unit.name,
            unit.prefix,
            [_state(file) for file in unit.files],
            [file.name for file in unit.listed],
            unit.decides,
            asdict(self.choice),
        ]
        return hashlib.sha256(json.dumps(decides, sort_keys=True, default=str).encode()).hexdigest()

    def __call__(self, task: tuple[Unit, str]) -> Part:
        """Return the part of a unit and its key; make it unless it is there and whole.

        Raises
        ------
        InputError
            For an input that cannot be used, or that changes while it is read.
        CeresFastError
            When the disk refuses.
        """
        unit, key = task
        if (part := read_part(self.folder / key)) is not None:
            return part
        with disk_errors(self.folder.parent, DISK):
            made = Path(tempfile.mkdtemp(prefix=".", dir=self.folder))
            try:
                about = self._make(made, unit)
                if self.key(unit) != key:
                    raise InputError(unit.files[0].path, "it, or a file that goes with it, changes while it is read")
                write_json(made / ABOUT, about)
                if read_part(self.folder / key) is None:  # else a worker that outlived a killed build has just made it
                    shutil.rmtree(self.folder / key, ignore_errors=True)
                    move_directory(made, self.folder / key)
            finally:
                shutil.rmtree(made, ignore_errors=True)
        return Part(key=key, **about)

    def _make(self, folder: Path, unit: Unit) -> dict[str, Any]:
        with warnings_kept() as warnings:
            rows, counts = _write(folder, unit, self.choice)
            listed = _hashes(unit.listed, Problems(self.choice.on_error))
        files = {name: _state_of(folder / name) for name in _CHECKED}
        return {"rows": rows, "counts": dict(counts), "warnings": warnings, "listed": listed, "files": files}


_CHECKED = (STAMPS, TABLE, LOST_TABLE)


def read_part(folder: Path) -> Part | None:
    """Return a part, or None where there is none or it is damaged."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        part = Part(key=folder.name, reused=True, **about)
        whole = all(
            [(folder / name).stat().st_size, sha256_of(folder / name)] == is_ for name, is_ in part.files.items()
        )
    except (OSError, ValueError, TypeError, AttributeError):
        return None
    return part if whole and set(_CHECKED) == part.files.keys() else None


def read_table(folder: Path, name: str = TABLE) -> dict[str, np.ndarray]:
    """Return the columns of a part, without the stamps; or with `LOST_TABLE` what became no stamp."""
    with np.load(folder / name, allow_pickle=False) as table:
        return {name: table[name] for name in table.files}


def _state(file: SourceFile) -> tuple[str, int, int]:
    try:
        state = file.path.stat()
    except OSError as error:
        raise InputError(file.path, f"cannot be read ({error.strerror})", expected="the file that was found") from error
    return file.name, state.st_size, state.st_mtime_ns


def _write(folder: Path, unit: Unit, choice: Choice) -> tuple[int, Counter[str]]:
    """Write the stamps of a unit, table by table, and its columns; return how many there are, and the counts."""
    counts: Counter[str] = Counter()
    columns: dict[str, list[np.ndarray]] = {column.name: [] for column in COLUMNS}
    lost = [no_fates()]
    with (folder / STAMPS).open("wb") as stream:
        _write_header(stream, 0, choice)
        for table, happened in chain([(empty_table(choice.planes), Counter[str]())], unit.tables(choice)):
            table["source"] = np.strings.add(unit.prefix, np.asarray(table["source"]))
            _check_finite(table)
            # Not numpy.save, which does not say why a disk refuses, and needs all stamps at once.
            stream.write(np.ascontiguousarray(table["stamp"], "<f4").tobytes())
            counts += happened
            lost.append(table.meta.get(LOST, no_fates()))
            for name, values in columns.items():
                values.append(np.asarray(table[name]))
        rows = sum(map(len, columns["label"]))
        stream.seek(0)
        _write_header(stream, rows, choice)
    np.savez(folder / TABLE, **{name: np.concatenate(values) for name, values in columns.items()})  # type: ignore[arg-type]
    named = {name: np.concatenate([each[name] for each in lost]) for name in lost[0].colnames}
    np.savez(folder / LOST_TABLE, **named)  # type: ignore[arg-type]
    return rows, counts


def _write_header(stream: IO[bytes], rows: int, choice: Choice) -> None:
    """Write the header of a ``.npy`` file; its length does not depend on the number of rows."""
    shape = (rows, *stamp_shape(choice.planes))
    np.lib.format.write_array_header_1_0(stream, {"descr": "<f4", "fortran_order": False, "shape": shape})


def _check_finite(columns: Table) -> None:
    stamps = np.asarray(columns["stamp"])
    bad = np.flatnonzero(~np.isfinite(stamps).all(axis=tuple(range(1, stamps.ndim))))
    if bad.size:
        row = int(columns["row"][bad[0]])
        problem = f"a stamp has missing pixels (NaN), as have {bad.size - 1} others"
        raise InputError(columns["source"][bad[0]], problem, row=row if row > 0 else None, action="pass --nan fill")


def _hashes(files: Sequence[SourceFile], problems: Problems) -> list[list[str]]:
    """Return SHA-256 and name of files; a file that cannot be read was reported before, or is now."""
    lines = []
    for file in files:
        try:
            lines.append([sha256_of(file.path), file.name])
        except OSError as error:
            problems.report(InputError(file.path, f"cannot be read ({error.strerror})"), Counter(), "files")
    return lines


def _state_of(file: Path) -> list[Any]:
    return [file.stat().st_size, sha256_of(file)]


def clear_others(folder: Path, keys: set[str]) -> None:
    """Delete what is in the folder of parts and is none of these parts."""
    for part in folder.iterdir():
        if part.name not in keys:
            shutil.rmtree(part, ignore_errors=True)
