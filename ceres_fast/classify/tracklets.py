"""The tracklets of a field in the scores of its exposures: which row is in which, and how probable each is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..artifact.tracklet_model import Evidence, tracklet_probabilities
from ..selection.tracklets import Tracklets
from .scores import BLENDED, PROBABILITY_OF_TRACKLET, TRACKLET, Scores


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
