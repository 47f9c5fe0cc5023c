"""What each row of the catalogues of a simulated night is in truth: an asteroid, a star, a galaxy, an artefact."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from astropy.table import Table

from ceres_fast.catalogues.detections import Detections, read_detections
from ceres_fast.selection.neighbours import pairs_within, tangent_plane
from ceres_fast.synthetic.simulate.constants import CONSTANTS
from ceres_fast.synthetic.simulate.pointing import Field
from ceres_fast.synthetic.simulate.sky import build_scene
from ceres_fast.synthetic.simulate.survey import Plan, night_name

RADIUS = 1.5
"""arcsec from the true place within which a detection is of what is there; of an asteroid: from its trail."""

SHARE = 0.5
"""A detection is a star or galaxy where those near it have at least this share of its flux."""

STEP = 0.5
"""arcsec between the points by which a trail is drawn."""

ASTEROID, ASIDE, STAR, GALAXY, ARTEFACT = "asteroid", "set aside", "star", "galaxy", "artefact"


@dataclass(frozen=True)
class Sources:
    """Stars and galaxies of a field: ra, dec (deg), r magnitude, which are galaxies; arrays of n."""

    ra: np.ndarray
    dec: np.ndarray
    magnitude: np.ndarray
    galaxy: np.ndarray

    @classmethod
    def of(cls, plan: Plan, field: Field) -> Sources:
        """Return what the simulation puts on the sky of a field, by drawing it again."""
        scene = build_scene(field, plan.seed, plan.shape, plan.constants)
        both = scene.stars, scene.galaxies
        ra, dec, magnitude = (
            np.concatenate([getattr(each, name) for each in both]) for name in ("ra", "dec", "magnitude")
        )
        return cls(ra, dec, magnitude, np.arange(len(ra)) >= len(scene.stars.ra))

    def flux_near(self, exposure: Detections, ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the flux (ADU) of stars and of galaxies within `RADIUS` of places in an exposure, (n,) each."""
        centre = float(np.mean(ra)), float(np.mean(dec))
        i, j, _ = pairs_within(tangent_plane(ra, dec, centre), tangent_plane(self.ra, self.dec, centre), RADIUS)
        flux = 10 ** (0.4 * (exposure.header["MAGZPT"] - self.magnitude[j]))
        stars, galaxies = (np.bincount(i, flux * (self.galaxy[j] == which), len(ra)) for which in (False, True))
        return stars, galaxies


def planned(survey: Path) -> Plan:
    """Return the plan of a survey that `ceres-fast simulate` wrote with the usual constants."""
    said = json.loads((survey / "survey.json").read_text(encoding="utf-8"))
    numbers = {name: said[name] for name in ("fields", "exposures", "held_out_fields", "seed")}
    if said["constants"] != json.loads(json.dumps(CONSTANTS.as_dict())):
        raise SystemExit(f"{survey}: was simulated with other constants than those of today; simulate it again.")
    return Plan(**numbers, shape=tuple(said["shape"]))


def exposures_of(folder: Path, plan: Plan, part: str) -> Iterator[tuple[Field, list[Detections], Sources]]:
    """Yield each field of a part of a survey, its exposures with their catalogues, and what is on its sky."""
    for field in dict(plan.parts())[part]:
        place = folder / night_name(field.night) / field.name / "resamp"
        frames = [place / f"{field.name}-{number + 1}.fits" for number in range(plan.exposures)]
        yield field, [read_detections(frame) for frame in frames], Sources.of(plan, field)


@cache
def read_asteroids(path: Path) -> Table:
    """Return the table of all asteroids of a part of a survey, validated or not."""
    return Table.read(path)


def in_exposure(asteroids: Table, field: str, exposure: Detections) -> Table:
    """Return the asteroids that are in an exposure of a field."""
    return asteroids[(asteroids["field"] == field) & (np.abs(asteroids["mjd"] - exposure.info.mjd) < 1e-5)]


def true_kinds(exposure: Detections, sources: Sources, asteroids: Table) -> tuple[np.ndarray, np.ndarray]:
    """Tell what each detection of an exposure is.

    Parameters
    ----------
    exposure : Detections
        The n detections.
    sources : Sources
        The stars and galaxies of the field.
    asteroids : astropy.table.Table
        The rows of ``asteroids.csv`` of this exposure.

    Returns
    -------
    kind : numpy.ndarray
        str (n,): the detection nearest to a validated asteroid is that `ASTEROID`. Another one is a `STAR` or `GALAXY`
        where those near it have `SHARE` of its flux, `ASIDE` where it is near the trail of an asteroid, else an
        `ARTEFACT`: a cosmic ray, a defect of the detector, a trail, a ghost, a piece of a bright star, noise.
    designation : numpy.ndarray
        str (n,): the asteroid; "" for the others.
    """
    number = len(exposure.x)
    stars, galaxies = sources.flux_near(exposure, exposure.ra, exposure.dec)
    flux = exposure.column("FLUX_AUTO")
    assert flux is not None
    near, nearest = near_asteroids(exposure, asteroids)
    kind = np.where(near, ASIDE, ARTEFACT).astype("U9")
    fixed = stars + galaxies >= SHARE * np.maximum(flux, 0)
    kind[fixed] = np.where(stars >= galaxies, STAR, GALAXY)[fixed]
    designation = np.full(number, "", "U16")
    for asteroid in np.flatnonzero(np.asarray(asteroids["validated"]) == 1):
        if (row := nearest[asteroid]) >= 0:
            kind[row], designation[row] = ASTEROID, str(asteroids["designation"][asteroid])
    return kind, designation


def near_asteroids(exposure: Detections, asteroids: Table) -> tuple[np.ndarray, np.ndarray]:
    """Tell which detections are near a trail, bool (n,), and which is nearest to the middle of each, -1: none; (m,)."""
    centre = float(np.mean(exposure.ra)), float(np.mean(exposure.dec))
    here = tangent_plane(exposure.ra, exposure.dec, centre)
    middle = tangent_plane(np.asarray(asteroids["ra"]), np.asarray(asteroids["dec"]), centre)
    angle = np.radians(asteroids["position_angle"])
    motion = np.stack([np.sin(angle), np.cos(angle)], axis=1) * np.asarray(asteroids["rate"])[:, None]
    half = exposure.info.exposure / 60 / 2
    steps = 2 * int(np.ceil(half * np.max(asteroids["rate"], initial=0) / STEP)) + 1
    points = middle[:, None] + motion[:, None] * np.linspace(-half, half, steps)[:, None]
    i, j, _ = pairs_within(here, points.reshape(-1, 2), RADIUS)
    near, nearest = np.zeros(len(here), bool), np.full(len(asteroids), -1)
    near[i] = True
    of = j // steps
    for asteroid in np.unique(of):
        rows = np.unique(i[of == asteroid])
        nearest[asteroid] = rows[np.argmin(np.hypot(*(here[rows] - middle[asteroid]).T))]
    return near, nearest
