"""Tracklets in ADES, the form with values between bars (see `ades`)."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from ..observatory import Observatory
from .ades import ELEMENTS, VERSION, context, report, values
from .observations import Observation


def _write(path: Path, observatory: Observatory, observations: list[Observation]) -> None:
    rows = list(values(observatory, observations))
    lines = [f"# version={VERSION}"]
    for group, elements in context(observatory):
        lines += [f"# {group}", *(f"! {name} {text}" for name, text in elements)]
    used = [name for name in ELEMENTS if any(name in row for row in rows)]
    width = {name: max(len(name), *(len(row.get(name, "")) for row in rows)) for name in used}
    for row in [{name: name for name in used}, *rows]:
        lines.append("|".join(row.get(name, "").ljust(width[name]) for name in used).rstrip(" "))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


files = partial(report, name="ades.psv", write=_write)
"""What writes the file."""
