"""What is on the sky of a field: stars, galaxies and asteroids, and all of them together, ready to be exposed."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from astropy.wcs import WCS

from .constants import Asteroids as AsteroidConstants
from .constants import Constants
from .constants import Galaxies as GalaxyConstants
from .constants import Stars as StarConstants
from .pointing import Exposure, Field, frame_wcs, pixel_motion, to_sky, window
from .streams import stream

ASTRONOMICAL_UNIT = 1.495979e8
"""km"""

EARTH_SPEED = 29.785
"""km/s, mean, circular orbit of 1 au"""

CLOSEST = 1.67
"""au; the main belt's asteroids stay outside the orbit of Mars."""

BELT = (
    ("Hungaria", 0.03, 1.78, 2.00),
    ("inner belt", 0.30, 2.10, 2.50),
    ("middle belt", 0.33, 2.50, 2.82),
    ("outer belt", 0.31, 2.82, 3.28),
    ("Hilda", 0.02, 3.90, 4.00),
    ("Trojan", 0.01, 5.10, 5.30),
)
"""Name, share, and range of the semi-major axis (au); the shares are ours, after the known population."""


@dataclass(frozen=True)
class Points:
    """Stars: right ascension, declination (deg), r magnitude; arrays of n."""

    ra: np.ndarray
    dec: np.ndarray
    magnitude: np.ndarray


@dataclass(frozen=True)
class GalaxySet:
    """Galaxies: as `Points`, and half-light radius (arcsec), axis ratio, angle of the major axis from x (rad)."""

    ra: np.ndarray
    dec: np.ndarray
    magnitude: np.ndarray
    radius: np.ndarray
    axis_ratio: np.ndarray
    angle: np.ndarray
    spiral: np.ndarray


@dataclass(frozen=True)
class AsteroidSet:
    """Asteroids: pixel position on the undithered CCD at `epoch` (MJD), motion east and north (arcsec/min), light."""

    designation: np.ndarray
    epoch: float
    x: np.ndarray
    y: np.ndarray
    east: np.ndarray
    north: np.ndarray
    mean_magnitude: np.ndarray
    amplitude: np.ndarray
    period: np.ndarray
    phase: np.ndarray

    @property
    def rate(self) -> np.ndarray:
        """Rate of motion, arcsec/min."""
        return np.hypot(self.east, self.north)

    @property
    def position_angle(self) -> np.ndarray:
        """Direction of motion, degrees from north through east."""
        return np.rad2deg(np.arctan2(self.east, self.north)) % 360

    def magnitude(self, mjd: float) -> np.ndarray:
        """Return the r magnitudes at a time (MJD, UTC)."""
        turns = (mjd - self.epoch) * 24 / self.period + self.phase
        return self.mean_magnitude + self.amplitude * np.sin(2 * np.pi * turns)


def power_law(random: np.random.Generator, number: int, slope: float, bright: float, faint: float) -> np.ndarray:
    """Draw magnitudes from counts that grow as 10**(slope * magnitude) between two magnitudes."""
    low, high = 10 ** (slope * bright), 10 ** (slope * faint)
    return np.log10(low + random.uniform(size=number) * (high - low)) / slope


def expected_count(density: float, at: float, slope: float, bright: float, faint: float) -> float:
    """Return the count per square degree between two magnitudes, of `density` per magnitude at magnitude `at`."""
    return density * (10 ** (slope * (faint - at)) - 10 ** (slope * (bright - at))) / (slope * np.log(10))


def _star_spans(stars: StarConstants, faintest: float) -> Iterator[tuple[float, float, float]]:
    """Yield slope, brightest and faintest magnitude of the pieces of the star counts down to a magnitude."""
    for slope, bright, faint in (
        (stars.slope_bright, stars.brightest, stars.knee),
        (stars.slope_faint, stars.knee, math.inf),
    ):
        if bright < (faint := min(faint, faintest)):
            yield slope, bright, faint


def star_count(stars: StarConstants, magnitude: float) -> float:
    """Return how many stars per square degree are brighter than a magnitude."""
    return sum(expected_count(stars.density, stars.knee, *span) for span in _star_spans(stars, magnitude))


def galaxy_count(galaxies: GalaxyConstants, magnitude: float) -> float:
    """Return how many galaxies per square degree are brighter than a magnitude."""
    faint = max(min(magnitude, galaxies.faintest), galaxies.brightest)
    return expected_count(galaxies.density, 20.0, galaxies.slope, galaxies.brightest, faint)


def _positions(
    random: np.random.Generator, number: int, field: Field, constants: Constants
) -> tuple[np.ndarray, np.ndarray]:
    """Uniform positions over the whole CCD and a margin; (ra, dec) in degrees."""
    detector, margin = constants.detector, constants.stars.margin
    x = random.uniform(0.5 - margin, detector.width + 0.5 + margin, number)
    y = random.uniform(0.5 - margin, detector.height + 0.5 + margin, number)
    return to_sky(reference_wcs(field, constants), x, y)


def reference_wcs(field: Field, constants: Constants) -> WCS:
    """Return the WCS of the field's whole, undithered CCD."""
    detector = constants.detector
    return frame_wcs(detector, (detector.height, detector.width), field.ra, field.dec)


def _area(constants: Constants) -> float:
    """Square degrees of the CCD with its margin."""
    detector, margin = constants.detector, 2 * constants.stars.margin
    return (detector.width + margin) * (detector.height + margin) * (detector.pixel_scale / 3600) ** 2


def draw_stars(field: Field, seed: int, constants: Constants) -> Points:
    """Draw the stars of a field: Poisson counts, uniform on the sky."""
    stars = constants.stars
    random = stream(seed, field.name, "stars")
    magnitudes = []
    for slope, bright, faint in _star_spans(stars, stars.faintest):
        mean = expected_count(stars.density, stars.knee, slope, bright, faint) * _area(constants)
        magnitudes.append(power_law(random, random.poisson(mean), slope, bright, faint))
    magnitude = np.concatenate(magnitudes)
    return Points(*_positions(random, len(magnitude), field, constants), magnitude)


def draw_galaxies(field: Field, seed: int, constants: Constants) -> GalaxySet:
    """Draw the galaxies of a field: Poisson counts, uniform on the sky (no clustering)."""
    galaxies = constants.galaxies
    random = stream(seed, field.name, "galaxies")
    number = random.poisson(galaxy_count(galaxies, galaxies.faintest) * _area(constants))
    magnitude = power_law(random, number, galaxies.slope, galaxies.brightest, galaxies.faintest)
    spiral = random.uniform(size=number) < galaxies.spirals
    scatter = galaxies.radius_scatter * random.standard_normal(number)
    flattest = np.where(spiral, galaxies.flattest_spiral, galaxies.flattest_elliptical)
    return GalaxySet(
        *_positions(random, number, field, constants),
        magnitude=magnitude,
        radius=galaxies.radius * 10 ** (galaxies.radius_slope * (magnitude - 22) + scatter),
        axis_ratio=random.uniform(flattest, 1.0),
        angle=random.uniform(0, np.pi, number),
        spiral=spiral,
    )


def draw_asteroids(field: Field, seed: int, constants: Constants) -> AsteroidSet:
    """Draw the asteroids of a field, with designations ``<field>-A001`` on."""
    asteroids, detector = constants.asteroids, constants.detector
    random = stream(seed, field.name, "asteroids")
    number = random.poisson(asteroids.per_ccd)
    x = random.uniform(0.5, detector.width + 0.5, number)
    y = random.uniform(0.5, detector.height + 0.5, number)
    magnitude = power_law(random, number, asteroids.slope, asteroids.brightest, asteroids.faintest)
    along, across = belt_motion(random, number, asteroids)
    fast = random.uniform(size=number) < asteroids.near_earth
    rate = np.exp(random.uniform(np.log(asteroids.near_earth_slowest), np.log(asteroids.near_earth_fastest), number))
    direction = random.uniform(0, 2 * np.pi, number)
    along = np.where(fast, rate * np.cos(direction), along)
    across = np.where(fast, rate * np.sin(direction), across)
    angle = np.deg2rad(field.ecliptic_angle)
    exposures = field.exposures
    return AsteroidSet(
        designation=np.array([f"{field.name}-A{count + 1:03d}" for count in range(number)], dtype=np.str_),
        epoch=(exposures[0].mjd + exposures[-1].mjd) / 2,
        x=x,
        y=y,
        east=along * np.sin(angle) - across * np.cos(angle),
        north=along * np.cos(angle) + across * np.sin(angle),
        mean_magnitude=magnitude,
        amplitude=random.exponential(asteroids.amplitude, number),
        period=random.uniform(asteroids.period_shortest, asteroids.period_longest, number),
        phase=random.uniform(size=number),
    )


def belt_motion(
    random: np.random.Generator, number: int, asteroids: AsteroidConstants
) -> tuple[np.ndarray, np.ndarray]:
    """Draw main-belt motions at opposition along and across the ecliptic, in arcsec/min.

    The Earth overtakes an asteroid at semi-major axis a (au): the apparent motion is the difference of the two orbital
    velocities over their distance. Inclination tilts the asteroid's velocity, eccentricity changes speed and distance.
    """
    group = random.choice(len(BELT), number, p=[share for _, share, _, _ in BELT])
    low, high = np.array([row[2] for row in BELT]), np.array([row[3] for row in BELT])
    axis = random.uniform(low[group], high[group])
    inclination = np.deg2rad(random.rayleigh(asteroids.inclination, number))
    eccentricity = np.minimum(random.rayleigh(asteroids.eccentricity, number), 0.4)
    anomaly = random.uniform(0, 2 * np.pi, number)
    node = random.uniform(0, 2 * np.pi, number)
    distance = np.maximum(axis * (1 - eccentricity**2) / (1 + eccentricity * np.cos(anomaly)), CLOSEST)
    speed = EARTH_SPEED * np.sqrt(axis * (1 - eccentricity**2)) / distance
    tilt = inclination * np.cos(node)
    scale = np.rad2deg(1 / ((distance - 1) * ASTRONOMICAL_UNIT)) * 3600 * 60
    return (speed * np.cos(tilt) - EARTH_SPEED) * scale, speed * np.sin(tilt) * scale


def asteroid_positions(
    asteroids: AsteroidSet, field: Field, mjd: float, constants: Constants
) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascension and declination (deg) of the asteroids at a time (MJD, UTC)."""
    reference = reference_wcs(field, constants)
    dx, dy = pixel_motion(reference, asteroids.east, asteroids.north)
    minutes = (mjd - asteroids.epoch) * 1440
    return to_sky(reference, asteroids.x + dx * minutes, asteroids.y + dy * minutes)


@dataclass(frozen=True)
class Scene:
    """A field, its sky, the seed and constants of the survey, and the frame shape (ny, nx)."""

    field: Field
    seed: int
    shape: tuple[int, int]
    constants: Constants
    stars: Points
    galaxies: GalaxySet
    asteroids: AsteroidSet

    @property
    def origin(self) -> tuple[int, int]:
        """Pixels (x, y) of the CCD before the frame: the frame is a central window of the CCD."""
        return window(self.constants.detector, self.shape)

    def stream(self, exposure: Exposure, component: str) -> np.random.Generator:
        """Return the random stream of one component of one exposure."""
        return stream(self.seed, self.field.name, f"exposure {exposure.number}", component)

    def electrons(self, magnitude: np.ndarray, exposure: Exposure) -> np.ndarray:
        """Return the electrons that sources of an r magnitude give in an exposure, through the air it had."""
        sky = self.constants.sky
        lost = sky.extinction * exposure.airmass + exposure.transparency
        return self.constants.cadence.exposure * 10 ** (0.4 * (sky.zero_point - lost - magnitude))


def build_scene(field: Field, seed: int, shape: tuple[int, int], constants: Constants) -> Scene:
    """Draw the sky of a field."""
    return Scene(
        field,
        seed,
        shape,
        constants,
        draw_stars(field, seed, constants),
        draw_galaxies(field, seed, constants),
        draw_asteroids(field, seed, constants),
    )
