"""What an alert is called: from the survey's own association, artefact score and detection history.

A label is believed only where all of these agree; everything else is set aside, by reason. A detection seen once or
twice with a good score may be an unknown asteroid, so it is never called non-asteroid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass

from ..truth.designations import canonical, is_comet, is_satellite

KINDS = {"asteroid": 1, "bogus": 0, "stationary": 0}
"""What an alert may be, and its label."""

REASONS = {
    "comet": "near a known comet, or a satellite, which need not look like an asteroid",
    "negative": "near a known asteroid, but fainter than the reference image: what is seen there is the reference's",
    "history": "near a known asteroid, and detected at this place before: two things may be seen there",
    "magnitude": "near a known asteroid of quite another magnitude: it may be something else",
    "near_known": "farther from a known asteroid than one that is recognised, and too near to call it nothing",
    "unknown": "no known asteroid near, a good score or none, and no history: it may be an unknown asteroid",
}
"""Why an alert is set aside."""

_COMET = re.compile(r"\d+[PDI](?![a-z0-9])|[CPDXI]/", re.IGNORECASE)
"""How names of comets begin, whatever follows: what is no designation by the rules ("P/LINEAR") may still be one."""


@dataclass(frozen=True)
class AlertRules:
    """From where on an alert is called what.

    Parameters
    ----------
    match_radius : float
        A known Solar System object this near is the candidate, in arcsec; that of ``Rules.match_radius``.
    near_radius : float
        Nothing nearer than this to a known object is called non-asteroid, in arcsec: orbits known from few
        observations are off by several arcsec.
    magnitude_difference : float
        The candidate may differ by this much from the known object's predicted magnitude, in mag; predictions are in
        V and leave out rotation (1 mag and more between filters and over a turn).
    bogus_score : float
        An alert scored below this is an artefact. The scores run from 0 to 1. Duev et al. (2019, MNRAS 489, 3582)
        part real from bogus at 0.5 in ZTF's ``drb``; 0.3 is our choice, to leave out what is near the boundary. In 50
        real packets with the older ``rb``, known asteroids score 0.45 and more, and a lone point source 0.31.
    stationary_detections : int
        An alert detected this often at one place (ZTF: within 1.5 arcsec), this one included, stays in place …
    stationary_days : float
        … where the first was this many days before: even a distant object near its stationary point has moved on.
    """

    match_radius: float = 2.0
    near_radius: float = 10.0
    magnitude_difference: float = 2.0
    bogus_score: float = 0.3
    stationary_detections: int = 3
    stationary_days: float = 5.0


@dataclass(frozen=True)
class Evidence:
    """What the packet says that decides the label; NaN and the empty string where it says nothing.

    Attributes
    ----------
    known : str
        Name of the nearest known Solar System object.
    known_distance : float
        Its distance in arcsec.
    known_magnitude : float
        Its predicted magnitude.
    magnitude : float
        Of the candidate.
    negative : bool
        Whether the candidate is fainter than the reference image at its place.
    score : float
        From 0, an artefact, to 1, real.
    detections : int
        How often something was detected at this place, this time included.
    days : float
        Since the first of these.
    """

    known: str = ""
    known_distance: float = math.nan
    known_magnitude: float = math.nan
    magnitude: float = math.nan
    negative: bool = False
    score: float = math.nan
    detections: int = 1
    days: float = 0.0


def _is_repeated(alert: Evidence, rules: AlertRules) -> bool:
    return alert.detections >= rules.stationary_detections


def _is_known(alert: Evidence, rules: AlertRules) -> bool:
    return alert.known != "" and alert.known_distance <= rules.match_radius


def _is_comet(alert: Evidence, rules: AlertRules) -> bool:
    name = canonical(alert.known)
    return _is_near(alert, rules) and (is_comet(name) or is_satellite(name) or _COMET.match(name) is not None)


def _is_near(alert: Evidence, rules: AlertRules) -> bool:
    return alert.known != "" and not alert.known_distance > rules.near_radius


_DECISIONS: tuple[tuple[str, Callable[[Evidence, AlertRules], bool]], ...] = (
    ("comet", _is_comet),
    ("negative", lambda alert, rules: _is_known(alert, rules) and alert.negative),
    ("history", lambda alert, rules: _is_known(alert, rules) and _is_repeated(alert, rules)),
    (
        "magnitude",
        lambda alert, rules: (
            _is_known(alert, rules) and abs(alert.magnitude - alert.known_magnitude) > rules.magnitude_difference
        ),
    ),
    # Whatever its score: artefacts fall within 2 arcsec of a known asteroid once in thousands, while a low score is
    # what faint and trailed asteroids get, and those must not be missing.
    ("asteroid", _is_known),
    ("near_known", _is_near),
    ("bogus", lambda alert, rules: alert.score < rules.bogus_score),
    ("stationary", lambda alert, rules: _is_repeated(alert, rules) and alert.days >= rules.stationary_days),
    ("unknown", lambda alert, rules: True),
)


def decide(alert: Evidence, rules: AlertRules) -> str:
    """Return what an alert is, a key of `KINDS`, or why it is set aside, a key of `REASONS`: the first that holds."""
    return next(name for name, holds in _DECISIONS if holds(alert, rules))
