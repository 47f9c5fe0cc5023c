"""Where the catalogue of a frame is: beside it, in NEARBY's folder, or in one folder that is named."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from ..errors import InputError
from ..frames.fits_files import frame_stem

ENDINGS = (".cat", ".ldac", ".cat.fits", ".csv", ".ecsv", ".vot", ".xml")
"""How the name of a frame's catalogue ends."""

CATALOGUE_FOLDER = "sextractor_cat"
"""The folder beside that of the frames in which NEARBY keeps their catalogues."""


def find_catalogue(frame: Path, folder: Path | None = None) -> Path | None:
    """Return the catalogue of a frame, or of all CCDs of a mosaic; None where there is none.

    Parameters
    ----------
    frame : pathlib.Path
        The file. Its catalogue has its name with another ending (`ENDINGS`).
    folder : pathlib.Path, optional
        The only place to look in: what ``ceres-fast detect --output`` wrote. Without it the catalogue is looked for as
        NEARBY keeps it, ``../sextractor_cat/<stem>.cat``, then beside the frame, and the first that is there is used.

    Raises
    ------
    InputError
        When `folder` holds several catalogues with this name: which one is meant cannot be known.
    """
    found = catalogues_there(frame, folder)
    if folder is not None and len(found) > 1:
        raise InputError(
            frame,
            f"has {len(found)} catalogues in {folder}: {', '.join(path.name for path in found)}",
            expected="one",
            action="move the others elsewhere",
        )
    return found[0] if found else None


def catalogue_places(frame: Path, folder: Path | None = None) -> list[Path]:
    """Return where the catalogue of a frame is looked for (`find_catalogue`), in this order."""
    if folder is not None:
        folders: tuple[Path, ...] = (folder,)
    else:
        beside = frame.parent
        above = beside / ".." if beside.name in ("", "..") else beside.parent  # the parent of "." is "." in Python
        folders = (above / CATALOGUE_FOLDER, beside)
    return [place / f"{frame_stem(frame)}{ending}" for place in folders for ending in ENDINGS]


def catalogues_there(frame: Path, folder: Path | None = None) -> list[Path]:
    """Return the catalogues of a frame that are there, in the order in which they are looked for."""
    return [place for place in catalogue_places(frame, folder) if _is_file(place)]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # the frame's name is as long as a name can be, and its catalogue's would be longer
        return False


def no_catalogue(frame: Path, folder: Path | None = None, *, found: str = "", expected: str = "") -> InputError:
    """Return an error that says where the catalogue of a frame was looked for.

    Parameters
    ----------
    frame, folder
        As `find_catalogue` takes them.
    found : str
        What the file is, in words, where that may explain it ("is 100x100 pixels").
    expected : str
        What else it could have been.
    """
    names = f"{frame_stem(frame)}.cat, .ldac, .csv or .ecsv"
    where = f"in {folder}" if folder is not None else f"beside it or in ../{CATALOGUE_FOLDER}"
    run = "`ceres-fast detect`" if folder is None else f"`ceres-fast detect --output {folder}`"
    return InputError(
        frame,
        f"{found} and has no catalogue" if found else "has no catalogue",
        expected=f"its catalogue ({names}) {where}{expected}",
        action=f"run {run} on it, or SExtractor; --catalogues names a folder where its catalogue is",
    )


def check_folder(folder: Path) -> None:
    """Raise InputError where the folder that catalogues are to be looked for in is none."""
    if not folder.is_dir():
        problem = "is not a folder" if folder.exists() else "does not exist"
        raise InputError(folder, problem, expected="the folder that `ceres-fast detect --output` wrote to")


def check_one_each(frames: Iterable[Path], folder: Path) -> None:
    """Raise InputError where two frames have the same catalogue in a folder, because their names are the same."""
    owner: dict[Path, Path] = {}
    for frame in frames:
        catalogue = find_catalogue(frame, folder)
        if catalogue is not None and (other := owner.setdefault(catalogue, frame)) != frame:
            raise InputError(
                frame,
                f"has the catalogue {catalogue}, as {other} has",
                expected=f"frames of different names where all catalogues are in {folder}",
                action="rename one, or keep the catalogues beside the frames (`ceres-fast detect` without --output)",
            )
