"""One picture of all quantities: recall and purity of each bin, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from ..figures import save
from .text import shown_bins

_ACROSS = 3
_LINE, _AROUND = 0.3, 1.1
"""Height of a bin, and of what is around the bins of a quantity, in inches."""

_STYLES = {
    "recall": ("o", "tab:blue", "recall of stamps"),
    "asteroid_recall": ("D", "tab:green", "asteroids found in {needs} or more exposures"),
    "purity": ("s", "0.6", "purity of what is called an asteroid"),
}
_BELOW = "tab:red"


def draw(found: Mapping[str, Any], title: str, path: Path) -> None:
    """Draw the result of `failures`: a panel for each quantity, a line for each bin, what stands out in red."""
    panels = [(quantity["title"], quantity["bins"]) for quantity in found["quantities"].values()]
    if not panels:
        figure = Figure(figsize=(6, 1.2), layout="constrained")
        figure.suptitle(f"{title}\nno quantity divides the asteroids into bins", size=10, parse_math=False)
        save(figure, path)
        return
    rows = [panels[first : first + _ACROSS] for first in range(0, len(panels), _ACROSS)]
    heights = [_AROUND + _LINE * max(len(shown_bins(bins)) for _, bins in row) for row in rows]
    figure = Figure(figsize=(15, sum(heights) + 1), layout="constrained")
    figure.suptitle(f"{title}\nin brackets: asteroids; lines: {found['confidence']:.0%} intervals", parse_math=False)
    lowest = _lowest(found)
    grid = figure.subplots(len(rows), _ACROSS, squeeze=False, height_ratios=heights)
    for axes, panel in zip(grid.flat, panels, strict=False):
        _draw_panel(axes, *panel, found)
        axes.set_xlim(lowest, 1.01)
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    figure.legend(handles=_handles(found), loc="outside lower center", ncols=5, frameon=False)
    save(figure, path)


def _draw_panel(axes: Axes, title: str, bins: Sequence[Mapping[str, Any]], found: Mapping[str, Any]) -> None:
    shown = shown_bins(bins)
    for measure, (marker, colour, _) in _STYLES.items():
        off = {"recall": 0.0, "asteroid_recall": 0.22, "purity": -0.22}[measure]
        for line, one in enumerate(shown):
            if (share := one[measure]) is None:
                continue
            drawn = _BELOW if measure in one["stands_out"] else colour
            axes.plot([share["low"], share["high"]], [line + off] * 2, color=drawn, lw=1.5)
            axes.plot(share["value"], line + off, marker, color=drawn, ms=5)
    for measure in ("recall", "asteroid_recall"):
        if found[measure] is not None and any(one[measure] is not None for one in shown):
            axes.axvline(found[measure]["value"], color=_STYLES[measure][1], ls=":", lw=1)
    labels = [f"{_short(one['label'])} ({one['asteroids']:,})" for one in shown]
    axes.set_yticks(range(len(shown)), labels, parse_math=False)  # a name may hold a $
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.tick_params(labelsize=8)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.set_title(title + (f": the {len(shown)} worst of {len(bins)}" if len(shown) < len(bins) else ""), size=10)


def _short(label: str) -> str:
    return label if len(label) <= 24 else f"{label[:23]}…"


def _lowest(found: Mapping[str, Any]) -> float:
    """Return where all panels begin, so that they can be compared: a tenth below the lowest interval."""
    lows = [
        one[measure]["low"]
        for quantity in found["quantities"].values()
        for one in shown_bins(quantity["bins"])
        for measure in _STYLES
        if one[measure] is not None
    ]
    return max(-0.01, math.floor(min(lows, default=0.0) * 10 - 0.5) / 10)


def _handles(found: Mapping[str, Any]) -> list[Line2D]:
    drawn = [
        Line2D([], [], marker=marker, color=colour, label=words.format(needs=found["needs"]))
        for measure, (marker, colour, words) in _STYLES.items()
        if found[measure] is not None
    ]
    return [
        *drawn,
        Line2D([], [], ls=":", color="0.4", label="overall"),
        Line2D([], [], color=_BELOW, lw=3, label="wholly below the overall value"),
    ]
