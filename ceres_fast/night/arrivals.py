"""Which exposures are in a folder, and which files are not whole yet."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from pathlib import Path

from ..catalogues import CATALOGUE_FOLDER, ENDINGS, Names, catalogue_places, find_catalogue
from ..classify.inputs import is_catalogue
from ..errors import InputError
from ..frames.camera import GENERIC, Camera
from ..frames.fits_files import files_below, is_fits_name
from ..frames.info import FrameInfo
from ..frames.reading import read_headers, why_no_frame

PATIENCE = 60.0
"""Seconds after which what is not whole is taken as it is: a frame that is cut off, a catalogue without its frame."""

NEW = "is new"
"""Why a file is waited for that was not there, or otherwise, a moment ago."""

Signature = tuple[int, ...]
"""Sizes and times of modification (ns) of files; another one is another file."""


@dataclass(frozen=True)
class Exposure:
    """A frame with its catalogue, both whole.

    Parameters
    ----------
    frame, catalogue : pathlib.Path
        The files. Where there is no frame, both are the catalogue.
    signature : tuple of int
        Of the two files.
    arrived : float
        When the later of them was first seen as it is now: seconds of the clock that `Arrivals.look` is given.
    infos : tuple of FrameInfo
        Its CCDs; none where it cannot be read.
    why : str
        Why it cannot be read; empty where it can.
    """

    frame: Path
    catalogue: Path
    signature: Signature
    arrived: float
    infos: tuple[FrameInfo, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class _File:
    """A FITS file: since when it is so, and once that is known, what it is."""

    signature: Signature
    since: float
    infos: tuple[FrameInfo, ...] | None = None
    why: str = ""
    no_frame: str = ""


@dataclass
class Arrivals:
    """The folder of a night, looked at again and again.

    Parameters
    ----------
    folder : pathlib.Path
        Frames and catalogues, searched recursively.
    settle : float
        Seconds for which a file must be unchanged; what is written under another name and renamed is whole at once,
        but nobody can see that it was.
    camera : Camera
        How frames are read.
    catalogues : pathlib.Path, optional
        The folder that holds the catalogues of all frames.
    names : Names
        What the columns of catalogues are called.
    output : pathlib.Path, optional
        Where tables are written. Where that is in the folder, a catalogue in it that has no frame was passed on, and is
        not taken for another one.

    Attributes
    ----------
    waiting : dict of pathlib.Path to str
        Files that are no exposure yet, and why.
    """

    folder: Path
    settle: float = 1.0
    camera: Camera = GENERIC
    catalogues: Path | None = None
    names: Names = field(default_factory=Names)
    output: Path | None = None
    waiting: dict[Path, str] = field(default_factory=dict)
    _files: dict[Path, _File] = field(default_factory=dict)
    _catalogues: dict[Path, _File] = field(default_factory=dict)

    def look(self, now: float, *, patience: float = PATIENCE) -> list[Exposure]:
        """Return the exposures that are whole, in the order of their names.

        Parameters
        ----------
        now : float
            Seconds of a clock that never goes back: files come from machines with other clocks.
        patience : float
            0: all is there that will come, and everything is taken as it is.

        Raises
        ------
        InputError
            When the folder does not exist.
        """
        if not self.folder.is_dir():
            raise InputError(self.folder, "is not there", expected="the folder of a night", action="mount its disk")
        listed = [
            Path(os.path.realpath(file.parent)) / file.name for file in files_below(self.folder, lambda error: None)
        ]
        self.waiting = {}
        before, self._files = self._files, {}
        for path in (each for each in listed if is_fits_name(each) and not each.name.startswith(".")):
            if (signature := signature_of(path)) is not None:
                known = before.get(path)
                same = known is not None and known.signature == signature
                self._files[path] = known if known is not None and same else _File(signature, now)
        stems: dict[Path, set[str]] = {}
        found = [each for path in self._files if (each := self._exposure(path, now, patience, stems)) is not None]
        return [*found, *self._orphans(listed, now, patience)]

    def _exposure(self, path: Path, now: float, patience: float, stems: dict[Path, set[str]]) -> Exposure | None:
        """Return the exposure of a FITS file; None where it is none, or not whole."""
        file = self._files[path]
        age, least = now - file.since, min(self.settle, patience)
        catalogue, told = self._catalogue_of(path, now) if not file.no_frame else (None, "")
        if file.infos is None and not file.no_frame and (not file.why or age < patience):
            if age < least:
                self.waiting[path] = NEW
                return None
            file = self._files[path] = self._read(path, file, stems)
        if file.no_frame:
            return None
        if catalogue is None:
            self.waiting[path] = told
            return None
        theirs = self._catalogues[catalogue]
        if now - theirs.since < least:
            self.waiting[catalogue] = NEW
            return None
        if file.why and age < patience:
            self.waiting[path] = f"is not whole yet: {file.why}"
            return None
        arrived = max(file.since, theirs.since)
        return Exposure(path, catalogue, file.signature + theirs.signature, arrived, file.infos or (), file.why)

    def _catalogue_of(self, path: Path, now: float) -> tuple[Path | None, str]:
        """Return the catalogue of a frame, since when it is so being noted; or None, and why there is none."""
        try:
            catalogue = find_catalogue(path, self.catalogues)
        except InputError as error:
            return None, str(error)
        own = None if catalogue is None else signature_of(catalogue)
        if catalogue is None or own is None:
            return None, "has no catalogue yet"
        self._note(catalogue, own, now)
        return catalogue, ""

    def _note(self, catalogue: Path, signature: Signature, now: float) -> _File:
        known = self._catalogues.get(catalogue)
        if known is None or known.signature != signature:
            known = self._catalogues[catalogue] = _File(signature, now)
        return known

    def _read(self, path: Path, file: _File, stems: dict[Path, set[str]]) -> _File:
        """Say what a file is: no frame, a frame with its CCDs, or one that cannot be read."""
        if no_frame := why_no_frame(path, self.camera, stems):
            return replace(file, no_frame=no_frame)
        try:
            infos = [header.info for header in read_headers(path, self.camera)]
        except InputError as error:
            return replace(file, infos=None, why=str(error))
        return replace(file, infos=tuple(info for info in infos if not info.no_sky), why="")

    def _orphans(self, listed: list[Path], now: float, patience: float) -> list[Exposure]:
        """Return the catalogues whose frames have not come."""
        places = (None,) if self.catalogues is None else (None, self.catalogues)
        theirs = {each.resolve() for path in self._files for place in places for each in catalogue_places(path, place)}
        folders = {path.parent for path, file in self._files.items() if not file.no_frame}
        found = []
        written = None if self.output is None else inside(self.output, self.folder)
        for path in listed:
            if written is not None and path.is_relative_to(written):
                continue
            beside = path.parent.name == CATALOGUE_FOLDER or path.parent in folders
            if not beside or not path.name.lower().endswith(ENDINGS) or path.name.startswith(".") or path in theirs:
                continue
            signature = signature_of(path)
            if signature is None:
                continue
            known = self._note(path, signature, now)
            if not known.no_frame and now - known.since >= min(self.settle, patience):
                no_frame = "catalogue" if is_catalogue(path, self.names) else "no catalogue"
                known = self._catalogues[path] = replace(known, no_frame=no_frame)
            if known.no_frame != "catalogue":
                continue
            if now - known.since < patience:
                self.waiting[path] = "has no frame yet"
            else:
                found.append(Exposure(path, path, signature, known.since, why="its frame is not there"))
        return found


def inside(output: Path, folder: Path) -> Path | None:
    """Return the real path of an output that is in the folder of the night; None where it is not."""
    tables = Path(os.path.realpath(output))
    return tables if tables.is_relative_to(os.path.realpath(folder)) else None


def signature_of(path: Path) -> Signature | None:
    """Return size and time of modification (ns) of a file; None where it is not there."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_size, status.st_mtime_ns
