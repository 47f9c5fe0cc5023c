"""What a detection is in truth: the nearest of an asteroid, what gives its flux, else an artefact."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits
from astropy.table import Table

from benchmarks.simulated_truth import ARTEFACT, ASIDE, ASTEROID, GALAXY, STAR, Sources, true_kinds
from ceres_fast.catalogues import Catalogue
from ceres_fast.catalogues.detections import Detections
from ceres_fast.frames.info import FrameInfo

ARCSEC = 1 / 3600


def exposure_of(places: list[tuple[float, float, float]]) -> Detections:
    """Return an exposure of 60 s with detections at places east and north of the equator's zero (arcsec), by flux."""
    east, north, flux = np.array(places, float).T
    nothing = np.zeros(len(places))
    info = FrameInfo(Path("f.fits"), "f", "F", exposure=60.0)
    return Detections(
        nothing, nothing, 10 + east * ARCSEC, north * ARCSEC, info,
        Catalogue(Path("f.cat"), "CSV", Table({"FLUX_AUTO": flux}), None), None, fits.Header({"MAGZPT": 25.0}),
        np.arange(len(places)), nothing > 0,
    )  # fmt: skip


def sources_of(places: list[tuple[float, float, float, bool]]) -> Sources:
    east, north, flux, galaxy = np.array(places, float).reshape(-1, 4).T
    return Sources(10 + east * ARCSEC, north * ARCSEC, 25 - 2.5 * np.log10(flux), galaxy > 0)


def asteroids_of(*rows: tuple[str, float, float, float, int]) -> Table:
    """Return asteroids that move east: name, place, rate (arcsec/min), whether validated."""
    names, east, north, rate, validated = zip(*rows, strict=True) if rows else ((), (), (), (), ())
    return Table(
        {
            "designation": np.array(names, str),
            "ra": 10 + np.array(east, float) * ARCSEC,
            "dec": np.array(north, float) * ARCSEC,
            "rate": np.array(rate, float),
            "position_angle": np.full(len(names), 90.0),
            "validated": np.array(validated, int),
        }
    )


def test_stars_and_galaxies_are_what_gives_the_flux() -> None:
    sources = sources_of([(0, 0, 900, False), (50, 0, 900, True), (100, 0, 100, False), (100.5, 0, 500, True)])
    exposure = exposure_of([(0.5, 0.5, 1000), (50, 1, 1000), (100, 0, 1000), (0, 2.0, 1000), (50, 0, 5000), (9, 9, 1)])
    kind, designation = true_kinds(exposure, sources, asteroids_of())
    assert kind.tolist() == [STAR, GALAXY, GALAXY, ARTEFACT, ARTEFACT, ARTEFACT]
    assert set(designation) == {""}


def test_the_detection_nearest_to_a_validated_asteroid_is_it() -> None:
    asteroids = asteroids_of(("A", 0, 0, 0.5, 1), ("B", 50, 0, 0.5, 0), ("C", 90, 0, 0.5, 1))
    exposure = exposure_of([(1.0, 0, 1000), (0.2, 0.1, 1000), (50, 0, 1000), (50, 1, 100), (95, 0, 10)])
    kind, designation = true_kinds(exposure, sources_of([(50, 0, 900, False)]), asteroids)
    # The fainter neighbour of B has less than the star that is at B: that star is what it is a piece of.
    assert kind.tolist() == [ASIDE, ASTEROID, STAR, STAR, ARTEFACT]
    assert designation.tolist() == ["", "A", "", "", ""]


def test_a_fast_asteroid_is_its_whole_trail() -> None:
    asteroids = asteroids_of(("A", 0, 0, 10.0, 1))
    exposure = exposure_of([(-4.8, 0, 500), (1.0, 0.3, 500), (4.9, -0.2, 500), (7.5, 0, 500), (0, 3, 500)])
    kind, designation = true_kinds(exposure, sources_of([]), asteroids)
    assert kind.tolist() == [ASIDE, ASTEROID, ASIDE, ARTEFACT, ARTEFACT]
    assert designation.tolist() == ["", "A", "", "", ""]
