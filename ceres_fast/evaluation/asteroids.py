"""An asteroid, not a stamp, is found or lost: from which threshold on it is."""

from __future__ import annotations

import numpy as np
from astropy.table import Table

from ..errors import CeresFastError
from ..records.splits.calibration import asteroid_names, begin_exposure, exposures_of
from ..records.splits.hold_out import nights
from .predictions import Predictions


def critical(predictions: Predictions, needs: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the largest threshold that each asteroid survives.

    A trajectory search needs so many exposures of a night to link an asteroid. It survives a threshold exactly when
    the needs-th largest probability of its exposures is not below it.

    Parameters
    ----------
    predictions : Predictions
        Of a split.
    needs : int
        Exposures of an asteroid that must survive; 1 or more.

    Returns
    -------
    names : numpy.ndarray
        The k asteroids as `Predictions.asteroids` has them (one that was seen in two nights is two), str (k,), sorted.
    probability : numpy.ndarray
        The needs-th largest probability of each (`Predictions.survives`), float64 (k,); NaN where it has fewer
        exposures than `needs`: it was lost before any classifier saw it.
    exposures : numpy.ndarray
        How many each has, int64 (k,). Stamps of one asteroid with the same MJD (where frames overlap, or copies) are
        one exposure, of which the most probable counts; a stamp whose MJD is not known is one of its own.

    Raises
    ------
    CeresFastError
        When `needs` is below 1, or a probability is not finite.
    """
    if needs < 1:
        raise CeresFastError(f"--needs is {needs}; expected the exposures of an asteroid that must survive, 1 or more.")
    if strange := np.count_nonzero(~np.isfinite(predictions.probabilities)):
        raise CeresFastError(
            f"{strange} of {len(predictions.probabilities)} probabilities are not finite: what the network computes is "
            "damaged. Evaluate again, or train again with --precision float32."
        )
    asteroids = predictions.asteroids
    rows = np.flatnonzero(asteroids != "")
    names, asteroid = np.unique(asteroids[rows], return_inverse=True)
    asteroid, probability = _one_per_exposure(asteroid, predictions.known["mjd"][rows], predictions.survives[rows])
    exposures = np.bincount(asteroid, minlength=len(names))
    largest_first = probability[np.lexsort((-probability, asteroid))]
    first = np.cumsum(exposures) - exposures
    enough = exposures >= needs
    found = np.full(len(names), np.nan)
    found[enough] = largest_first[first[enough] + needs - 1]
    return names, found, exposures


CHAIN = ("stationary", "elsewhere")
"""Reasons, of `selection.lost.REASONS`, why a detection goes before it is scored, when a night is classified. For the
others no stamp is used in training or evaluation, but the detection is scored, or kept without a score."""


def through_the_chain(
    predictions: Predictions, lost: Table | None, needs: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return `critical` of the asteroids that were *detected* in enough exposures, with those lost before any score.

    Parameters
    ----------
    predictions : Predictions
        Of a split.
    lost : astropy.table.Table or None
        The asteroids of the same split that became no stamp (`records.lost.read_lost`); None where records do not tell.
    needs : int
        As in `critical`.

    Returns
    -------
    names : numpy.ndarray
        Of the k asteroids, str (k,): those of `critical`, then those of which there is no stamp.
    probability : numpy.ndarray
        As in `critical`, float64 (k,); -inf where an asteroid was detected in `needs` exposures or more, but fewer are
        scored (`CHAIN`); NaN where it was detected in fewer.
    fields : numpy.ndarray
        The field, in its night, of each, str (k,).
    """
    names, probability, _ = critical(predictions, needs)
    fields = fields_of(predictions, names)
    if lost is None:
        return names, probability, fields
    gone = lost[np.isin(lost["reason"], CHAIN) & (lost["designation"] != "")]
    mjd = np.asarray(gone["mjd"])
    of_gone = asteroid_names({"label": np.ones(len(gone)), "designation": np.asarray(gone["designation"]), "mjd": mjd})
    seen = exposures_of(
        np.concatenate([predictions.asteroids, of_gone]), np.concatenate([predictions.known["mjd"], mjd])
    )
    more, first = np.unique(of_gone, return_index=True)
    new = ~np.isin(more, names)
    more, first = more[new], first[new]
    names = np.concatenate([names, more])
    probability = np.concatenate([probability, np.full(len(more), np.nan)])
    fields = np.concatenate([fields, _field_and_night(np.asarray(gone["field"])[first], mjd[first])])
    detected = np.array([seen[name] for name in names.tolist()], int)
    return names, np.where(np.isnan(probability) & (detected >= needs), -np.inf, probability), fields


def _field_and_night(field: np.ndarray, mjd: np.ndarray) -> np.ndarray:
    return np.strings.add(np.strings.add(field.astype(np.str_), " "), nights(mjd))


def fields_of(predictions: Predictions, names: np.ndarray) -> np.ndarray:
    """Return the field, in its night, that shows each asteroid (the first of several): str (k,), "field night".

    Parameters
    ----------
    predictions : Predictions
        Of a split.
    names : numpy.ndarray
        Asteroids of it, as `critical` names them, (k,).
    """
    asteroids, first = np.unique(predictions.asteroids, return_index=True)
    rows = first[np.searchsorted(asteroids, names)]
    known = predictions.known
    return _field_and_night(known["field"][rows], known["mjd"][rows])


def _one_per_exposure(asteroid: np.ndarray, mjd: np.ndarray, probability: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return asteroid and probability of the most probable stamp of each exposure."""
    order = np.lexsort((-probability, mjd, asteroid))
    first = order[begin_exposure(asteroid[order], mjd[order])]
    return asteroid[first], probability[first]
