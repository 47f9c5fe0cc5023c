"""Pictures of records."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from ...libraries.matplotlib_quiet import Axes, Figure, FixedLocator, NullLocator
from ...pictures import BLUE, ORANGE, PURPLE, save, show_stamp
from .report import known

CLASS_COLOURS = {"asteroid": ORANGE, "non_asteroid": BLUE}
SPLIT_COLOURS = {"train": "0.35", "validation": BLUE, "calibration": ORANGE, "test": PURPLE}
SPLIT_LINES = {"train": "-", "validation": "-", "calibration": "--", "test": ":"}
PANELS = (
    ("magnitude", 1, "magnitude of asteroids (mag)", "linear"),
    ("magnitude", 0, "magnitude of non-asteroids (mag)", "linear"),
    ("rate", 1, "rate of asteroids (arcsec/min)", "log"),
)
"""Column, label, title and scale of a histogram."""

_PAIRS = 5
_BINS, _DECADES = 18, 5


def draw_distributions(splits: np.ndarray, columns: Mapping[str, np.ndarray], path: Path) -> None:
    """Draw the classes of each split, and for each split how magnitudes and rates are distributed."""
    figure = Figure(figsize=(12, 7), layout="constrained")
    classes, *others = figure.subplots(2, 2).flat
    names = list(dict.fromkeys(splits))
    _draw_classes(classes, names, splits, columns["label"])
    for axes, (column, label, title, scale) in zip(others, PANELS, strict=True):
        rows = columns["label"] == label
        _draw_histogram(axes, names, splits[rows], known(columns, column)[rows], scale)
        axes.set_xlabel(title)
    save(figure, path)


def _draw_classes(axes: Axes, names: Sequence[str], splits: np.ndarray, labels: np.ndarray) -> None:
    for number, (name, colour) in enumerate(CLASS_COLOURS.items()):
        counts = [int(((splits == split) & (labels == 1 - number)).sum()) for split in names]
        bars = axes.barh(
            np.arange(len(names)) + (number - 0.5) * 0.4, counts, 0.38, color=colour, label=name.replace("_", "-")
        )
        axes.bar_label(bars, [f"{count:,}" for count in counts], padding=3, size=9)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.set(xlabel="number of stamps")
    # Above the axes: beside bars of any length there is no place that is always free.
    axes.legend(frameon=False, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(CLASS_COLOURS))


def _draw_histogram(axes: Axes, names: Sequence[str], splits: np.ndarray, values: np.ndarray, scale: str) -> None:
    usable = np.isfinite(values) & ((values > 0) | (scale == "linear"))
    if not usable.any():
        axes.text(0.5, 0.5, "not known for any stamp", ha="center", va="center", color="0.4", transform=axes.transAxes)
        axes.set(xticks=[], yticks=[])
        return
    low, high = values[usable].min(), values[usable].max()
    if scale == "log":
        bins = np.geomspace(low / 1.05, high * 1.05, _BINS + 1)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(FixedLocator(_ticks(bins[0], bins[-1])))
        axes.xaxis.set_major_formatter("{x:g}")
        axes.xaxis.set_minor_locator(NullLocator())
    else:
        bins = np.linspace(low - 0.05, high + 0.05, _BINS + 1)
    for name in names:
        here = values[usable & (splits == name)]
        if here.size:
            axes.hist(
                here,
                bins.tolist(),
                weights=np.full(here.size, 1 / here.size),
                # The large split as an area: four lines over each other cannot be told apart.
                histtype="stepfilled" if name == "train" else "step",
                lw=1.6,
                color=SPLIT_COLOURS[name],
                ls=SPLIT_LINES[name],
                alpha=0.35 if name == "train" else 1,
                label=f"{name} ({here.size:,})",
            )
    axes.set_ylabel("share of the split's stamps")
    axes.legend(frameon=False, fontsize=9)


def _ticks(low: float, high: float) -> list[float]:
    """Return plain numbers on a logarithmic axis: 1, 2 and 5 of each decade, or over many decades the decades."""
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    digits = (1, 2, 5) if len(decades) <= _DECADES else (1,)
    inside = [tick for decade in decades for digit in digits if low <= (tick := digit * 10.0**decade) <= high]
    return inside or [float(f"{math.sqrt(low * high):.3g}")]


def draw_pairs(pairs: Sequence[tuple[np.ndarray, np.ndarray]], captions: Sequence[tuple[str, str]], path: Path) -> None:
    """Draw pairs of stamps that should not be alike beside each other, with a caption each."""
    rows = -(-len(pairs) // _PAIRS)
    figure = Figure(figsize=(_PAIRS * 2.6, rows * 1.6 + 0.5), layout="constrained")
    figure.suptitle("stamps that are alike, in other splits or with other labels")
    # A narrow column keeps each pair apart from the next.
    for row in figure.subplots(rows, 3 * _PAIRS, squeeze=False, width_ratios=[1, 1, 0.2] * _PAIRS):
        for axes in row:
            axes.set_axis_off()
    for number, (both, words) in enumerate(zip(pairs, captions, strict=True)):
        for axes, stamp, caption in zip(figure.axes[3 * number :], both, words, strict=False):
            show_stamp(axes, stamp)
            axes.set_axis_on()
            axes.set(xticks=[], yticks=[])
            axes.set_title(caption, size=7, pad=2)
    save(figure, path)
