"""Where and when the exposures point: the tangent plane of a frame, opposition, airmass, dithers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from .constants import Constants, Detector
from .streams import stream


def window(detector: Detector, shape: tuple[int, int]) -> tuple[int, int]:
    """Return the (x, y) pixels before a central window of a shape (ny, nx) of the CCD."""
    return (detector.width - shape[1]) // 2, (detector.height - shape[0]) // 2


def frame_wcs(detector: Detector, shape: tuple[int, int], ra: float, dec: float) -> WCS:
    """Return the TAN WCS of a frame (a central window of the CCD) whose CCD centre points at (ra, dec).

    Parameters
    ----------
    detector : Detector
        Pixel scale and rotation; north is at −x and east at −y, as on the WFC's CCD 4.
    shape : tuple of int
        Rows and columns (ny, nx) of the frame.
    ra, dec : float
        Degrees, J2000.
    """
    turn = np.deg2rad(detector.rotation)
    scale = detector.pixel_scale / 3600
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.cunit = ["deg", "deg"]
    wcs.wcs.crval = [ra, dec]
    wcs.wcs.crpix = [(shape[1] + 1) / 2, (shape[0] + 1) / 2]
    wcs.wcs.cd = scale * np.array([[np.sin(turn), -np.cos(turn)], [-np.cos(turn), -np.sin(turn)]])
    wcs.wcs.radesys = "FK5"
    wcs.wcs.equinox = 2000.0
    wcs.wcs.set()
    return wcs


def to_sky(wcs: WCS, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascension and declination (deg) of 1-based pixel positions."""
    ra, dec = wcs.wcs_pix2world(np.asarray(x, float), np.asarray(y, float), 1)
    return np.asarray(ra), np.asarray(dec)


def to_pixels(wcs: WCS, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return 1-based pixel positions of right ascensions and declinations (deg)."""
    x, y = wcs.wcs_world2pix(np.asarray(ra, float), np.asarray(dec, float), 1)
    return np.asarray(x), np.asarray(y)


def pixel_motion(wcs: WCS, east: np.ndarray, north: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the motion along x and y, in pixels, of motions east and north, in arcsec."""
    dx, dy = np.linalg.inv(wcs.wcs.cd) @ (np.stack([east, north]) / 3600)
    return dx, dy


OBLIQUITY = np.deg2rad(23.4393)


@dataclass(frozen=True)
class Exposure:
    """One exposure of a field: start (MJD, UTC), pointing of the CCD's centre (deg), and what the air did."""

    number: int
    mjd: float
    ra: float
    dec: float
    airmass: float
    seeing: float
    sky_brightness: float
    transparency: float
    ellipticity: float
    elongation_angle: float


@dataclass(frozen=True)
class Field:
    """A pointing of one night, its exposures, and the ecliptic's direction there (deg from north through east)."""

    name: str
    night: int
    ra: float
    dec: float
    ecliptic_angle: float
    exposures: tuple[Exposure, ...]


def sun_longitude(mjd: float) -> float:
    """Return the Sun's ecliptic longitude in degrees, to 0.01 deg (Astronomical Almanac, low-precision formula)."""
    days = mjd - 51544.5
    anomaly = np.deg2rad(357.528 + 0.9856003 * days)
    return float((280.460 + 0.9856474 * days + 1.915 * np.sin(anomaly) + 0.020 * np.sin(2 * anomaly)) % 360)


def equatorial(longitude: float, latitude: float) -> tuple[float, float]:
    """Return right ascension and declination of ecliptic coordinates, all in degrees."""
    lam, beta = np.deg2rad([longitude, latitude])
    sin_dec = np.sin(beta) * np.cos(OBLIQUITY) + np.cos(beta) * np.sin(OBLIQUITY) * np.sin(lam)
    ra = np.arctan2(np.sin(lam) * np.cos(OBLIQUITY) - np.tan(beta) * np.sin(OBLIQUITY), np.cos(lam))
    return float(np.rad2deg(ra) % 360), float(np.rad2deg(np.arcsin(sin_dec)))


def airmass(mjd: float, ra: float, dec: float, latitude: float, longitude: float) -> float:
    """Return the airmass (plane parallel) at a time (MJD, UTC); all angles in degrees, longitude east positive."""
    sidereal = 280.46062 + 360.98564737 * (mjd - 51544.5) + longitude
    hour, delta, phi = np.deg2rad([sidereal - ra, dec, latitude])
    cosine = np.sin(phi) * np.sin(delta) + np.cos(phi) * np.cos(delta) * np.cos(hour)
    return float(1 / max(cosine, 0.3))


def plan_field(name: str, night: int, position: int, exposures: int, seed: int, constants: Constants) -> Field:
    """Plan the exposures of a field, the `position`-th one of its night."""
    cadence, sky = constants.cadence, constants.sky
    random = stream(seed, name, "pointing")
    longitude = sun_longitude(night + 1.0) + 180 + random.uniform(-cadence.elongation, cadence.elongation)
    latitude = random.uniform(-cadence.latitude, cadence.latitude)
    ra, dec = equatorial(longitude, latitude)
    ahead_ra, ahead_dec = equatorial(longitude + 0.1, latitude)
    east = (ahead_ra - ra + 180) % 360 - 180
    angle = np.rad2deg(np.arctan2(east * np.cos(np.deg2rad(dec)), ahead_dec - dec)) % 360

    step = cadence.cycle * (cadence.exposure + cadence.readout + cadence.overhead) / 86400
    start = _first_exposure(night, position, exposures, step)
    reference = frame_wcs(constants.detector, (constants.detector.height, constants.detector.width), ra, dec)
    centre = np.array(reference.wcs.crpix)
    offsets = _dithers(exposures, seed, name, constants)
    air = stream(seed, name, "air")
    field_seeing = sky.seeing * np.exp(sky.seeing_scatter * air.standard_normal())
    field_sky = sky.sky_brightness + sky.sky_scatter * air.standard_normal()
    planned = []
    for number in range(exposures):
        mjd = start + number * step
        pointing = to_sky(reference, *(centre + offsets[number])[:, None])
        mass = airmass(mjd, ra, dec, sky.latitude, sky.longitude)
        seeing = np.hypot(sky.seeing_camera, field_seeing * np.exp(sky.seeing_jitter * air.standard_normal()))
        planned.append(
            Exposure(
                number=number + 1,
                mjd=mjd,
                ra=float(pointing[0][0]),
                dec=float(pointing[1][0]),
                airmass=mass,
                seeing=float(min(seeing, sky.seeing_worst)),
                sky_brightness=float(field_sky - sky.sky_per_airmass * (mass - 1)),
                transparency=float(abs(sky.transparency * air.standard_normal())),
                ellipticity=float(air.uniform(0, sky.ellipticity)),
                elongation_angle=float(air.uniform(0, 180)),
            )
        )
    return Field(name, night, ra, dec, float(angle), tuple(planned))


def _first_exposure(night: int, position: int, exposures: int, step: float) -> float:
    """Start of a field's first exposure: fields follow one another from one hour before midnight UTC.

    Rounded to a millisecond, which is what DATE-OBS of the header can say.
    """
    start = night + 1 - 1 / 24 + position * exposures * step
    return round(start * 86_400_000) / 86_400_000


def _dithers(exposures: int, seed: int, name: str, constants: Constants) -> np.ndarray:
    """Offsets (exposures, 2) in pixels, spread around the circle so that no two exposures point alike."""
    random = stream(seed, name, "dither")
    cadence = constants.cadence
    angles = 2 * np.pi * (np.arange(exposures) / exposures + random.uniform()) + random.uniform(-0.2, 0.2, exposures)
    lengths = random.uniform(cadence.dither_least, cadence.dither_most, exposures)
    return np.stack([lengths * np.cos(angles), lengths * np.sin(angles)], axis=1)
