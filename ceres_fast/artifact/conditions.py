"""The conditions that a classifier was calibrated in, and whether an exposure's are others.

A guarantee is one for asteroids like those that it was made with. Whether tonight's are is not seen from the asteroids,
of which nobody knows, but from the exposures: their seeing, the noise of their sky, how densely detections lie, and
what the classifier makes of those that may move. `ceres_fast.evaluation.conditions` measures these on the calibration
split; a classifier stores them; `drift_of` compares.

Exposures of one field are alike, so that the unit is the field in a night. A value is beside those of calibration
where it leaves the interval in which the next one is expected, the logarithms (`Quantity.scale`) being normal: mean ± t
s √(1 + 1/n), n fields (e.g. Hahn & Meeker 1991, Statistical Intervals, section 4.7), and all that were seen.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, NamedTuple, TypedDict

import numpy as np
from msgspec import Meta

from ..schema import Mismatch, Number, check
from .scaling import logit
from .tracklet_model import MOST_LOGIT

LEAST_FIELDS = 5
"""Fields, each in one night, of which something can be said of the next."""

LEAST_DETECTIONS = 20
"""Detections that may move of a field, of which there is a median, or a share."""

LEAST_STAMPS = 5
"""Stamps of an exposure that tell the noise of its sky, which is alike in all."""

_APART = 0.75
"""The quantile of the distances: what lies in a cluster, as the pieces of a trail, does not say how dense a sky is."""

FALSE_ALARMS = 0.01
"""Share of the fields like those of calibration that are said to be beside them, as far as all is normal."""


@dataclass(frozen=True)
class Quantity:
    """Something that is measured of an exposure.

    Attributes
    ----------
    words : str
        What it is called, with a place for the number.
    scale : callable
        From its values to those that are near to normal.
    least : float
        The standard deviation on that scale that fields have at least: a few that are alike by chance are no reason to
        call the next one another.
    """

    words: str
    scale: Callable[[np.ndarray], np.ndarray]
    least: float


def _log_odds(probability: np.ndarray) -> np.ndarray:
    return np.clip(logit(np.clip(probability, 0, 1)), -MOST_LOGIT, MOST_LOGIT)


QUANTITIES: Mapping[str, Quantity] = {
    "seeing": Quantity("seeing {} arcsec", np.log, 0.05),
    "noise": Quantity("noise of the sky {} ADU", np.log, 0.05),
    "neighbour": Quantity("other detections at {} arcsec", np.log, 0.05),
    "probability": Quantity("median probability {}", _log_odds, 0.3),
    "asteroids": Quantity("share that is called asteroids {}", lambda share: np.arcsin(np.sqrt(share)), 0.03),
}
"""By name in classifier.json; what they are, `of_exposure` and `of_field` say. All but the first are of the detections
that are not stationary."""


class Seen(TypedDict):
    """A quantity in the calibration split: the least and the largest value, and mean and standard
    deviation on its scale."""

    lowest: Number
    highest: Number
    mean: Number
    deviation: Annotated[float, Meta(ge=0, le=1e6)]


class Conditions(TypedDict):
    """What was seen in how many fields, each in one night."""

    fields: Annotated[int, Meta(ge=LEAST_FIELDS)]
    exposures: Annotated[int, Meta(ge=LEAST_FIELDS)]
    quantities: dict[str, Seen]


def check_conditions(conditions: Any) -> None:
    """Make sure that conditions can be compared with: None, or `Conditions` of known quantities.

    Raises
    ------
    Mismatch
        When they cannot; it names the key.
    """
    if conditions is None:
        return
    check(conditions, Conditions, at="conditions")
    if unknown := sorted(conditions["quantities"].keys() - QUANTITIES.keys()):
        raise Mismatch(f"conditions.quantities.{unknown[0]}", "is not known", f"some of {', '.join(QUANTITIES)}")


class Value(NamedTuple):
    """A quantity of an exposure or a field, and what chance does to it on the quantity's scale; NaN: not measured."""

    value: float
    error: float = 0.0


def noise_of(stamps: np.ndarray) -> np.ndarray:
    """Return the noise of the sky of each stamp: the scaled median absolute deviation of its outermost pixels.

    Parameters
    ----------
    stamps : numpy.ndarray
        ADU, shape (n, rows, columns); NaN where pixels are missing.

    Returns
    -------
    numpy.ndarray
        ADU, float64 (n,); NaN for a stamp in which one of these is missing.
    """
    from astropy.stats import mad_std  # here: whatever reads a classifier would take longer

    ring = np.ones(stamps.shape[1:], bool)
    ring[1:-1, 1:-1] = False
    noise: np.ndarray = mad_std(stamps[:, ring].astype(np.float64), axis=1)
    return noise


def of_exposure(seeing: float, noise: np.ndarray) -> dict[str, Value]:
    """Return the `QUANTITIES` of an exposure (of one CCD).

    Parameters
    ----------
    seeing : float
        arcsec; NaN where it is not known.
    noise : numpy.ndarray
        Of the stamp of each detection that may move, ADU, shape (n,); NaN where it is not known.
    """
    from scipy.stats import trim_mean  # here: whatever reads a classifier would take longer

    known = noise[np.isfinite(noise)]
    # Not the median: of pixels in whole ADU, that is one of few numbers.
    mean = float(trim_mean(known, 0.25)) if len(known) >= LEAST_STAMPS else math.nan
    return {"seeing": Value(seeing), "noise": Value(mean)}


def of_field(neighbour: np.ndarray, probability: np.ndarray, threshold: float) -> dict[str, Value]:
    """Return the `QUANTITIES` of the detections of a field and CCD, in all exposures: a trail in one is no other sky.

    Parameters
    ----------
    neighbour, probability : numpy.ndarray
        Of each detection that may move, arcsec, and P(asteroid); NaN where not known. (n,) each.
    threshold : float
        From which on a detection is called an asteroid.
    """
    from astropy.stats import mad_std

    apart, scored = neighbour[np.isfinite(neighbour)], probability[np.isfinite(probability)]
    values = {}
    if len(apart) >= LEAST_DETECTIONS:
        values["neighbour"] = Value(float(np.quantile(apart, _APART)))
    n = len(scored)
    if n >= LEAST_DETECTIONS:
        spread = float(mad_std(_log_odds(scored)))
        # The errors of a median of normal numbers, and of the arcsine of the root of a share (Anscombe 1948).
        values["probability"] = Value(float(np.median(scored)), math.sqrt(math.pi / 2 / n) * spread)
        values["asteroids"] = Value(float((scored >= threshold).mean()), 0.5 / math.sqrt(n))
    return values


def drift_of(conditions: Mapping[str, Any] | None, measured: Sequence[Mapping[str, Value]]) -> list[str]:
    """Return what of a field is beside what a classifier was calibrated on, in words.

    Parameters
    ----------
    conditions : mapping or None
        A classifier's; None: nothing is known of them, and nothing is said.
    measured : sequence of mapping
        `of_exposure` of each of its exposures, and `of_field`.

    Returns
    -------
    list of str
        A sentence for each quantity that is, ``"seeing 3.1 arcsec in 2 of 4 exposures, calibrated on 0.9 to 1.6"``.
        For fields like those of calibration there are any in at most `FALSE_ALARMS` of cases, as far as logarithms are
        normal.
    """
    if conditions is None or not measured:
        return []
    from scipy.stats import t  # here: whatever reads a classifier would take 0.2 s longer

    compared = {
        name: known
        for name in conditions["quantities"]
        if (known := [each[name] for each in measured if name in each and not math.isnan(each[name].value)])
    }
    # Two ends of each; Bonferroni.
    level = FALSE_ALARMS / (2 * max(sum(map(len, compared.values())), 1))
    fields = conditions["fields"]
    factor = float(t.isf(level, fields - 1))
    said = []
    for name, known in compared.items():
        quantity, seen = QUANTITIES[name], conditions["quantities"][name]
        values, errors = np.array(known, float).T
        with np.errstate(divide="ignore", invalid="ignore"):
            scaled, ends = quantity.scale(values), quantity.scale(np.array([seen["lowest"], seen["highest"]]))
        deviation = np.hypot(max(seen["deviation"], quantity.least) * math.sqrt(1 + 1 / fields), errors)
        beyond = np.abs(scaled - seen["mean"]) - factor * deviation
        beyond[(scaled >= ends[0]) & (scaled <= ends[1])] = -np.inf
        if (number := int((beyond > 0).sum())) == 0:
            continue
        worst = quantity.words.format(f"{values[beyond.argmax()]:.3g}")
        of = f" in {number} of {len(known)} exposures" if len(known) > 1 else ""
        said.append(f"{worst}{of}, calibrated on {seen['lowest']:.3g} to {seen['highest']:.3g}")
    return said
