"""What was found, as numbers and as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ...stamps import CLASSES
from ..splits.groups import places
from ..splits.hold_out import nights

MAGNITUDE_FAILED = 90
"""SExtractor's MAG_AUTO is 99 where it failed."""

_PERCENTILES = (5, 50, 95)


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
    """Return {class: what a network could tell the classes by without looking at the source}.

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
    return np.where(values < MAGNITUDE_FAILED, values, np.nan) if name == "magnitude" else values


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
