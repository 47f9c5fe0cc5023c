"""Coordinates on the sky, as astropy reads them from a header, whatever the order of the axes."""

from __future__ import annotations

import logging
import math
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
from astropy import log
from astropy.io import fits
from astropy.wcs import WCS, FITSFixedWarning
from astropy.wcs.utils import proj_plane_pixel_area, wcs_to_celestial_frame
from numpy.typing import ArrayLike

from .headers.cards import Doubt, contradiction, shown, word_of
from .headers.quantities import QUANTITIES

_HARMLESS = ("made the change", "RADECSYS", "deprecated", "MJD-OBS =")
"""What is in notices of astropy that concern no position: old spellings that it has understood, times."""

_NUMBERS = re.compile(r"(CRVAL|CRPIX|CDELT|CROTA)[12]|(CD|PC|PV)[12]_\d+|(A|B|AP|BP)_(ORDER|\d_\d)|LONPOLE|LATPOLE")
"""Keywords of coordinates whose values are numbers; astropy takes those that are text for missing, and so for 0."""

_LINEAR = re.compile(r"CRPIX|CD|PC")
"""Those that cannot be left out where they are there, but say that they are not known."""

_FORTRAN = re.compile(r"= *[-+.\d]+[dD]")
"""A number with the exponent of double precision."""

_TABLES = re.compile(r"(CPDIS|DP)\d")
LEAST_CORRECTED = 0.5
"""Pixels. Tables of a distortion (CPDISi), which other parts of a file hold, are left out where they correct less, as
their headers say (CPERRi): those of Hubble a few hundredths of a pixel."""

MOST_OBLONG = 10.0
"""How many times longer than wide a pixel may be, or its sides be askew: wcslib takes what is missing of CD for 0."""

MOST_DISTORTED = 2.0
"""How many times larger or smaller a distortion may make a pixel in the middle of a frame. One that does more is none:
polynomials of which a part is lost put all detections at one place, where they seem to stay."""


def celestial(header: fits.Header) -> tuple[WCS | None, tuple[Doubt, ...]]:
    """Return the coordinates of a header, None where it has none that can be used; and what is odd about them.

    astropy decides how they are read: distortions as TPV, SIP (also where CTYPE lacks it beside TAN) or SCAMP's TAN
    with PVi_j. Of more than two axes the two of the sky are used. Coordinates without a scale are none.
    """
    if not any(word_of(header, f"CTYPE{axis}") for axis in (1, 2)):
        return None, ()
    with _notices() as notices:
        try:
            # The planes of a cube that no card describes are none of the sky, and polynomials are refused beside them.
            header = _as_tpv(_without_tables(_with_numbers(header)))
            planes = header.get("NAXIS", 0) > 2 and "CTYPE3" not in header
            wcs = _of_the_sky(WCS(header, naxis=2 if planes else None))
            problem = "are not of the sky" if wcs is None else _problem(header, wcs)
        except Exception as error:  # wcslib raises a dozen unrelated types, and a frame without coordinates is a frame
            wcs, problem = None, f"cannot be read ({str(error).strip().splitlines()[-1]:.150})"
    doubts = [Doubt("WCS", text) for text in dict.fromkeys(notices)]
    if wcs is None or problem:
        types = ", ".join(f"CTYPE{axis}" for axis in (1, 2) if f"CTYPE{axis}" in header)
        # First, because of several doubts about one thing the first is what a user is shown.
        return None, (Doubt("WCS", f"the coordinates ({shown(header, types)}) {problem}; they are not used"), *doubts)
    several = [
        text for key in dict.fromkeys(filter(_NUMBERS.fullmatch, header)) if (text := contradiction(header, key))
    ]
    doubts += [Doubt("WCS", f"{text}; the last is used") for text in several[:1]]
    if wcs.sip is None and "A_ORDER" in header:  # astropy's notice says of these that they are used
        doubts = [doubt for doubt in doubts if "SIP" not in doubt.text]
        doubts.append(Doubt("A_ORDER", f"polynomials of SIP are ignored beside {shown(header, 'CTYPE1')}"))
    equinox = getattr(wcs.wcs, "equinox", math.nan)
    if math.isfinite(equinox) and equinox != 2000 and word_of(header, "RADESYS").upper() != "ICRS":
        keyword = "EQUINOX" if "EQUINOX" in header else "EPOCH"
        doubts.append(Doubt("EQUINOX", f"{shown(header, keyword)}: positions are taken for J2000 all the same"))
    return wcs, tuple(doubts)


def pixel_scale(wcs: WCS) -> float:
    """Return the side of a pixel, arcsec: the root of its area."""
    return math.sqrt(proj_plane_pixel_area(wcs)) * 3600


def to_sky(wcs: WCS, x: ArrayLike, y: ArrayLike, origin: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascension and declination (deg) of pixels that are counted from `origin`, with all distortions."""
    if np.size(x) == 0:  # astropy takes no empty arrays
        return np.zeros(np.shape(x)), np.zeros(np.shape(y))
    ra, dec = wcs.all_pix2world(x, y, origin, ra_dec_order=True)
    return ra, dec


def to_pixels(wcs: WCS, ra: ArrayLike, dec: ArrayLike, origin: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels, counted from `origin`, of places on the sky (deg); NaN where there are none."""
    if np.size(ra) == 0:
        return np.zeros(np.shape(ra)), np.zeros(np.shape(dec))
    x, y = wcs.all_world2pix(ra, dec, origin, ra_dec_order=True, quiet=True)
    return x, y


def _with_numbers(header: fits.Header) -> fits.Header:
    """Return a header where numbers of coordinates that were written as text, or with a D as in Fortran, are numbers.

    Of 1.5D+02, which the FITS standard allows, wcslib reads 1.5, and nothing of a number before a carriage return.
    """
    odd = {
        place: value
        for place, card in enumerate(header.cards)
        if _NUMBERS.fullmatch(card.keyword)
        and (isinstance(card.value, str) or _FORTRAN.search(card.image) or not card.image.isprintable())
        and not math.isnan(value := _number(card.value))
    }
    if not odd:
        return header
    cards = enumerate(header.cards)
    return fits.Header([fits.Card(card.keyword, odd[place]) if place in odd else card for place, card in cards])


def _without_tables(header: fits.Header) -> fits.Header:
    """Return a header without tables of distortion that correct little (`LEAST_CORRECTED`)."""
    named = [key for key in header if _TABLES.match(key)]
    if not named or not all(_number(header.get(f"CPERR{axis}")) < LEAST_CORRECTED for axis in (1, 2)):
        return header
    return fits.Header([card for card in header.cards if not _TABLES.match(card.keyword)])


def _as_tpv(header: fits.Header) -> fits.Header:
    """Return a header where polynomials of TPV are called so, and are whole.

    SCAMP calls them TAN, which has no parameter of the declination, and wcslib takes some of these for others of TAN.
    Of TPV the linear terms are 1 where they are left out; wcslib takes them for 0 (FITS convention "TPV World
    Coordinate System").
    """
    types = [word_of(header, f"CTYPE{axis}") for axis in (1, 2)]
    # A PV2_j alone is left over from ZPN.
    if "DEC--TAN" in types and {"PV1_", "PV2_"} <= {key[:4] for key in header}:
        types = [kind.replace("-TAN", "-TPV") for kind in types]
    if not all(kind.endswith("-TPV") for kind in types):
        return header
    header = header.copy()
    for axis, kind in enumerate(types, start=1):
        header[f"CTYPE{axis}"] = kind
        header.setdefault(f"PV{axis}_1", 1.0)
    return header


def _number(value: object) -> float:
    """Return the value of a card, NaN where it is no number: what begins with one (12:34:56) is not one."""
    try:
        return float(str(value).upper().replace("D", "E"))
    except ValueError:
        return math.nan


def _of_the_sky(wcs: WCS) -> WCS | None:
    """Return the two axes of the sky, in the order of the pixels; None where there are not two."""
    if not wcs.has_celestial:
        return None
    return wcs if wcs.naxis == 2 else wcs.sub(sorted((wcs.wcs.lng + 1, wcs.wcs.lat + 1)))


def _problem(header: fits.Header, wcs: WCS) -> str:
    """Return why coordinates cannot be used, "" where they can."""
    if not any(keyword.startswith(("CDELT", "CD1_", "CD2_", "PC1_", "PC2_")) for keyword in header):
        return "have no scale (no CDELT, CD or PC)"
    texts = [key for key in header if _NUMBERS.fullmatch(key) and (_LINEAR.match(key) or word_of(header, key))]
    if odd := [key for key in ("CRVAL1", "CRVAL2", *texts) if math.isnan(_number(header.get(key)))]:
        what = shown(header, odd[0]) if odd[0] in header else f"no {odd[0]}"
        return f"cannot be read ({what}; expected a number)"
    if wcs.wcs.lngtyp.strip() != "RA":
        return "are not right ascension and declination"
    scale, (low, high) = pixel_scale(wcs), QUANTITIES["pixel_scale"].plausible
    if not low <= scale <= high:
        return f"have {scale:.3g} arcsec per pixel; expected {low:g} to {high:g}"
    if (oblong := np.linalg.cond(wcs.pixel_scale_matrix)) > MOST_OBLONG:
        return f"have pixels {oblong:.3g} times as long as wide, as where a card is missing"
    polynomials = wcs.sip is not None or "-TPV" in word_of(header, "CTYPE1")
    if (
        polynomials
        and not scale / MOST_DISTORTED <= (distorted := _scale_in_the_middle(header, wcs)) <= scale * MOST_DISTORTED
    ):
        return f"have {distorted:.3g} arcsec per pixel in the middle of the frame, and {scale:.3g} without distortion"
    wcs_to_celestial_frame(wcs)
    return ""


def _scale_in_the_middle(header: fits.Header, wcs: WCS) -> float:
    """Return the side of a pixel in the middle of a frame with all distortions, arcsec; NaN where it has no place."""
    middle = [header.get(f"NAXIS{axis}", reference) for axis, reference in zip((1, 2), wcs.wcs.crpix, strict=True)]
    ra, dec = np.radians(to_sky(wcs, middle[0] / 2 + np.array([0, 1, 0]), middle[1] / 2 + np.array([0, 0, 1])))
    places = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    area = float(np.linalg.norm(np.cross(places[1] - places[0], places[2] - places[0])))
    return math.degrees(math.sqrt(area)) * 3600


@contextmanager
def _notices() -> Iterator[list[str]]:
    """Collect what astropy says of coordinates, in warnings and in its log, in place of printing it."""
    found: list[str] = []

    class Keep(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(" ".join(record.getMessage().split()))

    kept, handlers, level = Keep(), log.handlers[:], log.level
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        log.handlers[:] = [kept]
        log.setLevel(logging.INFO)
        try:
            yield found
        finally:
            log.handlers[:] = handlers
            log.setLevel(level)
            texts = (
                " ".join(str(each.message).split()) for each in caught if issubclass(each.category, FITSFixedWarning)
            )
            found += [text for text in texts if not any(word in text for word in _HARMLESS)]
