"""The threshold that loses at most a given share of the asteroids, with the confidence that it does.

An asteroid survives a threshold exactly when its critical probability (`asteroids.critical`) is not below it.
`threshold.threshold_for` chooses by these alone. Nothing is assumed of the network or of the distribution of what it
says.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Annotated, Any

import numpy as np
from astropy.table import Table
from msgspec import Meta
from scipy.stats import binomtest

from ..console import warn
from ..schema import Count, Share, check, shape
from ..settings.guarantee import By, Calibration
from .asteroids import critical, fields_of, through_the_chain
from .dependence import Dependence, dependence
from .formatting import counted
from .predictions import Predictions
from .threshold import Chosen, Drawn, TooFewAsteroids, threshold_for

__all__ = ["OperatingPoint", "TooFewAsteroids", "choose", "measured"]

FEW_FIELDS, MANY_A_FIELD = 20, 10
"""With fewer fields, or more asteroids in each, the guarantee is weaker than it says (`benchmarks.guarantee`)."""


@dataclasses.dataclass(frozen=True)
class OperatingPoint:
    """A threshold and its guarantee.

    Attributes
    ----------
    threshold : float
        Detections below this probability are dropped; of 6 decimals.
    max_loss, confidence : float
        At most this share of the asteroids is lost, with this confidence; see `by`.
    needs : int
        An asteroid is lost when fewer of its exposures than these survive.
    asteroids : int
        Calibration asteroids (each in one night) that were detected in `needs` exposures or more.
    before : int
        How many of these the rules had lost before any score, as stationary or because other exposures show them too;
        they are among `lost`. 0 where records do not tell.
    allowed, lost : int
        How many of them (by field: of one asteroid of each field) may be lost under the guarantee, as in `Chosen`, and
        how many of the asteroids the threshold loses (fewer where probabilities are equal).
    left_out : int
        Asteroids with fewer exposures than `needs`: lost before, and not part of the guarantee.
    bound : float
        Upper limit of the share that is lost, at this confidence; not above `max_loss`.
    detections, non_asteroids, left : int
        Stamps of the split, those of them that are no asteroids, and those of these that the threshold leaves.
    left_per_1000 : float
        Non-asteroids left per 1,000 of `rows` or, where these are not known, of `detections`: what the guarantee costs.
    fields : int
        From how many fields (each in one night) the asteroids come.
    manifest_sha256 : str
        Of the records; "" where it is not known.
    rows : int
        Catalogue rows that the stamps of the split were chosen from; 0 where it is not known.
    by : {"asteroid", "field"}
        Whether the guarantee is for the share of all asteroids, which are taken to be independent, or for an asteroid
        of a random field (the mean over fields of the share lost), where only fields are.
    drawn : {"each", "one", "all"}
        What was counted: see `ceres_fast.evaluation.threshold.Drawn`.
    field_loss : float or None
        Mean over the calibration fields of the share of their asteroids that is lost; None where it was not counted.
    dependence : Dependence or None
        The *estimate* of what dependence within fields does to a guarantee by asteroid; None where there is none.
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
    rows: Count = 0
    before: Count = 0
    by: By = "asteroid"
    drawn: Drawn = "each"
    field_loss: Share | None = None
    dependence: Dependence | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold, without those that are as before there were such."""
        newer = {
            each.name: each.default for each in dataclasses.fields(self) if each.default is not dataclasses.MISSING
        }
        return {name: value for name, value in dataclasses.asdict(self).items() if (name, value) not in newer.items()}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> OperatingPoint:
        """Return the operating point that `as_dict` gave.

        Raises
        ------
        Mismatch
            When a value is missing, unknown, or not what it can be.
        """
        check(values, shape(cls, defaults=True), at="operating_point")  # type: ignore[arg-type]
        return cls(**values)


def choose(
    predictions: Predictions,
    lost: Table | None = None,
    *,
    max_loss: float = Calibration.max_loss,
    confidence: float = Calibration.confidence,
    needs: int = Calibration.needs,
    by: By = Calibration.by,
) -> OperatingPoint:
    """Choose the highest threshold that is guaranteed to lose at most `max_loss` of the asteroids.

    Parameters
    ----------
    predictions : Predictions
        Of the calibration split, which nothing else has touched.
    lost : astropy.table.Table or None
        The asteroids of that split that became no stamp: see `asteroids.through_the_chain`.
    max_loss : float
        Share of the asteroids that may be lost, from 0.000001 to below 1.
    confidence : float
        Probability, over the choice of what is independent, that the guarantee holds, from 0.000001 to below 1.
    needs : int
        An asteroid is lost when fewer of its exposures than these survive.
    by : {"asteroid", "field"}
        What is independent of each other, and whose loss is guaranteed: see `OperatingPoint.by`.

    Returns
    -------
    OperatingPoint

    Raises
    ------
    TooFewAsteroids
        When there are fewer asteroids with `needs` exposures, or fields with such, than the guarantee needs.
    CeresFastError
        When an option is not what it can be, or a probability is not finite.

    Notes
    -----
    The guarantee is for asteroids like those of the calibration split: of the same survey, found by the same detection
    in `needs` exposures or more; by asteroid, independent of each other. Those of one field are not quite: a warning
    names fewer than `FEW_FIELDS` fields, or more than `MANY_A_FIELD` asteroids in each on average.
    """
    _, probability, fields = through_the_chain(predictions, lost, needs)
    enough = ~np.isnan(probability)
    probability = np.where(probability < 0, -np.inf, probability)  # what no threshold keeps (`tracklets.UNLINKED`)
    probability, fields, left_out = probability[enough], fields[enough], int(np.count_nonzero(~enough))
    seen = f"seen in {needs} exposures of a night or more ({left_out} in fewer, which do not count)"
    chosen = threshold_for(probability, fields, max_loss=max_loss, confidence=confidence, by=by, seen=seen)
    if by == "asteroid":
        _warn_of_few_fields(chosen, max_loss, confidence)
    return OperatingPoint(
        max_loss=max_loss,
        confidence=confidence,
        needs=needs,
        by=by,
        left_out=left_out,
        before=int(np.count_nonzero(probability == -np.inf)),
        dependence=dependence(probability, fields, chosen.allowed if by == "asteroid" else chosen.lost, confidence),
        manifest_sha256=str(predictions.about.get("manifest_sha256", "")),
        **dataclasses.asdict(chosen),
        **_cost(predictions, chosen.threshold),
    )


def _warn_of_few_fields(chosen: Chosen, max_loss: float, confidence: float) -> None:
    if chosen.fields >= FEW_FIELDS and chosen.asteroids <= MANY_A_FIELD * chosen.fields:
        return
    warn(
        f"the threshold is chosen on {counted(chosen.asteroids, 'asteroid')} from {counted(chosen.fields, 'field')}, "
        f"{'each in' if chosen.fields > 1 else 'of'} one night. "
        f"Those of one field share seeing and sky: with fewer than {FEW_FIELDS} fields, or more than "
        f"{MANY_A_FIELD} asteroids a field, more than {max_loss:g} of all asteroids are lost more often than a "
        f"confidence of {confidence:g} says. More fields help; more asteroids of the same fields do not. --by field "
        "guarantees the loss whatever the asteroids of a field have in common"
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
        ``fields``, ``detections``, ``rows``, ``non_asteroids``, ``left``, ``left_per_1000``.

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
    other = predictions.survives[predictions.labels == 0]
    detections, left = len(predictions.labels), int(np.count_nonzero(other >= threshold))
    rows = int(predictions.about.get("rows") or 0)
    return {
        "detections": detections,
        "rows": rows,
        "non_asteroids": len(other),
        "left": left,
        "left_per_1000": 1000 * left / max(rows or detections, 1),
    }
