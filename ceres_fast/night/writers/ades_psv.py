"""Tracklets in ADES, the form with values between bars (see `ades`)."""

from __future__ import annotations

from pathlib import Path

from .ades import ELEMENTS, VERSION, context, values
from .observations import observations_of
from .order import Files, Order, needed_observatory

NAME = "ades.psv"


def files(order: Order) -> Files:
    """Return what writes the file; None where nothing is to be reported: ADES has no empty report."""
    observatory = needed_observatory(order, "an ADES report")
    observations = observations_of(order)
    if not observations:
        return {NAME: None}

    def write(path: Path) -> None:
        rows = list(values(observatory, observations))
        lines = [f"# version={VERSION}"]
        for group, elements in context(observatory):
            lines += [f"# {group}", *(f"! {name} {text}" for name, text in elements)]
        used = [name for name in ELEMENTS if any(name in row for row in rows)]
        width = {name: max(len(name), *(len(row.get(name, "")) for row in rows)) for name in used}
        for row in [{name: name for name in used}, *rows]:
            lines.append("|".join(row.get(name, "").ljust(width[name]) for name in used).rstrip(" "))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    return {NAME: write}
