"""Synthetic asteroids: how they are drawn, where they are at any time, their names and their truth table."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import astropy.units as u
import numpy as np
from astropy.coordinates.angles import offset_by
from astropy.table import Table
from astropy.wcs import WCS

from ...errors import InputError
from ...files import atomic_file
from ...frames.info import FrameInfo
from ...frames.sky import to_pixels, to_sky
from ...truth import read_truth
from ..simulate.survey import TRUTH_COLUMNS

TRIES = 64
"""Places tried for an asteroid until it is inside enough exposures."""

TRUTH_FILE = "asteroids.csv"

_FORMATS = {"mjd": ".8f", "ra": ".7f", "dec": ".7f", "magnitude": ".3f", "rate": ".4f", "position_angle": ".2f"}


@dataclass(frozen=True)
class Population:
    """What asteroids are drawn from.

    Parameters
    ----------
    number : int
        Asteroids per field, CCD and night.
    magnitude : tuple of float or None
        Brightest and faintest, uniform between them. None: around the depth of the field.
    rate : tuple of float
        Slowest and fastest, arcsec/min, uniform in the logarithm.
    position_angle : tuple of float
        Direction of motion from north through east, deg, uniform between the two.
    """

    number: int
    magnitude: tuple[float, float] | None
    rate: tuple[float, float]
    position_angle: tuple[float, float] = (0.0, 360.0)


@dataclass(frozen=True)
class Asteroids:
    """Asteroids that move along great circles, arrays of shape (n,), float64.

    Parameters
    ----------
    magnitude, rate, position_angle : numpy.ndarray
        mag, arcsec/min, deg (at `epoch`).
    ra, dec, epoch : numpy.ndarray
        Place (deg, J2000) at a time (MJD, UTC).
    """

    magnitude: np.ndarray
    rate: np.ndarray
    position_angle: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    epoch: np.ndarray

    def sky(self, mjd: float) -> tuple[np.ndarray, np.ndarray]:
        """Return right ascension and declination (deg) at a time (MJD, UTC)."""
        way = self.rate * (mjd - self.epoch) * 1440 / 3600
        ra, dec = offset_by(self.ra * u.deg, self.dec * u.deg, self.position_angle * u.deg, way * u.deg)
        return ra.to_value(u.deg) % 360, dec.to_value(u.deg)

    def pixels(self, wcs: WCS, mjd: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the 1-based position in a frame, distortions included; NaN where the frame's WCS has none."""
        x, y = to_pixels(wcs, *self.sky(mjd))
        return np.asarray(x), np.asarray(y)

    def take(self, rows: np.ndarray) -> Asteroids:
        """Return some of them."""
        return Asteroids(*(getattr(self, name)[rows] for name in self.__dataclass_fields__))


def draw_asteroids(
    population: Population,
    magnitude: tuple[float, float],
    infos: Sequence[FrameInfo],
    wcs: Sequence[WCS],
    least: int,
    random: np.random.Generator,
) -> Asteroids:
    """Draw the asteroids of the exposures of one field, CCD and night.

    Each asteroid starts at a place that is uniform in one of the exposures, and such that it is inside `least`
    exposures. One that is too fast for that is inside as many as were found, one at least.

    Parameters
    ----------
    population : Population
        What is drawn from.
    magnitude : tuple of float
        Brightest and faintest.
    infos, wcs : sequence
        The exposures.
    least : int
        In how many of them an asteroid should be.
    random : numpy.random.Generator
        The field's stream.
    """
    n = population.number
    bright = random.uniform(*magnitude, n)
    rate = np.exp(random.uniform(np.log(population.rate[0]), np.log(population.rate[1]), n))
    angle = random.uniform(*population.position_angle, n) % 360
    exposure = random.integers(len(infos), size=(n, TRIES))
    share_x, share_y = random.uniform(size=(2, n, TRIES))
    height, width = np.array([info.shape for info in infos]).T
    x, y = 0.5 + share_x * width[exposure], 0.5 + share_y * height[exposure]
    ra, dec = np.empty((n, TRIES)), np.empty((n, TRIES))
    for number, coordinates in enumerate(wcs):
        chosen = exposure == number
        ra[chosen], dec[chosen] = to_sky(coordinates, x[chosen], y[chosen])
    epoch = np.array([info.mjd for info in infos])[exposure]
    each = [np.repeat(values, TRIES) for values in (bright, rate, angle)]
    tried = Asteroids(each[0], each[1], each[2], ra.ravel(), dec.ravel(), epoch.ravel())
    seen = sum(
        inside(*tried.pixels(coordinates, info.mjd), info.shape) for info, coordinates in zip(infos, wcs, strict=True)
    )
    best = np.minimum(np.reshape(seen, (n, TRIES)), least).argmax(axis=1)  # the first of those with enough
    return tried.take(np.arange(n) * TRIES + best)


def inside(x: np.ndarray, y: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Tell which 1-based positions are inside a frame of a shape (ny, nx); not those that are NaN."""
    return (x >= 0.5) & (x < shape[1] + 0.5) & (y >= 0.5) & (y < shape[0] + 0.5)


def read_known(path: Path | None) -> Table | None:
    """Read the truth table of real asteroids that is to be handed on.

    Raises
    ------
    InputError
        As `read_truth`, and when it holds synthetic asteroids.
    """
    if path is None:
        return None
    known = read_truth(path)
    if made := next((name for name in known["designation"] if is_synthetic(name)), None):
        raise InputError(path, f"names {made}, which was injected", expected="real asteroids")
    return known


def designation(number: int) -> str:
    """Return the name of a synthetic asteroid, counted from 1."""
    return f"INJ{number:05d}"


def is_synthetic(name: str) -> bool:
    """Tell whether a name is one that `designation` gives."""
    return name.startswith("INJ") and name[3:].isdigit()


def write_truth(path: Path, injected: Table, known: Table | None) -> None:
    """Write a truth table that `read_truth` reads: asteroids that were injected, then those that were known."""
    with atomic_file(path) as temporary, temporary.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(TRUTH_COLUMNS)
        for table in (injected, known):
            writer.writerows(_lines(table) if table is not None else ())


def _lines(table: Table) -> Iterator[list[str]]:
    for row in table:
        numbers = [format(float(row[name]), form) for name, form in _FORMATS.items()]
        field = str(row["field"]) if "field" in table.colnames else ""
        yield [
            str(row["designation"]),
            *("" if text == "nan" else text for text in numbers),
            f"{row['validated']:d}",
            field,
        ]
