"""What is to be classified, and that nothing in a folder is forgotten."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from ..catalogues import (
    CATALOGUE_FOLDER,
    ENDINGS,
    Names,
    catalogue_places,
    catalogues_there,
    check_folder,
    check_free,
    find_catalogue,
    no_catalogue,
    positions,
    read_catalogue,
)
from ..console import warn
from ..errors import CeresFastError, InputError
from ..frames.camera import GENERIC, Camera
from ..frames.exposures import only_no_sky, say_no_sky
from ..frames.fits_files import files_below
from ..frames.headers.cards import say_doubts
from ..frames.reading import FrameInfo, list_frames, read_headers
from ..stamps import STAMP_SIZE
from .account import (
    NO_CATALOGUE,
    NO_FRAME,
    NO_SKY,
    SAME_CATALOGUE,
    SEVERAL_CATALOGUES,
    UNREADABLE,
    Account,
    ClassifyRun,
)
from .scores import FLAGS, PROBABILITY

LARGEST_STAMP = 4 * STAMP_SIZE
"""An image up to this side, in pixels, without a catalogue counts as a stamp of the wrong size, not as a frame."""

_NAMED = 3
"""How many catalogues of frames that were not given are named."""


@dataclass
class Inputs:
    """Inputs by kind.

    Attributes
    ----------
    stamps : list of pathlib.Path
        FITS stamps.
    frames : dict
        By frame (or by the catalogue of a frame that is not there, or that has several): what is known of its CCDs,
        and its catalogue.
    broken : dict
        Those of `frames` that cannot be classified, and why.
    several : set
        Those of `frames` that are one of several catalogues of a frame, which differ by their endings alone.
    no_sky : set
        Those of `frames` that are no exposures of the sky: their catalogues go on, and nothing is scored.
    infos : list of FrameInfo
        All CCDs that show the sky.
    """

    stamps: list[Path] = field(default_factory=list)
    frames: dict[Path, tuple[list[FrameInfo], Path]] = field(default_factory=dict)
    broken: dict[Path, InputError] = field(default_factory=dict)
    several: set[Path] = field(default_factory=set)
    no_sky: set[Path] = field(default_factory=set)
    infos: list[FrameInfo] = field(default_factory=list)


def find_inputs(
    sources: Sequence[Path],
    catalogue: Path | None,
    run: ClassifyRun,
    catalogues: Path | None = None,
    camera: Camera = GENERIC,
) -> Inputs:
    """Find what is to be classified, and enter what is left out in the account.

    Stamps differ from frames by their size, and where that is wrong or unreadable, by having no catalogue.

    Parameters
    ----------
    sources : sequence of pathlib.Path
        Files and folders.
    catalogue : pathlib.Path, optional
        The catalogue of the one frame given.
    run : ClassifyRun
        What is asked for, and the account.
    catalogues : pathlib.Path, optional
        The folder that holds the catalogues of all frames.
    camera : Camera
        The profile with which frames are read.

    Raises
    ------
    CeresFastError, InputError
        When nothing is found, or something cannot be used and that is not to be skipped.
    """
    account = run.result.account

    def unread(error: InputError) -> None:
        account.found.update([Path(error.path)])
        account.put(Path(error.path), UNREADABLE)
        run.failed(Path(error.path), error, "What is in it is left out.")

    listing = list_frames(sources, unread, camera)
    if catalogue and len(listing.frames) != 1:
        raise CeresFastError(f"--catalogue is the catalogue of one frame, and {len(listing.frames)} files were given.")
    if catalogues is not None:
        check_folder(catalogues)
    account.found.update(listing.frames)
    found = Inputs()
    frame_of: dict[Path, Path] = {}
    left_out: list[FrameInfo] = []
    going_on: list[FrameInfo] = []
    of_mosaics: list[FrameInfo] = []
    for path in listing.frames:
        try:
            table = catalogue or find_catalogue(path, catalogues)
        except InputError as error:  # several catalogues, of which none can be preferred: the rows of all go on
            if run.on_error == "stop":
                raise
            account.put(path, SEVERAL_CATALOGUES)
            for each in catalogues_there(path, catalogues):
                found.frames[each], found.broken[each] = ([], each), error
                found.several.add(each)
            continue
        try:
            infos = [info for info, _, _ in read_headers(path, camera)]
        except InputError as error:
            if table is None:
                found.stamps.append(path)  # reading it as a stamp says what is wrong with it
                continue
            if run.on_error == "stop":
                raise
            infos = []
            found.broken[path] = error
        sky = [info for info in infos if not info.no_sky]
        no_sky = infos if not sky else []
        found.infos += sky
        if _is_stamp(infos, table is not None or bool(no_sky)):
            found.stamps.append(path)
        elif table is None and no_sky:
            account.put(path, NO_SKY)
            left_out += no_sky[:1]
        elif table is None:
            account.put(path, NO_CATALOGUE)
            run.failed(path, _no_catalogue(infos, catalogues), "Left out.")
        elif (other := frame_of.setdefault(table.resolve(), path)) != path:
            account.put(path, SAME_CATALOGUE)
            run.failed(path, _same_catalogue(path, other, table), "Left out.")
        else:
            found.frames[path] = (sky, table)
            if no_sky:
                found.no_sky.add(path)
                going_on += no_sky[:1]
            else:
                of_mosaics += [info for info in infos if info.no_sky]
    # When in doubt the detections stay: where bad inputs are passed on, those beside a header that may be wrong are.
    if len(left_out) + len(going_on) == len(listing.frames) and (run.on_error == "stop" or not going_on):
        raise only_no_sky([*left_out, *going_on])
    say_no_sky(left_out)
    say_no_sky([*going_on, *of_mosaics], "not classified, and passed on with their catalogues unfiltered")
    say_doubts((info.place, info.doubts) for infos, _ in found.frames.values() for info in infos)
    account.found.update(found.several)
    theirs = _their_places(listing.frames, catalogues)
    orphans = [] if catalogue else _without_frame(sources, listing.frames, found.stamps, theirs, run.names)
    for path in orphans:
        found.frames[path], found.broken[path] = ([], path), _no_frame(path)
        if run.on_error == "stop":
            raise found.broken[path]
    account.found.update(orphans)
    for path, why in listing.passed_over.items():
        if path not in found.frames:
            account.found.update([path])
            account.put(path, why)
    if catalogues is not None and not run.partial:
        _leave_others(catalogues, theirs, account)
    return found


def _their_places(files: Iterable[Path], catalogues: Path | None) -> set[Path]:
    """Return where catalogues of frames may be: those that are looked for, and those beside frames that need none."""
    folders = (None,) if catalogues is None else (None, catalogues)
    return {place.resolve() for file in files for folder in folders for place in catalogue_places(file, folder)}


def _leave_others(folder: Path, theirs: Set[Path], account: Account) -> None:
    """Leave out what is named as a catalogue of no frame that was given, and say so: a part of a night may be meant."""
    known = {Path(os.path.realpath(path)) for path in account.found} | theirs
    others = [
        file
        for file in sorted(folder.iterdir())
        if file.name.lower().endswith(ENDINGS)
        and not file.name.startswith(".")
        and file.is_file()
        and Path(os.path.realpath(file)) not in known
    ]
    if others:
        first = ", ".join(file.name for file in others[:_NAMED]) + (", …" if len(others) > _NAMED else "")
        warn(f"{folder}: {len(others)} of its catalogues are of no frame that was given, and are left out: {first}")
    account.found.update(others)
    for file in others:
        account.put(file, NO_FRAME)


def _without_frame(
    sources: Sequence[Path], files: Sequence[Path], stamps: Sequence[Path], theirs: Set[Path], names: Names
) -> list[Path]:
    """Return the catalogues in folders whose frame is not there: beside frames, or where NEARBY keeps catalogues.

    A table is a catalogue of detections when it has positions in pixels; one with probabilities was classified before.
    """
    folders = {file.parent.resolve() for file in set(files) - set(stamps)}
    found: dict[Path, Path] = {}
    for source in filter(Path.is_dir, sources):
        for file in files_below(source, lambda error: None):  # which was said already
            place = Path(os.path.realpath(file))  # pathlib raises where a link leads to itself
            if (
                file.name.lower().endswith(ENDINGS)
                and not file.name.startswith(".")
                and (file.parent.name == CATALOGUE_FOLDER or file.parent.resolve() in folders)
                and place not in theirs
                and is_catalogue(file, names)
            ):
                found.setdefault(place, file)
    return sorted(found.values())


def is_catalogue(path: Path, names: Names) -> bool:
    """Tell whether a table is a catalogue of detections: it has positions in pixels, and was not classified before."""
    try:
        catalogue = read_catalogue(path, names)
        positions(catalogue)
        check_free(catalogue, (PROBABILITY, FLAGS))
    except InputError:
        return False
    return True


def _is_stamp(infos: Sequence[FrameInfo], has_catalogue: bool) -> bool:
    if len(infos) != 1:
        return False
    (info,) = infos
    return info.shape == (STAMP_SIZE, STAMP_SIZE) or (not has_catalogue and max(info.shape) <= LARGEST_STAMP)


def _same_catalogue(path: Path, other: Path, catalogue: Path) -> InputError:
    return InputError(
        path,
        f"has the same catalogue as {other}: {catalogue}",
        expected="one file per CCD and exposure, and a catalogue for each",
        action="leave out the copy",
    )


def _no_catalogue(infos: Sequence[FrameInfo], folder: Path | None) -> InputError:
    path, (ny, nx) = infos[0].path, infos[0].shape
    size = f"is {nx}x{ny} pixels" if len(infos) == 1 else f"holds {len(infos)} CCDs"
    return no_catalogue(path, folder, found=size, expected=f", or a stamp of {STAMP_SIZE}x{STAMP_SIZE} pixels")


def _no_frame(catalogue: Path) -> InputError:
    name = catalogue.name
    stem = next(name[: -len(ending)] for ending in ENDINGS if name.lower().endswith(ending))
    return InputError(
        catalogue,
        "is the catalogue of a frame that is not there",
        expected=f"{stem}.fits where its catalogue is looked for: in its own folder, or beside its folder "
        f"{CATALOGUE_FOLDER}",
        action="give the frame, or move the catalogue elsewhere; with --on-error skip it is passed on unfiltered",
    )
