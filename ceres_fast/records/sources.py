"""Where records come from: a folder per class of stamps, frames with their catalogues, or alert packets."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from itertools import chain, count
from pathlib import Path
from typing import Any

from astropy.table import Table

from ..alerts import ENDINGS, alert_units, format_of_file, is_alerts
from ..catalogues import catalogues_there
from ..catalogues.fields import grouped, read_infos
from ..console import warn, warnings_kept
from ..errors import CeresFastError, InputError, OnError
from ..file_names import written
from ..files import sha256_of
from ..frames.camera import GENERIC, Camera
from ..frames.fits_files import files_below, is_fits_name
from ..frames.info import FrameInfo
from ..frames.missing import companion_files
from ..frames.reading import find_frames
from ..frames.stamp_folders import is_class_folders, labelled_files
from ..frames.where import Where
from ..machine.scheduler import Workers
from ..selection.single import of_records, warn_of_single
from ..selection.truth_checks import check_observatory, check_times, check_truth
from ..stamps import PLANES
from .manifest import SourceCount
from .references import Reference
from .units import Choice, FieldUnit, PacketUnit, SourceFile, StampUnit, Unit, truth_of

TRUTH = "asteroids.csv"
"""Name of the truth table that is looked for in a folder of frames."""

STAMPS_AT_ONCE, HEADERS_AT_ONCE = 2048, 64


@dataclass(frozen=True)
class Source(ABC):
    """One folder, or archive, that records are built from.

    Parameters
    ----------
    folder : pathlib.Path
        As the user named it.
    name : str
        Its last part, made unique among the sources; what the manifest calls it.
    truth : pathlib.Path or None
        The truth table of a folder of frames.
    prefix : str
        Goes in front of the column ``source``: the name where there are several sources.
    catalogues : pathlib.Path or None
        The folder that holds the catalogues of frames, where they are not beside them.
    camera : Camera
        The profile with which frames are read.
    counts : collections.Counter
        What happened to the input while units were looked for; the rest is in the counts of the units.
    """

    folder: Path
    name: str
    truth: Path | None
    prefix: str = ""
    catalogues: Path | None = None
    camera: Camera = GENERIC
    counts: Counter[str] = field(default_factory=Counter)

    kind = ""

    @cached_property
    def files(self) -> list[Path]:
        """The files that are read."""
        return self._find()

    @abstractmethod
    def _find(self) -> list[Path]: ...

    @abstractmethod
    def units(self, choice: Choice, workers: Workers) -> list[Unit]:
        """Return the units of work, always in the same order; every file is listed by one of them."""

    def check(self, choice: Choice, counts: Mapping[str, int]) -> None:  # noqa: B027 - most sources have nothing to check
        """Raise CeresFastError when what was counted says that something is wrong with the source as a whole."""

    def named(self, files: Iterable[Path]) -> tuple[SourceFile, ...]:
        """Return files with their names in the records."""
        return tuple(SourceFile(file, self._name_of(file)) for file in files)

    def _name_of(self, file: Path) -> str:
        folder = self.folder if self.folder.is_dir() else self.folder.parent
        # A link keeps the place it has in the folder: two links may lead to files of one name.
        places = ((file, folder), (file.resolve(), folder.resolve()))
        inside = (place.relative_to(above) for place, above in places if place.is_relative_to(above))
        # No path of this machine goes into the records: a file from elsewhere is known by its name. Python takes
        # ../x.csv to be in the folder ".".
        return f"{self.name}/{next((path.as_posix() for path in inside if '..' not in path.parts), file.name)}"


class StampFolders(Source):
    """A folder per class of FITS stamps."""

    kind = "stamps"

    def _find(self) -> list[Path]:
        return [file for file, _ in labelled_files(self.folder)]

    def units(self, choice: Choice, workers: Workers) -> list[Unit]:
        """Return some stamps each."""
        if choice.planes != PLANES[:1]:
            raise InputError(
                self.folder,
                f"has one plane, and --planes asks for {', '.join(choice.planes)}",
                expected="frames or alert packets",
                action=f"pass --planes {PLANES[0]}, or build records without FITS stamps",
            )
        units: list[Unit] = []
        labelled = labelled_files(self.folder)
        for chunk in _chunks(labelled, STAMPS_AT_ONCE):
            files = self.named(file for file, _ in chunk)
            labels = tuple(label for _, label in chunk)
            units.append(StampUnit(files[0].name, self.prefix, files, files, self.folder, labels))
        return units


class Frames(Source):
    """Frames, their catalogues and a truth table."""

    kind = "frames"

    def _find(self) -> list[Path]:
        return [
            *dict.fromkeys(file for frame in self._frames() for file in self._files_of(frame)),
            self._truth(),
        ]

    def units(self, choice: Choice, workers: Workers) -> list[Unit]:
        """Return the exposures of a field and CCD in a night each, and the files that belong to none."""
        frames = self._frames()
        self.counts.update(self._read_truth(choice).meta["counts"])
        truth, sha256 = self._truth(), sha256_of(self._truth())
        units: list[Unit] = []
        listed: set[SourceFile] = set()
        fields = self._fields(frames, choice, workers)
        taken = [info for infos in fields for info in infos]
        check_times(self._read_truth(choice), taken, choice.rules)
        check_observatory(self._read_truth(choice), taken)
        for infos in fields:
            paths = dict.fromkeys(file for info in infos for file in self._files_of(info.path))
            files = self.named(paths)
            first = self._name_of(infos[0].path) + infos[0].brackets
            # CCDs of a mosaic share its files; only the first of their units computes the SHA-256 of each.
            new = tuple(file for file in files if file not in listed)
            listed.update(new)
            units.append(
                FieldUnit(first, self.prefix, files, new, self.folder, tuple(infos), truth, sha256, self.catalogues)
            )
        others = [file for file in self.named(self.files) if file not in listed]
        for chunk in map(tuple, _chunks(others, HEADERS_AT_ONCE)):
            units.append(Unit(chunk[0].name, self.prefix, chunk, chunk))
        return units

    def _fields(self, frames: Sequence[Path], choice: Choice, workers: Workers) -> list[list[FrameInfo]]:
        look = partial(
            _look,
            where=choice.where,
            on_error=choice.on_error,
            catalogues=self.catalogues,
            camera=self.camera,
        )
        infos: list[FrameInfo] = []
        chunks = _chunks(frames, HEADERS_AT_ONCE)
        for found, counts, warnings in workers.run(look, chunks, f"looking at {self.name}"):
            infos += found
            self.counts.update(counts)
            for warning in warnings:
                warn(warning)
        fields, left_out = grouped(infos, on_error=choice.on_error, catalogues=self.catalogues)
        self.counts.update(left_out)
        if choice.rules.remove_stationary:
            warn_of_single(fields, choice.static, of_records(choice.planes, choice.template))
        return fields

    def check(self, choice: Choice, counts: Mapping[str, int]) -> None:
        """Refuse a truth table of another night."""
        check_truth(self._read_truth(choice), counts)

    def _read_truth(self, choice: Choice) -> Table:
        truth = self._truth()
        return truth_of(truth, sha256_of(truth), choice.observatory, choice.on_error)

    def _frames(self) -> list[Path]:
        return find_frames([self.folder], self.camera)

    def _files_of(self, frame: Path) -> list[Path]:
        """Return the files that decide what the stamps of a frame are: itself, its catalogue, its masks and weights.

        Where it has several catalogues in a folder that is named, it has no stamps, because of all of them.
        """
        there = catalogues_there(frame, self.catalogues)
        used = there[:1] if self.catalogues is None else there
        return [frame, *used, *companion_files(frame, self.camera)]

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
    """Alert packets: files of Avro or Parquet, folders of them, or archives; and files with schemas."""

    kind = "alerts"

    def _find(self) -> list[Path]:
        return sorted({file for unit in alert_units(self.folder) for file in (*unit.files, *unit.schemas)})

    def units(self, choice: Choice, workers: Workers) -> list[Unit]:
        """Return some packets each."""
        units: list[Unit] = []
        listed: set[SourceFile] = set()
        for packets in alert_units(self.folder):
            files = self.named((*packets.files, *packets.schemas))
            new = tuple(file for file in files if file not in listed)
            listed.update(new)
            units.append(PacketUnit(f"{self.name}/{packets.name}", self.prefix, files, new, packets))
        return units

    def check(self, choice: Choice, counts: Mapping[str, int]) -> None:
        """Warn of a source without alerts: surveys have archives of nights in which there were none."""
        if not counts.get("alerts"):
            warn(f"{self.folder}: holds no alerts")


def _look(
    paths: Sequence[Path], *, where: Where, on_error: OnError, catalogues: Path | None, camera: Camera
) -> tuple[list[FrameInfo], Counter[str], list[str]]:
    with warnings_kept() as warnings:
        infos, counts = read_infos(paths, where=where, on_error=on_error, catalogues=catalogues, camera=camera)
    return infos, counts, warnings


def _chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    return [items[start : start + size] for start in range(0, len(items), size)]


def find_sources(
    folders: Sequence[Path], truth: Path | None, catalogues: Path | None = None, camera: Camera = GENERIC
) -> list[Source]:
    """Return the sources in the order they were named.

    Raises
    ------
    CeresFastError
        When there is none, one is neither a folder nor alert packets, or one is inside another.
    """
    if not folders:
        raise CeresFastError("no source given; expected folders of stamps or of frames, or alert packets.")
    sources: list[Source] = []
    for folder in folders:
        if not folder.is_dir() and not (folder.is_file() and is_alerts(folder)):
            problem = "is not a folder" if folder.exists() else "does not exist"
            if what := format_of_file(folder):
                problem += f", and no file of alerts but {what}"
            raise InputError(folder, problem, expected=_EXPECTED)
        _refuse_nested(folder, [source.folder for source in sources])
        name = folder.resolve().name
        taken = {source.name for source in sources}
        unique = next(free for free in chain([name], (f"{name}-{n}" for n in count(2))) if free not in taken)
        kind = StampFolders if is_class_folders(folder) else Alerts if is_alerts(folder) else Frames
        if kind is Frames:
            _refuse_other_formats(folder)
        prefix = f"{written(unique)}/" if len(folders) > 1 else ""
        sources.append(kind(folder, unique, truth or folder / TRUTH, prefix, catalogues, camera))
    return sources


_EXPECTED = f"a folder of stamps, frames or alerts, or a file of alerts with their cut-outs ({', '.join(ENDINGS)})"


def _refuse_other_formats(folder: Path) -> None:
    """Raise InputError for a folder without FITS files that holds others, naming what these are."""
    files = [file for file in files_below(folder) if not file.name.startswith(".")]
    if not files or any(is_fits_name(file) for file in files):
        return
    formats = Counter(format_of_file(file) or "an unknown format" for file in files)
    found = ", ".join(f"{what} ({number})" for what, number in formats.most_common(5))
    problem = f"holds no frames, stamps or alerts, but files of {found}; the first is {files[0].name}"
    raise InputError(folder, problem, expected=_EXPECTED)


def _refuse_nested(folder: Path, others: Sequence[Path]) -> None:
    for other in others:
        one, two = folder.resolve(), other.resolve()
        if one.is_relative_to(two) or two.is_relative_to(one):
            raise CeresFastError(
                f"{folder} and {other}: one holds the other, so stamps would count twice. Name one of them."
            )


def described(sources: Sequence[Source], references: Iterable[Reference] = ()) -> list[SourceCount]:
    """Return the sources for the manifest, and what says what is always there."""
    return [
        *(SourceCount(name=written(each.name), kind=each.kind, files=len(each.files)) for each in sources),
        *(SourceCount(name=each.name, kind=each.kind, files=len(each.listed)) for each in references),
    ]
