"""Pictures of an evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import precision_recall_curve, roc_curve

from ..libraries.matplotlib_quiet import Figure
from ..pictures import BLUE, GREY, ORANGE, SERIES, save
from ..stamps import CLASSES
from .reliability import Reliability
from .scores import Scores

MOST_STAMPS = 40
"""Stamps in one picture of those found, lost, and called asteroids wrongly."""

NAMES = [name.replace("_", "-") for name in CLASSES]


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
    axes.set(xticks=[0, 1], yticks=[0, 1], xlabel="called (number and share of stamps)", ylabel="is", title=title)
    axes.set_xticklabels(NAMES)
    axes.set_yticklabels(NAMES, rotation=90, va="center")
    save(figure, path)


def draw_curves(labels: np.ndarray, probabilities: np.ndarray, scores: Scores, path: Path) -> None:
    """Draw asteroids kept against non-asteroids kept (ROC), precision against recall, and the probabilities."""
    figure = Figure(figsize=(13, 4), layout="constrained")
    roc, precision_recall, histogram = figure.subplots(1, 3)
    false_rate, true_rate, _ = roc_curve(labels, probabilities)
    roc.plot(false_rate, true_rate, color=BLUE)
    (tn, fp), (fn, tp) = scores.confusion
    point: dict[str, Any] = {"color": ORANGE, "ms": 8, "label": f"threshold {scores.threshold:g}"}
    roc.plot(fp / max(fp + tn, 1), tp / max(tp + fn, 1), "o", **point)
    roc.set(xlabel="share of non-asteroids kept", ylabel="share of asteroids kept", title=f"ROC AUC {scores.roc_auc}")
    precision, recall, _ = precision_recall_curve(labels, probabilities)
    precision_recall.plot(recall, precision, color=BLUE)
    precision_recall.plot(tp / max(tp + fn, 1), tp / max(tp + fp, 1), "o", **point)
    precision_recall.set(
        xlabel="recall of asteroids",
        ylabel="precision of asteroids",
        title=f"average precision {scores.average_precision}",
    )
    bins = np.linspace(0, 1, 41)
    for label, name in enumerate(NAMES):
        histogram.hist(probabilities[labels == label], bins, histtype="step", lw=1.5, color=SERIES[label], label=name)
    histogram.axvline(scores.threshold, color=GREY, ls=":")
    histogram.set(xlabel="probability of an asteroid", ylabel="number of stamps", yscale="log", title="both classes")
    for axes in (roc, precision_recall):
        axes.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01))
        axes.title.set_size(10)
    for axes, place in ((roc, "lower right"), (precision_recall, "lower left"), (histogram, "upper center")):
        axes.legend(frameon=False, loc=place)
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
        diagram.plot([0, 1], [0, 1], color=GREY, ls=":")
        diagram.errorbar(mean, share, (below, above), fmt="o-", capsize=2, ms=4, lw=1, color=BLUE)
        diagram.set_title(f"{name}\nexpected calibration error {each.ece:.4f}, Brier score {each.brier:.4f}", size=9)
        diagram.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        widths = [row.high - row.low for row in each.bins]
        numbers.bar(
            [row.low for row in each.bins],
            [row.count for row in each.bins],
            widths,
            align="edge",
            ec="white",
            color=BLUE,
        )
        numbers.set(xlabel="probability of an asteroid", yscale="log")
    upper[0].set_ylabel("share of asteroids")
    lower[0].set_ylabel("number of stamps")
    save(figure, path)
