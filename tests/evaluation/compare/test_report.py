"""The picture shows each difference in its row; what is not defined is left out."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from ceres_fast.evaluation import figures
from ceres_fast.evaluation.compare import report as module
from ceres_fast.evaluation.compare.measures import MEASURES
from ceres_fast.evaluation.compare.pairs import Difference, Pair
from ceres_fast.evaluation.compare.report import draw_differences


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    kept: list[Figure] = []

    def keep(figure: Figure, path: Path) -> None:
        kept.append(figure)
        figures.save(figure, path)

    monkeypatch.setattr(module, "save", keep)
    return kept


def test_every_difference_is_in_its_row(tmp_path: Path, drawn: list[Figure]) -> None:
    better, open_, none = Difference(-0.1, -0.2, -0.05), Difference(0.1, -0.1, 0.3), Difference(None, None, None)
    pairs = [
        Pair("A", "B", False, dict.fromkeys(MEASURES, better), {}),
        Pair("A", "C", False, dict.fromkeys(MEASURES, open_), {}),
        Pair("B", "C", False, dict.fromkeys(MEASURES, none), {}),
    ]
    draw_differences(pairs, tmp_path / "compare.png")
    assert image.imread(tmp_path / "compare.png").ndim == 3
    panels = drawn[0].axes
    assert [axes.get_title() for axes in panels] == [measure.title for measure in MEASURES.values()]
    assert [text.get_text() for text in panels[0].get_yticklabels()] == ["B − A", "C − A", "C − B"]
    for axes, measure in zip(panels, MEASURES.values(), strict=True):
        _, bar, point, open_bar, open_point = axes.lines
        np.testing.assert_allclose(bar.get_xydata(), [[-0.2, 0], [-0.05, 0]])
        np.testing.assert_allclose(point.get_xydata(), [[-0.1, 0]])
        np.testing.assert_allclose(open_bar.get_xydata(), [[-0.1, 1], [0.3, 1]])
        assert open_point.get_color() == module.COLOURS[0]
        assert bar.get_color() == module.COLOURS[-measure.better]


def test_many_pairs_and_a_value_without_an_interval(tmp_path: Path, drawn: list[Figure]) -> None:
    found = dict.fromkeys(MEASURES, Difference(0.1, None, None))
    draw_differences([Pair("A", "B", False, found, {})] * 66, tmp_path / "compare.png")
    assert len(drawn[0].axes[0].lines) == 67
    assert image.imread(tmp_path / "compare.png").shape[0] > 2000
