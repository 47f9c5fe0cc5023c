"""Simulated fields to link: catalogues with positions, errors, magnitudes and shapes of asteroids, stars, artefacts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table
from astropy.wcs import WCS
from scipy.special import erf

from ceres_fast.catalogues import Catalogue
from ceres_fast.catalogues.detections import Detections
from ceres_fast.frames.info import FrameInfo
from ceres_fast.frames.sky import to_sky
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import find_stationary

SIDE, SCALE, SEEING, EXPOSURE = 6267, 0.33, 1.2, 60.0
"""0.33 square degrees: pixels, arcsec per pixel, FWHM in arcsec; s."""

MINUTES = (0.0, 15.0, 30.0, 45.0)
DITHER = 15.0
"""Pixels by which pointings differ, at most, on each axis."""

ASTEROIDS, STARS, BRIGHT = 60, 6_000, 40
"""Of which so many stars are so bright that they have spikes and ghosts."""

KINDS = ("asteroid", "star", "random", "ghost", "spike", "column")
SHARES = {"random": 0.6, "ghost": 0.05, "spike": 0.25, "column": 0.1}
"""Of the artefacts."""

FAINT, LIMIT_SNR, SYSTEMATIC = 0.3, 5.0, 0.03
"""mag over which completeness falls from the limit of an exposure, where half are found; the signal-to-noise ratio
there; and the error (arcsec) that is left of the brightest."""


@dataclass(frozen=True)
class MovingField:
    """A field's exposures, and what each detection is.

    Parameters
    ----------
    exposures : list of Detections
    kind : list of numpy.ndarray
        Number in `KINDS`, (n,).
    asteroid : list of numpy.ndarray
        Number of the asteroid, -1 for what is none, (n,).
    rate : numpy.ndarray
        Of each asteroid, arcsec/min.
    """

    exposures: list[Detections]
    kind: list[np.ndarray]
    asteroid: list[np.ndarray]
    rate: np.ndarray


def replace_rows(exposure: Detections, rows: np.ndarray) -> Detections:
    """Return some of the detections of an exposure."""
    x, y, ra, dec, own, rejected = (
        each[rows] for each in (exposure.x, exposure.y, exposure.ra, exposure.dec, exposure.rows, exposure.rejected)
    )
    return exposure._replace(x=x, y=y, ra=ra, dec=dec, rows=own, rejected=rejected)


def rates_of(number: int, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return rates (arcsec/min) and directions (rad) of asteroids near opposition.

    8 of 10 are of the main belt and go west within 20 deg, 1 of 10 is farther away and slower, and 1 of 10, more than
    in the sky, is near: with any rate up to 10 arcsec/min, uniform in the logarithm, in any direction.
    """
    which = np.arange(number) % 10
    rate = random.normal(0.55, 0.1, number).clip(0.3, 0.9)
    rate = np.where(which == 8, random.uniform(0.1, 0.3, number), rate)
    rate = np.where(which == 9, 10 ** random.uniform(0, 1, number), rate)
    angle = np.where(which == 9, random.uniform(0, 2 * np.pi, number), random.normal(np.pi, np.radians(20), number))
    return rate, angle


def magnitudes_of(number: int, slope: float, deepest: float, random: np.random.Generator) -> np.ndarray:
    """Return magnitudes below the limit of one exposure of what gets more numerous as 10^(slope mag)."""
    return deepest + np.log10(random.uniform(1e-6, 1, number)) / slope


def found_of(magnitude: np.ndarray) -> np.ndarray:
    """Return the share that an exposure finds."""
    return 0.5 * (1 - erf(magnitude / FAINT / np.sqrt(2)))


def moving_field(
    artefacts: int,
    seed: int,
    *,
    asteroids: int = ASTEROIDS,
    stars: int = STARS,
    minutes: tuple[float, ...] = MINUTES,
    on_stars: bool = False,
) -> MovingField:
    """Return a field with so many artefacts in each exposure.

    Parameters
    ----------
    artefacts : int
        Those on the detector (spikes, ghosts and bad columns) and random ones (`SHARES`).
    seed : int
        Of all that is random.
    asteroids, stars : int
        Stars down to 1.5 mag below the limit.
    minutes : tuple of float
        When the exposures are taken.
    on_stars : bool
        Put every asteroid on a star in one exposure: they are detected as one, at the middle of their light.
    """
    random = np.random.default_rng([seed, artefacts, asteroids, stars, len(minutes)])
    star = random.uniform(1, SIDE, (stars, 2))
    star_magnitude = magnitudes_of(stars, 0.3, 1.5, random)
    star_magnitude[:BRIGHT] = random.uniform(-9, -6, min(BRIGHT, stars))
    rate, angle = rates_of(asteroids, random)
    velocity = rate[:, None] / SCALE * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    at = random.uniform(1, SIDE, (asteroids, 2))
    magnitude = magnitudes_of(asteroids, 0.27, 0.7, random).clip(-5)
    if on_stars:
        # At the place of a star that is as bright, up to 1 mag, in one of the exposures.
        middle = np.array(minutes)[random.integers(len(minutes), size=asteroids)]
        magnitude = random.uniform(-2, -0.7, asteroids)
        spot = random.choice(np.arange(BRIGHT, stars), asteroids, replace=False)
        star_magnitude[spot] = magnitude + random.uniform(-1, 1, asteroids)
        at = star[spot] + random.normal(0, 0.3, (asteroids, 2)) - velocity * middle[:, None]
    columns = random.uniform(1, SIDE, 12)
    ghosts = random.uniform(1, SIDE, (round(artefacts * SHARES["ghost"]), 2))
    exposures, kinds, numbers = [], [], []
    for minute in minutes:
        dither = random.uniform(-DITHER, DITHER, 2)
        parts = [
            _asteroids(at + velocity * minute, magnitude, rate, angle, random),
            _stars(star, star_magnitude, random),
            *_artefacts(artefacts, star[:BRIGHT], columns, ghosts, dither, random),
        ]
        if on_stars:
            parts = _blended(parts)
        table = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
        kind = np.repeat(np.arange(len(parts)), [len(part["x"]) for part in parts])
        x, y = table["x"] + dither[0], table["y"] + dither[1]
        inside = (x >= 0.5) & (x <= SIDE + 0.5) & (y >= 0.5) & (y <= SIDE + 0.5)
        table = {name: values[inside] for name, values in (table | {"x": x, "y": y}).items()}
        exposures.append(_exposure(table, minute, dither))
        kinds.append(kind[inside])
        numbers.append(np.where(kind[inside] == 0, table["number"], -1).astype(int))
    return MovingField(exposures, kinds, numbers, rate)


def moving_rows(field: MovingField, moving: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
    """Return what moves in a field as `tools/linker-oracle` takes it, and which asteroid each is."""
    chosen = [
        replace_rows(exposure, np.flatnonzero(mask)) for exposure, mask in zip(field.exposures, moving, strict=True)
    ]
    errors = np.concatenate([_known(each, "MAGERR_AUTO") for each in chosen]) * SEEING / 2.355 / 1.0857
    return {
        "mjd": np.array([each.info.mjd for each in chosen]),
        "exposure": np.repeat(np.arange(len(chosen)), [len(each.x) for each in chosen]),
        "ra": np.concatenate([each.ra for each in chosen]),
        "dec": np.concatenate([each.dec for each in chosen]),
        "magnitude": np.concatenate([_known(each, "MAG_AUTO") for each in chosen]),
        "error": np.hypot(errors, SYSTEMATIC),
        "asteroid": np.concatenate([each[mask] for each, mask in zip(field.asteroid, moving, strict=True)]),
    }


def moving_of(field: MovingField) -> list[np.ndarray]:
    """Return which detections of each exposure the rule for stationary detections leaves."""
    return [~mask for mask in find_stationary(field.exposures, Rules())[0].stays]


def _known(exposure: Detections, name: str) -> np.ndarray:
    values = exposure.column(name)
    assert values is not None
    return values


def _rows(
    place: np.ndarray,
    magnitude: np.ndarray,
    random: np.random.Generator,
    *,
    length: np.ndarray | float = 0.0,
    angle: np.ndarray | float = 0.0,
) -> dict[str, np.ndarray]:
    """Return rows of a catalogue at places (pixels), with errors, and shapes of trails of a length (pixels)."""
    size, sigma = len(place), SEEING / SCALE / 2.355
    length, angle = np.broadcast_to(length, size), np.broadcast_to(angle, size)
    snr = np.maximum(LIMIT_SNR * 10 ** (-0.4 * magnitude), 3.0)
    long = np.hypot(sigma, length / np.sqrt(12))
    along, across = (
        random.normal(0, 1, size) * np.hypot(each / snr, SYSTEMATIC / SCALE / np.sqrt(2)) for each in (long, sigma)
    )
    x = place[:, 0] + along * np.cos(angle) - across * np.sin(angle)
    y = place[:, 1] + along * np.sin(angle) + across * np.cos(angle)
    scatter = 0.3 / np.sqrt(snr)  # of shapes, and of the angle where something is round
    a, b = (each * (1 + scatter * random.normal(0, 1, size).clip(-2, 2)) for each in (long, sigma))
    turned = random.normal(0, 1, size) * scatter * np.where(length > sigma, 0.3, 10)
    turned = turned + np.where(b > a, np.pi / 2, 0)
    return {
        "x": x, "y": y,
        "number": np.arange(size),
        "MAG_AUTO": 20 + magnitude + random.normal(0, 1, size) * np.hypot(1.0857 / snr, 0.02),
        "MAGERR_AUTO": 1.0857 / snr,
        "A_IMAGE": np.maximum(a, b),
        "B_IMAGE": np.minimum(a, b),
        "THETA_IMAGE": (np.degrees(angle + turned) + 90) % 180 - 90,
    }  # fmt: skip


def _asteroids(
    place: np.ndarray, magnitude: np.ndarray, rate: np.ndarray, angle: np.ndarray, random: np.random.Generator
) -> dict[str, np.ndarray]:
    varied = magnitude + random.normal(0, 0.15, len(place))
    rows = _rows(place, varied, random, length=rate * EXPOSURE / 60 / SCALE, angle=angle)
    seen = random.uniform(size=len(place)) < found_of(varied)
    return {name: values[seen] for name, values in rows.items()}


def _stars(place: np.ndarray, magnitude: np.ndarray, random: np.random.Generator) -> dict[str, np.ndarray]:
    seen = random.uniform(size=len(place)) < 0.99 * found_of(magnitude)
    return _rows(place[seen], magnitude[seen], random)


def _artefacts(
    number: int,
    bright: np.ndarray,
    columns: np.ndarray,
    ghosts: np.ndarray,
    dither: np.ndarray,
    random: np.random.Generator,
) -> list[dict[str, np.ndarray]]:
    """Return random ones, ghosts, spikes and what is in bad columns, in places on the sky (pixels of dither 0)."""
    sizes = {name: round(number * share) for name, share in SHARES.items()}
    faint = {name: magnitudes_of(size, 0.3, 0.5, random).clip(-4) for name, size in sizes.items()}
    # The reflection of a star, at the other side of the optical axis: on the sky it moves against the pointing, twice.
    seen = random.uniform(size=len(ghosts)) < 0.8
    ghost = (ghosts - 2 * dither)[seen]
    arm = random.integers(0, 4, sizes["spike"]) * np.pi / 2 + np.pi / 4
    out = 10 + random.exponential(40, sizes["spike"])
    way = np.stack([np.cos(arm), np.sin(arm)], axis=1)
    spike = bright[random.integers(len(bright), size=sizes["spike"])] + out[:, None] * way
    column = np.column_stack(
        [random.choice(columns, sizes["column"]), random.uniform(1, SIDE, sizes["column"])]
    ) - dither  # fmt: skip
    return [
        _rows(random.uniform(1, SIDE, (sizes["random"], 2)), faint["random"], random),
        _rows(ghost, faint["ghost"][: len(ghosts)][seen], random, length=8.0),
        _rows(spike, faint["spike"], random, length=random.uniform(3, 20, sizes["spike"]), angle=arm),
        _rows(column, faint["column"], random, length=10.0, angle=np.pi / 2),
    ]


def _blended(parts: list[dict[str, np.ndarray]]) -> list[dict[str, np.ndarray]]:
    """Return the parts with each asteroid that is within 0.7 FWHM of a star as one with it, called an asteroid."""
    asteroid, star = parts[:2]
    apart = np.hypot(star["x"][:, None] - asteroid["x"], star["y"][:, None] - asteroid["y"])
    i, j = np.nonzero(apart < 0.7 * SEEING / SCALE)
    flux = 10 ** (-0.4 * star["MAG_AUTO"][i]), 10 ** (-0.4 * asteroid["MAG_AUTO"][j])
    for axis in "xy":
        asteroid[axis][j] = (flux[0] * star[axis][i] + flux[1] * asteroid[axis][j]) / sum(flux)
    asteroid["MAG_AUTO"][j] = -2.5 * np.log10(sum(flux))
    return [asteroid, {name: np.delete(values, i) for name, values in star.items()}, *parts[2:]]


def _exposure(table: dict[str, np.ndarray], minute: float, dither: np.ndarray) -> Detections:
    header = fits.Header({"CTYPE1": "RA---TAN", "CTYPE2": "DEC--TAN", "CRVAL1": 150.0, "CRVAL2": 12.0})
    header.update({"CRPIX1": SIDE / 2 + dither[0], "CRPIX2": SIDE / 2 + dither[1], "CD1_2": 0.0, "CD2_1": 0.0})
    header.update({"CD1_1": -SCALE / 3600, "CD2_2": SCALE / 3600})
    wcs = WCS(header)
    ra, dec = to_sky(wcs, table["x"], table["y"])
    info = FrameInfo(
        Path("f"), "f", "F", mjd=60000 + minute / 1440, exposure=EXPOSURE, pixel_scale=SCALE, seeing=SEEING,
        shape=(SIDE, SIDE),
    )  # fmt: skip
    columns = {name: values for name, values in table.items() if name.isupper()}
    catalogue = Catalogue(Path("f.cat"), "ASCII_HEAD", Table(columns), None)
    rows = np.arange(len(ra))
    return Detections(table["x"], table["y"], ra, dec, info, catalogue, wcs, header, rows, np.zeros(len(rows), bool))
