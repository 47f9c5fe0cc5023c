"""Pictures of the report, as PNG in memory: in the page, and beside the Markdown."""

from __future__ import annotations

import io
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np

from ...console import warn
from ...errors import CeresFastError, InputError
from ...evaluation.formatting import decimals, is_number
from ...libraries.matplotlib_quiet import Axes, Figure, MaxNLocator
from ...pictures import BLUE, ORANGE, SERIES, show_stamp
from ...training.runs import CONFIG
from .cells import RANDOM, finished, named, spread
from .results import Key, Results, Row
from .tables import COUNTS, NAMES, matrix, title

DPI = 130
CURVES = (("loss", "loss (nats)"), ("accuracy", "accuracy (share)"), ("recall", "asteroid recall (share)"))
"""Columns of a history, and what their axis is called."""

RIGHT, WRONG = BLUE, ORANGE

ROWS, COLUMNS = 3, 8

SEED = 0
"""Of the choice: at random, so that the easy ones are not picked."""

_READ_AT_ONCE = 1024


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
    counts = "; ".join(f"{_name(rows)}: {_counted(rows)}" for rows in groups.values())
    caption = "Confusion matrices of all experiments on the test split, coloured by the share of the true class"
    return Picture("confusion.png", caption + _seeds(results), f"Confusion matrices. {counts}.", png_of(figure))


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
    axes.set(xlabel="number of stamps of asteroids (test split)", xlim=(0, 1.12 * max(1, right.max(), wrong.max())))
    axes.legend(frameon=False, ncols=2, loc="lower right", bbox_to_anchor=(1, 1))
    axes.spines[["top", "right"]].set_visible(False)
    numbers = "; ".join(
        f"{_name(rows)}: {good:,.0f} correct, {bad:,.0f} incorrect"
        for rows, good, bad in zip(groups, right, wrong, strict=True)
    )
    caption = "Stamps of asteroids that are called right and wrong" + _seeds(results)
    return Picture("asteroids.png", caption, f"{caption}. {numbers}.", png_of(figure))


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
            axes.set(xlabel="epoch", ylabel=name)
        figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False, fontsize=8)
        tag = f" ({RANDOM})" if any(row.random for rows in done.values() for row in rows) else ""
        caption = f"{title(backbone)}{tag}: learning curves; solid validation, dotted training, ring the epoch kept"
        found.append(Picture(f"learning-{place + 1}.png", caption, f"{caption}. {_losses(done)}.", png_of(figure)))
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
        colour = SERIES[number % len(SERIES)]
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


def _losses(done: Mapping[Key, Sequence[Row]]) -> str:
    return "; ".join(
        f"experiment {key[1]}: {len(row.history)} epochs, validation loss of the last "
        f"{decimals(row.history[-1].get('val_loss'))}"
        for key, rows in done.items()
        for row in rows
    )


def example_stamps(results: Results, out: Path) -> list[Picture]:
    """Draw stamps of both classes, chosen at random from the test split of the records that the runs were trained on.

    Returns
    -------
    list of Picture
        One per class that has stamps; none, after a warning, where the records are not there any more, or not the same.
    """
    try:
        stamps = _chosen(_records(results, out), str(results.records.get("manifest_sha256")))
    except CeresFastError as error:
        warn(f"the report has no example stamps: {error}")
        return []
    return [_picture(name, stamps[label]) for label, name in reversed(list(enumerate(NAMES))) if len(stamps[label])]


def _records(results: Results, out: Path) -> Path:
    """Return where the configuration of the experiments, or of a run, says that the records are."""
    for path in (folder / CONFIG for folder in (out, *(out / row.run for row in results.rows))):
        try:
            with path.open("rb") as stream:
                records = tomllib.load(stream).get("records")
        except (OSError, ValueError):
            continue
        if isinstance(records, str):
            return Path(records)
    raise InputError(out, "nothing says where the records are", expected="a config.toml in it or in a run")


def _chosen(records: Path, sha256: str) -> list[np.ndarray]:
    """Return up to `ROWS` x `COLUMNS` stamps of each class: float32 (n, 32, 32), ADU, the first plane."""
    from ...records.manifest import MANIFEST, load_manifest
    from ...records.pipeline import read_columns, shard_errors, stamp_dataset

    manifest = load_manifest(records)
    if manifest.sha256 != sha256:
        raise InputError(records / MANIFEST, "is not that of the records that the runs were trained on")
    labels = read_columns(manifest, "test", ("label",))["label"]
    random = np.random.default_rng(SEED)
    chosen = [random.permutation(np.flatnonzero(labels == label))[: ROWS * COLUMNS] for label in range(len(NAMES))]
    wanted = np.sort(np.concatenate(chosen))
    stamps, begin = [], 0
    with shard_errors(manifest, "test"):
        for batch, _ in stamp_dataset(manifest, "test", _READ_AT_ONCE):
            here = wanted[(wanted >= begin) & (wanted < begin + len(batch))] - begin
            stamps.append(batch.numpy()[here, :, :, 0])
            begin += len(batch)
    found = np.concatenate(stamps) if stamps else np.empty((0, 32, 32), np.float32)
    return [found[np.searchsorted(wanted, rows)] for rows in chosen]


def _picture(name: str, stamps: np.ndarray) -> Picture:
    down = -(-len(stamps) // COLUMNS)
    figure = Figure(figsize=(COLUMNS * 0.95, down * 0.95), layout="constrained")
    for number, axes in enumerate(figure.subplots(down, COLUMNS, squeeze=False).flat):
        axes.set_axis_off()
        if number < len(stamps):
            show_stamp(axes, stamps[number])
    caption = f"Stamps of {name}s, chosen at random from the test split; each from its 1st to its 99.5th percentile"
    alt = f"{len(stamps)} stamps of {name}s, 32 x 32 pixels each."
    return Picture(f"examples-{name}.png", caption, alt, png_of(figure))
