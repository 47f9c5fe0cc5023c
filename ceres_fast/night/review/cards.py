"""What the page says of each tracklet, as JSON has it."""

from __future__ import annotations

import base64
import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import Any

import numpy as np
from astropy.coordinates import angular_separation
from astropy.table import Table, vstack

from ...truth.core import SAME_PLACE, SAME_TIME
from ...truth.designations import canonical
from ..detections import Night
from ..known import motion_of
from .stamps import as_grey, stamps_of
from .unseen import unseen_of

_NUMBERS = {"mjd": 9, "ra": 8, "dec": 8, "magnitude": 4, "magnitude_error": 4, "probability": 5, "x": 2, "y": 2}
"""Decimals that are worth keeping, of each number that the page has of a detection."""

_TEXTS = ("detection", "ccd")

_CUT = ["field", "frame", "hdu", "mjd", "x", "y", "ra", "dec"]
"""What stamps are cut by."""


def cards_of(night: Night, known: Table) -> tuple[list[dict[str, Any]], list[str]]:
    """Return what the page has of each tracklet, and what is wrong with frames.

    Parameters
    ----------
    night : Night
    known : astropy.table.Table
        As `known_of` returns it; tracklets that are not in it were not looked up.

    Returns
    -------
    cards : list of dict
        In the order of fields and times; None for numbers that are not known. ``candidate``: it is kept, and not below
        the classifier's threshold for tracklets. ``key`` is the same as long as the
        tracklet has the same detections, whatever it is called: by it decisions are kept. ``designation`` is what
        stands in the truth for it: the name of the known object, else its own. ``others`` are the times of exposures
        without a detection, whose stamps come after those of ``detections``.
    problems : list of str
    """
    detections = night.detections[np.asarray(night.detections["tracklet"], str) != ""]
    # Without a time comes last.
    detections = detections[np.lexsort((np.asarray(detections["mjd"], float), np.asarray(detections["field"], str)))]
    rows_of: dict[str, list[int]] = {}
    for row, name in enumerate(np.asarray(detections["tracklet"], str).tolist()):
        rows_of.setdefault(name, []).append(row)
    unseen = unseen_of(night.detections, detections, rows_of)
    others_of: dict[str, list[int]] = {}
    for row, name in enumerate(unseen["tracklet"].tolist(), len(detections)):
        others_of.setdefault(name, []).append(row)
    wanted = vstack([each[_CUT] for each in (detections, unseen) if len(each)]) if len(detections) else detections
    stamps, problems = stamps_of(wanted, {record.name: record.camera for record in night.records})
    named = {str(row["tracklet"]): row for row in known}
    limits = {record.name: record.tracklet_threshold for record in night.records}
    columns = {name: detections[name].tolist() for name in (*_TEXTS, *_NUMBERS, "flags", "frame")}
    lines = [_detection(dict(zip(columns, values, strict=True))) for values in zip(*columns.values(), strict=True)]
    cards = [
        _card(name, detections[rows], [lines[row] for row in rows], named.get(name), limits)
        | _looks(stamps[[*rows, *others_of.get(name, [])]], len(rows))
        | {"others": [number(wanted["mjd"][row], 9) for row in others_of.get(name, [])]}
        for name, rows in rows_of.items()
    ]
    _tell_apart(cards)
    _name_them(cards)
    return cards, problems


def key_of(texts: Iterable[str]) -> str:
    """Return a short hash of some texts, in any order."""
    return hashlib.sha256(json.dumps(sorted(texts)).encode()).hexdigest()[:16]


def number(value: float, decimals: int) -> float | None:
    """Return a number as JSON has it: None where it is not known."""
    return round(float(value), decimals) if math.isfinite(value) else None


def _card(
    name: str,
    rows: Table,
    lines: list[dict[str, Any]],
    known: Mapping[str, Any] | None,
    limits: Mapping[str, float],
) -> dict[str, Any]:
    # What has no probability stays: nobody knows.
    unlikely = float(rows["tracklet_probability"][0]) < limits.get(str(rows["field"][0]), 0.0)
    motion = motion_of(rows["mjd"], rows["ra"], rows["dec"])
    magnitude = np.asarray(rows["magnitude"], float)
    magnitude = magnitude[np.isfinite(magnitude)]
    places = zip(*(rows[column] for column in ("detection", "mjd", "ra", "dec")), strict=True)
    return {
        "id": name,
        "key": key_of(
            f"{mjd:.6f} {ra:.6f} {dec:.6f}" if math.isfinite(mjd + ra + dec) else detection
            for detection, mjd, ra, dec in places
        ),
        "field": str(rows["field"][0]),
        "filter": " ".join(dict.fromkeys(filter(None, np.asarray(rows["filter"], str).tolist()))),
        "candidate": bool(np.any(rows["kept"])) and not unlikely,
        "probability": number(rows["tracklet_probability"][0], 5),
        "magnitude": number(np.median(magnitude), 3) if len(magnitude) else None,
        "rate": number(motion.rate, 4),
        "angle": number(motion.position_angle, 2),
        "known": _known(known),
        "detections": lines,
    }


def _looks(stamps: np.ndarray, detections: int) -> dict[str, Any]:
    """Return the stamps of a tracklet, those of its detections first; a screen has its first row above."""
    grey = as_grey(stamps, detections)[:, ::-1]
    there = np.isfinite(stamps).any(axis=(1, 2)).tolist()
    return {"there": there, "stamps": base64.b64encode(grey.tobytes()).decode()}


def _known(row: Mapping[str, Any] | None) -> dict[str, Any]:
    if row is None or not str(row["source"]):
        return {"name": "", "source": ""}
    return {
        "name": str(row["name"]),
        "source": str(row["source"]),
        "separation": number(row["separation"], 2),
        "rate_difference": number(row["rate_difference"], 4),
        "magnitude": number(row["magnitude"], 2),
    }


def _detection(row: Mapping[str, Any]) -> dict[str, Any]:
    return (
        {name: str(row[name]) for name in _TEXTS}
        | {"frame": PurePath(str(row["frame"])).name, "flags": int(row["flags"])}
        | {name: number(row[name], decimals) for name, decimals in _NUMBERS.items()}
    )


def _name_them(cards: list[dict[str, Any]]) -> None:
    """Give each card the designation under which it may stand in a truth table.

    A truth table has one place of an object at a time: of tracklets that were taken for one object and are in two
    places at a time, only the nearest is called so. All others have their own name, with a word before it: a field may
    be named after a comet.
    """
    taken: dict[str, list[np.ndarray]] = {}
    order = sorted(cards, key=lambda card: (not card["known"]["name"], card["known"].get("separation") or 0.0))
    for card in order:
        name = canonical(card["known"]["name"])
        places = np.array([[each[key] for key in ("mjd", "ra", "dec")] for each in card["detections"]], float)
        if name and not any(_contradict(places, other) for other in taken.get(name, [])):
            taken.setdefault(name, []).append(places)
        else:
            name = f"tracklet {' '.join(card['id'].split())}"
        card["designation"] = name


def _tell_apart(cards: list[dict[str, Any]]) -> None:
    """Give cards of the same detections, as of a frame that is there twice, different keys."""
    seen = Counter[str]()
    for card in cards:
        key = card["key"]
        seen[key] += 1
        card["key"] += f"-{seen[key]}" if seen[key] > 1 else ""


def _contradict(places: np.ndarray, others: np.ndarray) -> bool:
    """Tell whether two sets of (mjd, ra, dec), (n, 3), have one object in two places at a time."""
    mjd, ra, dec = places.T[:, :, None]
    same_time = np.abs(mjd - others[:, 0]) * 86400 <= 2 * SAME_TIME
    distance = angular_separation(*np.radians([ra, dec]), *np.radians(others[:, 1:].T)) * 3600
    return bool((same_time & (np.degrees(distance) > SAME_PLACE / 2)).any())
