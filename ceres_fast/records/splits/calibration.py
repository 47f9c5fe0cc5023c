"""How many asteroids the calibration split holds, and how large it must be to hold a given number of them.

The unit is the asteroid in one night, because a trajectory search links the exposures of one night, and an asteroid
counts where it is seen in as many of them as the search needs. `ceres_fast.records.tolerance` says how many asteroids
a guarantee takes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ...console import warnings_kept
from ...errors import CeresFastError
from ...settings.guarantee import NEEDS, Guarantee
from ..tolerance import least_max_loss, needed
from .divide import Division, divide
from .hold_out import nights

LARGEST_SHARE = 0.9
"""The calibration split never takes more than this share of the stamps: something must be left to learn from."""

SMALLEST_STEP = 0.001
"""Shares are tried in steps of this or more; one group of a survey of 1,000 fields is such a share."""

_DIGITS = 4


def asteroid_names(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return of which asteroid in which night each stamp is.

    Parameters
    ----------
    columns : mapping of str to numpy.ndarray
        ``label``, ``designation`` and ``mjd`` of n stamps.

    Returns
    -------
    numpy.ndarray of str
        Shape (n,): designation and night, so that an asteroid that was seen in two nights counts twice. A stamp of an
        asteroid without a designation is one of its own; "" for non-asteroids.
    """
    alone = np.array([f"stamp {number}" for number in range(len(columns["label"]))], np.str_)
    units = np.where(columns["designation"] == "", alone, columns["designation"])
    names = np.strings.add(np.strings.add(units, " "), nights(columns["mjd"]))
    return np.where(columns["label"] == 1, np.strings.strip(names), "")


def seen_asteroids(columns: Mapping[str, np.ndarray], needs: int) -> np.ndarray:
    """Return the asteroids that are seen in `needs` exposures of a night or more: the first stamp of each.

    Parameters
    ----------
    columns : mapping of str to numpy.ndarray
        As `asteroid_names` takes them. Stamps of one asteroid with the same MJD are one exposure; a stamp whose MJD is
        not known is one of its own.
    needs : int
        Exposures of a night.

    Returns
    -------
    numpy.ndarray of int
        Shape (asteroids,): rows of the columns, from 0.
    """
    names = asteroid_names(columns)
    number = exposures_of(names, columns["mjd"])
    found, first = np.unique(names, return_index=True)
    return first[[number.get(name, 0) >= needs for name in found.tolist()]]


def exposures_of(names: np.ndarray, mjd: np.ndarray) -> dict[str, int]:
    """Return in how many exposures each asteroid is seen.

    Parameters
    ----------
    names : numpy.ndarray of str
        Of which asteroid in which night each detection is (`asteroid_names`), (n,); "" for none.
    mjd : numpy.ndarray
        Shape (n,). Detections of one asteroid with the same MJD are one exposure; one whose MJD is not known is one of
        its own.
    """
    rows = np.flatnonzero(names != "")
    found, asteroid = np.unique(names[rows], return_inverse=True)
    order = np.lexsort((mjd[rows], asteroid))
    asteroid = asteroid[order]
    new = begin_exposure(asteroid, mjd[rows][order])
    return dict(zip(found.tolist(), np.bincount(asteroid[new], minlength=len(found)).tolist(), strict=True))


def begin_exposure(asteroid: np.ndarray, mjd: np.ndarray) -> np.ndarray:
    """Tell which detections, ordered by asteroid and MJD, are the first of an exposure of their asteroid, bool (n,)."""
    new = np.ones(len(asteroid), bool)
    new[1:] = (asteroid[1:] != asteroid[:-1]) | (mjd[1:] != mjd[:-1])  # NaN differs from NaN
    return new


def sized_for(division: Division, columns: Mapping[str, np.ndarray], asteroids: int, needs: int) -> Division:
    """Return a division whose calibration split holds a given number of asteroids.

    Whole groups go to the splits, so the number that a share will give cannot be computed: shares are tried, upwards
    from the one that would do if the asteroids were spread evenly. The other splits keep their proportions. What comes
    out are ordinary fractions, which the manifest stores: with them the same splits come out again.

    Parameters
    ----------
    division : Division
        What decides otherwise; without a preset.
    columns : mapping of str to numpy.ndarray
        As `divide` takes them, and ``designation`` and ``mjd``.
    asteroids : int
        How many the calibration split must hold at least, seen in `needs` exposures of a night or more each.
    needs : int
        Exposures of a night.

    Returns
    -------
    Division
        The same with other fractions.

    Raises
    ------
    CeresFastError
        When there are not so many asteroids, or the other splits would have too little left.
    """
    if asteroids < 1:
        raise CeresFastError(f"--calibration-asteroids {asteroids}: expected 1 or more.")
    first = seen_asteroids(columns, needs)
    share = round(np.clip(asteroids / max(len(first), 1), SMALLEST_STEP, LARGEST_SHARE), _DIGITS)
    most = 0
    # Half of what is missing is added at a time: a whole group may jump in at once, and a share that is larger than
    # needed takes asteroids from training for nothing.
    while share <= LARGEST_SHARE and asteroids <= len(first):
        fractions = _with_calibration(division.fractions, share)
        if nothing := [split for split, fraction in fractions.items() if not fraction > 0]:
            raise CeresFastError(
                f"--calibration-asteroids {asteroids}: the calibration split may need a share of {share:g}, of which "
                f"--fractions leave nothing for {nothing[0]}. Ask for fewer, or give {nothing[0]} a larger share."
            )
        sized = replace(division, fractions=fractions)
        with warnings_kept():  # about what is held out; they are printed when the stamps are divided for good
            splits, _ = divide(columns, sized)
        found = int((splits[first] == "calibration").sum())
        if found >= asteroids:
            return sized
        most = max(most, found)
        share = round(share + max((asteroids - found) / len(first) / 2, SMALLEST_STEP), _DIGITS)
    tried = f", of which the calibration split can hold {most}" if most else ""
    raise CeresFastError(
        f"--calibration-asteroids {asteroids}: the stamps show {len(first)} asteroids in {needs} exposures of a night "
        f"or more{tried}. Add sources, or ask for fewer."
    )


def _with_calibration(fractions: Mapping[str, float], share: float) -> dict[str, float]:
    """Return fractions of which that of calibration is `share`, the others in their proportions; they add up to 1."""
    share = round(share, _DIGITS)
    scale = (1 - share) / (1 - fractions["calibration"])
    scaled = {split: round(fraction * scale, _DIGITS) for split, fraction in fractions.items()}
    scaled["calibration"] = share
    scaled["train"] = round(1 - sum(value for split, value in scaled.items() if split != "train"), _DIGITS)
    return scaled


def calibration_text(columns: Mapping[str, np.ndarray], splits: np.ndarray, needs: int, *, resizable: bool) -> str:
    """Say how many asteroids the calibration split holds, and which ``--max-loss`` they can carry.

    Parameters
    ----------
    columns, splits
        As `divide` takes and returns them.
    needs : int
        Exposures of a night in which an asteroid must be seen to count.
    resizable : bool
        Whether ``--calibration-asteroids`` can make the split larger; a preset decides its size.
    """
    usual = Guarantee()
    wanted = needed(usual.max_loss, usual.confidence)
    seen = f"seen in {needs} exposures of a night or more"
    # Where no asteroid is seen often enough (alerts show most of them once), what one exposure each allows is said.
    for counted in (needs, 1):
        of = splits[seen_asteroids(columns, counted)]
        if asteroids := int((of == "calibration").sum()):
            break
    else:
        return f"calibration holds no asteroid: `ceres-fast calibrate` needs {wanted} of them, {seen}"
    number = f"calibration holds {asteroids} asteroid{'s' * (asteroids > 1)}"
    holds = f"{number} {seen}" if counted == needs else f"{number}, none of them {seen}"
    option = "" if counted == NEEDS else f" --needs {counted}"
    if asteroids >= wanted:
        return (
            f"{holds}: enough for `ceres-fast calibrate{option}`, which needs {wanted} to lose at most "
            f"{usual.max_loss:.0%} with {usual.confidence:.0%} confidence"
        )
    text = (
        f"{holds}: `ceres-fast calibrate{option} --max-loss {least_max_loss(asteroids, usual.confidence):g}` is the "
        f"least they can carry with {usual.confidence:.0%} confidence; --max-loss {usual.max_loss:g} needs {wanted}"
    )
    if resizable and counted == needs and LARGEST_SHARE * len(of) >= wanted:
        return f"{text}, which --calibration-asteroids {wanted} gives it"
    return f"{text}, and all splits together hold {len(of)}"
