"""Which frames show the sky, and which of them the same piece of it in one night."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from itertools import groupby, takewhile

from ..console import warn
from ..errors import InputError
from .info import FrameInfo
from .same_sky import NIGHT_GAP, SAME_TIME, Places, named_by_sky

_NAMED = 3
"""How many frames that show no sky are named."""


def without_no_sky(infos: Iterable[FrameInfo], instead: str = "left out") -> tuple[list[FrameInfo], int]:
    """Return the frames that are exposures of the sky, and how many are none (dark, bias, flat …), which is said.

    Raises
    ------
    InputError
        Where there are frames, and none of them is an exposure of the sky.
    """
    infos = list(infos)
    others = [info for info in infos if info.no_sky]
    if others and len(others) == len(infos):
        raise only_no_sky(others)
    say_no_sky(others, instead)
    return [info for info in infos if not info.no_sky], len(others)


def say_no_sky(others: Sequence[FrameInfo], instead: str = "left out") -> None:
    """Warn of frames that are no exposures of the sky, if there are any, and say what is done with them instead."""
    first = {info.no_sky: info.place for info in reversed(others)}
    named = [f"{place} ({card})" for card, place in reversed(first.items())]
    more = ", ..." if len(named) > _NAMED else ""
    if others:
        warn(
            f"{len(others)} frame{'s' * (len(others) > 1)} {instead}, because the header says that it is no exposure "
            f"of the sky: {', '.join(named[:_NAMED])}{more}"
        )


def only_no_sky(others: Sequence[FrameInfo]) -> InputError:
    """Return the error that says that there are only frames that are no exposures of the sky."""
    rest = f", and so it is with all {len(others)} frames that were given" if len(others) > 1 else ""
    return InputError(
        others[0].place,
        f"is no exposure of the sky, as its header says ({others[0].no_sky}){rest}",
        expected="frames of the sky",
        action="give such frames, or correct the header where it is wrong",
    )


def _refuse(info: FrameInfo, error: InputError) -> None:
    raise error


def group_exposures(
    infos: Iterable[FrameInfo], on_copy: Callable[[FrameInfo, InputError], None] = _refuse
) -> list[list[FrameInfo]]:
    """Group frames by field, CCD and night.

    Fields are told apart by their names, and by where frames point where names and sky disagree (`same_sky`); the
    field of such a frame is then called otherwise than its header says.

    Parameters
    ----------
    infos : iterable of FrameInfo
        Frames in any order.
    on_copy : callable
        Called with a frame that is a copy, which is then left out, and the error that says so; by default it is raised.

    Returns
    -------
    list of list of FrameInfo
        Each group in the order of time, groups in the order of field, CCD and time. A frame whose time is not known is
        a group of its own, and so is one of which neither the field's name nor the place on the sky is.

    Raises
    ------
    InputError
        When two frames have the same field, CCD and time: the same exposure given twice, or CCDs without a name.
        Taken for two exposures, everything in them would be at one place in both.
    """
    infos = sorted(named_by_sky(sorted(infos, key=_in_order)), key=_in_order)
    alone = [[info] for info in infos if not _can_be_grouped(info)]
    groups = []
    for _, frames in groupby(filter(_can_be_grouped, infos), key=lambda info: (info.field, info.ccd)):
        groups += _nights(frames, on_copy)
    return groups + alone


def _in_order(info: FrameInfo) -> tuple[str, str, float, str, int]:
    return info.field, info.ccd, math.inf if math.isnan(info.mjd) else info.mjd, str(info.path), info.hdu


def _can_be_grouped(info: FrameInfo) -> bool:
    return bool(info.field) and not math.isnan(info.mjd)


def _nights(frames: Iterable[FrameInfo], on_copy: Callable[[FrameInfo, InputError], None]) -> list[list[FrameInfo]]:
    nights: list[list[FrameInfo]] = []
    for frame in frames:
        last = nights[-1][-1] if nights else None
        at_once = takewhile(
            lambda other: (frame.mjd - other.mjd) * 86400 < SAME_TIME,  # noqa: B023 - it is used up in this turn
            reversed(nights[-1] if nights else []),
        )
        # CCDs whose names the headers do not say have one time, and other places.
        if earlier := next((other for other in at_once if not Places([other, frame]).apart(0, 1)), None):
            on_copy(frame, _copy_of(earlier, frame))
            continue
        if last is None or frame.mjd - last.mjd > NIGHT_GAP:
            nights.append([])
        nights[-1].append(frame)
    return nights


def _copy_of(earlier: FrameInfo, later: FrameInfo) -> InputError:
    return InputError(
        later.place,
        f"has the field, CCD and time of {earlier.place}",
        expected="one file per CCD and exposure",
        action="leave out the copy; if they are two CCDs, name them in their headers (CCDNAME); if they are two "
        "exposures, give their times to the second",
    )
