"""What is where in the packets of each survey.

Sources: ztf-avro-alert, schema 3.2 to 4.02 (github.com/ZwickyTransientFacility/ztf-avro-alert); Rubin alert_packet,
schema 7 to 11 (github.com/lsst/alert_packet), cut-outs as ap_association writes them.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from astropy.io import fits

from ..catalogues.lines import MISSING
from .labels import Evidence

Packet = Mapping[str, Any]


@dataclass(frozen=True)
class Survey:
    """How the packets of a survey are read.

    Attributes
    ----------
    name : str
        Of the survey.
    candidate : str
        Record of the packet that describes the detection.
    fields : frozenset of str
        Fields of that record that other surveys do not have together.
    known : callable
        Packet to columns of a stamp table.
    evidence : callable
        Packet to what decides the label.
    centre : callable
        Packet, shape (ny, nx) and header of a cut-out to (x, y) of the candidate, counted from 1.
    side : int
        Pixels of a side of a cut-out that no edge of a CCD has made smaller.
    """

    name: str
    candidate: str
    fields: frozenset[str]
    known: Callable[[Packet], dict[str, Any]]
    evidence: Callable[[Packet], Evidence]
    centre: Callable[[Packet, tuple[int, int], fits.Header], tuple[float, float]]
    side: int


def _number(record: Packet, name: str, least: float = -math.inf) -> float:
    """Return a finite number of a record, or NaN where it is missing or below `least`."""
    value = record.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value < math.inf:
        return math.nan
    return float(value)


_BRIGHTEST = 1.0
"""mag; no asteroid is brighter (Vesta reaches 5.1, Apophis will reach 3.1 in 2029): what is below is no prediction."""


def _predicted(record: Packet, name: str) -> float:
    """Return the predicted magnitude of a known object, or NaN where the survey has none.

    ZTF writes -999 then. Rubin writes 0, there and in the rates, which are not read: ``ssoAssociation.py`` of
    lsst/pipe_tasks fills the columns that it does not compute yet "with dummy values".
    """
    return _number(record, name, _BRIGHTEST)


def printable(value: object) -> str:
    """Return a name: no control characters, NULs or spaces around it, no word for none ("null", "nan").

    Bytes are text that was not marked as such.
    """
    value = value.decode(errors="replace") if isinstance(value, bytes) else value
    text = "" if value is None else "".join(letter for letter in str(value) if letter.isprintable())
    text = text.strip()[:200]
    return "" if text.lower() in MISSING else text


def cutout_of(packet: Packet, plane: str) -> bytes | None:
    """Return the bytes of a cut-out, in a record with a file name (ZTF) or alone (Rubin); None where there is none."""
    cutout = packet.get(f"cutout{plane.capitalize()}")
    return cutout.get("stampData") if isinstance(cutout, Mapping) else cutout


ZTF_SCALE = 1.01
"""arcsec/pixel (Bellm et al. 2019, PASP 131, 018002)."""

_ZTF_FILTERS = {1: "g", 2: "r", 3: "i"}
_ZTF_CENTRE = 32
"""The candidate's pixel in a whole cut-out, counted from 1."""
ZTF_SIDE = 63
"""Pixels of a side of a cut-out (Masci et al. 2019, PASP 131, 018003)."""
_ZTF_EXPOSURE = 30.0
_ZTF_MIDDLE = 1540
"""Middle of a quadrant of 3072x3080 pixels."""


def _ztf_known(packet: Packet) -> dict[str, Any]:
    candidate = packet["candidate"]
    exposure = _number(candidate, "exptime", 1e-3)
    exposure = _ZTF_EXPOSURE if math.isnan(exposure) else exposure  # not in the packet before schema 3.2
    frame = printable(candidate.get("pdiffimfilename")).rpartition("/")[2].partition("_scimref")[0]
    return {
        "field": printable(candidate.get("field")),
        "frame": frame,
        "ccd": printable(candidate.get("rcid")),
        "x": _number(candidate, "xpos"),
        "y": _number(candidate, "ypos"),
        "ra": _number(candidate, "ra"),
        "dec": _number(candidate, "dec"),
        "mjd": _number(candidate, "jd", 0) - 2400000.5 + exposure / 2 / 86400,  # "jd" is the start
        "exposure": exposure,
        "filter": _ZTF_FILTERS.get(candidate.get("fid"), ""),
        "pixel_scale": ZTF_SCALE,
        "magnitude": _number(candidate, "magpsf", -90),
    }


def _ztf_evidence(packet: Packet) -> Evidence:
    candidate = packet["candidate"]
    score = _number(candidate, "drb", 0)
    first = _number(candidate, "jdstarthist", 0)
    detections = _number(candidate, "ndethist", 0)
    return Evidence(
        known=printable(candidate.get("ssnamenr")),
        known_distance=_number(candidate, "ssdistnr", 0),  # -999 and -1: none
        known_magnitude=_predicted(candidate, "ssmagnr"),
        magnitude=_number(candidate, "magpsf", -90),
        negative=printable(candidate.get("isdiffpos")) in ("f", "0", "False"),
        score=_number(candidate, "rb", 0) if math.isnan(score) else score,
        detections=1 if math.isnan(detections) else int(detections),
        days=0.0 if math.isnan(first) else _number(candidate, "jd", 0) - first,
    )


def _ztf_centre(packet: Packet, shape: tuple[int, int], header: fits.Header) -> tuple[float, float]:
    candidate = packet["candidate"]
    return _centre(shape[1], _number(candidate, "xpos")), _centre(shape[0], _number(candidate, "ypos"))


def _centre(side: int, position: float) -> float:
    """A cut-out may lack what is outside the CCD: near its low edge the centre is counted from the other end."""
    if not _ZTF_CENTRE <= side <= ZTF_SIDE:
        raise ValueError(f"is {side} pixels wide or high, not {_ZTF_CENTRE} to {ZTF_SIDE}")
    if side < ZTF_SIDE and math.isnan(position):
        raise ValueError(f"is {side} pixels wide or high, and the packet does not say at which edge it was cut")
    return side - _ZTF_CENTRE + 1 if position < _ZTF_MIDDLE else _ZTF_CENTRE


RUBIN_SCALE = 0.2
"""arcsec/pixel of LSSTCam (Ivezić et al. 2019, ApJ 873, 111)."""

RUBIN_SIDE = 30
"""Pixels of a side of a cut-out, at least; that of a large source is larger (ap_association, ``packageAlerts.py``)."""

_TAI = 37 / 86400
"""Days by which TAI is ahead of UTC since 2017, which is before Rubin's first light."""


def _rubin_known(packet: Packet) -> dict[str, Any]:
    source = packet["diaSource"]
    visit = printable(source.get("visit"))
    detector = printable(source.get("detector"))
    return {
        "field": f"visit {visit}" if visit else "",
        "frame": f"{visit}-{detector}" if visit else "",
        "ccd": detector,
        "x": _number(source, "x") + 1,  # Rubin's pipelines count from 0
        "y": _number(source, "y") + 1,
        "ra": _number(source, "ra"),
        "dec": _number(source, "dec"),
        "mjd": _rubin_time(source) - _TAI,
        "exposure": _number(source, "exposureTime", 1e-3),
        "filter": printable(source.get("band")),
        "pixel_scale": RUBIN_SCALE,
        "magnitude": _magnitude(_number(source, "psfFlux")),
    }


def _rubin_time(source: Packet) -> float:
    now = _number(source, "midpointMjdTai", 0)
    return _number(source, "midPointTai", 0) if math.isnan(now) else now  # its name up to schema 4


def _magnitude(flux: float) -> float:
    """AB magnitude of a flux in nJy."""
    return 31.4 - 2.5 * math.log10(flux) if flux > 0 else math.nan


def _rubin_evidence(packet: Packet) -> Evidence:
    source, orbit = packet["diaSource"], packet.get("ssSource") or {}
    number, flux, now = source.get("ssObjectId"), _number(source, "psfFlux"), _rubin_time(source)
    history = [now, *(_rubin_time(each) for each in packet.get("prvDiaSources") or ())]
    return Evidence(
        known=_rubin_name(packet) or (f"ssObject {number}" if number else ""),
        known_distance=_rubin_distance(orbit),
        known_magnitude=_predicted(orbit, "ephVmag"),
        magnitude=_magnitude(flux),
        negative=source.get("isNegative") is True or flux < 0,
        score=_number(source, "reliability", 0),
        detections=len(history),
        days=now - min(each for each in history if not math.isnan(each)) if not math.isnan(now) else 0.0,
    )


_RUBIN_NAMES = (("ssSource", "designation"), ("mpc_orbits", "designation"), ("MPCORB", "mpcDesignation"))
"""Records that name the known object, and the field: the first from schema 10 on, the last up to 9, packed."""


def _rubin_name(packet: Packet) -> str:
    return next((name for record, key in _RUBIN_NAMES if (name := printable((packet.get(record) or {}).get(key)))), "")


def _rubin_distance(orbit: Packet) -> float:
    """Rubin has associated them itself, but may have put another source nearer to the prediction: NaN then."""
    if _number(orbit, "diaDistanceRank") > 1:
        return math.nan
    offset = _number(orbit, "ephOffset", 0)
    return 0.0 if math.isnan(offset) else offset


def _rubin_centre(packet: Packet, shape: tuple[int, int], header: fits.Header) -> tuple[float, float]:
    """The WCS of a cut-out has the source as its reference; without one the source is in the middle."""
    x, y = (header.get(f"CRPIX{axis}", side // 2 + 1) for axis, side in zip((1, 2), shape[::-1], strict=True))
    if not (1 <= x <= shape[1] and 1 <= y <= shape[0]):
        raise ValueError(f"has its source at ({x}, {y}), outside of its {shape[1]}x{shape[0]} pixels")
    return float(x), float(y)


SURVEYS = (
    Survey("ZTF", "candidate", frozenset({"rcid", "fid", "magpsf"}), _ztf_known, _ztf_evidence, _ztf_centre, ZTF_SIDE),
    Survey(
        "Rubin",
        "diaSource",
        frozenset({"diaSourceId", "visit", "detector", "psfFlux"}),
        _rubin_known,
        _rubin_evidence,
        _rubin_centre,
        RUBIN_SIDE,
    ),
)
"""The surveys whose packets are read."""
