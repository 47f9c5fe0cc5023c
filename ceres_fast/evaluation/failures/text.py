"""Failures in words and in tables of 80 columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from textwrap import fill
from typing import Any

from .measure import MEASURES

MOST_LINES = 12
"""Lines of a table or picture for a quantity with many names; the worst are shown."""

_WIDTH = 80


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
    expected = looked_at * (1 - found["confidence"]) / 2
    alike = found["correlation_of_stamps"]
    return (
        f"{looked_at} values were compared: where nothing is wrong, about {expected:.0f} would stand out by chance. "
        f"The stamps of one asteroid are alike (correlation {alike:.2f}), so that intervals by stamp are made wider."
    )


def _left_out(found: Mapping[str, Any]) -> str:
    return "Not looked at: " + "; ".join(f"{name}: {reason}" for name, reason in found["left_out"].items()) + "."


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
        f"{_short(one['label'], 20):<20}{one['asteroids']:>9,}"
        + "".join(f"{show(one[name]):>{width}}" for name, (_, width, show) in columns.items())
        for one in shown
    ]
    return "\n".join(line.rstrip() for line in (_title(quantity, len(shown)), head, *lines)) + "\n"


def _title(quantity: Mapping[str, Any], shown: int) -> str:
    bins = quantity["bins"]
    notes = [f"the {shown} worst of {len(bins)}"] if shown < len(bins) else []
    notes += ["a stamp may be in several lines"] if quantity["overlapping"] else []
    return quantity["title"] + (f": {'; '.join(notes)}" if notes else "")


def _short(text: str, most: int) -> str:
    return text if len(text) < most else text[: most - 2] + "…"


def shown_bins(bins: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the bins in their order; of more than `MOST_LINES`, those whose recall is least certain to be good."""
    if len(bins) <= MOST_LINES:
        return list(bins)
    with_asteroids = [one for one in bins if one["recall"] is not None]
    return sorted(with_asteroids, key=lambda one: one["recall"]["high"])[:MOST_LINES]
