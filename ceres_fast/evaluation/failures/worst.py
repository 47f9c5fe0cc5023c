"""Every wrong answer, the most wrong first: a table, and a picture of the worst."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Column, Table

from ...files import atomic_file
from ...libraries.matplotlib_quiet import Figure, SubFigure
from ...pictures import caption, save, show_stamp
from ...stamps import COLUMNS
from ..predictions import PROBABILITY, Predictions
from .quantities import trail_length

LOST, TAKEN = "lost", "taken"
"""In the column ``error``: an asteroid below the threshold, and something else that is not."""

_SHOWN, _ACROSS = 18, 6
_LONGEST = 26


def worst_rows(predictions: Predictions, threshold: float) -> dict[str, np.ndarray]:
    """Return the rows (0-based) of `LOST` and of `TAKEN` stamps, the most wrong first; int (k,) each."""
    probability, is_asteroid = predictions.probabilities, predictions.labels == 1
    called = probability >= threshold
    lost, taken = np.flatnonzero(is_asteroid & ~called), np.flatnonzero(~is_asteroid & called)
    return {
        LOST: lost[np.argsort(probability[lost], kind="stable")],
        TAKEN: taken[np.argsort(-probability[taken], kind="stable")],
    }


def write_worst(predictions: Predictions, threshold: float, path: Path) -> None:
    """Write every wrong answer as a table (ECSV), the most wrong first: lost asteroids, then what was taken for one.

    Columns: ``error`` (`LOST` or `TAKEN`), ``prediction`` (1-based row in the table of predictions), ``probability``,
    ``kept`` and ``stamps`` (how many stamps its asteroid has, and how many of them are kept; -1 for non-asteroids),
    ``trail`` (pixels), and those of a stamp table.
    """
    rows = worst_rows(predictions, threshold)
    every = np.concatenate(list(rows.values()))
    kept, stamps = _of_its_asteroid(predictions, threshold)
    table = Table(meta={**predictions.about, "threshold": float(threshold)})
    table["error"] = Column(
        np.repeat(list(rows), [len(some) for some in rows.values()]),
        description=f"{LOST}: an asteroid below the threshold; {TAKEN}: a non-asteroid that is not",
    )
    table["prediction"] = Column(every + 1, description="1-based row in predictions.ecsv")
    table[PROBABILITY] = Column(predictions.probabilities[every], description="P(asteroid)")
    table["kept"] = Column(kept[every], description="stamps of its asteroid that are not below the threshold")
    table["stamps"] = Column(stamps[every], description="stamps of its asteroid")
    table["trail"] = Column(
        trail_length(predictions.known)[every], unit="pixel", description="motion during the exposure"
    )
    for column in COLUMNS:
        table[column.name] = Column(
            predictions.known[column.name][every], unit=column.unit or None, description=column.meaning
        )
    with atomic_file(path) as temporary:
        table.write(temporary, format="ascii.ecsv", overwrite=True)


def _of_its_asteroid(predictions: Predictions, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return how many stamps of the asteroid of each stamp are kept, and how many there are: int (n,), -1 for none."""
    is_asteroid = predictions.labels == 1
    kept, stamps = np.full((2, len(is_asteroid)), -1)
    _, owner = np.unique(predictions.asteroids[is_asteroid], return_inverse=True)
    called = predictions.probabilities[is_asteroid] >= threshold
    kept[is_asteroid] = np.bincount(owner, weights=called).astype(int)[owner]
    stamps[is_asteroid] = np.bincount(owner)[owner]
    return kept, stamps


def draw_worst(predictions: Predictions, stamps: np.ndarray, threshold: float, path: Path) -> None:
    """Draw the worst stamps of both kinds, with probability, magnitude, designation, frame and row.

    Parameters
    ----------
    predictions : Predictions
        Of n stamps.
    stamps : numpy.ndarray
        Shape (n, 32, 32, planes), ADU, in the order of the predictions; the first plane is shown.
    threshold : float
        Called an asteroid from this probability on.
    path : pathlib.Path
        The PNG.
    """
    rows = worst_rows(predictions, threshold)
    titles = {LOST: "asteroids that are lost", TAKEN: "taken for asteroids"}
    lines = [max(1, -(-min(len(some), _SHOWN) // _ACROSS)) for some in rows.values()]
    heights = [2.45 * count + 0.45 for count in lines]
    figure = Figure(figsize=(_ACROSS * 2.1, sum(heights)), layout="constrained")
    parts = figure.subfigures(2, 1, height_ratios=heights, squeeze=False)[:, 0]
    for part, (error, some), count in zip(parts, rows.items(), lines, strict=True):
        shown = some[:_SHOWN]
        number = f"the worst {len(shown)} of {len(some):,}" if len(shown) < len(some) else f"all {len(some)}"
        part.suptitle(f"{titles[error]}: {number if len(some) else 'none'} (threshold {threshold:g})")
        words = [
            caption(
                predictions.known,
                row,
                predictions.probabilities[row],
                longest=_LONGEST,
                without_row=f"prediction {row + 1}",
            )
            for row in shown
        ]
        _draw_part(part, count, stamps[shown], words)
    save(figure, path)


def _draw_part(part: SubFigure, lines: int, stamps: np.ndarray, captions: list[str]) -> None:
    for axes in part.subplots(lines, _ACROSS, squeeze=False).flat:
        axes.set_axis_off()
    for axes, stamp, words in zip(part.axes, stamps, captions, strict=False):
        show_stamp(axes, stamp)
        axes.set_title(words, size=8, pad=3, parse_math=False)  # a name may hold a $
