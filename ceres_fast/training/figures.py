"""Pictures of a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure

from ..files import atomic_file

PANELS = (("loss", "loss"), ("accuracy", "accuracy"), ("recall", "asteroid recall"))


def draw_learning_curves(rows: Sequence[dict[str, float]], best_epoch: int, path: Path) -> None:
    """Draw loss, accuracy and asteroid recall of training and validation against the epoch, as a PNG.

    Parameters
    ----------
    rows : sequence of dict
        Rows of ``history.csv``.
    best_epoch : int
        1-based epoch that was kept.
    path : pathlib.Path
        The PNG.
    """
    figure = Figure(figsize=(11, 3.4), layout="constrained")
    epochs = [row["epoch"] for row in rows]
    for axes, (key, title) in zip(figure.subplots(1, len(PANELS)), PANELS, strict=True):
        axes.plot(epochs, [row[key] for row in rows], "o-", ms=3, label="training")
        axes.plot(epochs, [row[f"val_{key}"] for row in rows], "s-", ms=3, label="validation")
        axes.axvline(best_epoch, color="0.6", ls=":", label="kept")
        axes.set(xlabel="epoch", title=title)
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.legend(frameon=False)
    with atomic_file(path) as temporary:
        figure.savefig(temporary, dpi=120)
