"""What each quantity of a frame is called, in which units it comes, and what of it can be believed: one table.

A quantity is looked for under its keywords in order of trust; the first whose value can be read, has a unit that is
understood and is plausible is used. Whatever is there and is passed over is a `Doubt`, never silence. A camera's
profile may name keywords that are tried before these, and their units (`camera.Camera`).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from astropy.io import fits

from ..camera import GENERIC, Camera
from .cards import Doubt, Found, note_of, raw_number, shown, word_of

TEXT_KEYWORDS = {
    "field": ("OBJECT", "FIELD", "FIELDID", "TARGNAME", "TARGET", "HIERARCH FPA.OBJECT"),
    "ccd": (
        *("CCDNAME", "CCD_NAME", "RCID", "CCDID", "CCD_ID", "CCDNUM", "CHIPNAME", "CHIPID", "DETECTOR", "IMAGEID"),
        "DET-ID",
    ),
    "filter": (
        *("FILTER", "FILTNAM1", "FILTER1", "FILTER01", "WFFBAND", "INSFILTE", "FILTNAM", "BAND"),
        *("HIERARCH FPA.FILTERID", "HIERARCH ESO INS FILT1 NAME"),
        *("FILTNAM2", "FILTER2", "FILTER02", "FILTER3", "HIERARCH ESO INS FILT2 NAME"),
    ),
    "observatory": ("OBSCODE", "MPCCODE", "MPC_CODE", "OBSERVAT"),
}
"""Keywords for names, the first that is there wins. RCID: ZTF; WFFBAND: INT/WFC."""

NO_FILTER = re.compile(r"<?(?:clear|open|empty|free|air|blank|no[ _-]?filt)[\w ()-]*>?|[\d.]+", re.I)
"""What an open wheel is called, or a position in it: of several wheels, the filter is that of another one."""

Convert = Callable[[float, Mapping[str, float]], float]
"""A value in another unit to one in the unit of the quantity, given the quantities that were found before it."""


def _times(factor: float) -> Convert:
    return lambda value, known: value * factor


def _by(quantity: str, power: int = 1) -> Convert:
    return lambda value, known: value * known.get(quantity, math.nan) ** power


@dataclass(frozen=True)
class Unit:
    """A unit in which a quantity may come.

    Parameters
    ----------
    name : str
        As profiles of cameras name it.
    words : str
        Regular expression: how comments of cards name it.
    convert : callable or None
        To the unit of the quantity; None where a value in this unit says nothing of the quantity.
    """

    name: str
    words: str
    convert: Convert | None


@dataclass(frozen=True)
class Quantity:
    """A number that headers give.

    Parameters
    ----------
    unit : str
        In which it is returned; a value without a word about its unit is in this one.
    keywords : tuple of str
        In order of trust.
    plausible : tuple of float
        The smallest and the largest value that can be meant.
    units : tuple of Unit
        In which it may come.
    told : frozenset of str
        Keywords that are used only where the comment says the unit, because cameras do not agree.
    doubt : callable, optional
        Given a value without a word about its unit, and the header, says why it cannot be meant; "" where it can.
    """

    unit: str
    keywords: tuple[str, ...]
    plausible: tuple[float, float]
    units: tuple[Unit, ...]
    told: frozenset[str] = field(default=frozenset())
    doubt: Callable[[float, fits.Header], str] = lambda value, header: ""


AMATEURS = ("XPIXSZ", "SWCREATE")
"""Keywords that the programs of amateurs write, and others do not."""


def _is_setting(value: float, header: fits.Header) -> str:
    """A whole number is what the user of an amateur's camera sets, in its own steps; one of 20 or more is in any."""
    if not value.is_integer() or (value < 20 and not any(keyword in header for keyword in AMATEURS)):
        return ""
    return "is a setting of the camera, not electrons per ADU (a whole number without a unit)"


_ELECTRON = r"(?:\be-?(?![a-z])|electrons?|elec\b|\bel\b)"
_ADU = r"(?:adus?\b|\bdn\b|counts?|\bcts?\b|a/d|data numbers?)"

QUANTITIES: Mapping[str, Quantity] = {
    "exposure": Quantity(
        "s",
        ("EXPTIME", "EXPOSURE", "XPOSURE", "TEXP", "EXP_TIME", "EXPOSED", "EXPOS", "ITIME", "EXPDUR", "TELAPSE", "EXP"),
        (1e-6, 1e6),
        (
            Unit("ms", r"\bms\b|\bmsec|millisec", _times(1e-3)),
            Unit("us", r"\bus\b|\busec|µs|microsec", _times(1e-6)),
            Unit("s", r"\bs\b|\bsecs?\b|\bseconds?\b", _times(1)),
            Unit("min", r"\bmins?\b|\bminutes?\b|[\[(]m[\])]", _times(60)),
            Unit("h", r"\bhours?\b|\bhrs?\b|[\[(]h[\])]", _times(3600)),
            Unit("d", r"\bdays?\b|[\[(]d[\])]", _times(86400)),
        ),
        told=frozenset(("EXP",)),
    ),
    "pixel_scale": Quantity(
        "arcsec",
        ("SECPPIX", "SECPIX", "PIXSCALE", "PIXSCAL1", "SECPIX1", "SCALE", "CCDSCALE", "PIXSCL", "IM_SCALE", "PLTSCALE"),
        (1e-3, 1e3),
        (
            Unit("mas", r"\bmas\b|milliarcsec", _times(1e-3)),
            Unit("arcsec", r"(arc-?\s?sec|\basec|\bsec|\bas\b)(?!\w*\s*(/|per)\s*mm)|\"|''", _times(1)),
            Unit("arcmin", r"arc-?\s?min|\bamin", _times(60)),
            Unit("deg", r"\bdeg", _times(3600)),
            Unit("rad", r"\brad", _times(math.degrees(1) * 3600)),
            Unit("arcsec/mm", r"/\s?mm|per mm", None),
        ),
        told=frozenset(("PLTSCALE",)),
    ),
    "seeing": Quantity(
        "arcsec",
        ("SEEING", "SEEINGAS", "IQ_FWHM", "L1SEESEC", "L1FWHM", "FWHM", "FWHM_AVG", "AVG_FWHM"),
        (0.01, 300),
        (
            Unit("pixel", r"\bpix|\bpx\b", _by("pixel_scale")),
            Unit("mas", r"\bmas\b|milliarcsec", _times(1e-3)),
            Unit("arcsec", r"arc-?\s?sec|\basec|\bas\b|\"|''", _times(1)),
            Unit("deg", r"\bdeg", _times(3600)),
        ),
        told=frozenset(("FWHM", "FWHM_AVG", "AVG_FWHM")),
    ),
    "gain": Quantity(
        "electron/ADU",
        (
            *("EGAIN", "GAIN", "CCDGAIN", "GAINEFF", "GAIN1", "GAINA", "ATODGAIN", "EPERDN", "EPERADU"),
            *("HIERARCH ESO DET OUT1 CONAD", "HIERARCH CELL.GAIN"),
        ),
        (1e-3, 1e5),
        (
            Unit("electron/ADU", rf"{_ELECTRON}\s*(?:/|\bper\b|\bto\b)\s*{_ADU}", _times(1)),
            Unit("ADU/electron", rf"{_ADU}\s*(?:/|\bper\b)\s*{_ELECTRON}", lambda value, known: 1 / value),
            Unit("setting", r"\bdb\b|setting|sensor|\biso\b|camera.?s? gain|gain value", None),
        ),
        doubt=_is_setting,
    ),
    "read_noise": Quantity(
        "electron",
        (
            *("RDNOISE", "READNOIS", "READNOI", "RON", "READNOISE", "RONOISE", "RDNOISEA", "RDNOISE1", "ENOISE"),
            *("HIERARCH ESO DET OUT1 RON", "HIERARCH CELL.READNOISE"),
        ),
        (1e-2, 1e4),
        (
            Unit("ADU", _ADU, _by("gain")),
            Unit("electron", _ELECTRON, _times(1)),
        ),
    ),
    "saturation": Quantity(
        "ADU",
        ("SATURATE", "SATLEVEL", "SATURAT", "SATLEV", "SATURATA", "MAXLIN", "HIERARCH CELL.SATURATION"),
        (1e-6, 1e30),
        (
            Unit("ADU", _ADU, _times(1)),
            Unit("electron", _ELECTRON, _by("gain", -1)),
        ),
    ),
    "zero_point": Quantity(
        "mag",
        ("MAGZERO", "MAGZPT", "MAGZP", "MAG_ZP", "ZEROPT", "ZEROPNT", "ZEROPOIN", "ZPT", "ZP", "ZPOINT", "PHOTZP"),
        (1, 60),
        (
            Unit(
                "mag of 1 ADU/s",
                r"per sec|/\s?s(ec)?\b|\b1\s?s(ec)?\b|one second|second exposure|default extinction",
                lambda value, known: value + 2.5 * math.log10(known.get("exposure", math.nan)),
            ),
        ),
    ),
    "airmass": Quantity("", ("AIRMASS", "SECZ", "AMSTART", "AIRMASS1", "HIERARCH ESO TEL AIRM START"), (0.99, 100), ()),
}
"""What is read from headers, each after what it may need: a saturation in electrons needs the gain."""

_ELECTRONS = re.compile(r"(?:photo-?)?(?:electrons?|e-?)\s*((?:/|\bper\b)\s*s(?:ec\w*)?|s\^?-1)?", re.I)
"""Values of BUNIT of pixels that are in electrons, or in electrons per second."""

FOCAL_LENGTHS = ("FOCALLEN", "FOCALEN", "FOCLEN")
"""Of the telescope, mm; FOCAL is a ratio in some."""

PIXEL_SIZES = (
    *(("XPIXSZ", True), ("XPIXELSZ", True)),
    *((keyword, False) for keyword in ("PIXSIZE1", "PIXSIZE", "PIXELSIZ", "PXSIZE")),
)
"""Of a pixel of the image, micrometres, and whether it is that after binning."""

_ARCSEC = math.degrees(1) * 3600
_IN_BRACKETS = re.compile(r"[\[(]([^\])]*)[\])]")
_PER_PIXEL = re.compile(r"(?:/|\bper\b)\s*(?:pix\w*|px\b)", re.I)


def text(header: fits.Header, name: str, camera: Camera = GENERIC) -> Found[str]:
    """Return a name of `TEXT_KEYWORDS`; the words that a camera ignores in names of fields are taken out."""
    there = []
    for keyword in (*camera.keywords.get(name, ()), *TEXT_KEYWORDS[name]):
        value = word_of(header, keyword)
        value = camera.field_name(value) if name == "field" else value
        if value:
            there.append(Found(value, keyword))
    if name == "filter":
        there.sort(key=lambda found: NO_FILTER.fullmatch(found.value) is not None)
    return there[0] if there else Found("")


def number(
    header: fits.Header, name: str, known: Mapping[str, float] | None = None, camera: Camera = GENERIC
) -> Found[float]:
    """Return a number of `QUANTITIES`, in its unit.

    Parameters
    ----------
    header : astropy.io.fits.Header
        Of the image.
    name : str
        The quantity.
    known : mapping of str to float
        Quantities that were found before it: of the same image.
    camera : Camera
        Which keywords to try first, and their units.
    """
    quantity, doubts = QUANTITIES[name], []
    for keyword in dict.fromkeys((*camera.keywords.get(name, ()), *quantity.keywords)):
        if not word_of(header, keyword):
            continue
        value, _ = raw_number(header, keyword)
        unit = _unit_of(header, keyword, quantity, camera)
        if unit is None and keyword in quantity.told and keyword not in camera.units:
            continue  # another quantity has this keyword as well
        if (problem := _problem(value, unit, quantity, header)) is not None:
            doubts.append(Doubt(keyword, f"{shown(header, keyword)} {problem}"))
            continue
        given = value
        value = unit.convert(value, known or {}) if unit and unit.convert else value
        if math.isnan(value):
            doubts.append(
                Doubt(
                    keyword,
                    f"{shown(header, keyword)} is in {unit and unit.name}, which needs more to be"
                    f" known for {quantity.unit}",
                )
            )
            continue
        low, high = quantity.plausible
        if not low <= value <= high:
            inside = f"; expected {low:g} to {high:g} {quantity.unit}".rstrip()
            doubts.append(Doubt(keyword, f"{shown(header, keyword)} is not plausible{inside}"))
            continue
        converted = f" ({given:g} {unit.name})" if unit and value != given else ""
        return Found(value, keyword + converted, tuple(doubts))
    return Found(math.nan, "", tuple(doubts))


def _problem(value: float, unit: Unit | None, quantity: Quantity, header: fits.Header) -> str | None:
    if math.isnan(value):
        return "cannot be read; expected a number"
    if unit is not None and unit.convert is None:
        return f"is in another unit ({unit.name}); expected {quantity.unit}"
    if value <= 0:
        return "is not plausible; expected a number above 0"
    return (quantity.doubt(value, header) or None) if unit is None else None


def unit_is_told(header: fits.Header, name: str, origin: str, camera: Camera = GENERIC) -> bool:
    """Tell whether a profile, or the comment of the card that a quantity is of (`Found.origin`), says its unit."""
    keyword = origin.partition(" (")[0]
    return bool(keyword) and _unit_of(header, keyword, QUANTITIES[name], camera) is not None


def _unit_of(header: fits.Header, keyword: str, quantity: Quantity, camera: Camera) -> Unit | None:
    """Return the unit that a profile, or the comment of the card, says; None where neither does, or it is not clear."""
    if keyword in camera.units:
        return next((unit for unit in quantity.units if unit.name == camera.units[keyword]), None)
    comment = note_of(header, keyword)
    for words in (*(f"[{words}]" for words in _IN_BRACKETS.findall(comment)), comment):
        # "0.3 arcsec/pixel" speaks of the scale, but for the scale itself.
        words = words if quantity.unit != "arcsec" else _PER_PIXEL.sub("", words)
        named = [unit for unit in quantity.units if re.search(unit.words, words, re.I)]
        named = [unit for unit in named if unit.convert] or named  # "camera gain in electrons per ADU"
        if len(named) == 1:
            return named[0]
    return None


def gain_of_pixels(header: fits.Header, found: Found[float], exposure: float) -> Found[float]:
    """Return how many electrons one unit of the pixels is: the gain that is stated, but where BUNIT says electrons.

    Pipelines that have multiplied the pixels by the gain leave its card as it was.
    """
    match = _ELECTRONS.fullmatch(word_of(header, "BUNIT"))
    if match is None:
        return found
    value = exposure if match[1] else 1.0
    doubts = found.doubts
    if found.value > 0 and not math.isclose(found.value, value, rel_tol=1e-3):
        keyword = found.origin.partition(" (")[0]
        text = f"{shown(header, keyword)} is that of the camera; {value:g} is used, because {shown(header, 'BUNIT')}"
        doubts = (*doubts, Doubt(keyword, text))
    return Found(value, "" if math.isnan(value) else "BUNIT", doubts)


def scale_of_optics(header: fits.Header) -> Found[float]:
    """Return the pixel scale (arcsec) of focal length and pixel size, as cameras without a WCS give them."""
    focal = next(((key, value) for key in FOCAL_LENGTHS if (value := raw_number(header, key)[0]) > 0), None)
    pixel = next(
        ((key, value, binned) for key, binned in PIXEL_SIZES if (value := raw_number(header, key)[0]) > 0), None
    )
    if focal is None or pixel is None:
        return Found(math.nan)
    size, origin = pixel[1], f"{focal[0]}, {pixel[0]}"
    if not pixel[2] and (binning := raw_number(header, "XBINNING")[0]) > 1:
        size, origin = size * binning, f"{origin}, XBINNING"
    scale = _ARCSEC * size / 1000 / focal[1]
    low, high = QUANTITIES["pixel_scale"].plausible
    if not low <= scale <= high:
        return Found(math.nan, "", (Doubt(focal[0], f"{shown(header, origin)} give {scale:.3g} arcsec per pixel"),))
    return Found(scale, origin)
