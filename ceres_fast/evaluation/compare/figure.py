"""A comparison as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ..figures import save
from .measures import MEASURES
from .pairs import Difference, Pair

COLOURS = {0: "0.6", 1: "tab:blue", -1: "tab:red"}
"""Of no difference that is shown, one in favour of the second run, one in favour of the first."""


def draw_differences(pairs: Sequence[Pair], path: Path) -> None:
    """Draw every difference and its interval: a panel per measure, a row per pair; grey where 0 is inside.

    Parameters
    ----------
    pairs : sequence of Pair
        From `compare_pairs`.
    path : pathlib.Path
        The PNG.
    """
    figure = Figure(figsize=(2 * len(MEASURES) + 1, 1.4 + 0.3 * len(pairs)), layout="constrained")
    panels = figure.subplots(1, len(MEASURES), sharey=True)
    for axes, name in zip(panels, MEASURES, strict=True):
        _panel(axes, name, [pair.differences[name] for pair in pairs])
    panels[0].set_yticks(range(len(pairs)), [f"{pair.second} − {pair.first}" for pair in pairs])
    panels[0].set_ylim(len(pairs) - 0.5, -0.5)
    figure.suptitle("blue: in favour of the run named first; red: of the other; grey: 0 is inside", size=9)
    save(figure, path)


def _panel(axes: Axes, name: str, differences: Sequence[Difference]) -> None:
    measure = MEASURES[name]
    axes.axvline(0, color="0.8", lw=1, zorder=0)
    for row, found in enumerate(differences):
        if found.value is None:
            continue
        colour = COLOURS[found.sign * measure.better]
        if found.low is not None and found.high is not None:
            axes.plot([found.low, found.high], [row, row], color=colour, lw=2)
        axes.plot([found.value], [row], "o", color=colour, ms=5)
    axes.set_title(measure.title, size=10)
    axes.set_xlabel("more is better" if measure.better > 0 else "less is better", size=9)
    axes.tick_params(axis="x", labelsize=8)
    axes.locator_params(axis="x", nbins=4)
