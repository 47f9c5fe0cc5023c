"""Small painted exposures of one field: stars that stay, asteroids that move; and what is read of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from astropy.wcs import WCS, Sip

from ceres_fast.catalogues.detections import Detections
from ceres_fast.errors import InputError
from ceres_fast.frames.info import FrameInfo
from ceres_fast.frames.reading import FrameHeader
from ceres_fast.selection.others.exposures import OtherExposures
from ceres_fast.selection.others.images import Image
from ceres_fast.selection.rules import Rules

CENTRE = (150.0, 10.0)
MJD = 60000.2
BOX = np.arange(-14, 15)


@dataclass(frozen=True)
class Shot:
    """How an exposure is taken, and what its header says.

    ``factor`` is ADU per unit of flux, ``dither`` in pixels, ``turned`` in degrees, ``off`` by how much (arcsec) its
    coordinates are wrong; ``says`` is where positions on the sky are: in the header ("wcs"), in the "catalogue", or
    nowhere (""). ``seeing`` is the true FWHM, arcsec; the header says ``seeing_said``.
    """

    minutes: float = 0.0
    dither: tuple[float, float] = (0.0, 0.0)
    turned: float = 0.0
    scale: float = 0.5
    seeing: float = 1.5
    seeing_said: float | None = None
    factor: float = 1.0
    noise: float = 5.0
    gain: float = np.nan
    saturation: float = np.nan
    off: tuple[float, float] = (0.0, 0.0)
    sip: float = 0.0
    says: str = "wcs"
    shape: tuple[int, int] = (200, 200)
    beta: float = 0.0
    detected: bool = True

    def coordinates(self) -> WCS:
        """Return the true coordinates."""
        wcs = WCS(naxis=2)
        sip = "-SIP" if self.sip else ""
        wcs.wcs.ctype = [f"RA---TAN{sip}", f"DEC--TAN{sip}"]
        wcs.wcs.crval = CENTRE
        wcs.wcs.crpix = np.array(self.shape[::-1]) / 2 + 0.5 + self.dither
        angle = np.radians(self.turned)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        wcs.wcs.cd = turn @ np.diag([-self.scale, self.scale]) / 3600
        if self.sip:
            a, b = np.zeros((2, 3, 3))
            a[2, 0], a[1, 1], b[0, 2] = self.sip, -self.sip, 0.5 * self.sip
            wcs.sip = Sip(a, b, None, None, wcs.wcs.crpix)
        wcs.wcs.set()
        return wcs


def stars(number: int = 60, *, seed: int = 1, side: float = 100.0, low: float = 3.0, high: float = 4.5) -> np.ndarray:
    """Return places (arcsec east and north of the middle) and fluxes, (n, 3), no two within 4 arcsec."""
    random = np.random.default_rng(seed)
    chosen: list[np.ndarray] = []
    while len(chosen) < number:
        place = random.uniform(-side / 2, side / 2, 2)
        if all(np.hypot(*(place - each[:2])) > 4 for each in chosen):
            chosen.append(np.append(place, 10 ** random.uniform(low, high)))
    return np.array(chosen)


def paint(shot: Shot, x: np.ndarray, y: np.ndarray, flux: np.ndarray, seed: int) -> np.ndarray:
    """Return pixels, float32: sky and noise, a Gaussian (or Moffat, with ``beta``) at each place, pixels from 1."""
    ny, nx = shot.shape
    image = np.random.default_rng(seed).normal(300.0, shot.noise, (ny + 60, nx + 60))
    width = shot.seeing / shot.scale
    for each_x, each_y, total in zip(x, y, flux * shot.factor, strict=True):
        if not (-10 < each_x < nx + 10 and -10 < each_y < ny + 10):
            continue
        column, row = round(each_x), round(each_y)
        distance = np.hypot(column + BOX[None] - each_x, row + BOX[:, None] - each_y)
        if shot.beta:
            core = width / 2 / np.sqrt(2 ** (1 / shot.beta) - 1)
            profile = (shot.beta - 1) / (np.pi * core**2) * (1 + (distance / core) ** 2) ** -shot.beta
        else:
            sigma = width / 2.3548
            profile = np.exp(-(distance**2) / 2 / sigma**2) / (2 * np.pi * sigma**2)
        image[row + 29 + BOX[0] : row + 30 + BOX[-1], column + 29 + BOX[0] : column + 30 + BOX[-1]] += total * profile
    if shot.gain > 0:
        image += np.random.default_rng(seed + 1000).normal(0, np.sqrt(np.maximum(image - 300, 0) / shot.gain))
    pixels = image[30:-30, 30:-30]
    if shot.saturation > 0:
        pixels = np.minimum(pixels, shot.saturation)
    return pixels.astype(np.float32)


@dataclass
class Night:
    """Exposures of a field; the first rows of each are the stars, the last the asteroids, in their order.

    What is off a frame has the position NaN.
    """

    shots: Sequence[Shot]
    stars: np.ndarray
    asteroids: np.ndarray = field(default_factory=lambda: np.empty((0, 5)))
    """East and north at minute 0 (arcsec), flux, and the same two per minute."""

    seed: int = 7
    pixels: dict[str, np.ndarray | None] = field(default_factory=dict)
    read_so_far: Counter[str] = field(default_factory=Counter)
    exposures: list[Detections] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.exposures = [self._take(number, shot) for number, shot in enumerate(self.shots)]

    def _take(self, number: int, shot: Shot) -> Detections:
        moved = self.asteroids[:, :2] + self.asteroids[:, 3:] * shot.minutes
        places = np.vstack([self.stars[:, :2], moved])
        flux = np.concatenate([self.stars[:, 2], self.asteroids[:, 2]])
        sky = plane_to_sky(places)
        true = shot.coordinates()
        x, y = true.all_world2pix(*sky, 1)
        info = self.info(number, shot)
        self.pixels[info.place] = paint(shot, x, y, flux, self.seed + number)
        ny, nx = shot.shape
        on_frame = (x > 0.5) & (y > 0.5) & (x < nx + 0.5) & (y < ny + 0.5) & shot.detected
        x, y = np.where(on_frame, [x, y], np.nan)
        said = shot.coordinates()
        said.wcs.crval = (
            CENTRE[0] + shot.off[0] / 3600 / np.cos(np.radians(CENTRE[1])),
            CENTRE[1] + shot.off[1] / 3600,
        )
        said.wcs.set()
        ra, dec = np.full((2, len(x)), np.nan)
        if shot.says:
            ra[on_frame], dec[on_frame] = said.all_pix2world(x[on_frame], y[on_frame], 1)
        rows, nothing = np.arange(len(x)), np.zeros(len(x), bool)
        unknown: Any = None
        wcs = said if shot.says == "wcs" else None
        return Detections(x, y, ra, dec, info, unknown, wcs, unknown, rows, nothing)

    def info(self, number: int, shot: Shot) -> FrameInfo:
        """Return what is known of an exposure."""
        seeing = shot.seeing if shot.seeing_said is None else shot.seeing_said
        return FrameInfo(
            Path(f"painted-{number}.fits"), f"painted-{number}", "F", "1", mjd=MJD + shot.minutes / 1440,
            pixel_scale=shot.scale, seeing=seeing, gain=shot.gain, saturation=shot.saturation, shape=shot.shape,
        )  # fmt: skip

    def read(self, info: FrameInfo) -> Image:
        """Read the image of an exposure, as `Image.read`; one that is None cannot be read."""
        self.read_so_far[info.place] += 1
        pixels = self.pixels[info.place]
        if pixels is None:
            raise InputError(info.path, "is cut off", expected="a whole frame")
        return Image(info, pixels)

    def others(self, templates: Sequence[FrameHeader] = (), **rules: Any) -> OtherExposures:
        """Return the others of its exposures."""
        return OtherExposures(self.exposures, Rules(**rules), templates, self.read)

    def rows(self, e: int, *, margin: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Return the stars and the asteroids in an exposure, as rows, that far from its edges and more, in pixels."""
        each, (ny, nx) = self.exposures[e], self.shots[e].shape
        with np.errstate(invalid="ignore"):
            good = (each.x > margin) & (each.y > margin) & (each.x < nx + 1 - margin) & (each.y < ny + 1 - margin)
        rows = np.flatnonzero(good)
        return rows[rows < len(self.stars)], rows[rows >= len(self.stars)]

    def template(self, shot: Shot, number: int = 99, *, time: bool = True) -> FrameHeader:
        """Return a frame of known sky without the asteroids."""
        alone = Night([shot], self.stars, seed=self.seed + number)
        info, wcs = alone.exposures[0].info, alone.exposures[0].wcs
        values = {name: getattr(info, name) for name in ("pixel_scale", "seeing", "gain", "saturation", "shape")}
        mjd = info.mjd if time else np.nan
        renamed = FrameInfo(Path(f"template-{number}.fits"), f"template-{number}", mjd=mjd, **values)
        self.pixels[renamed.place] = alone.pixels[info.place]
        unknown: Any = None
        return FrameHeader(renamed, unknown, wcs)


def plane_to_sky(places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascension and declination (deg) of places in arcsec east and north of the middle, (n, 2)."""
    plane = WCS(naxis=2)
    plane.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    plane.wcs.crval = CENTRE
    plane.wcs.cd = np.eye(2) / 3600
    ra, dec = plane.all_pix2world(*places.T, 0)
    return ra, dec


APART = (Rules().stationary_radius + Rules().position_error) * Shot.seeing / Rules().slowest
"""Minutes between exposures that are just enough to be compared, with the usual seeing."""


def mover(x: float, y: float, flux: float = 3000.0, *, rate: float = 0.5, angle: float = 40.0) -> list[float]:
    """Return an asteroid for `Night`; the rate in arcsec/min."""
    return [x, y, flux, rate * np.cos(np.radians(angle)), rate * np.sin(np.radians(angle))]
