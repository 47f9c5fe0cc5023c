"""What the other exposures of a field add to its detections: columns of forced fluxes, the rule by them, planes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..selection.others.exposures import OtherExposures
from ..selection.others.forced import Forced
from .scores import ELSEWHERE, Scores


def put_forced(scores: Scores, forced: Forced, rows: np.ndarray, limit: float | None) -> np.ndarray:
    """Enter forced fluxes, and what of them is no asteroid by the rule.

    Parameters
    ----------
    scores : Scores
        Those of an exposure; changed.
    forced : Forced
        The fluxes of some of its detections.
    rows : numpy.ndarray
        Which detections these are, int, (n,).
    limit : float or None
        As `Forced.elsewhere` takes it.

    Returns
    -------
    numpy.ndarray
        Those of `rows` that are elsewhere. What no other exposure could tell is not among them.
    """
    for name, values in forced.columns().items():
        scores.forced[name.upper()][rows] = values
    elsewhere = forced.elsewhere(limit)
    scores.put(rows[elsewhere], Scores(np.zeros(1), np.full(1, ELSEWHERE, np.int32)))
    return rows[elsewhere]


def with_planes(
    science: np.ndarray, planes: Sequence[str], others: OtherExposures | None, e: int, rows: np.ndarray
) -> np.ndarray:
    """Return stamps with the planes that a classifier takes.

    Parameters
    ----------
    science : numpy.ndarray
        Stamps of some detections, float32, (n, 32, 32), axes (y, x), ADU.
    planes : sequence of str
        Names of planes, as in `stamps.PLANES`.
    others : OtherExposures or None
        The exposures of their field; None where these tell nothing.
    e : int
        Which of them the detections are of.
    rows : numpy.ndarray
        Which of its detections, int, (n,).

    Returns
    -------
    numpy.ndarray
        float32: `science` itself where no other plane is taken, else (n, 32, 32, planes). What has no template is NaN
        in that plane, and in the difference.

    Raises
    ------
    InputError
        When the pixels of the exposure cannot be read.
    """
    if len(planes) == 1:
        return science
    unknown = np.full_like(science, np.nan)
    template, difference = (unknown, unknown) if others is None else others.planes(e, rows)
    shown = {"science": science, "template": template, "difference": difference}
    return np.stack([shown[plane] for plane in planes], axis=-1)
