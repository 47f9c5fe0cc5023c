"""What the detections of a field are: which stay in place, which are asteroids."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from astropy.table import Table

from .detections import Detections
from .rules import Rules
from .stationary import stationary
from .truth import Matches, match_truth, rows_of_exposure, set_aside_short_tracks


@dataclass(frozen=True)
class Labelled:
    """The detections of an exposure and what they are.

    Parameters
    ----------
    exposure : Detections
        The n detections.
    stays : numpy.ndarray
        Shape (n,), bool: which stay in place.
    known : numpy.ndarray
        Rows of the truth table that are of the time of this exposure.
    match : Matches
        Which detections are asteroids.
    accepted : Matches
        The same, after asteroids with too few detections were set aside.
    """

    exposure: Detections
    stays: np.ndarray
    known: np.ndarray
    match: Matches
    accepted: Matches


def label_field(exposures: Sequence[Detections], truth: Table, rules: Rules) -> list[Labelled]:
    """Label the detections of all exposures of a field and CCD in one night.

    Whether an asteroid is seen in enough exposures is decided before detections that stay in place are removed: one
    that passes a star is still seen.
    """
    staying = stationary(exposures, rules)
    known = [rows_of_exposure(truth, exposure.info) for exposure in exposures]
    matches = [match_truth(truth, rows, e.ra, e.dec, rules) for rows, e in zip(known, exposures, strict=True)]
    accepted = set_aside_short_tracks(truth, matches, rules)
    return [Labelled(*parts) for parts in zip(exposures, staying, known, matches, accepted, strict=True)]
