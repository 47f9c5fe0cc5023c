"""What the CCD makes of the light: response, defects, cosmic rays, noise, bleeding, and 16-bit numbers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .constants import Constants
from .pointing import Exposure
from .sky import Scene
from .streams import stream

STEP = 0.25
"""Pixels between the points where a particle leaves charge."""

PACKETS = 16
"""Charge packets per such point, each displaced by diffusion."""


@dataclass(frozen=True)
class Readout:
    """A frame as read, and the noiseless electrons above the sky in it (float32); both (ny, nx).

    Pixels are in ADU: uint16, or float32 (`constants.Detector.floating`).
    """

    pixels: np.ndarray
    signal: np.ndarray


def expose(light: np.ndarray, sky: np.ndarray, scene: Scene, exposure: Exposure) -> Readout:
    """Expose the CCD to the light of all sources and of the sky (electrons per pixel, float32); both are used up."""
    detector = scene.constants.detector
    pixel_response = response(scene)
    light *= pixel_response
    sky *= pixel_response
    light += dark_electrons(scene, exposure)
    # The sky alone gives hundreds of electrons per pixel, where Poisson's distribution is Gaussian.
    charge = light + sky
    noise = scene.stream(exposure, "noise").standard_normal(light.shape, dtype=np.float32)
    noise *= np.sqrt(charge + np.float32(detector.read_noise**2))
    add_cosmic_rays(light, scene, exposure)
    np.add(light, sky, out=charge)
    charge += noise
    full = bleed(charge, detector.full_well)
    light[full] = charge[full] - sky[full]
    charge /= np.float32(detector.gain)
    charge += np.float32(detector.pedestal)
    if detector.floating:
        return Readout(charge, light)
    pixels = np.clip(np.rint(charge, out=charge), 0, 65535).astype(np.uint16)
    return Readout(pixels, light)


def response(scene: Scene) -> np.ndarray:
    """Return the relative response of the frame's pixels: errors of the flat field, dark columns, soft borders."""
    detector = scene.constants.detector
    shape = scene.shape
    random = stream(scene.seed, "detector", "response")
    phase = random.uniform(0, 2 * np.pi, 2)
    left, below = scene.origin
    x, y = np.arange(shape[1]) + left, np.arange(shape[0]) + below
    wave_x = np.cos(2 * np.pi * x / detector.width + phase[0])
    wave_y = np.cos(2 * np.pi * y / detector.height + phase[1])
    result = (1 + detector.response_gradient * wave_x * wave_y[:, None]).astype(np.float32)
    for column, first, electrons in bad_columns(scene):
        if electrons == 0:
            result[first:, column] *= np.float32(detector.column_dark)
    result *= _border(shape[1], detector.edge)
    return result


def _border(length: int, edge: int) -> np.ndarray:
    """Response across the frame: one, falling to a half at the first and last column."""
    distance = np.minimum(np.arange(length), np.arange(length)[::-1])
    return (1 - 0.5 * np.clip(1 - distance / edge, 0, 1)).astype(np.float32)


def bad_columns(scene: Scene) -> list[tuple[int, int, float]]:
    """Return (column, first row, extra electrons) of the frame's bad columns; 0 electrons: a dark one.

    They begin at a faulty pixel and run away from the readout register; always the same ones, as it is one chip.
    """
    detector = scene.constants.detector
    random = stream(scene.seed, "detector", "bad columns")
    number = detector.bad_columns
    columns, rows = random.integers(0, detector.width, number), random.integers(0, detector.height, number)
    electrons = np.where(
        random.uniform(size=number) < 0.5,
        0.0,
        np.exp(random.uniform(np.log(detector.column_faint), np.log(detector.column_bright), number)),
    )
    left, below = scene.origin
    inside = (columns >= left) & (columns < left + scene.shape[1]) & (rows < below + scene.shape[0])
    found = zip(columns[inside] - left, np.maximum(rows[inside] - below, 0), electrons[inside], strict=True)
    return [(int(column), int(row), float(charge)) for column, row, charge in found]


def hot_pixels(scene: Scene, exposure: Exposure) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return (row, column, electrons) of the frame's hot pixels that are on; always the same ones of one chip."""
    detector = scene.constants.detector
    random = stream(scene.seed, "detector", "hot pixels")
    number = detector.hot_pixels
    column, row = random.integers(0, detector.width, number), random.integers(0, detector.height, number)
    electrons = np.exp(random.uniform(np.log(detector.hot_faint), np.log(detector.hot_bright), number))
    flickers = random.uniform(size=number) < detector.hot_flicker
    on = ~flickers | (scene.stream(exposure, "hot pixels").uniform(size=number) < 0.5)
    left, below = scene.origin
    column, row = column - left, row - below
    on &= (column >= 0) & (column < scene.shape[1]) & (row >= 0) & (row < scene.shape[0])
    return row[on], column[on], electrons[on]


def dark_electrons(scene: Scene, exposure: Exposure) -> np.ndarray:
    """Return the electrons that come without light: hot pixels, bright columns, amplifier; float32 (ny, nx)."""
    detector = scene.constants.detector
    dark = np.zeros(scene.shape, np.float32)
    row, column, electrons = hot_pixels(scene, exposure)
    np.add.at(dark, (row, column), electrons.astype(np.float32))
    for bad, first, extra in bad_columns(scene):
        dark[first:, bad] += np.float32(extra)
    left, below = scene.origin
    rows, columns = (np.arange(min(6 * detector.glow_reach, length)) for length in scene.shape)
    distance = np.hypot(rows[:, None] + below, columns + left)
    glow = detector.glow * np.exp(-distance / detector.glow_reach)
    dark[: len(rows), : len(columns)] += glow.astype(np.float32)
    return dark


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


def bleed(electrons: np.ndarray, full_well: float) -> tuple[np.ndarray, np.ndarray]:
    """Move charge above the full well along its column, in place; half of it each way, off the chip at its ends.

    Returns
    -------
    tuple of numpy.ndarray
        Rows and columns of the pixels that are full then.
    """
    saturated = electrons > full_well
    columns = np.flatnonzero(saturated.any(axis=0))
    for column in columns:
        electrons[:, column] = _bleed_column(electrons[:, column], saturated[:, column], full_well)
    rows, chosen = np.nonzero(electrons[:, columns] >= full_well)
    return rows, columns[chosen]


def _bleed_column(column: np.ndarray, saturated: np.ndarray, full_well: float) -> np.ndarray:
    excess = np.where(saturated, column - full_well, 0.0)
    filled = np.minimum(column, full_well).astype(float)
    steps = np.diff(np.concatenate([[0], saturated.astype(np.int8), [0]]))
    for first, last in zip(np.flatnonzero(steps == 1), np.flatnonzero(steps == -1), strict=True):
        half = excess[first:last].sum() / 2
        filled[last:] = _fill(filled[last:], half, full_well)
        filled[:first] = _fill(filled[:first][::-1], half, full_well)[::-1]
    return filled


def _fill(pixels: np.ndarray, charge: float, full_well: float) -> np.ndarray:
    """Fill pixels up to the full well, one after the other, until the charge is used up."""
    room = full_well - pixels
    before = np.cumsum(room) - room
    return pixels + np.clip(charge - before, 0, room)
