"""What the header of a frame says, found through a table of keywords that cameras use for it."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from astropy.io import fits

TEXT_KEYWORDS = {
    "field": ("OBJECT", "FIELD", "FIELDID", "TARGNAME", "TARGET"),
    "ccd": ("CCDNAME", "CCD_NAME", "CCDID", "CCD_ID", "CCDNUM", "RCID", "CHIPNAME", "CHIPID", "DETECTOR", "IMAGEID"),
    "filter": ("FILTER", "FILTER1", "WFFBAND", "INSFILTE", "FILTNAM", "BAND"),
    "observatory": ("OBSCODE", "MPCCODE", "MPC_CODE", "OBSERVAT"),
}
"""Keywords for names, the first that is there wins. RCID: ZTF; WFFBAND: INT/WFC."""

NUMBER_KEYWORDS = {
    "exposure": ("EXPTIME", "EXPOSURE", "TEXP", "ITIME"),
    "pixel_scale": ("SECPPIX", "PIXSCALE", "PIXSCAL1", "SCALE", "CCDSCALE", "PIXSCL"),
    "seeing": ("SEEING", "SEEINGAS", "IQ_FWHM"),
    "gain": ("GAIN", "EGAIN", "CCDGAIN", "GAINEFF", "GAIN1", "GAINA"),
    "zero_point": ("MAGZPT",),
    "saturation": ("SATURATE", "SATLEVEL", "SATURAT", "SATLEV", "SATURATA", "MAXLIN"),
}
"""Keywords for positive numbers in the units of `FrameInfo`."""

MID_KEYWORDS = ("MJD-MID", "MJD_MID", "MJDMID", "MJD-AVG")
START_KEYWORDS = ("MJD-OBS", "MJD_OBS", "MJD-BEG", "MJDSTART", "MJD")
DATE_KEYWORDS = ("DATE-OBS", "DATE-BEG", "DATEOBS")
CLOCK_KEYWORDS = ("UTSTART", "UTC-OBS", "UT-OBS", "TIME-OBS", "UTOBS", "UT", "UTC")

_MJD_ZERO = datetime(1858, 11, 17, tzinfo=UTC)


@dataclass(frozen=True)
class FrameInfo:
    """What is known of a frame without its pixels; NaN or the empty string where the header does not say.

    Parameters
    ----------
    path : pathlib.Path
        The file.
    frame : str
        Its name without folder and suffix; with ``[hdu]`` at its end where the file holds several CCDs.
    field, ccd, filter : str
        Names of the pointing, the CCD and the filter. CCDs of one file always have different names.
    mjd : float
        Middle of the exposure, MJD (UTC).
    exposure : float
        Exposure time, s.
    pixel_scale : float
        arcsec per pixel, of the WCS where there is one.
    seeing : float
        FWHM of the stars, arcsec.
    gain : float
        electron/ADU.
    saturation : float
        ADU.
    shape : tuple of int
        (ny, nx).
    observatory : str
        What the header says of who took it: an MPC code, or a name.
    hdu : int
        Number of the HDU that holds the image, from 0.
    extension : str
        Its name (EXTNAME).
    part : int
        Which of the file's CCDs this is, from 0.
    order : tuple of int
        Which of the file's images each of its CCDs is, from 0: masks and weights are images too.
    images : int
        How many images the file has.
    """

    path: Path
    frame: str
    field: str = ""
    ccd: str = ""
    mjd: float = math.nan
    exposure: float = math.nan
    filter: str = ""
    pixel_scale: float = math.nan
    seeing: float = math.nan
    gain: float = math.nan
    saturation: float = math.nan
    shape: tuple[int, int] = (0, 0)
    hdu: int = 0
    extension: str = ""
    part: int = 0
    order: tuple[int, ...] = (0,)
    images: int = 1
    observatory: str = ""

    @property
    def parts(self) -> int:
        """How many CCDs the file holds."""
        return len(self.order)

    @property
    def brackets(self) -> str:
        """``[hdu]`` for one CCD of several in a file, as CFITSIO writes it; else empty."""
        return f"[{self.hdu}]" if self.parts > 1 else ""

    @property
    def place(self) -> str:
        """The file, and which CCD of it, for messages: ``night/F1.fits[3]``."""
        return f"{self.path}{self.brackets}"

    @property
    def night(self) -> int:
        """MJD of the last noon (UTC) before the exposure, as a whole number; −1 where the time is not known."""
        return -1 if math.isnan(self.mjd) else math.floor(self.mjd - 0.5)


def text(header: fits.Header, name: str) -> str:
    """Return a name of `TEXT_KEYWORDS` from a header, or the empty string."""
    found = (str(header[key]).strip() for key in TEXT_KEYWORDS[name] if key in header)
    return next((value for value in found if value), "")


def number(header: fits.Header, name: str) -> float:
    """Return a positive number of `NUMBER_KEYWORDS` from a header, or NaN."""
    values = (_number(header.get(key)) for key in NUMBER_KEYWORDS[name])
    return next((value for value in values if value > 0), math.nan)


def middle(header: fits.Header) -> float:
    """Return the middle of the exposure as MJD (UTC), or NaN."""
    for key in MID_KEYWORDS:
        if (value := _number(header.get(key))) > 0:
            return value
    half = number(header, "exposure") / 2 / 86400
    start = next((value for key in START_KEYWORDS if (value := _number(header.get(key))) > 0), _start_by_date(header))
    return start if math.isnan(half) else start + half


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return math.nan


def _start_by_date(header: fits.Header) -> float:
    for key in DATE_KEYWORDS:
        date = str(header.get(key, "")).strip()
        if re.fullmatch(r"\d{4}-\d\d-\d\d", date):
            clock = next((str(header[name]).strip() for name in CLOCK_KEYWORDS if name in header), "")
            date = f"{date}T{clock}"
        if "T" in date and not math.isnan(mjd := _mjd(date)):
            return mjd
    return math.nan


def _mjd(date: str) -> float:
    try:
        moment = datetime.fromisoformat(date)
    except ValueError:
        return math.nan
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return (moment - _MJD_ZERO).total_seconds() / 86400
