"""Whether a truth table is of the frames at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from astropy.table import Table
from astropy.time import Time

from ..console import warn
from ..errors import CeresFastError
from ..frames.info import FrameInfo
from ..truth import observatories
from .rules import Rules

LEAST_VALIDATED, MISSING_SHARE = 20, 0.9
"""Of so many validated asteroids, no more than this share is undetected where times and positions are right."""


def check_times(truth: Table, frames: Sequence[FrameInfo], rules: Rules) -> None:
    """Raise CeresFastError when no observation is near in time to any frame: before hours of work, not after it."""
    taken = np.array([info.mjd for info in frames if np.isfinite(info.mjd)])
    observed, window = np.asarray(truth["mjd"], float), rules.track_hours / 24
    if not len(taken) or (np.searchsorted(observed, taken - window) < np.searchsorted(observed, taken + window)).any():
        return
    raise CeresFastError(
        f"{truth.meta.get('path', 'the truth table')}: its {len(truth)} rows are of {_between(observed)}, the frames "
        f"of {_between(taken)}; expected the asteroids of these nights, with the times of the middle of each exposure "
        "(MJD, UTC)."
    )


def check_observatory(truth: Table, frames: Sequence[FrameInfo]) -> None:
    """Warn when the validated observations are of one observatory, and the frames say that another took them."""
    of_truth = set(map(str, truth["observatory"][np.asarray(truth["validated"], bool)])) - {""}
    named = {info.observatory for info in frames if observatories.exists(info.observatory)}
    if of_truth and named and not of_truth & named:
        of, by = (", ".join(observatories.describe(code) for code in sorted(codes)) for codes in (of_truth, named))
        warn(
            f"{truth.meta.get('path', 'the truth table')}: its observations are of {of}, and the frames say {by}. From "
            'elsewhere on Earth a main-belt asteroid is up to 9" away: pass the observations of these frames'
        )


def _between(mjd: np.ndarray) -> str:
    first, last = (Time(each, format="mjd").strftime("%Y-%m-%d %H:%M") for each in (mjd.min(), mjd.max()))
    return first if first == last else f"{first} to {last}"


def check_truth(truth: Table, counts: Mapping[str, int]) -> None:
    """Raise CeresFastError when frames were used and no validated asteroid was in any of them; warn of hardly any."""
    if not counts.get("frames"):
        return
    path = truth.meta.get("path", "the truth table")
    validated, missing = counts.get("validated", 0), counts.get("lost_not_detected", 0)
    if validated >= LEAST_VALIDATED and missing > MISSING_SHARE * validated:
        warn(
            f"{path}: at {missing} of {validated} places of validated asteroids nothing is detected. If the frames are "
            "deep enough for them, times or positions are wrong, and asteroids are called non-asteroids: expected the "
            "middle of each exposure (UTC), and the positions seen by the observatory that took the frames"
        )
    if validated:
        return
    if not truth["validated"].any():
        raise CeresFastError(
            f"{path}: none of its {len(truth)} rows is validated; expected asteroids that are certain."
        )
    raise CeresFastError(
        f"{path}: none of its {len(truth)} rows is in any frame; expected the asteroids of these nights, with the "
        "times of the middle of each exposure (MJD, UTC)."
    )
