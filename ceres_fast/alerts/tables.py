"""Alert packets become stamp tables, and every alert is accounted for."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from ..errors import InputError, NanPolicy, OnError, Problems
from ..file_names import written
from ..frames.cut import MOST_MISSING, MostMissing
from ..frames.where import Where, equal
from ..stamps import CLASSES, PLANE_SETS, PLANES, STAMP_SIZE, empty_table, stamp_table
from ..truth.designations import canonical
from .containers import AlertUnit, Content, contents
from .cutouts import cut_plane, read_cutout
from .labels import KINDS, REASONS, AlertRules, decide
from .origin import survey_of
from .packets import Packet, read_packets
from .surveys import Survey, cutout_of

LABEL = "LABEL"
"""Name under which ``--where`` finds what an alert was called: asteroid, bogus or stationary."""

COUNTS = {
    "files": "files read: Avro and Parquet files, and archives",
    "alerts": "alert packets, each file or archive that cannot be read to its end counting as one",
    "bad_alerts": "alerts left out: packet or cut-out that cannot be read, missing pixels, no picture",
    **{f"set_aside_{reason}": f"alerts set aside: {meaning}" for reason, meaning in REASONS.items()},
    "not_selected": "labelled alerts left out by --where",
    "few_pixels": "alerts left out because a plane of their stamp has too few pixels to be scored",
    "asteroid": "stamps of asteroids",
    "non_asteroid": "stamps of no asteroid",
    "bogus": "of these: artefacts by the survey's own score",
    "stationary": "of these: seen at the same place for days",
    "padded_stamps": "stamps that reach over the edge of a CCD, and so of their cut-out",
    "small_cutouts": "stamps around a whole cut-out that is smaller, as those of Rubin are (30x30 pixels)",
    "filled_stamps": "stamps with missing pixels filled",
}
"""What `alert_tables` counts. ``alerts`` is the sum of ``bad_alerts``, ``set_aside_…``, ``not_selected``,
``few_pixels``, ``asteroid`` and ``non_asteroid``."""

DEFAULT_RULES = AlertRules()
_STRANGE = (ValueError, TypeError, KeyError, AttributeError, IndexError, OverflowError)


def alert_tables(
    unit: AlertUnit,
    *,
    planes: Sequence[str] = PLANES[:1],
    where: Where = (),
    on_error: OnError = "stop",
    nan: NanPolicy = "fill",
    rules: AlertRules = DEFAULT_RULES,
    most: MostMissing = MOST_MISSING,
    chunk: int = 2048,
) -> Iterator[tuple[Table, Counter[str]]]:
    """Read the alert packets of a unit, label them and cut their stamps, at most `chunk` stamps at a time.

    Parameters
    ----------
    unit : AlertUnit
        From `alert_units`.
    planes : sequence of str
        A row of `PLANE_SETS`: which cut-outs become planes of the stamps.
    where : sequence of (name, allowed values)
        Keep only alerts with one of the allowed values: fields of the candidate (ZTF), the diaSource (Rubin) or the
        packet, as they are spelt there, or ``LABEL`` (asteroid, bogus, stationary).
    on_error : {"stop", "skip"}
        Whether a bad packet or archive ends the work or is left out and counted.
    nan : {"error", "fill"}
        Whether a stamp with missing pixels is bad, or gets the median of its plane there. Cut-outs of alerts have them
        wherever the reference image has, so that refusing them would refuse most nights.
    rules : AlertRules
        From where on an alert is called what.
    most : MostMissing
        How much may be missing of a plane; alerts with more missing are left out.
    chunk : int
        How many stamps a table holds at most.

    Yields
    ------
    table : astropy.table.Table
        A stamp table; ``source`` is the file, or archive and member, and ``row`` the packet in it, counted from 1.
        ``padded`` (pixels outside the cut-out) and ``filled`` (missing ones inside) count pixels in all planes.
    counts : collections.Counter
        See `COUNTS`.

    Raises
    ------
    InputError
        For a bad packet, cut-out or archive; it names the file, the member and the packet.
    """
    if tuple(planes) not in PLANE_SETS:
        raise ValueError(f"planes are {planes}, not one of {PLANE_SETS}")
    problems = Problems(on_error)
    counts = Counter(files=0 if unit.start else len(unit.files))
    rows: list[dict[str, Any]] = []
    for content in contents(unit):
        for number, packet in _packets(content, unit.schemas, problems, counts):
            row = None
            with problems.skipping(counts, "bad_alerts"):
                row = _row(packet, content, number, planes, where, nan, rules, most, counts)
            if row is not None:
                rows.append({"source": _source(content, unit.root), "row": number, **row})
            if len(rows) == chunk:
                yield _table(rows, planes), Counter(counts)
                rows = []
                counts.clear()
    yield _table(rows, planes), counts


def _packets(
    content: Content, schemas: Sequence[Path], problems: Problems, counts: Counter[str]
) -> Iterator[tuple[int, Packet]]:
    """Yield packets with their numbers, all counted; what cannot be read counts as one more alert."""
    number = 0
    try:
        if isinstance(content.stream, InputError):
            raise content.stream
        for number, packet in enumerate(read_packets(content.stream, content.path, content.member, schemas), 1):
            counts["alerts"] += 1
            yield number, packet
    except InputError as error:
        counts["alerts"] += 1
        problems.report(error, counts, "bad_alerts")


def _row(
    packet: Packet,
    content: Content,
    number: int,
    planes: Sequence[str],
    where: Where,
    nan: NanPolicy,
    rules: AlertRules,
    most: MostMissing,
    counts: Counter[str],
) -> dict[str, Any] | None:
    """Return the row of an alert, or None where it is set aside or left out, which is counted."""
    try:
        fields = packet.fields
        survey = survey_of(fields, packet.schema)
        evidence = survey.evidence(fields)
        kind = decide(evidence, rules)
        if kind not in KINDS:
            counts[f"set_aside_{kind}"] += 1
            return None
        if not _selected({**fields, **fields[survey.candidate], LABEL: kind}, where):
            counts["not_selected"] += 1
            return None
        known = {**survey.known(fields), "label": KINDS[kind]}
        known["designation"] = canonical(evidence.known) if KINDS[kind] else ""
        known |= _stamp(fields, survey, planes, nan, most)
    except _STRANGE as error:
        place = f"{content.member}, packet {number}".removeprefix(", ")
        problem = str(error) if isinstance(error, ValueError) else f"is not as its survey writes it ({error!r:.100})"
        raise InputError(content.path, problem, row=place, action="pass --on-error skip to leave such out") from error
    if np.isnan(known["stamp"]).any():
        counts["few_pixels"] += 1
        return None
    counts[CLASSES[KINDS[kind]]] += 1
    if not KINDS[kind]:
        counts[kind] += 1
    around = len(planes) * max(0, STAMP_SIZE**2 - survey.side**2)
    counts["padded_stamps"] += known["padded"] > around
    counts["small_cutouts"] += 0 < known["padded"] <= around
    counts["filled_stamps"] += known["filled"] > 0
    return known


def _selected(fields: Mapping[str, Any], where: Where) -> bool:
    for name, allowed in where:
        if name not in fields:
            raise ValueError(f"--where names {name}, which is neither {LABEL} nor a field of the packet")
        if not any(equal(fields[name], value) for value in allowed):
            return False
    return True


def _stamp(
    packet: Mapping[str, Any], survey: Survey, planes: Sequence[str], nan: NanPolicy, most: MostMissing
) -> dict[str, Any]:
    cut, padded, filled = zip(*(_plane(packet, survey, plane, most) for plane in planes), strict=True)
    if sum(filled) and nan == "error":
        raise ValueError(f"{sum(filled)} pixels are missing (NaN); --nan fill puts the median of the others there")
    return {"stamp": np.stack(cut, axis=-1), "padded": sum(padded), "filled": sum(filled)}


def _plane(packet: Mapping[str, Any], survey: Survey, plane: str, most: MostMissing) -> tuple[np.ndarray, int, int]:
    content = cutout_of(packet, plane)
    if not content:
        raise ValueError(f"has no {plane} cut-out")
    try:
        pixels, header = read_cutout(content)
        ny, nx = pixels.shape
        return cut_plane(pixels, survey.centre(packet, (ny, nx), header), most)
    except ValueError as error:
        raise ValueError(f"its {plane} cut-out {error}") from error


def _source(content: Content, root: Path) -> str:
    return written(f"{content.path.relative_to(root).as_posix()}/{content.member}".removesuffix("/"))


def _table(rows: Sequence[dict[str, Any]], planes: Sequence[str]) -> Table:
    if not rows:
        return empty_table(planes)
    known = {name: [row[name] for row in rows] for name in rows[0] if name != "stamp"}
    stamps = np.stack([row["stamp"] for row in rows])
    return stamp_table(stamps, **known)
