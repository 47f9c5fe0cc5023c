"""Which frames show the same piece of sky in one night."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import groupby

from ..errors import InputError
from .info import FrameInfo

NIGHT_GAP = 0.4
"""Days without an exposure that end a night. Nights are separated by the gap between them, not by a date, because UTC
noon falls into the night at some longitudes and headers do not say the longitude in one way."""

SAME_TIME = 0.5
"""Exposures of one CCD whose middles are closer than this (s) are one exposure given twice."""


def _refuse(info: FrameInfo, error: InputError) -> None:
    raise error


def group_exposures(
    infos: Iterable[FrameInfo], on_copy: Callable[[FrameInfo, InputError], None] = _refuse
) -> list[list[FrameInfo]]:
    """Group frames by field, CCD and night.

    Parameters
    ----------
    infos : iterable of FrameInfo
        Frames in any order.
    on_copy : callable
        Called with a frame that is a copy, which is then left out, and the error that says so; by default it is raised.

    Returns
    -------
    list of list of FrameInfo
        Each group in the order of time, groups in the order of field, CCD and time. A frame whose field or time is
        not known is a group of its own.

    Raises
    ------
    InputError
        When two frames have the same field, CCD and time: the same exposure given twice, or CCDs without a name.
        Taken for two exposures, everything in them would be at one place in both.
    """
    infos = sorted(infos, key=lambda info: (info.field, info.ccd, info.mjd, str(info.path), info.hdu))
    alone = [[info] for info in infos if not _can_be_grouped(info)]
    groups = []
    for _, frames in groupby(filter(_can_be_grouped, infos), key=lambda info: (info.field, info.ccd)):
        groups += _nights(frames, on_copy)
    return groups + alone


def _can_be_grouped(info: FrameInfo) -> bool:
    return bool(info.field) and not math.isnan(info.mjd)


def _nights(frames: Iterable[FrameInfo], on_copy: Callable[[FrameInfo, InputError], None]) -> list[list[FrameInfo]]:
    nights: list[list[FrameInfo]] = []
    for frame in frames:
        last = nights[-1][-1] if nights else None
        if last and (frame.mjd - last.mjd) * 86400 < SAME_TIME:
            on_copy(frame, _copy_of(last, frame))
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
        action="leave out the copy; if they are two CCDs, name them in their headers (CCDNAME)",
    )
