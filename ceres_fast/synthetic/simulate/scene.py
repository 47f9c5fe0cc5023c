"""A field with everything that is on its sky, ready to be exposed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .constants import Constants
from .geometry import window
from .night import Exposure, Field
from .sky import AsteroidSet, GalaxySet, Points, draw_asteroids, draw_galaxies, draw_stars
from .streams import stream


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
