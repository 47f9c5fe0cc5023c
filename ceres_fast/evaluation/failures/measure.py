"""Recall and purity against everything that is known of a stamp."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from ...settings.guarantee import NEEDS
from ..asteroids import critical
from ..predictions import Predictions
from ..shares import CONFIDENCE, Share, correlation, design_effect, share
from .bins import FEWEST, Bin, is_unknown, with_the_rest
from .quantities import QUANTITIES, Quantity

FEWEST_TO_STAND_OUT = 5
"""Asteroids of a bin below which it never stands out: one lost of two is an interval below 0.96, and means nothing."""

MEASURES = ("recall", "asteroid_recall")
"""What may be wholly below its overall value in a bin: the recall of stamps, and that of asteroids."""


@dataclass(frozen=True)
class _Answers:
    """Who is what, and found or not: stamps (n,), and asteroids (m,)."""

    called: np.ndarray  # bool (n,)
    owners: np.ndarray  # int (n,): which asteroid, -1 for non-asteroids
    linkable: np.ndarray  # bool (m,): has as many exposures as a trajectory search needs
    found: np.ndarray  # bool (m,): in as many exposures as are needed
    alike: float  # correlation of the stamps of an asteroid
    purity: bool  # whether there are both classes, so that purity means something

    @property
    def is_asteroid(self) -> np.ndarray:
        return self.owners >= 0


def failures(predictions: Predictions, threshold: float, needs: int = NEEDS) -> dict[str, Any]:
    """Measure where asteroids are lost and other things are taken for them.

    Parameters
    ----------
    predictions : Predictions
        Of a split.
    threshold : float
        Called an asteroid from this probability on.
    needs : int
        Exposures in which an asteroid must be found.

    Returns
    -------
    dict
        What ``failures.json`` holds: the overall values, ``quantities`` with their bins, ``left_out`` with the reason
        why, ``stand_out`` (bins whose recall is wholly below the overall value). All shares are `Share.as_dict`, or
        None where there is nothing to count.

    Notes
    -----
    ``recall`` counts stamps; its intervals take into account that the exposures of one asteroid are alike (`share`).
    ``asteroid_recall`` counts asteroids (one asteroid in one night) that have `needs` exposures among the stamps, at
    the median of the quantity over them; its intervals are those of independent trials. ``purity`` is the share of
    asteroids among what is called an asteroid: it depends on how many of each class the split holds.
    """
    answers = _answers(predictions, threshold, needs)
    overall = _measures(answers, np.ones(len(answers.called), bool), np.ones(len(answers.found), bool))
    found: dict[str, Any] = {
        "threshold": float(threshold),
        "needs": needs,
        "confidence": CONFIDENCE,
        "stamps": len(answers.called),
        "asteroids": len(answers.found),
        "asteroids_with_too_few_exposures": int((~answers.linkable).sum()),
        "stamps_per_asteroid": float(answers.is_asteroid.sum() / max(len(answers.found), 1)),
        "correlation_of_stamps": answers.alike,
        **{name: _plain(value) for name, value in overall.items()},
        "quantities": {},
        "left_out": {},
        "stand_out": [],
    }
    for quantity in QUANTITIES:
        values = quantity.values(predictions.known)
        bins = _bins(quantity, values, answers.owners)
        if reason := _reason_to_leave_out(quantity, values, bins, answers):
            found["left_out"][quantity.name] = reason
            continue
        measured = [_measured(quantity, one, values, answers, overall) for one in bins]
        found["quantities"][quantity.name] = {
            "title": quantity.heading,
            "overlapping": quantity.overlapping,
            "bins": measured,
        }
        found["stand_out"] += [
            {
                "quantity": quantity.name,
                "label": one["label"],
                "words": one["words"],
                "measure": measure,
                **one[measure],
            }
            for one in measured
            for measure in one["stands_out"]
        ]
    return found


def _answers(predictions: Predictions, threshold: float, needs: int) -> _Answers:
    called = predictions.probabilities >= threshold
    rows = np.flatnonzero(predictions.labels == 1)
    names, owner = np.unique(predictions.asteroids[rows], return_inverse=True)
    owners = np.full(len(called), -1)
    owners[rows] = owner
    critical_names, probability, _ = critical(predictions, needs)
    place = np.searchsorted(names, critical_names)
    linkable, found = np.zeros((2, len(names)), bool)
    linkable[place] = np.isfinite(probability)
    found[place] = probability >= threshold
    purity = 0 < len(rows) < len(called)
    return _Answers(called, owners, linkable, found, correlation(called[rows], owner), purity)


def _measures(answers: _Answers, stamps: np.ndarray, asteroids: np.ndarray) -> dict[str, Share | None]:
    """Return recall, purity and recall per asteroid among some stamps, bool (n,), and some asteroids, bool (m,)."""
    theirs, chosen, linkable = stamps & answers.is_asteroid, stamps & answers.called, asteroids & answers.linkable
    return {
        "recall": share(answers.called[theirs], design_effect(answers.owners[theirs], answers.alike)),
        # All exposures of an asteroid are of one class: what is called an asteroid is wholly alike.
        "purity": share(answers.is_asteroid[chosen], design_effect(answers.owners[chosen], 1))
        if answers.purity
        else None,
        "asteroid_recall": share(answers.found[linkable]),
    }


def _bins(quantity: Quantity, values: np.ndarray, owners: np.ndarray) -> list[Bin]:
    """Return the bins that hold something; that every stamp, or every one of an asteroid, is in one is checked."""
    counted = values[owners >= 0] if quantity.of_asteroids else values
    every = with_the_rest(quantity.binning(values, owners), quantity.title)
    inside = np.array([one.holds(counted) for one in every])
    times = inside.sum(axis=0)
    if (times < 1).any() or (not quantity.overlapping and (times > 1).any()):
        raise RuntimeError(f"{quantity.name}: {(times < 1).sum()} values are in no bin, {(times > 1).sum()} in several")
    return [one for one, held in zip(every, inside, strict=True) if held.any()]


def _reason_to_leave_out(quantity: Quantity, values: np.ndarray, bins: list[Bin], answers: _Answers) -> str:
    """Return why a quantity shows nothing, or ""."""
    theirs = values[answers.is_asteroid]
    known = theirs[~is_unknown(theirs)]
    if not len(theirs):
        return "there are no asteroids"
    if not len(known):
        return "not known of any asteroid"
    if len(bins) > 1:
        return ""
    if (known == known[0]).all():
        return f"the same for all asteroids ({known[0] if known.dtype.kind == 'U' else format(known[0], '.6g')})"
    return f"too few asteroids for two bins of {FEWEST}"


def _measured(
    quantity: Quantity, one: Bin, values: np.ndarray, answers: _Answers, overall: dict[str, Share | None]
) -> dict[str, Any]:
    stamps = one.holds(values)
    theirs = np.unique(answers.owners[stamps & answers.is_asteroid])
    if quantity.per_asteroid:
        asteroids = one.holds(_medians(values, answers.owners, len(answers.found)))
    else:
        asteroids = np.zeros(len(answers.found), bool)
    found = _measures(answers, stamps, asteroids)
    if quantity.of_asteroids:
        found["purity"] = None
    return {
        "label": one.label,
        "words": one.words,
        "low": one.low,
        "high": one.high,
        "asteroids": len(theirs),
        "non_asteroids": 0 if quantity.of_asteroids else int((stamps & ~answers.is_asteroid).sum()),
        **{name: _plain(value) for name, value in found.items()},
        "stands_out": [
            name for name in MEASURES if len(theirs) >= FEWEST_TO_STAND_OUT and _is_below(found[name], overall[name])
        ],
    }


def _medians(values: np.ndarray, owners: np.ndarray, count: int) -> np.ndarray:
    """Return the median of each owner's known values, (count,); NaN where none is known."""
    rows = np.flatnonzero((owners >= 0) & ~is_unknown(values))
    rows = rows[np.argsort(owners[rows], kind="stable")]
    present, starts = np.unique(owners[rows], return_index=True)
    result = np.full(count, np.nan)
    for owner, theirs in zip(present, np.split(values[rows], starts[1:]), strict=False):
        result[owner] = 2 * np.median(theirs / 2)  # halved: the sum of the two in the middle may not be a float
    return result


def _is_below(here: Share | None, everywhere: Share | None) -> bool:
    return here is not None and everywhere is not None and here.high < everywhere.value


def _plain(value: Share | None) -> dict[str, float] | None:
    return None if value is None else value.as_dict()
