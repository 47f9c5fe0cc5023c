"""The picture of completeness."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from ...files import atomic_file
from .completeness import Completeness

MAP_BINS = (6, 8)
"""Bins in rate and magnitude of the map of both."""


def draw_completeness(completeness: Completeness, path: Path) -> None:
    """Draw completeness against magnitude, against rate, and against both (of detections that seem to move)."""
    figure = Figure(figsize=(15, 4.2), layout="constrained")
    by_magnitude, by_rate, both = figure.subplots(1, 3)
    for axes, by in ((by_magnitude, "magnitude"), (by_rate, "rate")):
        for number, stage in enumerate(completeness.stages):
            _points(axes, completeness, stage, by, f"C{number}")
        axes.set(ylim=(-0.03, 1.03), ylabel="share found (bars: 95 %)")
        axes.grid(alpha=0.3)
    by_magnitude.set(xlabel="magnitude")
    by_magnitude.legend(frameon=False)
    by_rate.set(xlabel="rate (arcsec/min)", xscale="log")
    _plain_numbers(by_rate.xaxis)
    _map(figure, both, completeness)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=110, metadata={"Software": None})  # no version: the same bytes everywhere


def _points(axes: Axes, completeness: Completeness, stage: str, by: str, colour: str) -> None:
    table = completeness.of_stage(stage, by)
    table = table[table["injected"] > 0]
    middle = np.sqrt(table["low"] * table["high"]) if by == "rate" else (table["low"] + table["high"]) / 2
    bars = np.array([table["share"] - table["share_low"], table["share_high"] - table["share"]])
    axes.errorbar(middle, table["share"], np.maximum(bars, 0), fmt="o", ms=4, color=colour, capsize=2, label=stage)
    limit = completeness.limits[stage]
    if by == "magnitude" and np.isfinite(limit.half):
        steps = np.linspace(table["low"].min(), table["high"].max(), 200)
        axes.plot(steps, limit(steps), color=colour, lw=1)


def _plain_numbers(axis: Axis) -> None:
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axis.set_minor_locator(NullLocator())


def _map(figure: Figure, axes: Axes, completeness: Completeness) -> None:
    rows = completeness.injected
    magnitude, rate = np.asarray(rows["magnitude"], float), np.log10(np.asarray(rows["rate"], float))
    total, rates, magnitudes = np.histogram2d(rate, magnitude, MAP_BINS)
    found, *_ = np.histogram2d(rate, magnitude, (rates, magnitudes), weights=np.asarray(rows["moving"], float))
    share = np.divide(found, total, out=np.full(total.shape, np.nan), where=total > 0)
    mesh = axes.pcolormesh(magnitudes, 10**rates, share, vmin=0, vmax=1, cmap="viridis")
    for (row, column), count in np.ndenumerate(total):
        if count:
            place = (magnitudes[column : column + 2].mean(), 10 ** rates[row : row + 2].mean())
            colour = "white" if share[row, column] < 0.6 else "black"
            axes.text(*place, f"{share[row, column]:.0%}\n{count:.0f}", color=colour, size=7, ha="center", va="center")
    axes.set(xlabel="magnitude", ylabel="rate (arcsec/min)", yscale="log", title="moving: share found, number injected")
    _plain_numbers(axes.yaxis)
    figure.colorbar(mesh, ax=axes)
