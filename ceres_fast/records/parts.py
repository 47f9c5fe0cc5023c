"""Parts of records: the stamps of a unit of work on disk, made once, whatever happens to the build.

A part is a folder that appears when it is complete: ``stamps.npy``, ``columns.npz``, and ``part.json`` with what else
is known. Its name is the SHA-256 of all that decides what is in it, so a part that is there is the one that is wanted.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .. import __version__
from ..console import warnings_kept
from ..errors import InputError
from ..files import DISK, disk_errors, move_directory, sha256_of, write_json
from ..survey.problems import Problems
from ..survey.stamp_table import COLUMNS, STAMP_SIZE, stamp_table
from .units import Choice, SourceFile, Unit

STAMPS, TABLE, ABOUT = "stamps.npy", "columns.npz", "part.json"
LAYOUT = 1
"""Goes up when a part is laid out in another way: older parts are then made again."""


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
            getattr(unit, "truth_sha256", ""),
            asdict(self.choice),
        ]
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()

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
        with warnings_kept() as warnings:
            columns, counts = _columns(unit, self.choice)
            listed = _hashes(unit.listed, Problems(self.choice.on_error))
        if self.key(unit) != key:
            raise InputError(unit.files[0].path, "it, or a file that goes with it, changes while it is read")
        about = {"rows": len(columns["label"]), "counts": dict(counts), "warnings": warnings, "listed": listed}
        return _write(self.folder / key, columns, about)


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
    return part if whole and {STAMPS, TABLE} == part.files.keys() else None


def read_table(folder: Path) -> dict[str, np.ndarray]:
    """Return the columns of a part, without the stamps."""
    with np.load(folder / TABLE, allow_pickle=False) as table:
        return {name: table[name] for name in table.files}


def _state(file: SourceFile) -> tuple[str, int, int]:
    try:
        state = file.path.stat()
    except OSError as error:
        raise InputError(file.path, f"cannot be read ({error.strerror})", expected="the file that was found") from error
    return file.name, state.st_size, state.st_mtime_ns


def _columns(unit: Unit, choice: Choice) -> tuple[dict[str, np.ndarray], Counter[str]]:
    counts: Counter[str] = Counter()
    tables = [stamp_table(np.empty((0, STAMP_SIZE, STAMP_SIZE), np.float32))]
    for table, happened in unit.tables(choice):
        counts += happened
        tables.append(table)
    names = ("stamp", *(column.name for column in COLUMNS))
    # Without the empty table where there are others: stamps of several planes do not go with those of one.
    columns = {name: np.concatenate([table[name] for table in tables[1:] or tables]) for name in names}
    columns["source"] = np.strings.add(unit.prefix, columns["source"])
    _check_finite(columns)
    return columns, counts


def _check_finite(columns: dict[str, np.ndarray]) -> None:
    stamps = columns["stamp"]
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


def _write(folder: Path, columns: dict[str, np.ndarray], about: dict[str, Any]) -> Part:
    table = {name: values for name, values in columns.items() if name != "stamp"}
    with disk_errors(folder.parents[1], DISK):
        made = Path(tempfile.mkdtemp(prefix=".", dir=folder.parent))
        try:
            _save(made / STAMPS, columns["stamp"])
            np.savez(made / TABLE, **table)  # type: ignore[arg-type]
            files = {name: _state_of(made / name) for name in (STAMPS, TABLE)}
            write_json(made / ABOUT, about | {"files": files})
            if read_part(folder) is None:  # else a worker that outlived a killed build has just made it
                shutil.rmtree(folder, ignore_errors=True)
                move_directory(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return Part(key=folder.name, files=files, **about)


def _state_of(file: Path) -> list[Any]:
    return [file.stat().st_size, sha256_of(file)]


def _save(path: Path, values: np.ndarray) -> None:
    """Write as `numpy.save` does, which does not say why a disk refuses."""
    values = np.ascontiguousarray(values)
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, np.lib.format.header_data_from_array_1_0(values))
        stream.write(values.data.cast("B") if values.size else b"")


def clear_others(folder: Path, keys: set[str]) -> None:
    """Delete what is in the folder of parts and is none of these parts."""
    for part in folder.iterdir():
        if part.name not in keys:
            shutil.rmtree(part, ignore_errors=True)
