"""Units of work: what is turned into stamps at a time, by one process and with bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from astropy.table import Table

from ..alerts import AlertUnit, alert_tables
from ..catalogues import Names
from ..console import warnings_kept
from ..errors import NanPolicy, OnError, Problems
from ..frames.camera import Camera
from ..frames.info import FrameInfo
from ..frames.reading import FrameHeader
from ..frames.stamp_folders import stamp_files_table
from ..frames.where import Where
from ..selection.field import field_stamps, looks_elsewhere
from ..selection.others.exposures import read_templates
from ..selection.rules import Rules
from ..settings.guarantee import NEEDS
from ..stamps import PLANES
from ..truth import read_truth
from ..truth.designations import canonical

STAMP_NAN: NanPolicy = "error"
ALERT_NAN: NanPolicy = "fill"
"""What is done about missing pixels unless the user says it: in stamps and frames they are a surprise; the cut-outs of
alerts have them wherever a reference image has, or the edge of a CCD is near."""


@dataclass(frozen=True)
class Choice:
    """What is taken from the sources, and what is done about bad input; `nan` is None where the user does not say."""

    where: Where
    rules: Rules
    on_error: OnError
    nan: NanPolicy | None
    planes: tuple[str, ...] = PLANES[:1]
    names: Names | None = None
    observatory: str | None = None
    static: Path | None = None
    static_sha256: str = ""
    needs: int = NEEDS
    forced: bool = False
    template: Path | None = None
    template_sha256: str = ""

    @property
    def looks_elsewhere(self) -> bool:
        """Whether the other exposures of frames are asked what is at the places of detections."""
        return looks_elsewhere(self.rules, self.planes, self.forced)


class SourceFile(NamedTuple):
    """A file, and its name in the records: relative to the folder above its source."""

    path: Path
    name: str


@dataclass(frozen=True)
class Unit:
    """A unit of work; one of this class itself has files to be listed, and no stamps.

    Parameters
    ----------
    name : str
        Of its first file, as the records name it; no two units have the same.
    prefix : str
        Goes in front of the column ``source``.
    files : tuple of SourceFile
        What it is made from: where one of them has changed, it is made again.
    listed : tuple of SourceFile
        Those whose SHA-256 it finds out. A file that several units are made from is listed once.
    """

    name: str
    prefix: str
    files: tuple[SourceFile, ...]
    listed: tuple[SourceFile, ...]

    kind: ClassVar[str] = "files"

    @property
    def decides(self) -> list[Any]:
        """What else decides what it gives, beside its files and the choice; JSON can hold it."""
        return []

    def tables(self, choice: Choice) -> Iterator[tuple[Table, Counter[str]]]:
        """Yield stamp tables, and counts of what happened to the input."""
        return iter(())


@dataclass(frozen=True)
class StampUnit(Unit):
    """Some stamps of a folder per class."""

    folder: Path
    labels: tuple[int, ...]

    kind = "stamps"

    def tables(self, choice: Choice) -> Iterator[tuple[Table, Counter[str]]]:
        """Read the stamps."""
        files = [(file.path, label) for file, label in zip(self.files, self.labels, strict=True)]
        problems, nan = Problems(choice.on_error), choice.nan or STAMP_NAN
        table, counts = stamp_files_table(self.folder, files, choice.where, problems, nan, choice.rules.missing)
        table["designation"] = np.array([canonical(name) for name in table["designation"]], np.str_)
        yield table, counts


@dataclass(frozen=True)
class FieldUnit(Unit):
    """The exposures of one field and CCD in one night, which are compared."""

    folder: Path
    frames: tuple[FrameInfo, ...]
    truth: Path
    truth_sha256: str
    catalogues: Path | None = None

    kind = "frames"

    @property
    def decides(self) -> list[Any]:
        """The truth, which is the same for all fields and so not one of its files; what they are called; the camera.

        Frames of other units may be why a field has another name than its frames say.
        """
        fields = sorted({info.field for info in self.frames})
        return [self.truth_sha256, fields, [info.camera.as_dict() for info in self.frames[:1]]]

    def tables(self, choice: Choice) -> Iterator[tuple[Table, Counter[str]]]:
        """Cut and label the detections."""
        with warnings_kept():  # what is odd in the truth was said when the fields were looked for
            truth = truth_of(self.truth, self.truth_sha256, choice.observatory, choice.on_error)
        yield field_stamps(
            self.frames,
            truth,
            choice.rules,
            sources=[self.folder],
            where=choice.where,
            on_error=choice.on_error,
            nan=choice.nan or STAMP_NAN,
            names=choice.names,
            catalogues=self.catalogues,
            static=choice.static,
            needs=choice.needs,
            planes=choice.planes,
            forced=choice.forced,
            templates=_templates_of(choice.template, choice.template_sha256, self.frames[0].camera),
        )


@dataclass(frozen=True)
class PacketUnit(Unit):
    """Some alert packets."""

    packets: AlertUnit

    kind = "alerts"

    @property
    def decides(self) -> list[Any]:
        """Which part of an archive it is."""
        return [self.packets.start, self.packets.count]

    def tables(self, choice: Choice) -> Iterator[tuple[Table, Counter[str]]]:
        """Label the alerts and cut their stamps."""
        return alert_tables(
            self.packets,
            planes=choice.planes,
            where=choice.where,
            on_error=choice.on_error,
            nan=choice.nan or ALERT_NAN,
            most=choice.rules.missing,
        )


@lru_cache(maxsize=2)
def truth_of(path: Path, sha256: str, observatory: str | None, on_error: OnError) -> Table:
    """Read a truth file once per process; it is known by its SHA-256."""
    return read_truth(path, observatory=observatory, on_error=on_error)


@lru_cache(maxsize=1)
def _templates_of(path: Path | None, sha256: str, camera: Camera) -> list[FrameHeader]:
    """Read the headers of templates once per process; they are known by their SHA-256."""
    return [] if path is None else read_templates([path], camera)
