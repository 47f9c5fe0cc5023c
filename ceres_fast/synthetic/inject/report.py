"""Completeness on the screen, in files and as a picture."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from astropy.table import Table

from ...console import say
from ...console import table as print_table
from ...files import atomic_file, write_json
from ...libraries.matplotlib_quiet import Axes, Axis, Figure, FuncFormatter, LogLocator, NullLocator
from ...pictures import SERIES, save
from .completeness import Completeness

MARKERS = ("o", "s", "^", "D")
"""Of the stages, so that they can be told apart without colours too."""

MAP_BINS = (6, 8)
"""Bins in rate and magnitude of the map of both."""


def print_completeness(completeness: Completeness) -> None:
    """Print the shares by magnitude and by rate, and the limits."""
    for by, unit in (("magnitude", "mag"), ("rate", "arcsec/min")):
        first = completeness.of_stage("detected", by)
        columns = [completeness.of_stage(stage, by) for stage in completeness.stages]
        rows = [
            (f"{low:.4g} to {high:.4g}", count, *(_percent(table[number]) for table in columns))
            for number, (low, high, count) in enumerate(
                zip(first["low"], first["high"], first["injected"], strict=True)
            )
        ]
        whole = [completeness.of_stage(stage, "all")[0] for stage in completeness.stages]
        rows.append(("all", len(completeness.injected), *map(_percent, whole)))
        print_table(f"completeness by {by}", (unit, "injected", *completeness.stages), rows)
    for stage, limit in completeness.limits.items():
        if math.isnan(limit.half):
            say(f"{stage}: the magnitudes injected do not show where completeness falls")
        else:
            say(f"{stage}: {limit.bright:.1%} of bright ones, half of that at magnitude {limit.half:.2f}")


def _percent(row: Table.Row) -> str:
    return "–" if row["injected"] == 0 else f"{row['share']:.0%} ({row['share_low']:.0%}–{row['share_high']:.0%})"


def write_completeness(completeness: Completeness, folder: Path) -> None:
    """Write ``injected.csv``, ``completeness.csv``, ``completeness.json`` and ``completeness.png``."""
    for name, table in (("injected.csv", completeness.injected), ("completeness.csv", completeness.bins)):
        rounded = table.copy()
        for column in rounded.itercols():
            if column.dtype.kind == "f":
                column.info.format = ".8f" if column.name in ("mjd", "ra", "dec") else ".4f"
            elif column.dtype.kind == "b":
                rounded.replace_column(column.name, column.astype(int))
        with atomic_file(folder / name) as temporary:
            rounded.write(temporary, format="ascii.csv", overwrite=True)
    write_json(folder / "completeness.json", completeness.as_dict())
    draw_completeness(completeness, folder / "completeness.png")


def draw_completeness(completeness: Completeness, path: Path) -> None:
    """Draw completeness against magnitude, against rate, and against both (of detections that seem to move)."""
    figure = Figure(figsize=(15, 4.2), layout="constrained")
    by_magnitude, by_rate, both = figure.subplots(1, 3)
    for axes, by in ((by_magnitude, "magnitude"), (by_rate, "rate")):
        for number, stage in enumerate(completeness.stages):
            _points(axes, completeness, stage, by, number)
        axes.set(ylim=(-0.03, 1.03), ylabel="share found (bars: 95 %)")
        axes.grid(alpha=0.3)
    by_magnitude.set(xlabel="magnitude (mag)")
    by_magnitude.legend(frameon=False)
    by_rate.set(xlabel="rate (arcsec/min)", xscale="log")
    _plain_numbers(by_rate.xaxis)
    _map(figure, both, completeness)
    save(figure, path, dpi=110)


def _points(axes: Axes, completeness: Completeness, stage: str, by: str, number: int) -> None:
    colour, marker = SERIES[number], MARKERS[number]
    table = completeness.of_stage(stage, by)
    table = table[table["injected"] > 0]
    # Beside each other: stages that lose nothing would else hide one another.
    place = 0.5 + 0.12 * (number - (len(completeness.stages) - 1) / 2)
    low, high = np.asarray(table["low"]), np.asarray(table["high"])
    middle = low ** (1 - place) * high**place if by == "rate" else low + place * (high - low)
    bars = np.array([table["share"] - table["share_low"], table["share_high"] - table["share"]])
    axes.errorbar(middle, table["share"], np.maximum(bars, 0), fmt=marker, ms=4, color=colour, capsize=2, label=stage)
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
    axes.set(xlabel="magnitude (mag)", ylabel="rate (arcsec/min)", yscale="log")
    axes.set_title("moving: share found, number injected")
    _plain_numbers(axes.yaxis)
    figure.colorbar(mesh, ax=axes, label="share found")
