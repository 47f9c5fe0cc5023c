"""Fields of detections made of numbers alone, to try what is called stationary."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.wcs import WCS

from ceres_fast.catalogues.detections import Detections
from ceres_fast.frames.info import FrameInfo
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import Comparison, Stationary

SHAPE = (4100, 2048)
SCALE = 0.33
SEEING = 1.2
RADIUS = Rules().stationary_radius * SEEING
APART = (Rules().stationary_radius + Rules().position_error) * SEEING / Rules().slowest
"""Minutes that exposures must be apart to be compared."""

MJD = 60000.0
DITHERS = ((0, 0), (31, -17), (-23, 29), (12, 41), (-37, -13), (19, -33))
PAIR, FOUR, FAST, LONG = (0, 15), (0, 15, 30, 45), (0, 2.7, 5.3, 8), tuple(np.linspace(0, 80, 20))
"""Minutes of the exposures of common cadences."""


def make_wcs(
    pointing: Sequence[float] = (0, 0),
    *,
    shape: tuple[int, int] = SHAPE,
    scale: float = SCALE,
    centre: tuple[float, float] = (150.0, 10.0),
) -> WCS:
    """Return the coordinates of a frame; what is at pixel (x, y) for pointing 0 is `pointing` pixels further."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = centre
    wcs.wcs.crpix = [shape[1] / 2 + pointing[0], shape[0] / 2 + pointing[1]]
    wcs.wcs.cd = [[-scale / 3600, 0], [0, scale / 3600]]
    return wcs


def exposure(
    points: Any,
    minutes: float = 0.0,
    pointing: Sequence[float] = (0, 0),
    *,
    on_detector: Any = (),
    shape: tuple[int, int] = SHAPE,
    scale: float = SCALE,
    seeing: float = SEEING,
    centre: tuple[float, float] = (150.0, 10.0),
    sky: bool = True,
    with_wcs: bool = True,
    cut: bool = False,
) -> Detections:
    """Return detections at places given in pixels of the frame with pointing 0, then those at pixels of this one.

    With ``cut``, what is outside the frame is left out.
    """
    on_sky = np.array(points, float).reshape(-1, 2) + np.array(pointing, float)
    xy = np.vstack([on_sky, np.array(on_detector, float).reshape(-1, 2)])
    if cut:
        xy = xy[np.all((xy >= 0.5) & (xy <= np.array(shape[::-1]) + 0.5), axis=1)]
    wcs = make_wcs(pointing, shape=shape, scale=scale, centre=centre)
    unknown = np.full(len(xy), np.nan)
    ra, dec = wcs.all_pix2world(*xy.T, 1) if sky and len(xy) else (unknown, unknown)
    info = FrameInfo(
        Path("f.fits"), "f", "F", "1", mjd=MJD + minutes / 1440, pixel_scale=scale, seeing=seeing, shape=shape
    )
    rows, rejected = np.arange(len(xy)), np.zeros(len(xy), bool)
    nothing: Any = None
    return Detections(*xy.T, ra, dec, info, nothing, wcs if sky and with_wcs else None, nothing, rows, rejected)


@dataclass
class Survey:
    """Exposures of one field, and which of their detections are of what."""

    exposures: list[Detections] = field(default_factory=list)
    kinds: list[np.ndarray] = field(default_factory=list)

    def share(self, found: Stationary, kind: str) -> float:
        """Return the share of the detections of a kind that are called stationary."""
        masks = [stays[kinds == kind] for stays, kinds in zip(found.stays, self.kinds, strict=True)]
        return float(np.concatenate(masks).mean())

    def count(self, kind: str) -> int:
        """Return the number of detections of a kind."""
        return sum(int((kinds == kind).sum()) for kinds in self.kinds)


def survey(
    minutes: Sequence[float],
    density: int,
    *,
    stars: float = 0.7,
    seen: float = 0.97,
    faint: float = 0.0,
    faint_seen: float = 0.5,
    seed: int = 1,
    pointings: Sequence[Sequence[float]] | None = None,
    asteroids: Any = (),
    rates: Any = (),
    hot: int = 0,
    clear: bool = False,
    shape: tuple[int, int] = SHAPE,
    scale: float = SCALE,
    **other: Any,
) -> Survey:
    """Return exposures with `density` detections each: stars, faint stars seen in some, noise; and asteroids.

    ``asteroids`` are pixels at the time 0, ``rates`` pixels per minute, both (n, 2). Positions have an error of 0.1 of
    the FWHM. "noise" is what is more than a radius from all stars, "near" is noise that is not. With ``clear`` nothing
    else is near the ways of the asteroids.
    """
    random = np.random.default_rng(seed)
    size = np.array(shape[::-1])
    fixed, weak, pixels = (
        random.uniform(0.5, size + 0.5, (round(n), 2)) for n in (density * stars, density * faint / faint_seen, hot)
    )
    error = 0.1 * other.get("seeing", SEEING) / scale / np.sqrt(2)
    radius = Rules().stationary_radius * other.get("seeing", SEEING) / scale
    ways = np.reshape(
        np.array(asteroids, float) + np.multiply.outer(np.array(minutes), np.array(rates, float)), (-1, 2)
    )
    if clear:
        fixed, weak = (each[~_near(each, ways, 4 * radius)] for each in (fixed, weak))
    result = Survey()
    for number, at in enumerate(minutes):
        shown = [fixed[random.uniform(size=len(fixed)) < seen], weak[random.uniform(size=len(weak)) < faint_seen]]
        moving = np.reshape(np.array(asteroids, float) + np.array(rates, float) * at, (-1, 2))
        shown = [random.normal(each, error) for each in (*shown, moving)]
        pointing = (0, 0) if pointings is None else pointings[number % len(pointings)]
        noise = random.uniform(0.5, size + 0.5, (round(density * (1 - stars - faint)), 2))
        if clear:
            noise = noise[~_near(noise - pointing, ways, 4 * radius)]
        sky = np.vstack([*shown, noise - pointing])
        near = _near(noise - pointing, np.vstack([fixed, weak]), 1.5 * radius)
        kinds = np.concatenate(
            [np.repeat(["star", "faint", "asteroid"], [len(each) for each in shown]), np.where(near, "near", "noise")]
        )
        spots = random.normal(pixels, 0.2)
        made = exposure(sky, at, pointing, on_detector=spots, shape=shape, scale=scale, **other)
        kinds = np.append(kinds, np.repeat("hot", hot))
        result.exposures.append(made)
        result.kinds.append(kinds)
    return result


def _near(points: np.ndarray, others: np.ndarray, radius: float) -> np.ndarray:
    """Tell which points have another within a radius, by sorting one axis."""
    others = others[np.argsort(others[:, 0])]
    low, high = (np.searchsorted(others[:, 0], points[:, 0] + way * radius) for way in (-1, 1))
    return np.array(
        [(np.hypot(*(others[a:b] - p).T) <= radius).any() for p, a, b in zip(points, low, high, strict=True)], bool
    )


def stays(*exposures: Detections, **rules: Any) -> list[list[bool]]:
    """Return what is stationary."""
    return [mask.tolist() for mask in compare(*exposures, **rules).found.stays]


def compared(*exposures: Detections, **rules: Any) -> list[list[bool]]:
    """Return of which detections that could be told."""
    return [mask.tolist() for mask in compare(*exposures, **rules).found.compared]


def compare(*exposures: Detections, static: np.ndarray | None = None, **rules: Any) -> Comparison:
    """Compare exposures."""
    return Comparison(exposures, Rules(**rules), static)
