"""The reliability diagram, before and after scaling."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from .figures import save
from .reliability import Reliability


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
