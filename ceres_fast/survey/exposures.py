"""Which frames show the same piece of sky in one night."""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby, pairwise

from ..errors import InputError
from .frame_info import FrameInfo

NIGHT_GAP = 0.4
"""Days without an exposure that end a night. Nights are told by the gap between them, not by a date, because UTC
noon falls into the night at some longitudes and headers do not say the longitude in one way."""

SAME_TIME = 0.5
"""Exposures of one CCD whose middles are closer than this (s) are one exposure given twice."""


def group_exposures(infos: Iterable[FrameInfo]) -> list[list[FrameInfo]]:
    """Group frames by field, CCD and night.

    Parameters
    ----------
    infos : iterable of FrameInfo
        Frames in any order.

    Returns
    -------
    list of list of FrameInfo
        Each group in the order of time, groups in the order of field, CCD and time. A frame whose field or time is
        not known is a group of its own.

    Raises
    ------
    InputError
        When two frames have the same field, CCD and time: the same exposure given twice, or CCDs without a name.
        Taken for two exposures, everything in them would seem to stay in place.
    """
    infos = sorted(infos, key=lambda info: (info.field, info.ccd, info.mjd, str(info.path)))
    alone = [[info] for info in infos if not _can_be_grouped(info)]
    groups = []
    for _, frames in groupby(filter(_can_be_grouped, infos), key=lambda info: (info.field, info.ccd)):
        groups += _nights(list(frames))
    return groups + alone


def _can_be_grouped(info: FrameInfo) -> bool:
    return bool(info.field) and not math.isnan(info.mjd)


def _nights(frames: list[FrameInfo]) -> list[list[FrameInfo]]:
    nights = [[frames[0]]]
    for earlier, later in pairwise(frames):
        if (later.mjd - earlier.mjd) * 86400 < SAME_TIME:
            raise InputError(
                later.path,
                f"has the field, CCD and time of {earlier.path}",
                expected="one file per CCD and exposure",
                action="leave out the copy; if they are two CCDs, name them in their headers (CCDNAME)",
            )
        if later.mjd - earlier.mjd > NIGHT_GAP:
            nights.append([])
        nights[-1].append(later)
    return nights
