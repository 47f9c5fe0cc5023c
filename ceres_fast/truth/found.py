"""What a format finds in a truth file: values named as in ADES, whatever the format."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from ..catalogues.lines import MISSING, number_in
from .designations import canonical, is_comet, is_satellite

ARTIFICIAL = "artSat"
NAMES = ("designation", "permID", "provID", "trkSub", ARTIFICIAL)
"""Names of an object, the first that is there is used: a number before a provisional designation."""

NO_WORDS = ("designation", "permID", "provID", ARTIFICIAL, "stn", "observatory", "deprecated")
"""What others gave, and none is called "null"; what an observer calls an object may be any word."""

REQUIRED = {"mjd": (15_000.0, 120_000.0), "ra": (-180.0, 360.0), "dec": (-90.0, 90.0)}
"""Numbers that an observation must have, and between what they must be; an mjd of 1.5 is days since something else."""

CALENDAR = (-22_000.0, 120_000.0)
"""The same for times that are dates, where no such mistake is possible: the first asteroid was seen in 1801."""

FIRST_CCD = datetime(1976, 1, 1, tzinfo=UTC)
"""Before, no telescope had a CCD: the first pictures of planets with one were taken in 1976."""

LONGEST_DAY = len("2019-10-26")

FULL_MINUTE = re.compile(r"(T\d\d:\d\d):60(?!\d)", re.ASCII)
"""A time with 60 seconds."""

MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)


class Found(NamedTuple):
    """A line of a truth file.

    Parameters
    ----------
    place : int or str
        The row, or the line: what an error message names.
    values : mapping of str, or str, or None
        Texts by their names in ADES (or in our tables: ``designation``, ``mjd``, ``magnitude`` ...; the empty text
        where there is none); or what is wrong with the line; or None for an observation that is no position (radar).
    observatory : str
        Where something is wrong: the code of the observatory whose line it is, if that can be read.
    """

    place: int | str
    values: Mapping[str, str] | str | None
    observatory: str = ""


class Remark(NamedTuple):
    """What a user should know of a file that is read: where, and what."""

    place: int | str
    text: str


class UnusableError(Exception):
    """A file or a line of it that cannot be used: what is wrong, where in the file, what was expected."""

    def __init__(self, problem: str, expected: str | None = None, place: int | str | None = None) -> None:
        super().__init__(problem)
        self.problem, self.expected, self.place = problem, expected, place


class Observation(NamedTuple):
    """One row of a truth table; the units are those of `core.read_truth`."""

    designation: str
    mjd: float
    ra: float
    dec: float
    magnitude: float
    rate: float
    position_angle: float
    validated: bool
    observatory: str
    withdrawn: bool


def without_no_names(values: Mapping[str, str]) -> dict[str, str]:
    """Return texts by their names, the empty one for a name or mark that says there is none (null, nan, --).

    Taken as they are, all objects without a name would be one, all with an "artSat" satellites, and all with a
    "deprecated" withdrawn.
    """
    return {key: "" if key in NO_WORDS and text.strip().lower() in MISSING else text for key, text in values.items()}


def observation(values: Mapping[str, str]) -> Observation:
    """Make an observation of texts.

    Raises
    ------
    UnusableError
        When it is none.
    """
    name = canonical(next((text for key in NAMES if (text := values.get(key, "").strip())), ""))
    if not name:
        raise UnusableError("has no designation", "the name of the object")
    dated = "obsTime" in values
    place = {key: _number(values, key) for key in REQUIRED if key != "mjd"}
    place["mjd"] = _time(values["obsTime"]) if dated else _number(values, "mjd")
    for key, (least, most) in (REQUIRED | ({"mjd": CALENDAR} if dated else {})).items():
        if not least <= place[key] <= most:
            raise UnusableError(f"{key} is {place[key]}", f"a number from {least:g} to {most:g}")
    return Observation(
        name,
        place["mjd"],
        place["ra"],
        place["dec"],
        _number(values, "mag" if "mag" in values else "magnitude"),
        _number(values, "rate"),
        _number(values, "position_angle"),
        _validated(values) and not is_other(name, values),
        code(values.get("stn", values.get("observatory", ""))),
        _withdrawn(values),
    )


def is_other(name: str, values: Mapping[str, str]) -> bool:
    """Tell whether an object is known to be no asteroid: a comet, a natural or an artificial satellite.

    It need not look like an asteroid, nor like anything else: it is known to be there, and is not validated.
    """
    return is_comet(name) or is_satellite(name) or bool(values.get(ARTIFICIAL, "").strip())


def _number(values: Mapping[str, str], name: str) -> float:
    text = values.get(name, "").strip()
    try:
        return number_in(text) if text else math.nan
    except ValueError:
        raise UnusableError(f"{name} is {text!r}", "a number") from None


def _time(text: str) -> float:
    # A leap second, or one that rounding made, is the first of the next minute.
    within, full = FULL_MINUTE.subn(r"\1:59", text.strip())
    try:
        moment = datetime.fromisoformat(within) + timedelta(seconds=full)
    except (ValueError, OverflowError):
        raise UnusableError(f"obsTime is {text!r}", "a time like 2019-10-26T23:00:30.5Z") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if moment >= FIRST_CCD and len(text.strip()) <= LONGEST_DAY:
        raise UnusableError(f"obsTime is {text!r}, a day without a time", "a time like 2019-10-26T23:00:30.5Z")
    return (moment - MJD_ZERO).total_seconds() / 86400


def _withdrawn(values: Mapping[str, str]) -> bool:
    return bool(values.get("deprecated", "").strip())


def _validated(values: Mapping[str, str]) -> bool:
    """Tell whether an object is validated: not where the table says no, or the observation was withdrawn."""
    if _withdrawn(values):
        return False
    text = values.get("validated", "1").strip().lower()
    if text not in (
        known := {"1": True, "1.0": True, "true": True, "0": False, "0.0": False, "false": False, "": False}
    ):
        raise UnusableError(f"validated is {text!r}", "1 or 0")
    return known[text]


def code(text: str) -> str:
    """Return an observatory code; a program may have read 006 as the number 6, or 6.0 where others lack theirs."""
    number = text.strip().removesuffix(".0")
    return number.zfill(3) if number.isdigit() else text.strip()
