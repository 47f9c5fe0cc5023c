"""The threshold that loses at most a given share of the asteroids, with the confidence that it does.

An asteroid survives a threshold exactly when its critical probability (`asteroids.critical`) is not below it. The
(k + 1)-th smallest critical probability of the calibration asteroids loses k of them, or fewer where some are equal;
`tolerance.allowed` says how large k may be. Nothing is assumed of the network or of the distribution of what it says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from msgspec import Meta
from scipy.stats import binomtest

from ..artifact.scaling import DIGITS
from ..console import warn
from ..errors import CeresFastError
from ..records.tolerance import allowed, least_max_loss, needed, upper_bound
from ..schema import Count, Share, check
from ..settings.guarantee import Guarantee
from .asteroids import critical, fields_of
from .formatting import counted
from .predictions import Predictions

FEW_FIELDS, MANY_A_FIELD = 20, 10
"""With fewer fields, or more asteroids in each, the guarantee is weaker than it says (`benchmarks.guarantee`)."""


class TooFewAsteroids(CeresFastError):  # noqa: N818 (what there is too little of says it)
    """There are fewer asteroids than the guarantee needs."""


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """A threshold and its guarantee.

    Attributes
    ----------
    threshold : float
        Detections below this probability are dropped; of 6 decimals.
    max_loss, confidence : float
        At most this share of the asteroids is lost, with this confidence.
    needs : int
        An asteroid is lost when fewer of its exposures than these survive.
    asteroids : int
        Calibration asteroids (each in one night) with `needs` exposures or more.
    allowed, lost : int
        How many of them may be lost under the guarantee, and how many the threshold loses (fewer where probabilities
        are equal).
    left_out : int
        Asteroids with fewer exposures than `needs`: lost before, and not part of the guarantee.
    bound : float
        Upper limit of the share that is lost, at this confidence; not above `max_loss`.
    detections, non_asteroids, left : int
        Stamps of the split, those of them that are no asteroids, and those of these that the threshold leaves.
    left_per_1000 : float
        Non-asteroids left per 1,000 detections: what the guarantee costs.
    fields : int
        From how many fields (each in one night) the asteroids come.
    manifest_sha256 : str
        Of the records; "" where it is not known.
    """

    threshold: Share
    max_loss: Share
    confidence: Share
    needs: Annotated[int, Meta(ge=1)]
    asteroids: Count
    allowed: Count
    lost: Count
    left_out: Count
    bound: Share
    detections: Count
    non_asteroids: Count
    left: Count
    left_per_1000: Annotated[float, Meta(ge=0, le=1000)]
    fields: Count
    manifest_sha256: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> OperatingPoint:
        """Return the operating point that `as_dict` gave.

        Raises
        ------
        Mismatch
            When a value is missing, unknown, or not what it can be.
        """
        check(values, cls, at="operating_point")
        return cls(**values)


def choose(
    predictions: Predictions,
    *,
    max_loss: float = Guarantee.max_loss,
    confidence: float = Guarantee.confidence,
    needs: int = Guarantee.needs,
) -> OperatingPoint:
    """Choose the highest threshold that is guaranteed to lose at most `max_loss` of the asteroids.

    Parameters
    ----------
    predictions : Predictions
        Of the calibration split, which nothing else has touched.
    max_loss : float
        Share of the asteroids that may be lost, from 0.000001 to below 1.
    confidence : float
        Probability, over the choice of calibration asteroids, that the guarantee holds, from 0.000001 to below 1.
    needs : int
        An asteroid is lost when fewer of its exposures than these survive.

    Returns
    -------
    OperatingPoint

    Raises
    ------
    TooFewAsteroids
        When there are fewer asteroids with `needs` exposures than `needed` says.
    CeresFastError
        When an option is not what it can be, or a probability is not finite.

    Notes
    -----
    The guarantee is for asteroids like those of the calibration split: of the same survey, found by the same detection
    in `needs` exposures or more, independent of each other. Those of one field are not quite: a warning names fewer
    than `FEW_FIELDS` fields, or more than `MANY_A_FIELD` asteroids in each on average.
    """
    names, probability, _ = critical(predictions, needs)
    enough = ~np.isnan(probability)
    names, probability = names[enough], probability[enough]
    may_lose, left_out = allowed(len(names), max_loss, confidence), int(np.count_nonzero(~enough))
    if may_lose is None:
        raise TooFewAsteroids(_too_few(len(names), left_out, max_loss, confidence, needs))
    threshold = _floor(float(np.partition(probability, may_lose)[may_lose]))
    fields = len(np.unique(fields_of(predictions, names)))
    if fields < FEW_FIELDS or len(names) > MANY_A_FIELD * fields:
        warn(
            f"the threshold is chosen on {counted(len(names), 'asteroid')} from {counted(fields, 'field')}, "
            f"{'each in' if fields > 1 else 'of'} one night. "
            f"Those of one field share seeing and sky: with fewer than {FEW_FIELDS} fields, or more than "
            f"{MANY_A_FIELD} asteroids a field, more than {max_loss:g} of all asteroids are lost more often than a "
            f"confidence of {confidence:g} says. More fields help; more asteroids of the same fields do not"
        )
    return OperatingPoint(
        threshold=threshold,
        max_loss=max_loss,
        confidence=confidence,
        needs=needs,
        asteroids=len(names),
        allowed=may_lose,
        lost=int(np.count_nonzero(probability < threshold)),
        left_out=left_out,
        # Of `allowed`, not of `lost`: the threshold is chosen by its place in the order, and ties do not sharpen that.
        bound=upper_bound(may_lose, len(names), confidence),
        fields=fields,
        manifest_sha256=str(predictions.about.get("manifest_sha256", "")),
        **_cost(predictions, threshold),
    )


def measured(predictions: Predictions, point: OperatingPoint) -> dict[str, Any]:
    """Return what an operating point does on another split.

    Parameters
    ----------
    predictions : Predictions
        Of a split that the threshold was not chosen on.
    point : OperatingPoint
        What `choose` returned.

    Returns
    -------
    dict
        ``asteroids``, ``lost`` and ``left_out`` (as in `OperatingPoint`), ``share`` of the asteroids that is lost with
        its two-sided interval ``low``, ``high`` at the point's confidence (Clopper-Pearson; None without asteroids),
        ``fields``, ``detections``, ``non_asteroids``, ``left``, ``left_per_1000``.

    Raises
    ------
    CeresFastError
        When a probability is not finite.
    """
    names, probability, _ = critical(predictions, point.needs)
    enough = ~np.isnan(probability)
    asteroids, lost = int(enough.sum()), int(np.count_nonzero(probability[enough] < point.threshold))
    share = low = high = None
    if asteroids:
        share = lost / asteroids
        low, high = map(float, binomtest(lost, asteroids).proportion_ci(point.confidence, method="exact"))
    return {
        "asteroids": asteroids,
        "lost": lost,
        "left_out": int(np.count_nonzero(~enough)),
        "share": share,
        "low": low,
        "high": high,
        "fields": len(np.unique(fields_of(predictions, names[enough]))),
        **_cost(predictions, point.threshold),
    }


def _cost(predictions: Predictions, threshold: float) -> dict[str, Any]:
    other = predictions.probabilities[predictions.labels == 0]
    detections, left = len(predictions.labels), int(np.count_nonzero(other >= threshold))
    return {
        "detections": detections,
        "non_asteroids": len(other),
        "left": left,
        "left_per_1000": 1000 * left / max(detections, 1),
    }


def _floor(probability: float) -> float:
    """Round down, so that what is not below `probability`, rounded or not, is not below the result."""
    nearest = round(probability, DIGITS)
    return nearest if nearest <= probability else round(nearest - 10**-DIGITS, DIGITS)


def _too_few(asteroids: int, left_out: int, max_loss: float, confidence: float, needs: int) -> str:
    message = (
        f"{asteroids} asteroids seen in {needs} exposures of a night or more ({left_out} in fewer, which do not count) "
        f"are too few to guarantee with a confidence of {confidence:g} that at most {max_loss:g} of the asteroids are "
        f"lost: {needed(max_loss, confidence):,} are needed. Build records with more asteroids in the calibration split"
    )
    possible = least_max_loss(asteroids, confidence)
    if possible is not None:
        message += f", or accept more: --max-loss {possible:g} can be guaranteed with these"
    return message + "."
