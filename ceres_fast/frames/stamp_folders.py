"""Stamps that come as FITS files, a folder per class."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from astropy.io import fits
from astropy.table import Table

from ..errors import CeresFastError, InputError, NanPolicy, Problems
from ..file_names import written
from ..stamps import CLASSES, STAMP_SIZE, empty_table, stamp_table
from .cut import MOST_MISSING, MostMissing, fill_missing, too_few_pixels
from .fits_files import check_whole, each_hdu, fits_files, frame_stem, open_fits, readable_header
from .headers.cards import Doubt, say_doubts
from .headers.understand import understand
from .pixels import pixels
from .where import Where, keeps

CLASS_FOLDERS = {
    "asteroid": 1,
    "asteroids": 1,
    "non_asteroid": 0,
    "non-asteroid": 0,
    "non_asteroids": 0,
    "non-asteroids": 0,
}
"""Names of the folders (in lower case) and the label of what is in them."""


def _named(*keys: str) -> Callable[[fits.Header], str]:
    return lambda header: next((value for key in keys if (value := str(header.get(key, "")).strip())), "")


def _valued(*keys: str) -> Callable[[fits.Header], float]:
    def value(header: fits.Header) -> float:
        for key in keys:
            try:
                return float(header[key])
            except (KeyError, TypeError, ValueError):
                continue
        return math.nan

    return value


HEADER_COLUMNS: dict[str, Callable[[fits.Header], Any]] = {
    "designation": _named("SSNAME", "DESIG", "ASTEROID"),
    "field": _named("FIELD", "FIELDID", "OBJECT"),
    "frame": _named("FRAME", "ORIGFILE"),
    "x": _valued("X_IMAGE", "XPOS"),
    "y": _valued("Y_IMAGE", "YPOS"),
    "ra": _valued("RA"),
    "dec": _valued("DEC"),
    "magnitude": _valued("MAG", "MAG_AUTO"),
    "rate": _valued("RATE"),
    "position_angle": _valued("POSANG"),
}
"""Columns of a stamp table and how each is found in the header of a stamp."""

UNDERSTOOD = ("ccd", "mjd", "exposure", "filter", "pixel_scale", "seeing", "gain", "saturation")
"""Columns that are found as in the header of a frame."""


class StampFile(NamedTuple):
    """A stamp read from a file: pixels (32, 32) float32, its header, how many missing pixels were filled."""

    stamp: np.ndarray
    header: fits.Header
    filled: int


def read_stamp(path: Path, *, nan: NanPolicy = "error", most: MostMissing = MOST_MISSING) -> StampFile:
    """Read one FITS stamp.

    Parameters
    ----------
    path : pathlib.Path
        A FITS file whose image is 32x32 pixels.
    nan : {"error", "fill"}
        What to do about missing pixels (NaN, infinities): refuse the stamp, or put the median of the others there.
    most : MostMissing
        How much may be missing of a stamp that is filled.

    Returns
    -------
    StampFile
        ``stamp`` (32, 32) float32, all NaN where more is missing than `most`; ``header``, ``filled`` (number of
        pixels).

    Raises
    ------
    InputError
        When the file cannot be read, its image is not 32x32, pixels are missing and `nan` is "error", or no two
        good pixels differ.
    """
    return _checked(path, *_opened(path), nan, most)


def _opened(path: Path) -> tuple[np.ndarray | None, fits.Header]:
    with open_fits(path) as hdus:
        hdu = next((hdu for hdu in each_hdu(hdus) if hdu.is_image and hdu.header.get("NAXIS", 0) > 0), None)
        check_whole(path, hdus)
        return (None, fits.Header()) if hdu is None else (pixels(hdu, path), readable_header(hdu.header))


def _checked(path: Path, data: np.ndarray | None, header: fits.Header, nan: NanPolicy, most: MostMissing) -> StampFile:
    size = f"{STAMP_SIZE}x{STAMP_SIZE}"
    if data is None or data.shape != (STAMP_SIZE, STAMP_SIZE):
        found = "has no image" if data is None else f"is {'x'.join(map(str, data.shape[::-1]))} pixels"
        raise InputError(path, found, expected=f"a stamp of {size} pixels")
    good = data[np.isfinite(data)]
    if good.size < data.size and nan == "error":
        raise InputError(
            path,
            f"{data.size - good.size} of {data.size} pixels are missing (NaN)",
            expected="a value in every pixel",
            action="pass --nan fill to put the stamp's median there, or --on-error skip to leave such stamps out",
        )
    if good.size == 0 or good.min() == good.max():
        problem = "all pixels are missing (NaN)" if good.size == 0 else f"every pixel is {good[0]:g}"
        raise InputError(path, problem, expected="an image", action="leave it out, or pass --on-error skip")
    filled = fill_missing(data[None], most)[0]
    return StampFile(data, header, int(filled))


def is_class_folders(path: Path) -> bool:
    """Tell whether a folder holds a folder per class (`CLASS_FOLDERS`) of FITS stamps."""
    return path.is_dir() and bool(_class_folders(path))


def labelled_files(folder: Path) -> list[tuple[Path, int]]:
    """Return the stamps in a folder per class, and their labels.

    Parameters
    ----------
    folder : pathlib.Path
        Holds `asteroid/` and `non_asteroid/` (`CLASS_FOLDERS`), each searched recursively.

    Raises
    ------
    InputError
        When there is no such folder.
    CeresFastError
        When one of them holds no stamp.
    """
    classes = _class_folders(folder)
    if not classes:
        raise InputError(folder, "has no folder per class", expected=f"folders {' and '.join(reversed(CLASSES))}")
    return [(file, label) for subfolder, label in classes for file in _stamp_files(subfolder)]


def stamp_files_table(
    folder: Path,
    files: Sequence[tuple[Path, int]],
    where: Where,
    problems: Problems,
    nan: NanPolicy,
    most: MostMissing = MOST_MISSING,
) -> tuple[Table, Counter[str]]:
    """Read stamps of a folder per class.

    Parameters
    ----------
    folder : pathlib.Path
        What the column ``source`` is relative to.
    files : sequence of (pathlib.Path, int)
        Stamps and their labels, from `labelled_files`.
    where : sequence of (name, allowed values)
        Keep only stamps whose header has one of the allowed values for each name.
    problems : Problems
        Whether a bad stamp ends the work or is left out and counted.
    nan : {"error", "fill"}
        As in `read_stamp`.
    most : MostMissing
        As in `read_stamp`; stamps with more missing are left out.

    Returns
    -------
    table : astropy.table.Table
        A stamp table (`stamp_table.COLUMNS`).
    counts : collections.Counter
        ``files`` seen, ``bad_stamps`` and ``few_pixels`` left out, ``not_selected`` by `where`, ``filled_stamps`` with
        missing pixels.

    Raises
    ------
    InputError
        For a bad stamp.
    """
    counts: Counter[str] = Counter(files=len(files))
    rows: list[dict[str, Any]] = []
    stamps: list[np.ndarray] = []
    doubts: list[tuple[str, tuple[Doubt, ...]]] = []
    for file, label in files:
        with problems.skipping(counts, "bad_stamps"):
            data, header = _opened(file)
            if not keeps(header, where, file):
                counts["not_selected"] += 1
                continue
            stamp, header, filled = _checked(file, data, header, nan, most)
            if too_few_pixels(stamp[None])[0]:
                counts["few_pixels"] += 1
                continue
            counts["filled_stamps"] += filled > 0
            stamps.append(stamp)
            rows.append({"label": label, "source": written(file.relative_to(folder)), "filled": filled, "padded": 0})
            rows[-1].update({name: find(header) for name, find in HEADER_COLUMNS.items()})
            found = understand(header)
            rows[-1].update({name: found[name].value for name in UNDERSTOOD})
            # The time of a stamp only tells nights apart: that it is of the start of the exposure does no harm.
            of = [name for name in UNDERSTOOD if name != "mjd" or math.isnan(found["mjd"].value)]
            doubts += [(str(file), found[name].doubts) for name in of]
            rows[-1]["frame"] = rows[-1]["frame"] or written(frame_stem(file))
    say_doubts(doubts)
    if not stamps:
        return empty_table(), counts
    return stamp_table(np.stack(stamps), **{name: [row[name] for row in rows] for name in rows[0]}), counts


def _class_folders(folder: Path) -> list[tuple[Path, int]]:
    return [
        (subfolder, CLASS_FOLDERS[subfolder.name.lower()])
        for subfolder in sorted(folder.iterdir())
        if subfolder.is_dir() and subfolder.name.lower() in CLASS_FOLDERS
    ]


def _stamp_files(folder: Path) -> list[Path]:
    files = fits_files(folder)
    if not files:
        raise CeresFastError(f"{folder}: no stamps found; expected FITS files of {STAMP_SIZE}x{STAMP_SIZE} pixels.")
    return files
