"""Which survey a packet comes from: what it says of itself decides, as many surveys write packets like those of ZTF."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .surveys import SURVEYS, Packet, Survey, printable

ORIGINS = {
    "ZTF": r"ztf",
    "Rubin": r"lsst|rubin",
    "WINTER": r"wntr|winter",
    "Palomar Gattini-IR": r"pgir|gattini",
    "DECam (DESIRT)": r"desirt|decam|c4d_",
    "TURBO": r"turbo",
    "ELAsTiCC": r"elasticc",
}
"""How the names of objects, publishers and schemas of a survey begin, in upper or lower case.

Seen in ``tests/data/alerts`` of boom-astro/boom, ``data`` of skyportal/kowalski and ``ztf`` of
astrolabsoftware/fink-alert-schemas.
"""

_SAYS = ("objectId", "objectid", "object_id", "publisher", "lsst_schema_version")
"""Fields that name the survey, the surest first: a publisher may be a broker."""

_NO_NAMESPACE = re.compile(r"[^.]*|topLevelRecord\..*")
"""Schemas that do not say whose they are: without a namespace, or named by Spark, as Fink's are."""


def survey_of(packet: Packet, schema: str = "") -> Survey:
    """Return the survey a packet comes from.

    Parameters
    ----------
    packet : mapping
        The packet.
    schema : str
        Full name of its schema, "" where that is not known.

    Raises
    ------
    ValueError
        When it is none of `SURVEYS`; the message says what was found.
    """
    said = {name: text for name in _SAYS if (text := printable(packet.get(name)))}
    if schema:
        said["schema"] = schema
    origin = next((name for text in said.values() if (name := _named(text))), "")
    records = [survey for survey in SURVEYS if isinstance(packet.get(survey.candidate), Mapping)]
    for survey in records:
        if origin == survey.name or (not origin and _looks_like(packet, schema, survey)):
            return survey
    ours = " or ".join(f"{survey.name} ({survey.candidate})" for survey in SURVEYS)
    found = ", ".join(f"{name} {text!r:.60}" for name, text in said.items()) or "no name"
    if origin and (records or not any(origin == survey.name for survey in SURVEYS)):
        raise ValueError(f"is an alert of {origin} ({found}), not of {ours}, which are read")
    fields = ", ".join(map(str, list(packet)[:5])) or "nothing"
    if records:
        raise ValueError(
            f"is an alert of a survey that is not known ({found}; a record of {fields}), not of {ours}, which are read"
        )
    raise ValueError(f"holds a record of {fields}, not an alert of {ours}" + (f" ({found})" if said else ""))


def _named(text: str) -> str:
    return next((name for name, start in ORIGINS.items() if re.match(start, text, re.IGNORECASE)), "")


def _looks_like(packet: Packet, schema: str, survey: Survey) -> bool:
    """Whether a packet that names no survey has what only this one has."""
    named = isinstance(packet.get("objectId"), str) and re.match(r"[^\W\d_]", packet["objectId"])
    if named or not _NO_NAMESPACE.fullmatch(schema):
        return False
    return survey.fields <= packet[survey.candidate].keys()
