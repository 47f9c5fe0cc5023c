"""Learning curves open as PNG and show the history."""

import math
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
from matplotlib.figure import Figure

from ceres_fast.training import figures
from ceres_fast.training.figures import draw_learning_curves


def history(epochs: int) -> list[dict[str, float]]:
    names = [f"{part}{name}" for part in ("", "val_") for name in ("loss", "accuracy", "recall")]
    return [
        {"epoch": epoch, **{name: number + 1 / epoch for number, name in enumerate(names)}}
        for epoch in range(1, epochs + 1)
    ]


@pytest.mark.parametrize("epochs", [1, 2, 30])
def test_curves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    drawn: list[Figure] = []

    class Kept(Figure):
        def savefig(self, *arguments: object, **options: object) -> None:
            drawn.append(self)
            super().savefig(*arguments, **options)

    monkeypatch.setattr(figures, "Figure", Kept)
    rows = history(epochs)
    draw_learning_curves(rows, 1, tmp_path / "figures" / "curves.png")
    assert matplotlib.image.imread(tmp_path / "figures" / "curves.png").shape[2] == 4
    assert [axes.get_title() for axes in drawn[0].axes] == ["loss", "accuracy", "asteroid recall"]
    for axes, name in zip(drawn[0].axes, ("loss", "accuracy", "recall"), strict=True):
        training, validation, kept = axes.lines
        np.testing.assert_array_equal(training.get_xydata(), [(row["epoch"], row[name]) for row in rows])
        np.testing.assert_array_equal(validation.get_ydata(), [row[f"val_{name}"] for row in rows])
        assert list(kept.get_xdata()) == [1, 1]


def test_a_loss_that_is_not_finite_draws_no_warning(tmp_path: Path) -> None:
    rows = history(3)
    rows[1]["val_loss"], rows[2]["loss"] = math.inf, math.nan
    draw_learning_curves(rows, 1, tmp_path / "curves.png")
    assert (tmp_path / "curves.png").read_bytes().startswith(b"\x89PNG")
