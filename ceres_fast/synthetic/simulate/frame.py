"""One exposure: the electrons of every component, what the detector makes of them, and the FITS frame."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.time import Time
from astropy.wcs import WCS

from .detector import expose
from .pointing import Exposure, frame_wcs, pixel_motion, to_pixels
from .render import Psf, add_galaxies, add_points, add_trails, box_flux
from .sky import Scene, asteroid_positions
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
    """An exposure: pixels (ADU, (ny, nx), as `detector.Readout` has them), FITS header, asteroids."""

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


def add_satellites(light: np.ndarray, scene: Scene, exposure: Exposure, psf: Psf) -> None:
    """Add satellites' trails: straight lines across the whole CCD, as wide as stars; some flash as they tumble."""
    detector, events = scene.constants.detector, scene.constants.events
    random = scene.stream(exposure, "satellites")
    for _ in range(random.poisson(events.satellites)):
        left, below = scene.origin
        x, y = random.uniform(0, detector.width) - left, random.uniform(0, detector.height) - below
        angle = random.uniform(0, np.pi)
        ridge = np.exp(random.uniform(np.log(events.satellite_faint), np.log(events.satellite_bright)))
        tumbling = random.uniform() < events.satellite_tumbling
        period = events.satellite_period * random.uniform(1, 6)
        phase = random.uniform(0, 2 * np.pi)
        rows, columns, across, along = _near_line(light.shape, x, y, angle, 10 * psf.core)
        bright = ridge * (1 + (across / psf.core) ** 2) ** (0.5 - psf.beta)
        if tumbling:
            bright = bright * (0.5 + 0.5 * np.cos(2 * np.pi * along / period + phase)) ** 8
        light[rows, columns] += bright.astype(np.float32)


def _near_line(
    shape: tuple[int, int], x: float, y: float, angle: float, reach: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Rows, columns, and distances across and along a line of the pixels within `reach` of it."""
    columns = np.arange(shape[1]) - x
    found = []
    for start in range(0, shape[0], 256):
        rows = np.arange(start, min(start + 256, shape[0])) - y
        across = np.cos(angle) * rows[:, None] - np.sin(angle) * columns
        row, column = np.nonzero(np.abs(across) < reach)
        along = np.cos(angle) * columns[column] + np.sin(angle) * rows[row]
        found.append((row + start, column, across[row, column], along))
    rows, near, across, along = (np.concatenate(part) for part in zip(*found, strict=True))
    return rows, near, across, along


def add_ghosts(light: np.ndarray, scene: Scene, exposure: Exposure) -> None:
    """Add the ghosts of bright stars: out-of-focus images of the pupil, faint rings with a hole.

    Light reflected twice between camera surfaces lands on the line from the optical axis through the star.
    """
    detector, events, stars = scene.constants.detector, scene.constants.events, scene.stars
    bright = stars.magnitude < events.ghost_limit
    wcs = frame_wcs(detector, scene.shape, exposure.ra, exposure.dec)
    x, y = to_pixels(wcs, stars.ra[bright], stars.dec[bright])
    left, below = scene.origin
    axis_x, axis_y = detector.axis_x - left, detector.axis_y - below
    flux = events.ghost_flux * scene.electrons(stars.magnitude[bright], exposure)
    for distance, size in ((events.ghost_near, 1), (events.ghost_far, 2)):
        centres = zip(axis_x + distance * (x - axis_x), axis_y + distance * (y - axis_y), flux, strict=True)
        for centre_x, centre_y, electrons in centres:
            _add_ring(light, centre_x - 1, centre_y - 1, electrons, size * events.ghost_radius, events.ghost_hole)


def _add_ring(light: np.ndarray, x: float, y: float, flux: float, radius: float, hole: float) -> None:
    """Add a ring of a total flux around a 0-based position, its borders soft over three pixels."""
    half = int(radius + 6)
    rows = np.arange(max(0, int(y) - half), min(light.shape[0], int(y) + half + 1))
    columns = np.arange(max(0, int(x) - half), min(light.shape[1], int(x) + half + 1))
    if not len(rows) or not len(columns):
        return
    distance = np.hypot(rows[:, None] - y, columns - x)
    soft = np.clip((radius - distance) / 3 + 0.5, 0, 1) * np.clip((distance - hole * radius) / 3 + 0.5, 0, 1)
    brightness = flux / (np.pi * radius**2 * (1 - hole**2))
    light[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1] += (brightness * soft).astype(np.float32)


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
    """Write a frame: 16-bit unsigned integers (BITPIX 16, BZERO 32768), as cameras do, or 32-bit floats."""
    path.parent.mkdir(parents=True, exist_ok=True)
    fits.PrimaryHDU(rendered.pixels, rendered.header).writeto(path)
