"""One exposure: the electrons of every component, what the detector makes of them, and the FITS frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from .detector import expose
from .events import add_ghosts, add_satellites
from .geometry import frame_wcs, pixel_motion, to_pixels
from .night import Exposure
from .render import Psf, add_galaxies, add_points, add_trails, box_flux
from .scene import Scene
from .sky import asteroid_positions
from .streams import stream

BOX = 5
"""Side (pixels) of the box in which an asteroid must give most of the light to be validated."""


@dataclass(frozen=True)
class View:
    """The asteroids of a field in one exposure, arrays of n: 1-based position in the frame, right ascension and
    declination (deg) in the middle of the exposure, r magnitude, whether in the frame, share of the light above the
    sky in the box there, and signal-to-noise ratio in that box.
    """

    x: np.ndarray
    y: np.ndarray
    ra: np.ndarray
    dec: np.ndarray
    magnitude: np.ndarray
    inside: np.ndarray
    share: np.ndarray
    snr: np.ndarray


@dataclass(frozen=True)
class Rendered:
    """An exposure: pixels (uint16 ADU, (ny, nx)), FITS header, asteroids."""

    pixels: np.ndarray
    header: fits.Header
    view: View


def render_exposure(scene: Scene, exposure: Exposure) -> Rendered:
    """Render one exposure of a scene."""
    constants, detector = scene.constants, scene.constants.detector
    wcs = frame_wcs(detector, scene.shape, exposure.ra, exposure.dec)
    psf = Psf(
        exposure.seeing / detector.pixel_scale,
        constants.sky.moffat_beta,
        exposure.ellipticity,
        exposure.elongation_angle,
    )
    light = np.zeros(scene.shape, np.float32)
    _add_fixed_sky(light, scene, exposure, wcs, psf)

    middle = exposure.mjd + constants.cadence.exposure / 2 / 86400
    asteroids = scene.asteroids
    ra, dec = asteroid_positions(asteroids, scene.field, middle, constants)
    x, y = to_pixels(wcs, ra, dec)
    minutes = constants.cadence.exposure / 60
    motion = pixel_motion(wcs, asteroids.east * minutes, asteroids.north * minutes)
    magnitude = asteroids.magnitude(middle)
    flux = scene.electrons(magnitude, exposure)
    add_trails(light, x, y, *motion, flux, psf)

    add_satellites(light, scene, exposure, psf)
    add_ghosts(light, scene, exposure)
    sky = _sky(scene, exposure)
    background = float(sky.mean())
    readout = expose(light, sky, scene, exposure)
    inside = (x >= 0.5) & (x < scene.shape[1] + 0.5) & (y >= 0.5) & (y < scene.shape[0] + 0.5)
    own = box_flux(x, y, *motion, flux, psf, BOX)
    share = _share(own, readout.signal, x, y, inside)
    snr = own / np.sqrt(own + BOX**2 * (background + detector.read_noise**2))
    return Rendered(readout.pixels, _header(scene, exposure, wcs), View(x, y, ra, dec, magnitude, inside, share, snr))


def _add_fixed_sky(light: np.ndarray, scene: Scene, exposure: Exposure, wcs: WCS, psf: Psf) -> None:
    constants, stars, galaxies = scene.constants, scene.stars, scene.galaxies
    add_points(light, *to_pixels(wcs, stars.ra, stars.dec), scene.electrons(stars.magnitude, exposure), psf)
    x, y = to_pixels(wcs, galaxies.ra, galaxies.dec)
    flux = scene.electrons(galaxies.magnitude, exposure)
    radius = galaxies.radius / constants.detector.pixel_scale
    add_galaxies(light, x, y, flux, radius, galaxies.axis_ratio, galaxies.angle, galaxies.spiral, psf)


def _sky(scene: Scene, exposure: Exposure) -> np.ndarray:
    """Electrons per pixel of the sky, with a gradient over the whole CCD; shape (ny, nx)."""
    constants, detector = scene.constants, scene.constants.detector
    rate = constants.cadence.exposure * 10 ** (0.4 * (constants.sky.zero_point - exposure.sky_brightness))
    direction = stream(scene.seed, scene.field.name, "sky gradient").uniform(0, 2 * np.pi)
    left, below = scene.origin
    across = (np.arange(scene.shape[1]) + left) / detector.width - 0.5
    up = (np.arange(scene.shape[0]) + below) / detector.height - 0.5
    slope = 2 * constants.sky.sky_gradient * (across * np.cos(direction) + up[:, None] * np.sin(direction))
    return (rate * detector.pixel_scale**2 * (1 + slope)).astype(np.float32)


def _share(own: np.ndarray, signal: np.ndarray, x: np.ndarray, y: np.ndarray, inside: np.ndarray) -> np.ndarray:
    """Share of each asteroid in the light above the sky in its box; 0 outside the frame."""
    height, width = signal.shape
    steps = np.arange(BOX) - BOX // 2
    column = np.round(x - 1).astype(int)[:, None, None] + steps
    row = np.round(y - 1).astype(int)[:, None, None] + steps[:, None]
    valid = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    row, column = np.clip(row, 0, height - 1), np.clip(column, 0, width - 1)
    total = np.where(valid, signal[row, column], 0).sum(axis=(1, 2), dtype=float)
    return np.where(inside, own / (own + np.abs(total - own)), 0.0)


def _header(scene: Scene, exposure: Exposure, wcs: WCS) -> fits.Header:
    constants, detector = scene.constants, scene.constants.detector
    zero_point = 2.5 * np.log10(scene.electrons(np.zeros(1), exposure)[0] / detector.gain)
    header = fits.Header()
    cards = (
        ("OBJECT", scene.field.name, "field"),
        ("TELESCOP", "INT (simulated)", "2.5-m Isaac Newton"),
        ("INSTRUME", "WFC (simulated)", "Wide Field Camera"),
        ("OBSERVAT", "950", "MPC code, La Palma"),
        ("CCDNAME", "CCD4", "chip of the mosaic"),
        ("FILTER", "r", "band"),
        ("MJD-OBS", round(exposure.mjd, 9), "[d] start of the exposure, UTC"),
        ("DATE-OBS", Time(exposure.mjd, format="mjd", scale="utc").isot, "start of the exposure, UTC"),
        ("EXPTIME", constants.cadence.exposure, "[s] exposure time"),
        ("AIRMASS", round(exposure.airmass, 4), "at the start of the exposure"),
        ("SECPPIX", detector.pixel_scale, "[arcsec/pixel] pixel scale"),
        ("SEEING", round(exposure.seeing, 4), "[arcsec] FWHM of the stars"),
        ("GAIN", detector.gain, "[electron/ADU]"),
        ("READNOIS", detector.read_noise, "[electron] read noise"),
        ("SATURATE", detector.saturation, "[ADU] saturation level"),
        ("MAGZPT", round(float(zero_point), 4), "[mag] of 1 ADU here, above the air"),
        ("SEED", scene.seed, "of the simulated survey"),
    )
    header.extend(cards)
    header.extend(_wcs_cards(wcs))
    return header


def _wcs_cards(wcs: WCS) -> list[tuple[str, object, str]]:
    keywords = wcs.wcs
    cards: list[tuple[str, object, str]] = [
        ("RADESYS", "FK5", "J2000"),
        ("EQUINOX", 2000.0, "[yr]"),
    ]
    for axis in (0, 1):
        cards += [
            (f"CTYPE{axis + 1}", str(keywords.ctype[axis]), "tangent plane"),
            (f"CUNIT{axis + 1}", "deg", ""),
            (f"CRPIX{axis + 1}", float(keywords.crpix[axis]), "[pixel] reference"),
            (f"CRVAL{axis + 1}", float(keywords.crval[axis]), "[deg]"),
        ]
        cards += [(f"CD{axis + 1}_{other + 1}", float(keywords.cd[axis, other]), "[deg/pixel]") for other in (0, 1)]
    return cards


def write_frame(path: Path, rendered: Rendered) -> None:
    """Write a frame as 16-bit unsigned integers (BITPIX 16, BZERO 32768), as cameras do."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(rendered.pixels, rendered.header).writeto(path)
