"""What is wrong with records, or may be: leaks between splits, stamps with two labels, strange values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from ..splits import Leak
from ..splits.sky import cut_outs
from .duplicates import Pairs
from .pixels import Pixels

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
        ("stamps without field and position, told apart by their file only", placeless),
    ):
        rows = np.flatnonzero(found)
        if rows.size:
            yield Finding(what, len(rows), names_of(columns, splits, rows[:EXAMPLES]))
