"""Exposures that stand alone: which, why, and what to do. Without another one nothing in them is stationary."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from ..console import warn
from ..frames.info import FrameInfo
from ..stamps import PLANES

_NAMED = 3
"""How many exposures are named."""

_OF_RECORDS = ": all their stars become non-asteroids, which no other field's do"


def warn_of_single(groups: Sequence[Sequence[FrameInfo]], static: Any = None, so: str = _OF_RECORDS) -> None:
    """Warn, once for each reason, of the exposures without another one of their field, CCD and night.

    Parameters
    ----------
    groups : sequence of sequence of FrameInfo
        The exposures of each field, CCD and night; those with several are passed over.
    static
        Fixed sources, which are called stationary in a single exposure too; None where there are none.
    so : str
        What follows for the user.
    """
    found: dict[tuple[str, str], list[FrameInfo]] = {}
    for group in groups:
        if len(group) == 1:
            found.setdefault(_why(group[0]), []).append(group[0])
    nothing = "nothing" if static is None else "nothing but the fixed sources of --static"
    for (why, action), alone in found.items():
        more = f" and {len(alone) - _NAMED} more" if len(alone) > _NAMED else ""
        places = ", ".join(info.place for info in alone[:_NAMED])
        # The card of the first one: each has a value of its own.
        card = alone[0].in_brackets("mjd") if math.isnan(alone[0].mjd) else ""
        warn(f"{places}{more}: {why}{card}, so {nothing} can be called stationary{so}. {action}")


def of_records(planes: Sequence[str], templates: Any) -> str:
    """Return what follows for records of such stamps: three planes need another exposure, or a template."""
    return _OF_RECORDS if len(planes) == 1 or templates else ""


def warn_without_template(info: FrameInfo, exposures: int) -> None:
    """Warn of a field (the first of so many exposures) of which no detection has a template."""
    alone = "is the only exposure of its field, CCD and night"
    several = f"none of the {exposures} exposures of its field, CCD and night shows what another one has at other times"
    warn(
        f"{info.place}: {alone if exposures == 1 else several}, and no frame of --template shows it, so its detections "
        f"give no stamps of the planes {', '.join(PLANES)}. Give exposures that are far enough apart in time, or a "
        "frame of the same sky with --template"
    )


def _why(info: FrameInfo) -> tuple[str, str]:
    """Return why an exposure stands alone, and what to do about it: the same words for all of one kind."""
    placed = not math.isnan(info.centre[0])
    known = {
        "field (OBJECT), nor where it points (WCS)": bool(info.field) or placed,
        "time (MJD-OBS or DATE-OBS)": not math.isnan(info.mjd),
    }
    if unknown := [name for name, is_known in known.items() if not is_known]:
        return f"its header does not say its {', and not its '.join(unknown)}", "Add it to the header"
    one_name = ", under one name (OBJECT; --camera can say what to leave out of it), or with coordinates (WCS)"
    return (
        "no other exposure of the same field, CCD and night was given",
        f"Give all exposures of a field together{'' if placed else one_name}",
    )
