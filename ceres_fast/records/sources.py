"""Where records come from: folders of stamps, a folder per class, or folders of frames with their catalogues."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from astropy.table import Table

from ..errors import CeresFastError, InputError
from ..files import sha256_of
from ..survey.alerts import alert_tables, alert_units, is_alerts
from ..survey.catalogues import find_catalogue
from ..survey.fits_files import fits_files
from ..survey.frames import find_frames
from ..survey.night import survey_tables
from ..survey.problems import NanPolicy, OnError
from ..survey.rules import Rules
from ..survey.selection import Where
from ..survey.stamp_folders import CLASS_FOLDERS, folder_tables, is_class_folders
from ..survey.stamp_table import PLANES
from ..survey.truth import read_truth

TRUTH = "asteroids.csv"
"""Name of the truth table that is looked for in a folder of frames."""


@dataclass(frozen=True)
class Choice:
    """What is taken from the sources, and what is done about bad input."""

    where: Where
    rules: Rules
    on_error: OnError
    nan: NanPolicy
    planes: tuple[str, ...] = PLANES[:1]


@dataclass(frozen=True)
class Source(ABC):
    """One folder that records are built from.

    Parameters
    ----------
    folder : pathlib.Path
        As the user named it.
    name : str
        Its last part, made unique among the sources; what the manifest calls it.
    truth : pathlib.Path or None
        The truth table of a folder of frames.
    """

    folder: Path
    name: str
    truth: Path | None

    kind = ""

    @cached_property
    def files(self) -> list[Path]:
        """The files that are read."""
        return self._find()

    @abstractmethod
    def _find(self) -> list[Path]: ...

    @abstractmethod
    def tables(self, choice: Choice) -> Iterator[tuple[Table, Counter[str]]]:
        """Yield stamp tables, and counts of what happened to the input."""

    def listed(self) -> list[str]:
        """Return a line for each file: SHA-256 and name, as ``sha256sum`` writes them."""
        names = {file: self._name_of(file) for file in self.files}
        return [f"{sha256_of(file)}  {name}" for file, name in sorted(names.items(), key=lambda item: item[1])]

    def _name_of(self, file: Path) -> str:
        folder = (self.folder if self.folder.is_dir() else self.folder.parent).resolve()
        inside = file.resolve().is_relative_to(folder)
        # No path of this machine goes into the records: a file from elsewhere is known by its name.
        return f"{self.name}/{file.resolve().relative_to(folder).as_posix() if inside else file.name}"


class StampFolders(Source):
    """A folder per class of FITS stamps."""

    kind = "stamps"

    def _find(self) -> list[Path]:
        folders = [folder for folder in sorted(self.folder.iterdir()) if folder.name.lower() in CLASS_FOLDERS]
        return [file for folder in folders if folder.is_dir() for file in fits_files(folder)]

    def tables(self, choice: Choice) -> Iterator[tuple[Table, Counter[str]]]:
        """Read the stamps."""
        _refuse_planes(self, choice)
        return folder_tables(self.folder, where=choice.where, on_error=choice.on_error, nan=choice.nan)


class Frames(Source):
    """Frames, their catalogues and a truth table."""

    kind = "frames"

    def _find(self) -> list[Path]:
        frames = find_frames([self.folder])
        catalogues = [catalogue for frame in frames if (catalogue := find_catalogue(frame))]
        return [*frames, *catalogues, self._truth()]

    def tables(self, choice: Choice) -> Iterator[tuple[Table, Counter[str]]]:
        """Cut and label the detections, field by field."""
        _refuse_planes(self, choice)
        truth = read_truth(self._truth())
        return survey_tables(
            [self.folder], truth, choice.rules, where=choice.where, on_error=choice.on_error, nan=choice.nan
        )

    def _truth(self) -> Path:
        if self.truth is None or not self.truth.is_file():
            raise InputError(
                self.truth or self.folder / TRUTH,
                "does not exist",
                expected="a truth table: which asteroids are in these frames",
                action="pass --truth FILE, or a folder per class of stamps",
            )
        return self.truth


class Alerts(Source):
    """Alert packets: Avro files, folders of them, or archives."""

    kind = "alerts"

    def _find(self) -> list[Path]:
        return sorted({file for unit in alert_units(self.folder) for file in unit.files})

    def tables(self, choice: Choice) -> Iterator[tuple[Table, Counter[str]]]:
        """Label the alerts and cut their stamps."""
        for unit in alert_units(self.folder):
            yield from alert_tables(
                unit, planes=choice.planes, where=choice.where, on_error=choice.on_error, nan=choice.nan
            )


def _refuse_planes(source: Source, choice: Choice) -> None:
    if choice.planes != PLANES[:1]:
        raise InputError(
            source.folder,
            f"has one plane, and --planes asks for {', '.join(choice.planes)}",
            expected="alert packets",
            action=f"pass --planes {PLANES[0]}, or build records from alert packets only",
        )


def find_sources(folders: Sequence[Path], truth: Path | None) -> list[Source]:
    """Return the sources in the order they were named.

    Raises
    ------
    CeresFastError
        When there is none, one is no folder, or one is inside another.
    """
    if not folders:
        raise CeresFastError("no source given; expected folders of stamps (a folder per class) or of frames.")
    names: Counter[str] = Counter()
    sources: list[Source] = []
    for folder in folders:
        if not folder.is_dir() and not (folder.is_file() and is_alerts(folder)):
            problem = "is not a folder" if folder.exists() else "does not exist"
            raise InputError(folder, problem, expected="a folder of stamps, frames or alerts, or an archive of alerts")
        _refuse_nested(folder, [source.folder for source in sources])
        name = folder.resolve().name
        names[name] += 1
        unique = name if names[name] == 1 else f"{name}-{names[name]}"
        kind = StampFolders if is_class_folders(folder) else Alerts if is_alerts(folder) else Frames
        sources.append(kind(folder, unique, truth or folder / TRUTH))
    return sources


def _refuse_nested(folder: Path, others: Sequence[Path]) -> None:
    for other in others:
        one, two = folder.resolve(), other.resolve()
        if one.is_relative_to(two) or two.is_relative_to(one):
            raise CeresFastError(
                f"{folder} and {other}: one holds the other, so stamps would count twice. Name one of them."
            )


def described(sources: Sequence[Source]) -> list[dict[str, Any]]:
    """Return the sources for the manifest."""
    return [{"name": source.name, "kind": source.kind, "files": len(source.files)} for source in sources]
