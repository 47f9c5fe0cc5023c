"""Whole nights, fields, CCDs or filters that are kept for the test."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from ...console import warn
from ...errors import CeresFastError
from ...frames.where import Where
from ...stamps import CLASSES

UNKNOWN, LINKED = "unknown_if_held_out", "linked_to_held_out"
"""Why a stamp outside the held-out ones is dropped, as in the counts of the manifest."""

_MJD_OF_1858 = np.datetime64("1858-11-17", "D")
_SHOWN, _TOO_MANY = 20, 0.2


def nights(mjd: np.ndarray) -> np.ndarray:
    """Return the night of each exposure, as YYYYMMDD (str, (n,)): the UTC date of the last noon (UTC) before it.

    That is the date of the evening, from the Americas to central Asia. Where UTC noon falls into the night (the
    Pacific, Hawaii, eastern Australia and, for the last hours of its longest nights, California), a night has two
    labels, one for the exposures before noon and one for those after.

    Parameters
    ----------
    mjd : numpy.ndarray
        MJD (UTC), (n,); NaN gives "".
    """
    known = np.isfinite(mjd)
    days = np.floor(np.where(known, mjd, 0) - 0.5).astype(np.int64)
    dates = (_MJD_OF_1858 + days).astype("U10")
    labels = np.strings.replace(dates, "-", "") if len(dates) else dates  # which NumPy refuses for none
    return np.where(known, labels, "")


def _night_label(value: str) -> str:
    """Return a night as YYYYMMDD; five digits are the MJD that begins on that date (58782 is 20191026)."""
    return nights(np.array([int(value) + 0.75]))[0].item() if value.isdecimal() and len(value) == 5 else value


HOLD_OUT: dict[str, Callable[[Mapping[str, np.ndarray]], np.ndarray]] = {
    "night": lambda columns: nights(columns["mjd"]),
    "field": lambda columns: columns["field"],
    "ccd": lambda columns: columns["ccd"],
    "filter": lambda columns: columns["filter"],
}
"""What can be held out, and how its value (str, "" where not known) is found for each stamp."""


def check_hold_out(hold_out: Where) -> None:
    """Raise CeresFastError unless every name is one of `HOLD_OUT` and has a value."""
    for name, values in hold_out:
        if name not in HOLD_OUT or not values:
            raise CeresFastError(
                f"cannot hold out {name!r}; expected {', '.join(HOLD_OUT)}, for example night=20191026,20191027."
            )


def hold_out_stamps(columns: Mapping[str, np.ndarray], hold_out: Where) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Return which stamps are held out, and which others may not be used because of them.

    Parameters
    ----------
    columns : mapping of str to numpy.ndarray
        ``group``, ``label`` and what `HOLD_OUT` needs, each (n,).
    hold_out : sequence of (name, values)
        A stamp is held out when any of these has one of its values.

    Returns
    -------
    held : numpy.ndarray of bool
        (n,).
    dropped : dict of str to numpy.ndarray of bool
        Reason: stamps, (n,) each, that share a group with a held-out one (`LINKED`), or of which it is not known
        whether they are held out (`UNKNOWN`).

    Raises
    ------
    CeresFastError
        When no stamp has one of the values, or no stamp is left beside them.
    """
    held, unknown = np.zeros((2, len(columns["label"])), bool)
    for name, wanted in hold_out:
        values = HOLD_OUT[name](columns)
        labels = [_night_label(value) for value in wanted] if name == "night" else list(wanted)
        _refuse_missing(name, labels, values)
        held |= np.isin(values, labels)
        unknown |= values == ""
    linked = np.isin(columns["group"], np.unique(columns["group"][held])) & ~held
    dropped = {LINKED: linked, UNKNOWN: unknown & ~held & ~linked}
    _tell(hold_out, held, dropped, columns["label"])
    return held, dropped


def _refuse_missing(name: str, wanted: list[str], values: np.ndarray) -> None:
    there = np.unique(values[values != ""])
    for value in wanted:
        if value not in there:
            more = f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else ""
            raise CeresFastError(
                f"--hold-out {name}={value}: no stamp has it; there is {', '.join(there[:_SHOWN]) or 'none'}{more}."
            )


def _tell(hold_out: Where, held: np.ndarray, dropped: Mapping[str, np.ndarray], labels: np.ndarray) -> None:
    asked = " ".join(f"{name}={','.join(values)}" for name, values in hold_out)
    lost = np.any(list(dropped.values()), axis=0)
    if held.all():
        raise CeresFastError(f"--hold-out {asked}: that is every stamp; nothing is left to train on.")
    if (held | lost).all():
        raise CeresFastError(
            f"--hold-out {asked}: {held.sum()} stamps are held out, and every one of the other {lost.sum()} shares an "
            "asteroid, a field and CCD, or sky with them, or does not say. Hold out something that the rest does not "
            "share: for nights that show the same fields, all nights of a field, or the field."
        )
    for label, name in enumerate(CLASSES):
        share = lost[labels == label].mean() if (labels == label).any() else 0
        if share > _TOO_MANY:
            warn(
                f"--hold-out {asked}: {share:.0%} of the {name} stamps are in no split, because they share an "
                "asteroid, a field and CCD, or sky with what is held out, or do not say"
            )
