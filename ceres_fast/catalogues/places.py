"""Where the detections of a catalogue are: in pixels, and on the sky."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator

import numpy as np

from ..errors import InputError
from .core import Catalogue, column
from .names import PIXEL_COLUMNS, SKY_COLUMNS
from .unknown import on_detector, on_sphere

DRIFT_WIDTHS = 2.0
DRIFT_PIXELS, DRIFT_ARCSEC = 8.0, 5.0
"""How far from the plain position a windowed one may be: in widths of a typical detection, and where the catalogue does
not say how wide any is. Half of the way to the edge of a stamp is 8 pixels."""

Known = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Which of two columns of positions are known."""


def positions(catalogue: Catalogue, origin: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of detections in their frame.

    Parameters
    ----------
    catalogue : Catalogue
        Of a frame, or of all CCDs of a file.
    origin : {1, 0}
        Position in it of the centre of the first pixel (`frames.camera.Camera.origin`).

    Returns
    -------
    x, y : numpy.ndarray
        Shape (n,), float64, pixels counted from 1; of XWIN_IMAGE, YWIN_IMAGE, and of X_IMAGE, Y_IMAGE where a row
        has no windowed ones or they have `drifted`. NaN where the catalogue has no value, or one that stands for none
        (`unknown.on_detector`).

    Raises
    ------
    InputError
        When the catalogue has neither pair of columns.
    """
    found = _first_known(_without_drifted(catalogue, PIXEL_COLUMNS), on_detector)
    if found is None:
        raise InputError(
            catalogue.path,
            f"has no positions (its columns: {', '.join(catalogue.table.colnames) or 'none'})",
            expected=" or ".join(f"columns {x}, {y}" for x, y in reversed(PIXEL_COLUMNS)),
            action="add them to SExtractor's PARAMETERS_NAME file and run it again, or say with --columns how its "
            "columns are called",
        )
    return found if origin == 1 else (found[0] + 1 - origin, found[1] + 1 - origin)


def sky_positions(catalogue: Catalogue) -> tuple[np.ndarray, np.ndarray] | None:
    """Return right ascension and declination (deg, J2000), each (n,) float64, or None where the catalogue has none.

    A row has the first of `SKY_COLUMNS` that it knows (`unknown.on_sphere`), and no windowed one where that has
    `drifted`; else NaN.
    """
    found = _first_known(_without_drifted(catalogue, SKY_COLUMNS), on_sphere)
    return found if found is not None and np.isfinite(found[0]).any() else None


def drifted(catalogue: Catalogue) -> np.ndarray:
    """Tell which windowed positions are those of a neighbour: (n,) bool.

    SExtractor moves its window until it rests. Beside a brighter source it rests there, without a flag, and the stamp
    would show that source. So a windowed position is not used where it is farther from the plain one than the
    detection is wide (FWHM_IMAGE), or, because blends are called wider than they are, than `DRIFT_WIDTHS` times the
    median of detections without a flag; `DRIFT_PIXELS` where no width is known. A catalogue with only one kind of
    pixel positions is compared on the sky: FWHM_WORLD, or `DRIFT_ARCSEC`.
    """
    if (pair := _both_kinds(catalogue, PIXEL_COLUMNS, on_detector)) is not None:
        (x_win, y_win), (x, y) = pair
        return np.hypot(x_win - x, y_win - y) > _limit(catalogue, "FWHM_IMAGE", DRIFT_PIXELS)
    for columns in (SKY_COLUMNS[:2], SKY_COLUMNS[2:]):
        if (pair := _both_kinds(catalogue, columns, on_sphere)) is not None:
            (ra_win, dec_win), (ra, dec) = pair
            east = ((ra_win - ra + 180) % 360 - 180) * np.cos(np.radians(dec))
            return np.hypot(east, dec_win - dec) > _limit(catalogue, "FWHM_WORLD", DRIFT_ARCSEC / 3600)
    return np.zeros(len(catalogue.table), bool)


def typical_width(catalogue: Catalogue, rows: np.ndarray | slice = slice(None), name: str = "FWHM_IMAGE") -> float:
    """Return the median FWHM of detections without a flag, NaN where the catalogue does not say."""
    width, flags = column(catalogue, name), column(catalogue, "FLAGS")
    if width is None:
        return math.nan
    clean = np.isfinite(width[rows]) & (True if flags is None else flags[rows] == 0)
    return float(np.median(width[rows][clean])) if clean.any() else math.nan


def _limit(catalogue: Catalogue, name: str, otherwise: float) -> np.ndarray | float:
    width, typical = column(catalogue, name), typical_width(catalogue, name=name)
    most = otherwise if math.isnan(typical) else DRIFT_WIDTHS * typical
    return most if width is None else np.fmin(width, most)


def _both_kinds(
    catalogue: Catalogue, columns: Iterable[tuple[str, str]], is_known: Known
) -> list[tuple[np.ndarray, np.ndarray]] | None:
    """Return windowed and plain positions, NaN where one is not known; None where the catalogue lacks a kind."""
    if len({catalogue.names.own(first) for first, _ in columns}) == 1:  # the user named the only ones
        return None
    pairs = [_where(is_known(one, other), one, other) for _, one, other in _pairs(catalogue, columns)]
    return pairs if len(pairs) == 2 else None


def _without_drifted(
    catalogue: Catalogue, columns: Iterable[tuple[str, str]]
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield the pairs of columns that the catalogue has, with NaN for windowed positions that have drifted."""
    unusable = drifted(catalogue)
    for name, first, second in _pairs(catalogue, columns):
        yield _where(~unusable, first, second) if "WIN_" in name else (first, second)


def _pairs(catalogue: Catalogue, columns: Iterable[tuple[str, str]]) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Yield the pairs of columns of which the catalogue has both, and the name of the first."""
    for pair in columns:
        first, second = (column(catalogue, name) for name in pair)
        if first is not None and second is not None:
            yield pair[0], first, second


def _first_known(
    pairs: Iterable[tuple[np.ndarray, np.ndarray]], is_known: Known
) -> tuple[np.ndarray, np.ndarray] | None:
    """Return for each row the first pair of values that is known, NaN where none is; None without any columns."""
    result = None
    for pair in pairs:
        found = _where(is_known(*pair), *pair)
        result = found if result is None else _where(np.isfinite(result[0]), *result, *found)
    return result


def _where(
    chosen: np.ndarray, first: np.ndarray, second: np.ndarray, *others: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return a pair of values where it is chosen, and another, or NaN, elsewhere."""
    third, fourth = others or (np.nan, np.nan)
    return np.where(chosen, first, third), np.where(chosen, second, fourth)
