"""Completeness against brightness: which asteroids are found where 1 % and 5 % of the non-asteroids are left.

Much of what tells asteroids from the rest is that they are brighter than noise, or fainter than stars. Whoever has only
learnt that finds the one kind of asteroid and none of the other, and ranks what is equally bright by chance; no single
figure shows it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import wrap
from typing import Any

import numpy as np

from ..model.side import SIDE_NUMBERS
from .bootstrap import areas, called_leaving
from .failures.bins import decades, is_unknown, ranges, with_the_rest
from .failures.quantities import QUANTITIES, Quantity
from .predictions import Predictions
from .shares import correlation, design_effect, share
from .yardstick import LEFT

_MAGNITUDE = next(quantity for quantity in QUANTITIES if quantity.name == "magnitude")
_SIGNAL_TO_NOISE = Quantity(
    "signal_to_noise",
    "S/N within 3 pixels",
    "",
    lambda known: known["inner_flux"],
    ranges(
        decades(("1", "2", "3", "5", "7"), ("1", "2", "5"), ("1", "3"), ("1",)),
        "with S/N below {high}",
        "with S/N of {low} to {high}",
        "with S/N above {low}",
    ),
)
"""Of the first plane: it is in every stamp, but depends on the night, and on a neighbour."""


def completeness(found: Predictions, answers: Mapping[str, np.ndarray], numbers: np.ndarray) -> dict[str, Any] | None:
    """Measure the recall in bins of brightness where some of all non-asteroids are left.

    Parameters
    ----------
    found : Predictions
        Of a split.
    answers : mapping of str to numpy.ndarray
        P(asteroid), (n,), by who gives it: ``network``, ``trees``.
    numbers : numpy.ndarray
        Side numbers of the stamps, (n, k).

    Returns
    -------
    dict or None
        ``quantity`` (magnitude or, where that is not known of most asteroids' stamps, S/N), its ``title``, and
        ``bins``: label, edges, stamps of asteroids and others, and of each who answers the recalls of `LEFT` as
        `Share.as_dict`, None where there is no asteroid, and the ``roc_auc`` within the bin, None where it lacks a
        class. The thresholds are those of the whole split. None where that lacks a class.
    """
    is_asteroid = found.labels == 1
    if is_asteroid.all() or not is_asteroid.any():
        return None
    rows = np.flatnonzero(is_asteroid)
    owners = np.full(len(found.labels), -1)
    owners[rows] = np.unique(found.asteroids[rows], return_inverse=True)[1]
    quantity, values = _brightness(found, numbers)
    called = {
        (name, recall): called_leaving(found.labels, each, left)
        for name, each in answers.items()
        for recall, left in LEFT.items()
    }
    alike = {key: correlation(some[rows], owners[rows]) for key, some in called.items()}
    bins = []
    for one in with_the_rest(quantity.binning(values, owners), quantity.title):
        if not (inside := one.holds(values)).any():
            continue
        theirs = inside & is_asteroid
        recalls: dict[str, dict[str, Any]] = {name: {} for name in answers}
        for (name, recall), some in called.items():
            measured = share(some[theirs], design_effect(owners[theirs], alike[name, recall]))
            recalls[name][recall] = measured and measured.as_dict()
        for name, each in answers.items():
            recalls[name]["roc_auc"] = _area(found.labels[inside], each[inside])
        bins.append(
            {
                "label": one.label,
                "low": one.low,
                "high": one.high,
                "asteroid_stamps": int(theirs.sum()),
                "non_asteroids": int((inside & ~is_asteroid).sum()),
                **recalls,
            }
        )
    return {"quantity": quantity.name, "title": quantity.heading, "bins": bins}


def _area(labels: np.ndarray, probabilities: np.ndarray) -> float | None:
    area = float(areas(labels, probabilities, np.ones((1, len(labels))))[0][0])
    return None if np.isnan(area) else area


def _brightness(found: Predictions, numbers: np.ndarray) -> tuple[Quantity, np.ndarray]:
    magnitude = _MAGNITUDE.values(found.known)
    if np.mean(~is_unknown(magnitude[found.labels == 1])) > 0.5:
        return _MAGNITUDE, magnitude
    zero, unit = SIDE_NUMBERS["inner_flux"]
    inner_flux = numbers[:, list(SIDE_NUMBERS).index("inner_flux")].astype(np.float64)
    return _SIGNAL_TO_NOISE, _SIGNAL_TO_NOISE.values({"inner_flux": np.sinh(inner_flux * unit + zero)})


def completeness_text(measured: Mapping[str, Any]) -> str:
    """Return what `completeness` measured as two tables in plain text, 80 columns."""
    bins, title = measured["bins"], measured["title"]
    names = [name for name in ("network", "trees") if name in bins[0]]
    recalls = _table(
        f"Recall of asteroid stamps by {title}, at the thresholds that leave at most 1% and 5% of all non-asteroids:",
        ["stamps", *(f"{name}, {left:.0%}" for name in names for left in LEFT.values())],
        [
            (
                one["label"],
                f"{one['asteroid_stamps']:,}",
                *(_decimals(one[name][recall] and one[name][recall]["value"]) for name in names for recall in LEFT),
            )
            for one in bins
            if one["asteroid_stamps"]
        ],
    )
    within = _table(
        f"ROC AUC within {title}, of asteroid stamps against the others there: what brightness does not tell:",
        ["stamps", "others", *names],
        [
            (
                one["label"],
                f"{one['asteroid_stamps']:,}",
                f"{one['non_asteroids']:,}",
                *(_decimals(one[name]["roc_auc"]) for name in names),
            )
            for one in bins
            if one["asteroid_stamps"] and one["non_asteroids"]
        ],
    )
    return f"{recalls}\n{within}"


def _decimals(value: float | None) -> str:
    return "-" if value is None else format(value, ".3f")


def _table(intro: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"{label:<17}{first:>9}" + "".join(f"{cell:>13}" for cell in cells) for label, first, *cells in rows]
    return "\n".join(
        [*wrap(intro, 80), f"{'':<17}{heads[0]:>9}" + "".join(f"{head:>13}" for head in heads[1:]), *lines, ""]
    )
