"""What is known of the tracklet that each detection of a field is in; and how many asteroids are linked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from astropy.table import Table

from ..catalogues.detections import Detections
from .labels import Labelled
from .rules import Rules
from .stationary import Comparison
from .tracklets import Tracklets, find_tracklets

LINKED = (
    "tracklet",
    "tracklet_exposures",
    "tracklet_rate",
    "tracklet_angle",
    "tracklet_residual",
    "tracklet_chance",
    "blended",
)
"""The columns that `link_field` fills in."""

_FITTED = ("rate", "position_angle", "residual", "chance")

DIGITS = 6
"""Decimals of what is fitted: the last bits of sums differ between machines."""


def tracklets_of(
    exposures: Sequence[Detections],
    stays: Sequence[np.ndarray],
    elsewhere: Sequence[np.ndarray],
    comparison: Comparison | None,
    rules: Rules,
) -> Tracklets | None:
    """Find the tracklets of a field, as records are built and as a night is classified.

    Parameters
    ----------
    exposures : sequence of Detections
        The exposures of a field and CCD in one night.
    stays, elsewhere : sequence of numpy.ndarray
        Which detections of each are stationary, and which the others show too, (n,) bool.
    comparison : Comparison or None
        How it was found what is stationary; None where it was not.
    rules : Rules
        For `find_tracklets`.

    Returns
    -------
    Tracklets or None
        With what is fitted rounded to `DIGITS`. None where nobody knows what moves: of a single exposure, or where
        nothing was compared.
    """
    if comparison is None or len(exposures) < 2:
        return None
    both = list(zip(exposures, stays, elsewhere, strict=True))
    moving = [~(fixed | each.rejected | shown) for each, fixed, shown in both]
    found = find_tracklets(exposures, moving, [fixed & ~each.rejected for each, fixed, _ in both], rules)
    fitted = {name: np.round(getattr(found, name), DIGITS) + 0 for name in _FITTED}
    return replace(found, **fitted)


def link_field(
    labelled: Sequence[Labelled], comparison: Comparison | None, rules: Rules
) -> tuple[list[Labelled], Tracklets | None]:
    """Find the tracklets of a field, and release from what is stationary what is in one of them.

    Parameters
    ----------
    labelled : sequence of Labelled
        The exposures of a field and CCD in one night.
    comparison : Comparison or None
        How it was found what is stationary; None where it was not.
    rules : Rules
        For `find_tracklets`.

    Returns
    -------
    labelled : list of Labelled
        The same with ``linked``, and without the released detections in ``stays``.
    tracklets : Tracklets or None
        None where nobody knows what moves: of a single exposure, or where nothing was compared.
    """
    stays, elsewhere = [each.stays for each in labelled], [each.elsewhere for each in labelled]
    tracklets = tracklets_of([each.exposure for each in labelled], stays, elsewhere, comparison, rules)
    if tracklets is None:
        return list(labelled), None
    linked = []
    for e, each in enumerate(labelled):
        columns = _columns(tracklets, e, len(each.stays))
        linked.append(replace(each, stays=each.stays & (columns["blended"] == 0), linked=columns))
    return linked, tracklets


def _columns(tracklets: Tracklets, e: int, n: int) -> dict[str, np.ndarray]:
    """Return the columns `LINKED` of the n detections of an exposure: int64 and float64, (n,)."""
    number = tracklets.number(e, n)  # 0 is none: the last value below
    known = [np.append(getattr(tracklets, name), np.nan)[number - 1] for name in _FITTED]
    exposures = np.append(tracklets.exposures, 0)[number - 1]
    return dict(zip(LINKED, (number, exposures, *known, tracklets.blended(e, n).astype(np.int64)), strict=True))


def count_linked(labelled: Sequence[Labelled], tracklets: Tracklets | None, table: Table, needs: int) -> Counter[str]:
    """Count the tracklets of a field, and the validated asteroids that are in one.

    Parameters
    ----------
    labelled : sequence of Labelled
        The exposures, as `link_field` gives them.
    tracklets : Tracklets or None
        Of these.
    table : astropy.table.Table
        The stamps of all of them.
    needs : int
        Exposures in which an asteroid must be seen.

    Returns
    -------
    collections.Counter
        ``released``, ``tracklets``, ``tracklets_of_asteroids``, ``trackable`` and ``linked``; nothing where tracklets
        are not known.
    """
    if tracklets is None:
        return Counter()
    of_asteroids = table[np.asarray(table["label"]) == 1]
    stamps = list(zip(*(of_asteroids[name].tolist() for name in ("designation", "mjd", "tracklet")), strict=True))
    seen = Counter(name for name, _ in {(name, mjd) for name, mjd, _ in stamps})
    together = Counter((name, number) for name, _, number in set(stamps) if number > 0)
    return Counter(
        released=int(tracklets.released.sum()),
        tracklets=len(tracklets.rate),
        tracklets_of_asteroids=_of_one_asteroid(labelled, tracklets),
        trackable=sum(number >= needs for number in seen.values()),
        linked=len({name for (name, _), number in together.items() if number >= needs}),
    )


def _of_one_asteroid(labelled: Sequence[Labelled], tracklets: Tracklets) -> int:
    """Return of how many tracklets all members are detections of one validated asteroid."""
    names = []
    for each in labelled:
        # A detection of none has the row -1, which is the last; so has an exposure without a member.
        own = np.append(np.asarray(each.known["designation"], str), "")[each.match.asteroid]
        names.append([*own.tolist(), None])
    of = [{names[e][row] for e, row in enumerate(rows)} - {None} for rows in tracklets.members.tolist()]
    return sum(len(each) == 1 and each != {""} for each in of)
