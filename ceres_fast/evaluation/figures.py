"""Pictures of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from sklearn.metrics import precision_recall_curve, roc_curve

from ..files import atomic_file
from ..stamps import CLASSES, STAMP_SIZE
from .reliability import Reliability
from .scores import Scores

ROWS, COLUMNS = 4, 10
NAMES = [name.replace("_", "-") for name in CLASSES]


def save(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, whole or not at all."""
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=120)


def draw_confusion(scores: Scores, title: str, path: Path) -> None:
    """Draw the confusion matrix (paper, Fig. 6): counts, coloured by the share of the true class."""
    matrix = np.array(scores.confusion)
    share = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    figure = Figure(figsize=(4.6, 4.2), layout="constrained")
    axes = figure.subplots()
    axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    for (row, column), count in np.ndenumerate(matrix):
        colour = "white" if share[row, column] > 0.5 else "black"
        axes.text(column, row, f"{count:,}\n{share[row, column]:.1%}", ha="center", va="center", color=colour, size=13)
    axes.set(xticks=[0, 1], yticks=[0, 1], xlabel="called", ylabel="is", title=title)
    axes.set_xticklabels(NAMES)
    axes.set_yticklabels(NAMES, rotation=90, va="center")
    save(figure, path)


def draw_curves(labels: np.ndarray, probabilities: np.ndarray, scores: Scores, path: Path) -> None:
    """Draw asteroids kept against non-asteroids kept (ROC), precision against recall, and the probabilities."""
    figure = Figure(figsize=(13, 4), layout="constrained")
    roc, precision_recall, histogram = figure.subplots(1, 3)
    false_rate, true_rate, _ = roc_curve(labels, probabilities)
    roc.plot(false_rate, true_rate)
    (tn, fp), (fn, tp) = scores.confusion
    roc.plot(fp / max(fp + tn, 1), tp / max(tp + fn, 1), "o", label=f"threshold {scores.threshold:g}")
    roc.set(xlabel="share of non-asteroids kept", ylabel="share of asteroids kept", title=f"ROC AUC {scores.roc_auc}")
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    precision_recall.plot(recall, precision)
    precision_recall.plot(tp / max(tp + fn, 1), tp / max(tp + fp, 1), "o", label=f"threshold {scores.threshold:g}")
    precision_recall.set(
        xlabel="recall of asteroids",
        ylabel="precision of asteroids",
        title=f"average precision {scores.average_precision}",
    )
    bins = np.linspace(0, 1, 41)
    for label, name in enumerate(NAMES):
        histogram.hist(probabilities[labels == label], bins, histtype="step", lw=1.5, label=name)
    histogram.axvline(scores.threshold, color="0.6", ls=":")
    histogram.set(xlabel="probability of an asteroid", ylabel="stamps", yscale="log", title="both classes")
    for axes in (roc, precision_recall):
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.title.set_size(10)
    for axes in (roc, precision_recall, histogram):
        axes.legend(frameon=False)
    save(figure, path)


def show_stamp(axes: Axes, stamp: np.ndarray) -> None:
    """Show the first plane of a stamp (32, 32, planes), ADU, from its 1st to its 99.5th percentile, row 1 below."""
    plane = stamp.reshape(STAMP_SIZE, STAMP_SIZE, -1)[..., 0]
    low, high = np.percentile(plane, [1, 99.5])
    axes.imshow(plane, cmap="gray", origin="lower", vmin=low, vmax=max(high, low + 1e-6))


def draw_stamps(stamps: np.ndarray, probabilities: np.ndarray, title: str, path: Path) -> None:
    """Draw up to 40 stamps with their probabilities, in the order given; a picture that says so where there is none.

    Parameters
    ----------
    stamps : numpy.ndarray
        Shape (n, 32, 32, planes), ADU. Their first plane is shown from its 1st to its 99.5th percentile, north as in
        the frame (row 1 below).
    probabilities : numpy.ndarray
        Shape (n,), P(asteroid).
    title : str
        Of the whole picture; the number shown and the number there are is added.
    path : pathlib.Path
        The PNG.
    """
    shown = min(len(stamps), ROWS * COLUMNS)
    rows = max(1, -(-shown // COLUMNS))
    figure = Figure(figsize=(COLUMNS * 1.0, rows * 1.2 + 0.5), layout="constrained")
    figure.suptitle(f"{title}: " + (f"{shown} of {len(stamps)}" if shown else "none"))
    for number, axes in enumerate(figure.subplots(rows, COLUMNS, squeeze=False).flat):
        axes.set_axis_off()
        if number < shown:
            show_stamp(axes, stamps[number])
            axes.set_title(f"{probabilities[number]:.2f}", size=8, pad=2)
    save(figure, path)


def draw_reliability(found: Mapping[str, Reliability], title: str, path: Path) -> None:
    """Draw the share of asteroids against the probability, with intervals, and how many stamps each bin has.

    Parameters
    ----------
    found : mapping of str to Reliability
        What was measured, by what the panels are called.
    title : str
        Of the whole picture.
    path : pathlib.Path
        The PNG.
    """
    figure = Figure(figsize=(4.6 * len(found), 5.6), layout="constrained")
    figure.suptitle(title)
    upper, lower = figure.subplots(
        2, len(found), sharex=True, sharey="row", squeeze=False, gridspec_kw={"height_ratios": [3, 1]}
    )
    for diagram, numbers, (name, each) in zip(upper, lower, found.items(), strict=True):
        mean, share = [row.mean for row in each.bins], [row.share for row in each.bins]
        # The interval of a share of 0 or 1 begins or ends there, but for rounding.
        below = [max(row.share - row.share_low, 0) for row in each.bins]
        above = [max(row.share_high - row.share, 0) for row in each.bins]
        diagram.plot([0, 1], [0, 1], color="0.6", ls=":")
        diagram.errorbar(mean, share, (below, above), fmt="o-", capsize=2, ms=4, lw=1)
        diagram.set_title(f"{name}\nexpected calibration error {each.ece:.4f}, Brier score {each.brier:.4f}", size=9)
        diagram.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        widths = [row.high - row.low for row in each.bins]
        numbers.bar([row.low for row in each.bins], [row.count for row in each.bins], widths, align="edge", ec="white")
        numbers.set(xlabel="probability of an asteroid", yscale="log")
    upper[0].set_ylabel("share of asteroids")
    lower[0].set_ylabel("stamps")
    save(figure, path)
