"""The tracklets of a field's detections: found before these are scored, judged when all exposures are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..artifact.tracklet_model import Evidence, tracklet_probabilities
from ..catalogues.detections import Detections
from ..selection.rules import Rules
from ..selection.stationary import Comparison, Stationary
from ..selection.tracklets import Tracklets, find_tracklets
from .scores import BLENDED, PROBABILITY_OF_TRACKLET, TRACKLET, Scores


def link(
    exposures: Sequence[Detections],
    found: Stationary,
    comparison: Comparison | None,
    elsewhere: Sequence[np.ndarray],
    rules: Rules,
) -> Tracklets | None:
    """Find the tracklets of a field; None where nobody knows what in it moves.

    Parameters
    ----------
    exposures : sequence of Detections
        The exposures of a field.
    found : Stationary
        Which of these are stationary.
    comparison : Comparison or None
        How that was found; None where it was not.
    elsewhere : sequence of numpy.ndarray
        Which of each exposure's detections the others show too, (n,) bool.
    rules : Rules
    """
    if comparison is None:
        return None
    moving = [
        ~(stays | each.rejected | shown) for each, stays, shown in zip(exposures, found.stays, elsewhere, strict=True)
    ]
    stationary = [stays & ~each.rejected for each, stays in zip(exposures, found.stays, strict=True)]
    return find_tracklets(exposures, moving, stationary, rules)


def put_tracklets(
    scores: Sequence[Scores | None], tracklets: Tracklets, model: Mapping[str, Any] | None, first: int
) -> None:
    """Enter the tracklets of a field in the scores of its exposures.

    Parameters
    ----------
    scores : sequence of Scores or None
        Of each exposure; changed. None where an exposure could not be scored.
    tracklets : Tracklets
    model : mapping or None
        The classifier's `artifact.tracklet_model.TrackletModel`; without one, tracklets have no probability.
    first : int
        Number of the first one: those of other CCDs of the field come before it.
    """
    numbers = [
        np.empty(0, int) if each is None else tracklets.number(e, len(each.flags)) for e, each in enumerate(scores)
    ]
    probability = np.full(len(tracklets.rate), np.nan)
    if model is not None and len(probability) and any(each is not None for each in scores):
        there = [each for each in scores if each is not None]
        own = np.concatenate([each.probability for each in there])
        forced = np.concatenate([each.forced.get("FORCED_MAX", np.full(len(each.flags), np.nan)) for each in there])
        number = np.concatenate(numbers)
        linked = number > 0
        probability = tracklet_probabilities(
            model,
            Evidence(
                number[linked] - 1,
                own[linked],
                tracklets.exposures,
                tracklets.rate,
                tracklets.residual,
                tracklets.chance,
                forced[linked],
            ),
        )
    for e, (each, number) in enumerate(zip(scores, numbers, strict=True)):
        if each is not None and len(number):
            linked = number > 0
            each.linked[TRACKLET][linked] = number[linked] + first - 1
            each.linked[PROBABILITY_OF_TRACKLET][linked] = probability[number[linked] - 1]
            each.flags[tracklets.blended(e, len(number))] |= BLENDED
