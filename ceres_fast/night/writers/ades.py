"""What both forms of ADES hold: who observed, and the observations.

Format: IAU ADES, version 2022, https://github.com/IAU-ADES/ADES-Master; the form for submissions (submit.xsd).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ... import __version__
from ..observatory import Observatory, aperture_of
from .observations import Observation, iso_time, observations_of
from .order import Files, Order, needed_observatory

VERSION = "2022"

ELEMENTS = (
    *("permID", "provID", "trkSub", "mode", "stn", "obsTime", "ra", "dec", "rmsRA", "rmsDec", "astCat"),
    *("mag", "rmsMag", "band", "photCat", "exp"),
)
"""Of an observation, in their order."""

LARGEST_EXPOSURE = 99_999.0
"""s; a longer one does not fit."""

Group = list[tuple[str, str]]


def report(order: Order, name: str, write: Callable[[Path, Observatory, list[Observation]], None]) -> Files:
    """Return what writes a report under a name; None where nothing is to be reported: ADES has no empty report."""
    observatory = needed_observatory(order, "an ADES report")
    observations = observations_of(order)
    return {name: (lambda path: write(path, observatory, observations)) if observations else None}


def context(observatory: Observatory) -> list[tuple[str, Group]]:
    """Return who observed: the names of groups, and of each the names of elements and their texts."""
    telescope = observatory.telescope
    groups: list[tuple[str, list[tuple[str, str | None]]]] = [
        ("observatory", [("mpcCode", observatory.code), ("name", observatory.name)]),
        ("submitter", [("name", observatory.submitter), ("institution", observatory.institution)]),
        ("observers", [("name", name) for name in observatory.observers or observatory.measurers]),
        ("measurers", [("name", name) for name in observatory.measurers]),
        (
            "telescope",
            [
                ("name", telescope.get("name")),
                ("design", telescope["design"]),
                ("aperture", aperture_of(telescope)),
                ("detector", telescope["detector"]),
            ],
        ),
        ("software", [("objectDetection", f"ceres-fast {__version__}")]),
    ]
    return [(group, [(name, text) for name, text in elements if text is not None]) for group, elements in groups]


def values(observatory: Observatory, observations: list[Observation]) -> Iterator[dict[str, str]]:
    """Yield the elements of each observation that are known, in the order of `ELEMENTS`."""
    for each in observations:
        error = f"{max(each.error, 0.001):.3f}" if np.isfinite(each.error) else ""
        measured = bool(each.band) and np.isfinite(each.magnitude)
        magnitude_error = f"{max(each.magnitude_error, 0.001):.3f}" if np.isfinite(each.magnitude_error) else ""
        texts = {
            "permID": each.permanent,
            "provID": each.provisional,
            "trkSub": each.name,
            "mode": observatory.mode,
            "stn": observatory.code,
            "obsTime": iso_time(each.mjd),
            "ra": _right_ascension(each.ra),
            "dec": f"{each.dec:+.7f}",
            "rmsRA": error,
            "rmsDec": error,
            "astCat": observatory.star_catalogue,
            "mag": f"{each.magnitude:.2f}" if measured else "",
            "rmsMag": magnitude_error if measured else "",
            "band": each.band if measured else "",
            "photCat": (observatory.magnitude_catalogue or "") if measured else "",
            "exp": _exposure(each.exposure),
        }
        yield {name: text for name, text in texts.items() if text}


def _exposure(seconds: float) -> str:
    """Return an exposure time, in six characters at most; empty where it does not fit, or is not known."""
    if not 0.05 < seconds < LARGEST_EXPOSURE:
        return ""
    return f"{seconds:.0f}" if seconds == round(seconds) or seconds >= 1000 else f"{seconds:.1f}"


def _right_ascension(degrees: float) -> str:
    """Return degrees, which are less than 360 also once they are rounded."""
    text = f"{degrees % 360:.7f}"
    return "0.0000000" if text == "360.0000000" else text
