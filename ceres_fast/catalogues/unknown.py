"""Values of a catalogue that stand for "not known", by what they are values of.

Programs write 99, -99, 999.9, -9999, 0, -32768, 1e30 … where they have measured nothing. Taken for values, they make an
asteroid 120 mag brighter than it is, or put a detection outside its frame.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from ..stamps import NOT_MEASURED, measured_magnitudes

HUGE = 1e20
"""No value is as large: IRAF writes 1.6e38 for INDEF, others 1e20, 1e30 or the largest number there is."""

NINES = (99, 99.9, 99.99, 99.999, 999, 999.9, 999.99, 9999, 9999.9, 9999.99, 99999, 999999, 9999999, 99999999)
LEAST = (2**15, 2**31, 2**63)
"""The least numbers that integers of 16, 32 and 64 bits can be, which stand for the missing ones of a column."""

_RELATIVE = 2e-7
"""How far a number in single precision may be from the same in double precision."""


def without_unknown(name: str, values: np.ndarray) -> np.ndarray:
    """Return the values of a column with NaN where one is not known.

    Parameters
    ----------
    name : str
        What SExtractor calls the column: it says what the values are.
    values : numpy.ndarray
        Any shape, float64.

    Returns
    -------
    numpy.ndarray
        The same shape. Of all columns infinite and huge values (`HUGE`) are unknown; of magnitudes, their errors,
        widths and flags those that none of them can be.
    """
    known = np.abs(values) < HUGE
    rule = next((rule for pattern, rule in _RULES if re.fullmatch(pattern, name.upper())), None)
    if rule is not None:
        known &= rule(values)
    return np.where(known, values, np.nan)


def on_detector(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Tell which positions, (n,) pixels, may be ones: those of another frame too, but no values that stand for none."""
    same = x == y
    nowhere = same & ((x == 0) | (x == -1) | (_is_any(x, NINES) & (x >= 999)))
    return _is_number(x) & _is_number(y) & ~nowhere


def on_sphere(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Tell which positions, (n,) deg, are on the sky and known.

    Exactly (0, 0) and (-1, -1) are unknown: so programs say that they know no coordinates. Taken for a place, every
    detection would seem to stay there.
    """
    nowhere = (ra == dec) & ((ra == 0) | (ra == -1))
    return _is_number(ra) & _is_number(dec) & (np.abs(ra) <= 720) & (np.abs(dec) <= 90) & ~nowhere


def _is_number(values: np.ndarray) -> np.ndarray:
    return (np.abs(values) < HUGE) & ~((values < 0) & _is_any(values, (*NINES, *LEAST)))


def _is_any(values: np.ndarray, of: tuple[float, ...]) -> np.ndarray:
    """Tell which values are, but for their sign and the rounding to single precision, one of some."""
    result = np.zeros(np.shape(values), bool)
    for value in of:
        result |= np.abs(np.abs(values) - value) <= _RELATIVE * value
    return result


_RULES: tuple[tuple[str, Callable[[np.ndarray], np.ndarray]], ...] = (
    (r"MAGERR_\w+", lambda values: (values >= 0) & (values < NOT_MEASURED)),
    (r"(MAG|MU)_\w+", lambda values: np.isfinite(measured_magnitudes(values))),
    (r"FWHM_\w+", lambda values: (values > 0) & ~_is_any(values, NINES)),
    (r"FLAGS(_\w+)?", lambda values: values >= 0),
)
"""Which values are known, by the name of the column; the first that fits."""
