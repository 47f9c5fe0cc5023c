"""Pictures of the report, as PNG in memory: in the page, and beside the Markdown."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from ...evaluation.formatting import decimals, is_number
from .cells import RANDOM, finished, named, spread
from .results import Key, Results, Row
from .tables import COUNTS, NAMES, matrix, title

DPI = 130
CURVES = (("loss", "loss"), ("accuracy", "accuracy"), ("recall", "asteroid recall"))
"""Columns of a history, and what the panel is called."""

RIGHT, WRONG = "#2b6cb0", "#dd6b20"
"""Blue and orange: told apart by whoever sees colours otherwise, and in print."""


@dataclass(frozen=True)
class Picture:
    """A picture of the report.

    Attributes
    ----------
    name : str
        Of its file, without a folder.
    caption : str
        What it shows.
    alt : str
        The same, and the numbers in it, for whoever cannot see it.
    png : bytes
        The file.
    """

    name: str
    caption: str
    alt: str
    png: bytes


def png_of(figure: Figure) -> bytes:
    """Return a figure as PNG; without the version of matplotlib in it, so that equal figures are equal bytes."""
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=DPI, metadata={"Software": None})
    return stream.getvalue()


def confusion_matrices(results: Results) -> Picture | None:
    """Draw the confusion matrices of all experiments side by side (paper, Fig. 6): means over the seeds."""
    groups = {key: rows for key, rows in results.groups().items() if finished(rows)}
    if not groups:
        return None
    across, down = (list(dict.fromkeys(key[place] for key in groups)) for place in (1, 0))
    figure = Figure(figsize=(max(2.6 * len(across), 4) + 0.4, 2.55 * len(down) + 0.2), layout="constrained")
    grid = figure.subplots(len(down), len(across), squeeze=False)
    for (row, column), axes in np.ndenumerate(grid):
        key = down[row], across[column]
        if key in groups:
            _matrix(axes, groups[key], first=column == 0, last=row == len(down) - 1)
        else:
            axes.set_axis_off()
    told = "; ".join(f"{_name(rows)}: {_counted(rows)}" for rows in groups.values())
    caption = "Confusion matrices of all experiments on the test split, coloured by the share of the true class"
    return Picture("confusion.png", caption + _seeds(results), f"Confusion matrices. {told}.", png_of(figure))


def asteroids_found(results: Results) -> Picture | None:
    """Draw how many stamps of asteroids each experiment calls right and wrong (paper, Fig. 7)."""
    groups = [rows for rows in results.groups().values() if finished(rows)]
    if not groups:
        return None
    wrong, right = (np.array([fmean(matrix(rows)[place]) for rows in groups]) for place in (2, 3))
    figure = Figure(figsize=(8.2, 0.48 * len(groups) + 1.2), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(groups))
    for offset, counts, colour, name in ((-0.2, right, RIGHT, "correct"), (0.2, wrong, WRONG, "incorrect")):
        bars = axes.barh(places + offset, counts, 0.38, color=colour, label=name)
        axes.bar_label(bars, [f"{count:,.0f}" for count in counts], padding=3, size=8)
    axes.set_yticks(places, [_label(_name(rows)) for rows in groups])
    axes.invert_yaxis()
    axes.set(xlabel="stamps of asteroids (test split)", xlim=(0, 1.12 * max(1, right.max(), wrong.max())))
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    axes.spines[["top", "right"]].set_visible(False)
    told = "; ".join(
        f"{_name(rows)}: {good:,.0f} correct, {bad:,.0f} incorrect"
        for rows, good, bad in zip(groups, right, wrong, strict=True)
    )
    caption = "Stamps of asteroids that are called right and wrong" + _seeds(results)
    return Picture("asteroids.png", caption, f"{caption}. {told}.", png_of(figure))


def learning_curves(results: Results) -> list[Picture]:
    """Draw loss, accuracy and asteroid recall of each epoch: a picture per backbone, a colour per experiment."""
    found = []
    for place, (backbone, groups) in enumerate(results.backbones().items()):
        done = {key: [row for row in finished(rows) if row.history] for key, rows in groups.items()}
        done = {key: rows for key, rows in done.items() if rows}
        if not done:
            continue
        figure = Figure(figsize=(10, 3.3), layout="constrained")
        for axes, (column, name) in zip(figure.subplots(1, len(CURVES)), CURVES, strict=True):
            _curves(axes, done, column)
            axes.set(xlabel="epoch", title=name)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
        tag = f" ({RANDOM})" if any(row.random for rows in done.values() for row in rows) else ""
        caption = f"{title(backbone)}{tag}: learning curves; solid validation, dotted training, ring the epoch kept"
        found.append(Picture(f"learning-{place + 1}.png", caption, f"{caption}. {_told(done)}.", png_of(figure)))
    return found


def _matrix(axes: Axes, rows: Sequence[Row], *, first: bool, last: bool) -> None:
    counts = np.array([fmean(values) for values in matrix(rows)]).reshape(2, 2)
    share = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(counts):
        colour = "white" if share[row, column] > 0.5 else "black"
        text = f"{COUNTS[2 * row + column]}\n{count:,.0f}\n{share[row, column]:.1%}"
        axes.text(column, row, text, ha="center", va="center", color=colour, size=9)
    axes.set(xticks=[0, 1], yticks=[0, 1])
    axes.set_title(_label(_name(rows)).replace(", exp", "\nexp"), size=9)
    axes.set_xticklabels(NAMES if last else ["", ""], size=8)
    axes.set_yticklabels(NAMES if first else ["", ""], size=8, rotation=90, va="center")


def _curves(axes: Axes, done: Mapping[Key, Sequence[Row]], column: str) -> None:
    for number, (key, rows) in enumerate(done.items()):
        colour = f"C{number}"
        for place, row in enumerate(rows):
            label = None if place else _label(f"experiment {ascii(key[1])[1:-1][:20]}")
            epochs, validation = _numbers(row.history, "epoch"), _numbers(row.history, f"val_{column}")
            axes.plot(epochs, _numbers(row.history, column), ":", color=colour, lw=1)
            axes.plot(epochs, validation, "-", color=colour, lw=1.5, label=label)
            kept = [pair for pair in zip(epochs, validation, strict=True) if pair[0] == row.best_epoch]
            axes.plot([epoch for epoch, _ in kept], [value for _, value in kept], "o", ms=6, mfc="none", color=colour)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.spines[["top", "right"]].set_visible(False)


def _numbers(history: Sequence[Mapping[str, Any]], column: str) -> list[float]:
    values = [step.get(column) for step in history]
    return [float(value) if is_number(value) else math.nan for value in values]


def _name(rows: Sequence[Row]) -> str:
    # A font has not every character, and a picture not any room.
    return ascii(f"{title(rows[0].backbone)}, experiment {named(rows)}")[1:-1][:60]


def _label(text: str) -> str:
    # Between two dollars matplotlib would look for a formula.
    return text.replace("$", r"\$")


def _counted(rows: Sequence[Row]) -> str:
    return ", ".join(f"{name} {spread(counts, 0)}" for name, counts in zip(COUNTS, matrix(rows), strict=True))


def _seeds(results: Results) -> str:
    return " (means over the seeds)" if any(len(rows) > 1 for rows in results.groups().values()) else ""


def _told(done: Mapping[Key, Sequence[Row]]) -> str:
    return "; ".join(
        f"experiment {key[1]}: {len(row.history)} epochs, validation loss of the last "
        f"{decimals(row.history[-1].get('val_loss'))}"
        for key, rows in done.items()
        for row in rows
    )
