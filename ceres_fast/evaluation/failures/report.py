"""Failures in words, in tables of 80 columns, and in a picture."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from textwrap import fill
from typing import Any

from ...libraries.matplotlib_quiet import Axes, Figure, Line2D
from ...pictures import BLUE, GREEN, GREY, VERMILION, save
from .measure import MEASURES

MOST_LINES = 12
"""Lines of a table or picture for a quantity with many names; the worst are shown."""

_WIDTH = 80

_ACROSS = 3

_LINE, _AROUND = 0.3, 1.1
"""Height of a bin, and of what is around the bins of a quantity, in inches."""

_STYLES = {
    "recall": ("o", BLUE, "recall of stamps"),
    "asteroid_recall": ("D", GREEN, "asteroids found in {needs} or more exposures"),
    "purity": ("s", GREY, "purity of what is called an asteroid"),
}

_BELOW = VERMILION


def summary(found: Mapping[str, Any]) -> str:
    """Return in words what stands out in the result of `failures`, and what could not be looked at."""
    if found["recall"] is None:
        return "Where it fails: there are no asteroids to lose.\n"
    lines = [
        "Where it fails: asteroids whose recall is wholly below the overall value, with",
        f"{found['confidence']:.0%} Wilson intervals.",
        *(line for measure in MEASURES for line in _of_measure(found, measure)),
        "",
        _paragraph(_by_chance(found)),
        *([_paragraph(_left_out(found))] if found["left_out"] else []),
    ]
    return "\n".join(lines) + "\n"


def _of_measure(found: Mapping[str, Any], measure: str) -> list[str]:
    overall = found[measure]
    counted = {"recall": "by stamp", "asteroid_recall": f"found in {found['needs']} or more exposures"}[measure]
    if overall is None:
        return ["", f"{counted}: no asteroid has {found['needs']} exposures"]
    few = found["asteroids_with_too_few_exposures"]
    without = f"; {few:,} have fewer" if few and measure == "asteroid_recall" else ""
    head = f"{counted}: {in_figures(overall)}, {overall['count']:,} of {overall['of']:,}{without}"
    lines = [
        f"asteroids {one['words']}: {in_figures(one)} of {overall['value']:.3f} overall"
        for one in found["stand_out"]
        if one["measure"] == measure
    ] or ["nothing stands out"]
    return ["", _paragraph(head), *(_paragraph(line, "  ") for line in lines)]


def _by_chance(found: Mapping[str, Any]) -> str:
    looked_at = sum(
        one[measure] is not None
        for quantity in found["quantities"].values()
        for one in quantity["bins"]
        for measure in MEASURES
    )
    if not looked_at:
        return f"No quantity divides the asteroids into bins: nothing was compared. {_likeness(found)}"
    expected = looked_at * (1 - found["confidence"]) / 2
    return (
        f"{looked_at} values were compared: where nothing is wrong, about {expected:.0f} would stand out by chance. "
        f"{_likeness(found)}"
    )


def _likeness(found: Mapping[str, Any]) -> str:
    """Return what the intervals by stamp do about the exposures of one asteroid."""
    if found["stamps_per_asteroid"] <= 1:
        return "Each asteroid has one stamp: the intervals by stamp are those of independent stamps."
    alike = f"{found['correlation_of_stamps']:.2f}"
    if alike == "0.00":
        return "The stamps of one asteroid are not alike (correlation 0.00): their intervals are not widened."
    return f"The stamps of one asteroid are alike (correlation {alike}): the intervals by stamp are widened for that."


def _left_out(found: Mapping[str, Any]) -> str:
    names: dict[str, list[str]] = {}
    for name, reason in found["left_out"].items():
        names.setdefault(reason, []).append(name)
    return "Not looked at: " + "; ".join(f"{', '.join(some)}: {reason}" for reason, some in names.items()) + "."


def _paragraph(text: str, indent: str = "") -> str:
    return fill(text, _WIDTH, initial_indent=indent, subsequent_indent=2 * indent)


def in_figures(share: Mapping[str, float] | None) -> str:
    """Return a share as ``0.712 [0.641, 0.772]``; ``-`` where there is none."""
    return "-" if share is None else f"{share['value']:.3f} [{share['low']:.3f}, {share['high']:.3f}]"


def _value(share: Mapping[str, float] | None) -> str:
    return "-" if share is None else f"{share['value']:.3f}"


_COLUMNS = {
    "recall": ("recall", 22, in_figures),
    "asteroid_recall": ("found in ≥ {needs}", 22, in_figures),
    "purity": ("purity", 7, _value),
}
"""Title, width and form of what a table shows of each bin."""


def tables(found: Mapping[str, Any]) -> str:
    """Return a table of every quantity in the result of `failures`; of many names, only the worst."""
    return "\n".join(_table(quantity, found["needs"]) for quantity in found["quantities"].values())


def _table(quantity: Mapping[str, Any], needs: int) -> str:
    shown = shown_bins(quantity["bins"])
    columns = {name: column for name, column in _COLUMNS.items() if any(one[name] is not None for one in shown)}
    head = f"{'':<20}{'asteroids':>9}" + "".join(
        f"{title.format(needs=needs):>{width}}" for title, width, _ in columns.values()
    )
    lines = [
        f"{_in_front(one['label'])}{one['asteroids']:>9,}"
        + "".join(f"{show(one[name]):>{width}}" for name, (_, width, show) in columns.items())
        for one in shown
    ]
    return "\n".join(line.rstrip() for line in (_title(quantity, len(shown)), head, *lines)) + "\n"


def _title(quantity: Mapping[str, Any], shown: int) -> str:
    bins = quantity["bins"]
    notes = [f"the {shown} worst of {len(bins)}"] if shown < len(bins) else []
    notes += ["a stamp may be in several lines"] if quantity["overlapping"] else []
    return quantity["title"] + (f": {'; '.join(notes)}" if notes else "")


def _in_front(label: str) -> str:
    """Return what stands before the numbers of a bin; a name that is too long for that has a line of its own."""
    return f"{label:<20}" if len(label) < 20 else f"{label}\n{'':<20}"


def _short(text: str, most: int) -> str:
    return text if len(text) < most else text[: most - 2] + "…"


def shown_bins(bins: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the bins in their order; of more than `MOST_LINES`, those whose recall is least certain to be good."""
    if len(bins) <= MOST_LINES:
        return list(bins)
    with_asteroids = [one for one in bins if one["recall"] is not None]
    return sorted(with_asteroids, key=lambda one: one["recall"]["high"])[:MOST_LINES]


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
    labels = [f"{_short(one['label'], 25)} ({one['asteroids']:,})" for one in shown]
    axes.set_yticks(range(len(shown)), labels, parse_math=False)  # a name may hold a $
    axes.set_ylim(len(shown) - 0.5, -0.5)
    axes.tick_params(labelsize=8)
    axes.set_xlabel("share", size=8)
    axes.grid(axis="x", color="0.9")
    axes.set_axisbelow(True)
    axes.set_title(title + (f": the {len(shown)} worst of {len(bins)}" if len(shown) < len(bins) else ""), size=10)


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
