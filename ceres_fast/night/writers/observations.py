"""The observations of a report to the Minor Planet Center: of each tracklet that is meant, three or more."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple

import numpy as np

from ...console import warn
from ...truth.designations import canonical
from ...truth.found import MJD_ZERO
from .order import Order, errors, magnitudes

DAY = 86_400_000
"""In ms."""

LEAST_EXPOSURES = 3
"""Exposures of a tracklet that is reported: single positions and pairs are returned."""

FIRST, OTHERS = "bcdfghjkmnpqrstvwxz", "bcdfghjkmnpqrstvwxz0123456789"
"""Of `names_of`: no vowels, so that there are no words, and small, so that no packed designation looks so."""

LONGEST = 7
"""Characters of a name: as many as the 80 columns have for one; ADES has eight."""

PERMANENT = re.compile(r"[1-9]\d{0,7}|[1-9]\d{0,3}[IPD](-[A-Z]{1,2})?", re.ASCII)
PROVISIONAL = re.compile(
    r"(1[89]|20)\d\d [A-HJ-Y][A-HJ-Z]([1-9]\d{0,4})?|\d{4} (P-L|T-[123])"
    r"|[ADCPX]/(1\d|20)\d\d [A-HJ-Y]([A-HJ-Z]?[1-9]\d?|[A-HJ-Z][1-5]\d\d)"
    r"|[DCPX]/(1\d|20)\d\d [A-HJ-Y][1-9]\d?-[A-Z]",
    re.ASCII,
)
"""Designations as ADES (submit.xsd) and 80 columns have them, once they are canonical."""

LARGEST_NUMBER = 15_396_335
"""That 80 columns have: what is larger, the MPC has not given."""


class Observation(NamedTuple):
    """One observation; what is not known is NaN or empty.

    The name is the tracklet's own, `permanent` (a number) and `provisional` (a designation) those of a known object;
    `mjd` is the middle of the exposure (UTC), `ra` and `dec` in deg, `error` in arcsec, `exposure` in s.
    """

    tracklet: str
    name: str
    permanent: str
    provisional: str
    mjd: float
    ra: float
    dec: float
    error: float
    magnitude: float
    magnitude_error: float
    band: str
    exposure: float


def observations_of(order: Order) -> list[Observation]:
    """Return the observations to report, by tracklet and time.

    A tracklet needs `LEAST_EXPOSURES` of different times. Of two detections at one time the likelier is taken. A
    magnitude in a filter of which the observatory's file names no band is left out, which is said once. So is the name
    of a known object where two tracklets have it at one time: it is in one place only.
    """
    rows = order.placed
    rows = rows[np.asarray(rows["meant"], str) != ""]
    likely = np.nan_to_num(np.asarray(rows["probability"], float), nan=-1)
    rows = rows[np.lexsort((-likely, rows["mjd"], rows["meant"]))]
    tracklet, mjd = np.asarray(rows["meant"], str), np.asarray(rows["mjd"], float)
    again = np.zeros(len(rows), bool)
    again[1:] = (tracklet[1:] == tracklet[:-1]) & (mjd[1:] == mjd[:-1])
    rows, tracklet = rows[~again], tracklet[~again]
    names, number = np.unique(tracklet, return_counts=True)
    short = {*names[number < LEAST_EXPOSURES].tolist()}
    bands = {} if order.observatory is None else order.observatory.bands
    own = names_of(names.tolist())
    measured = [
        each.tolist() for each in (magnitudes(rows), errors(rows, "magnitude_error"), errors(rows, "position_error"))
    ]
    result = [
        Observation(
            tracklet=name,
            name=own[name],
            permanent=designations(order.known.get(name, ""))[0],
            provisional=designations(order.known.get(name, ""))[1],
            mjd=float(row["mjd"]),
            ra=float(row["ra"]),
            dec=float(row["dec"]),
            error=position_error,
            magnitude=magnitude,
            magnitude_error=magnitude_error,
            band=bands.get(str(row["filter"]), ""),
            exposure=float(row["exposure"]),
        )
        for name, row, magnitude, magnitude_error, position_error in zip(
            tracklet.tolist(), rows, *measured, strict=True
        )
        if name not in short
    ]
    twice = _at_one_time(result)
    result = [each._replace(permanent="", provisional="") if each.tracklet in twice else each for each in result]
    if twice:
        warn(f"tracklets reported without a designation, as others have the same at one time: {len(twice)}")
    _say(short, result, {str(name) for name in rows["filter"]} - bands.keys())
    return result


def names_of(tracklets: Collection[str]) -> dict[str, str]:
    """Return a short name for each tracklet, the same in every report, and different for all of a night."""
    result: dict[str, str] = {}
    taken: set[str] = set()
    for tracklet in sorted(tracklets):
        attempt = 0
        while (name := _hashed(f"{tracklet}\0{attempt}" if attempt else tracklet)) in taken:
            attempt += 1
        taken.add(name)
        result[tracklet] = name
    return result


def designations(name: str) -> tuple[str, str]:
    """Return the number, or else the designation, of a known object as ADES has them; empty where it is neither."""
    spelt = canonical(name)
    if PERMANENT.fullmatch(spelt) and not (spelt.isdigit() and int(spelt) > LARGEST_NUMBER):
        return spelt, ""
    return "", spelt if PROVISIONAL.fullmatch(spelt) else ""


def iso_time(mjd: float) -> str:
    """Return a time, MJD (UTC), as ADES has it, to 1 ms."""
    day, fraction = divmod(mjd, 1)
    moment = MJD_ZERO + timedelta(days=day, milliseconds=round(fraction * DAY))
    return moment.replace(tzinfo=None).isoformat(timespec="milliseconds") + "Z"


def _at_one_time(observations: list[Observation]) -> set[str]:
    """Return the tracklets that are a known object at a time when another one is it, too."""
    tracklets: dict[tuple[str, float], set[str]] = {}
    for each in observations:
        if designation := each.permanent or each.provisional:
            tracklets.setdefault((designation, each.mjd), set()).add(each.tracklet)
    return {name for names in tracklets.values() if len(names) > 1 for name in names}


def _hashed(text: str) -> str:
    value = int.from_bytes(hashlib.sha256(text.encode(errors="surrogateescape")).digest())
    value, first = divmod(value, len(FIRST))
    letters = [FIRST[first]]
    for _ in range(LONGEST - 1):
        value, place = divmod(value, len(OTHERS))
        letters.append(OTHERS[place])
    return "".join(letters)


def _say(short: Collection[str], observations: list[Observation], filters: Collection[str]) -> None:
    if short:
        warn(f"tracklets in no report, as they have fewer than {LEAST_EXPOSURES} exposures: {len(short)}")
    without = [each for each in observations if not each.band and np.isfinite(each.magnitude)]
    if without:
        unnamed = ", ".join(repr(name) for name in sorted(filters)[:5])
        warn(
            f"observations reported without their magnitude, as the observatory's file names no band for the filter "
            f"{unnamed} (bands): {len(without)}"
        )
