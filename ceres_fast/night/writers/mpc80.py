"""Tracklets in the 80 columns of the Minor Planet Center.

Format: https://minorplanetcenter.net/iau/info/OpticalObs.html and, of the lines before them, ObsDetails.html there.
Times to a millionth of a day, places to 0.001 s and 0.01 arcsec: what the columns hold.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import numpy as np

from ...errors import CeresFastError
from ...truth.found import MJD_ZERO
from ..observatory import Observatory, aperture_of
from .observations import Observation, observations_of
from .order import Files, Order, letter_of, needed_observatory

NAME = "mpc80.txt"

CODE = 3
"""Characters of a code that the columns hold."""

NOTES = {"CCD": "C", "CMO": "B", "VID": "n", "PHO": " ", "ENC": "e", "MIC": "M", "MER": "T"}
"""Column 15, by the mode of ADES."""

OTHER_MODE = "C"

MICRODAYS = 1_000_000
HOUR, DEGREE = 3600 * 1000, 3600 * 100
"""In units of the last column: milliseconds of time, hundredths of an arcsecond."""


def files(order: Order) -> Files:
    """Return what writes the file; None where nothing is to be reported.

    Raises
    ------
    CeresFastError
        When the observatory's code does not fit.
    """
    observatory = needed_observatory(order, "a report in 80 columns")
    if len(observatory.code) != CODE:
        raise CeresFastError(
            f"the 80 columns have three characters for an observatory, and {observatory.code} has "
            f"{len(observatory.code)}. Choose ades-psv or ades-xml."
        )
    observations = observations_of(order)
    if not observations:
        return {NAME: None}

    def write(path: Path) -> None:
        lines = [*_header(observatory), *(line(observatory, each) for each in observations)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return {NAME: write}


def line(observatory: Observatory, each: Observation) -> str:
    """Return an observation in 80 columns."""
    magnitude = f"{each.magnitude:5.2f}" if each.band and np.isfinite(each.magnitude) else " " * 5
    band = letter_of(each.band) if magnitude.strip() else ""
    return "".join(
        (
            _packed(each),
            " ",
            observatory.programme or " ",
            NOTES.get(observatory.mode, OTHER_MODE),
            _time(each.mjd),
            _right_ascension(each.ra),
            _declination(each.dec),
            " " * 9,
            magnitude,
            band or " ",
            " " * 6,
            observatory.code,
        )
    )


def _header(observatory: Observatory) -> list[str]:
    telescope = observatory.telescope
    submitter = ", ".join(text for text in (observatory.submitter, observatory.institution) if text)
    return [
        f"COD {observatory.code}",
        f"CON {submitter}",
        f"OBS {', '.join(observatory.observers or observatory.measurers)}",
        f"MEA {', '.join(observatory.measurers)}",
        f"TEL {aperture_of(telescope)}-m {telescope['design']} + {telescope['detector']}",
        f"NET {observatory.star_catalogue}",
    ]


def _packed(each: Observation) -> str:
    """Return columns 1 to 12."""
    if not (each.permanent or each.provisional):
        return f"{each.name:>12}"
    from ades import packUtil

    return str(packUtil.packTupleID((each.permanent or None, each.provisional or None, None))).ljust(12)


def _time(mjd: float) -> str:
    day, microdays = divmod(round(mjd * MICRODAYS), MICRODAYS)
    return f"{MJD_ZERO + timedelta(days=day):%Y %m %d}.{microdays:06d}"


def _right_ascension(degrees: float) -> str:
    milliseconds = round(degrees / 15 * HOUR) % (24 * HOUR)
    return _sexagesimal(milliseconds, 1000, 3)


def _declination(degrees: float) -> str:
    hundredths = round(abs(degrees) * DEGREE)
    return ("-" if np.signbit(degrees) and hundredths else "+") + _sexagesimal(hundredths, 100, 2)


def _sexagesimal(units: int, per_second: int, digits: int) -> str:
    seconds, fraction = divmod(units, per_second)
    minutes, seconds = divmod(seconds, 60)
    whole, minutes = divmod(minutes, 60)
    return f"{whole:02d} {minutes:02d} {seconds:02d}.{fraction:0{digits}d}"
