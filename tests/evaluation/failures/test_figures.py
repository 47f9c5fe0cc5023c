"""The picture shows every bin where it is, and what stands out in red."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from ceres_fast.evaluation.failures import draw, failures, figures
from ceres_fast.evaluation.failures.text import shown_bins

from .cases import made, survey


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is saved."""
    kept: list[Figure] = []
    save = figures.save

    def keep(figure: Figure, path: Path) -> None:
        kept.append(figure)
        save(figure, path)

    monkeypatch.setattr(figures, "save", keep)
    return kept


def test_panels(tmp_path: Path, drawn: list[Figure]) -> None:
    found = failures(survey(), 0.5)
    draw(found, "a title", tmp_path / "failures.png")
    assert image.imread(tmp_path / "failures.png").ndim == 3
    panels = [axes for axes in drawn[0].axes if axes.get_title()]
    assert len(panels) == len(found["quantities"])
    assert "field: the 12 worst of 20" in [axes.get_title() for axes in panels]
    for axes, quantity in zip(panels, found["quantities"].values(), strict=True):
        shown = shown_bins(quantity["bins"])
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert [label.rpartition(" (")[0] for label in labels] == [one["label"] for one in shown]
        points = {line.get_marker(): [] for line in axes.lines}
        for line in axes.lines:
            points[line.get_marker()].append((line.get_xdata()[0], line.get_color()))
        assert points["o"] == [
            (one["recall"]["value"], "tab:red" if "recall" in one["stands_out"] else "tab:blue")
            for one in shown
            if one["recall"]
        ]
        low, high = axes.get_xlim()
        assert low <= min(one["recall"]["low"] for one in shown if one["recall"])
        assert high > 1
    assert {axes.get_xlim() for axes in panels} == {panels[0].get_xlim()}


def test_nothing_to_draw(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(failures(made([0.9], label=0), 0.5), "a title", tmp_path / "failures.png")
    assert "no quantity divides" in drawn[0].get_suptitle()
    assert image.imread(tmp_path / "failures.png").ndim == 3


def test_strange_names_and_one_panel(tmp_path: Path) -> None:
    names = np.resize(["$\\frac$", "$", "a" * 200, "_^{}"], 80)
    found = failures(made(np.linspace(0, 1, 80), label=np.arange(80) % 2, ccd=np.roll(names, 1)), 0.5)
    assert set(found["quantities"]) == {"ccd"}
    draw(found, "$ and $\\frac", tmp_path / "failures.png")
    assert image.imread(tmp_path / "failures.png").ndim == 3
