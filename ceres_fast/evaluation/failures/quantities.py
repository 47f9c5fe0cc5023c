"""The table of quantities that failures are sought against."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ...stamps import measured_magnitudes
from .bins import Binning, decades, flag_bits, names, ranges, steps

Known = Mapping[str, np.ndarray]

_FINE = decades(
    ("1", "1.5", "2", "3", "4", "5", "6", "7", "8", "9"), ("1", "2", "3", "5", "7"), ("1", "2", "5"), ("1",)
)


@dataclass(frozen=True)
class Quantity:
    """Something that may make an asteroid hard to recognise.

    Attributes
    ----------
    name : str
        Key in ``failures.json``.
    title, unit : str
        For people.
    values : callable
        Takes the columns of a stamp table and gives a value for each stamp, (n,): float (NaN: not known), str ("") or
        int (below 0).
    binning : Binning
        How values are divided.
    of_asteroids : bool
        Whether it exists for asteroids only, so that purity has no meaning.
    per_asteroid : bool
        Whether the median over its exposures describes an asteroid as a whole.
    overlapping : bool
        Whether a stamp may be in more than one bin.
    """

    name: str
    title: str
    unit: str
    values: Callable[[Known], np.ndarray]
    binning: Binning
    of_asteroids: bool = False
    per_asteroid: bool = False
    overlapping: bool = False

    @property
    def heading(self) -> str:
        """Title and unit: ``rate of motion (arcsec/min)``."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


def _column(name: str) -> Callable[[Known], np.ndarray]:
    return lambda known: known[name]


def _magnitude(known: Known) -> np.ndarray:
    return measured_magnitudes(known["magnitude"])


def _not_negative(name: str) -> Callable[[Known], np.ndarray]:
    return lambda known: np.where(known[name] >= 0, known[name], np.nan)


def _positive(name: str) -> Callable[[Known], np.ndarray]:
    return lambda known: np.where((known[name] > 0) & np.isfinite(known[name]), known[name], np.nan)


def _padded(known: Known) -> np.ndarray:
    return np.select([known["padded"] > 0, known["padded"] == 0], ["padded", "whole"], "")


def trail_length(known: Known) -> np.ndarray:
    """Return how far each asteroid moves during its exposure, in pixels: float64 (n,), NaN where not known.

    Parameters
    ----------
    known : mapping of str to numpy.ndarray
        ``rate`` in arcsec/min, ``exposure`` in seconds and ``pixel_scale`` in arcsec/pixel, (n,) each.
    """
    rate, exposure, scale = _not_negative("rate")(known), _positive("exposure")(known), _positive("pixel_scale")(known)
    with np.errstate(over="ignore", invalid="ignore"):
        return rate * exposure / 60 / scale


QUANTITIES = (
    Quantity(
        "magnitude",
        "magnitude",
        "mag",
        _magnitude,
        ranges(steps(0.5, 1, 2), "brighter than {high} mag", "of {low} to {high} mag", "fainter than {low} mag"),
        per_asteroid=True,
    ),
    Quantity(
        "rate",
        "rate of motion",
        "arcsec/min",
        _not_negative("rate"),
        ranges(
            _FINE,
            "slower than {high} arcsec/min",
            "that move by {low} to {high} arcsec/min",
            "faster than {low} arcsec/min",
        ),
        of_asteroids=True,
        per_asteroid=True,
    ),
    Quantity(
        "trail",
        "trail length",
        "pixels",
        trail_length,
        ranges(
            _FINE,
            "with trails shorter than {high} pixels",
            "with trails of {low} to {high} pixels",
            "with trails longer than {low} pixels",
        ),
        of_asteroids=True,
        per_asteroid=True,
    ),
    Quantity("flags", "FLAGS", "", _column("flags"), flag_bits, overlapping=True),
    Quantity(
        "neighbour",
        "distance to the nearest neighbour",
        "arcsec",
        _not_negative("neighbour"),
        ranges(
            _FINE,
            "with a neighbour nearer than {high} arcsec",
            "with the nearest neighbour at {low} to {high} arcsec",
            "without a neighbour nearer than {low} arcsec",
        ),
    ),
    Quantity(
        "seeing",
        "seeing",
        "arcsec",
        _positive("seeing"),
        ranges(
            steps(0.1, 0.2, 0.5, 1),
            "in a seeing below {high} arcsec",
            "in a seeing of {low} to {high} arcsec",
            "in a seeing above {low} arcsec",
        ),
    ),
    Quantity("padded", "edge of the frame", "", _padded, names("whose stamp is {name}")),
    Quantity("ccd", "CCD", "", _column("ccd"), names("on CCD {name}")),
    Quantity("field", "field", "", _column("field"), names("in field {name}")),
    Quantity("filter", "filter", "", _column("filter"), names("in filter {name}")),
)
