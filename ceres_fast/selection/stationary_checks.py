"""Where the rule for stationary detections cannot have worked: what is wrong, in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..catalogues.detections import Detections
from ..errors import InputError
from .stationary import Comparison, Stationary

LEAST_ROWS = 100
"""A field with fewer detections may have nothing that moves, or nothing that stays."""

NEARLY_ALL = 0.999
"""More than this share of stationary detections is not believed: noise and cosmic rays alone are more than the rest."""

LEAST_COMPARED = 0.5
"""Where the rule applies to a smaller share of a field's detections, its exposures are not comparable as a whole."""

SIGMAS = 4
"""Where no more detections are stationary than random places are, and this many times the error, none is."""

LEAST_OFF_SKY = 0.1
"""Without positions on the sky all exposures are taken to point alike. Where no more than this share of detections is
stationary they do not: the telescope may follow the one thing that stays on its pixel, an asteroid."""

DENSE = 0.2
"""A field is dense where this share of random places is occupied, by chance or by what seems to be a source: where
nearly all places are occupied, chance looks like persistent sources."""

SAME_POSITION = 1e-6
"""Two positions nearer than this (arcsec) were copied: no two measurements are."""


def check_field(exposures: Sequence[Detections], found: Stationary, comparison: Comparison | None) -> None:
    """Refuse what the rule says of a field where nearly all of its detections are stationary, or none beyond chance.

    Fields in which no two exposures are compared are not looked at: see `why_not_compared`.

    Raises
    ------
    InputError
        Naming the cause, as far as it can be seen, and what to do.
    """
    rows = sum(int(mask.sum()) for mask in found.compared)
    if comparison is None or not comparison.partners.any() or rows < LEAST_ROWS:
        return
    stationary = sum(int(mask.sum()) for mask in found.stays)
    if NEARLY_ALL * rows < stationary:
        problem = f"{stationary} of the {rows} detections of its {_exposures(exposures)} are called stationary"
        raise InputError(_place(exposures), problem, **_nearly_all(comparison))
    by_chance = comparison.random.chance * rows
    least = by_chance + SIGMAS * np.sqrt(by_chance)
    if not comparison.plane.on_sky:
        least = max(least, LEAST_OFF_SKY * rows)
    if stationary <= least:
        few = f"{stationary} (as many as by chance)" if stationary else "none"
        problem = (
            f"{few} of the {rows} detections of its {_exposures(exposures)} {'are' if stationary else 'is'} stationary"
        )
        raise InputError(_place(exposures), problem, **_none(comparison))


def why_not_compared(exposures: Sequence[Detections], found: Stationary, comparison: Comparison | None) -> str:
    """Say why the exposures of a field cannot be compared, and which cadence would do.

    Empty where the rule applies to most of its detections, or fewer than two exposures have any.
    """
    with_rows = [e for e, exposure in enumerate(exposures) if len(exposure.x)]
    if comparison is None or len(with_rows) < 2:
        return ""
    rows = sum(len(mask) for mask in found.compared)
    compared = sum(int(mask.sum()) for mask in found.compared)
    if comparison.partners[np.ix_(with_rows, with_rows)].any():
        if compared >= LEAST_COMPARED * rows:
            return ""
        return (
            f"{rows - compared} of the {rows} detections of its {_exposures(exposures)} are where no other "
            "exposure, far enough away in time, is known to have looked (they point elsewhere, or have no positions on "
            "the sky)"
        )
    apart = np.abs(comparison.minutes[:, None] - comparison.minutes)
    known = np.isfinite(apart) & ~np.eye(len(apart), dtype=bool)
    known[np.setdiff1d(np.arange(len(apart)), with_rows)] = False
    known &= known.T
    if not known.any():
        return "the times of its exposures are not known"
    slowest, longest = comparison.rules.slowest, apart[known].max()
    enough = _rounded_up(comparison.minutes_needed[known].max(), 3)
    text = (
        f"its {_exposures(exposures)} are {longest:.3g} min apart, in which an asteroid of {slowest:g} arcsec/min "
        f"looks like a star: exposures {enough} min apart or more would tell them apart"
    )
    if not longest > 0:
        return text
    # The pair that needs the least: bad seeing makes others need more.
    with np.errstate(divide="ignore"):
        rate = slowest * (comparison.minutes_needed[known] / apart[known]).min()
    return f"{text}, or --slowest {_rounded_up(rate, 2)}"


def _rounded_up(value: float, digits: int) -> str:
    """Return a positive number with some digits that is above it, if by little: times are rounded, too."""
    value *= 1 + 1e-6
    after = digits - 1 - int(np.floor(np.log10(value)))
    return f"{np.ceil(value * 10.0**after) / 10.0**after:.{digits + 2}g}"


def _place(exposures: Sequence[Detections]) -> str:
    return exposures[0].info.place


def _exposures(exposures: Sequence[Detections]) -> str:
    return f"field's {len(exposures)} exposures"


def _nearly_all(comparison: Comparison) -> dict[str, str]:
    expected = "some that are not: noise, cosmic rays, asteroids"
    if _copies(comparison):
        return {"expected": expected, "action": "leave out exposures or catalogues that are given twice"}
    random = comparison.random
    taken = (random.by_chance + random.on_sources) / max(random.compared, 1)
    if taken > DENSE:
        action = (
            f"the field is so dense that {taken:.0%} of random places seem to be occupied; give "
            "more exposures, raise SExtractor's threshold, or take sharper ones"
        )
        return {"expected": expected, "action": action}
    action = (
        "look for a wrong seeing in the headers (a wide radius of matching), or exposures given twice; where the "
        "catalogues hold stars only, pass --keep-stationary or leave the field out"
    )
    return {"expected": expected, "action": action}


def _none(comparison: Comparison) -> dict[str, str]:
    expected = "stars at the same place in exposures that are far enough apart in time"
    if not comparison.plane.on_sky:
        action = (
            "neither headers nor catalogues have positions on the sky, and dithered exposures cannot be compared "
            "without; give a WCS, or ALPHA_J2000 and DELTA_J2000"
        )
        return {"expected": expected, "action": action}
    return {
        "expected": expected,
        "action": "look for a wrong WCS or a wrong time in the headers, or catalogues of other frames",
    }


def _copies(comparison: Comparison) -> bool:
    """Tell whether two exposures have the same positions, to the last digit."""
    sets = [places[np.isfinite(places).all(axis=1)] for places in comparison.plane.places]
    keys = [{tuple(row) for row in np.round(places / SAME_POSITION).astype(np.int64).tolist()} for places in sets]
    return any(
        len(one & other) > NEARLY_ALL * min(len(one), len(other)) > 0
        for number, one in enumerate(keys)
        for other in keys[:number]
    )
