"""What was found in records, or may be wrong with them: as findings, as numbers and as text."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ...stamps import CLASSES, measured_magnitudes
from ..splits import Leak
from ..splits.groups import places
from ..splits.hold_out import nights
from ..splits.sky import cut_outs
from .pixels import Pairs, Pixels

EXAMPLES = 20
HALF = 32 * 32 // 2

LEAKS = {
    "group": "groups in more than one split",
    "asteroid": "asteroids in more than one split",
    "place": "fields and CCDs, or files, in more than one split",
    "sky": "cut-outs that overlap one of another split",
    "pixels": "stamps with exactly the pixels of one of another split",
}
"""Kinds of leak, and what is counted."""

_PERCENTILES = (5, 50, 95)


@dataclass(frozen=True)
class Finding:
    """Something to look at: what was counted, how many there are, the first ones, and whether it is a leak."""

    what: str
    count: int
    examples: list[str]
    leak: bool = False

    def __str__(self) -> str:
        return f"{self.what}: {self.count:,}"

    def as_dict(self) -> dict[str, Any]:
        """Return it for the report."""
        return asdict(self)


def leaking(found: Sequence[Leak]) -> Iterator[Finding]:
    """Yield a finding for each kind of leak."""
    for kind, what in LEAKS.items():
        if these := [leak.what for leak in found if leak.kind == kind]:
            yield Finding(what, len(these), these[:EXAMPLES], leak=True)


def names_of(columns: Mapping[str, np.ndarray], splits: np.ndarray, rows: np.ndarray) -> list[str]:
    """Return what a person needs to find these stamps: split, class, source and catalogue row."""
    classes = np.array(["non-asteroid", "asteroid"])
    return [
        f"{splits[row]} {classes[columns['label'][row]]} {columns['source'][row]}"
        + (f" row {columns['row'][row]}" if columns["row"][row] > 0 else "")
        for row in rows
    ]


def of_pairs(pairs: Pairs, what: str, columns: Mapping[str, np.ndarray], splits: np.ndarray) -> Iterator[Finding]:
    """Yield a finding where there are pairs of stamps; the most alike come first."""
    if not len(pairs.one):
        return
    order = np.argsort(-pairs.correlation, kind="stable")[:EXAMPLES]
    both = zip(*(names_of(columns, splits, rows[order]) for rows in (pairs.one, pairs.other)), strict=True)
    yield Finding(what, len(pairs.one), [f"{one} = {other}" for one, other in both])


def same_place_other_label(columns: Mapping[str, np.ndarray]) -> Pairs:
    """Return asteroids within a pixel of a detection that is none, with that detection.

    An asteroid does not come back to where something else was or will be seen: one of the two labels may be wrong.
    """
    cuts = cut_outs(columns)
    asteroid = columns["label"][cuts.stamps] == 1
    here, there = cuts[np.flatnonzero(asteroid)], cuts[np.flatnonzero(~asteroid)]
    if not len(here.stamps) or not len(there.stamps):
        none = np.empty(0, np.int64)
        return Pairs(none, none, np.empty(0))
    # The radius of a cut-out is 17√2 pixels.
    pixel = here.radius / (17 * np.sqrt(2))
    apart, nearest = cKDTree(there.toward).query(here.toward)
    near = apart < pixel
    return Pairs(here.stamps[near], there.stamps[nearest[near]], 1 - apart[near])


def strange_values(pixels: Pixels, columns: Mapping[str, np.ndarray], splits: np.ndarray) -> Iterator[Finding]:
    """Yield a finding for each kind of stamp that can hardly be learnt from."""
    scale = columns["pixel_scale"]
    usual = np.median(scale[np.isfinite(scale)]) if np.isfinite(scale).any() else np.nan
    placeless = (columns["field"] == "") & ~(np.isfinite(columns["ra"]) & np.isfinite(columns["dec"]))
    for what, found in (
        ("stamps that are constant", pixels.constant),
        ("stamps with missing pixels (NaN or infinite)", pixels.missing),
        ("stamps of which more than half lies outside the frame", columns["padded"] > HALF),
        ("stamps of which more than half was missing and is filled", columns["filled"] > HALF),
        ("stamps with a pixel scale more than 20 % from the median", np.abs(scale / usual - 1) > 0.2),
        ("stamps without field and position, distinguished by their file only", placeless),
    ):
        rows = np.flatnonzero(found)
        if rows.size:
            yield Finding(what, len(rows), names_of(columns, splits, rows[:EXAMPLES]))


def split_numbers(splits: np.ndarray, columns: Mapping[str, np.ndarray]) -> dict[str, dict[str, int]]:
    """Return {split: numbers of stamps by class, groups, designations, places, nights}, and the same for ``all``."""
    counted = {"groups": columns["group"], "designations": columns["designation"], "places": places(columns)}
    counted["nights"] = nights(columns["mjd"])
    names = list(dict.fromkeys(splits))
    result = {}
    for name in [*names, "all"]:
        rows = np.flatnonzero(splits == name) if name != "all" else np.arange(len(splits))
        stamps = {CLASSES[label]: int((columns["label"][rows] == label).sum()) for label in (1, 0)}
        sets = {key: len(set(values[rows]) - {""}) for key, values in counted.items()}
        result[name] = stamps | sets
    return result


def class_numbers(columns: Mapping[str, np.ndarray]) -> dict[str, dict[str, Any]]:
    """Return {class: by what a network could separate the classes without looking at the source}.

    Shares of padded and filled stamps, and 5, 50 and 95 % of magnitude, rate, pixel scale and seeing (None: unknown).
    """
    result = {}
    for label, name in enumerate(CLASSES):
        rows = columns["label"] == label
        shares: dict[str, Any] = {
            key: float((columns[key][rows] > 0).mean()) if rows.any() else None for key in ("padded", "filled")
        }
        spread = {key: _spread(known(columns, key)[rows]) for key in ("magnitude", "rate", "pixel_scale", "seeing")}
        result[name] = {**shares, **spread}
    return result


def known(columns: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """Return a column of numbers with NaN for whatever means "not known"."""
    values = columns[name]
    return measured_magnitudes(values) if name == "magnitude" else values


def _spread(values: np.ndarray) -> list[float] | None:
    values = values[np.isfinite(values)]
    return [round(float(value), 3) for value in np.percentile(values, _PERCENTILES)] if values.size else None


def split_rows(numbers: Mapping[str, Mapping[str, int]]) -> tuple[tuple[str, ...], list[tuple[object, ...]]]:
    """Return the header and the rows of the table of splits."""
    header = ("split", "asteroid", "non-asteroid", "share", "groups", "designations", "places", "nights")
    rows = []
    for split, of in numbers.items():
        total = of["asteroid"] + of["non_asteroid"]
        share = f"{of['asteroid'] / total:.1%}" if total else "-"
        rest = (of[key] for key in ("groups", "designations", "places", "nights"))
        rows.append((split, of["asteroid"], of["non_asteroid"], share, *rest))
    return header, rows


def as_text(report: Mapping[str, Any]) -> str:
    """Return the report as plain text."""
    header, rows = split_rows(report["splits"])
    lines = [
        f"Records {report['records']}: {report['stamps']:,} stamps, {'sound' if report['sound'] else 'NOT SOUND'}",
        "",
        *_aligned([header, *rows]),
        "",
        "5, 50 and 95 % of what is known; share of stamps that are padded (at an edge) or filled (missing pixels)",
        *_aligned(_class_rows(report["classes"])),
    ]
    for title, leak in (("Leaks", True), ("To look at", False)):
        found = [finding for finding in report["findings"] if finding["leak"] is leak]
        lines += ["", f"{title}: {len(found) or 'none'}"]
        for finding in found:
            lines.append(f"  {finding['what']}: {finding['count']:,}")
            lines += [f"    {example}" for example in finding["examples"]]
            if finding["count"] > len(finding["examples"]):
                lines.append(f"    … and {finding['count'] - len(finding['examples']):,} more")
    lines += [
        "",
        f"Not compared, as there is too little background beside the sources: {report['not_compared']:,} stamps",
    ]
    return "\n".join(line.rstrip() for line in lines) + "\n"


def _class_rows(classes: Mapping[str, Mapping[str, Any]]) -> list[tuple[str, ...]]:
    rows = [("", *(name.replace("_", "-") for name in classes))]
    for key in next(iter(classes.values())):
        rows.append((key.replace("_", " "), *(_cell(of[key]) for of in classes.values())))
    return rows


def _cell(value: float | list[float] | None) -> str:
    if value is None:
        return "unknown"
    return " / ".join(f"{one:g}" for one in value) if isinstance(value, list) else f"{value:.1%}"


def _aligned(rows: Sequence[Sequence[object]]) -> list[str]:
    cells = [[f"{cell:,}" if isinstance(cell, int) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return [
        "  ".join(cell.rjust(width) if number else cell.ljust(width) for number, (cell, width) in enumerate(both))
        for both in (list(zip(row, widths, strict=True)) for row in cells)
    ]
