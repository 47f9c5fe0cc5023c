"""What one exposure has and the next has not: cosmic rays, satellite trails; and ghosts, which follow bright stars."""

from __future__ import annotations

import numpy as np

from .constants import Constants
from .geometry import frame_wcs, to_pixels
from .night import Exposure
from .render import Psf
from .scene import Scene

STEP = 0.25
"""Pixels between the points where a particle leaves charge."""

PACKETS = 16
"""Charge packets per such point, each displaced by diffusion."""


def add_cosmic_rays(image: np.ndarray, scene: Scene, exposure: Exposure) -> None:
    """Add the charge (electrons) of particles that hit during exposure and readout.

    Muons cross the sensitive layer at an angle of density cos³θ sin θ, and leave a straight track whose length follows
    from the layer's thickness; electrons they or the surroundings knock on scatter and leave curled tracks.
    """
    constants = scene.constants
    detector, events, cadence = constants.detector, constants.events, constants.cadence
    random = scene.stream(exposure, "cosmic rays")
    area = detector.width * detector.height * (detector.pixel_size * 1e-4) ** 2
    minutes = (cadence.exposure + cadence.readout / 2) / 60
    number = random.poisson(events.cosmic_rays * area * minutes)
    tracks = [_track(random, constants) for _ in range(number)]
    if not tracks:
        return
    x, y, charge = (np.concatenate(part) for part in zip(*tracks, strict=True))
    left, below = scene.origin
    x = np.repeat(x - left, PACKETS) + events.diffusion * random.standard_normal(len(x) * PACKETS)
    y = np.repeat(y - below, PACKETS) + events.diffusion * random.standard_normal(len(y) * PACKETS)
    _deposit(image, x, y, np.repeat(charge / PACKETS, PACKETS))


def _track(random: np.random.Generator, constants: Constants) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points (x, y, electrons) along one particle's track, 0-based positions on the CCD."""
    detector, events = constants.detector, constants.events
    x, y = random.uniform(-0.5, detector.width - 0.5), random.uniform(-0.5, detector.height - 0.5)
    heading = random.uniform(0, 2 * np.pi)
    # Energy loss in a thin layer follows Landau's distribution; Moyal's approximation of it, as -ln(z²).
    loss = -np.log(random.standard_normal() ** 2) - 1.27
    fluctuation = max(0.3, 1 + events.landau_width * loss)
    if random.uniform() < events.worms:
        length = random.exponential(events.worm_length)
        path = length * detector.pixel_size
        bend = events.worm_bend
    else:
        slant = random.uniform() ** 0.25
        length = events.silicon / detector.pixel_size * np.sqrt(1 / slant**2 - 1)
        path = events.silicon / slant
        bend = 0.0
    points = int(length / STEP) + 1
    headings = heading + np.cumsum(bend * random.standard_normal(points))
    charge = np.full(points, fluctuation * events.deposit * path / points)
    return x + STEP * np.cumsum(np.cos(headings)), y + STEP * np.cumsum(np.sin(headings)), charge


def _deposit(image: np.ndarray, x: np.ndarray, y: np.ndarray, charge: np.ndarray) -> None:
    """Add charge to the pixels of 0-based positions; what misses the frame is lost."""
    column, row = np.round(x).astype(int), np.round(y).astype(int)
    hit = (column >= 0) & (column < image.shape[1]) & (row >= 0) & (row < image.shape[0])
    np.add.at(image, (row[hit], column[hit]), charge[hit].astype(np.float32))


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
