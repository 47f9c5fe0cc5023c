import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from ceres_fast.records.inspect import figures
from ceres_fast.records.inspect.figures import draw_distributions, draw_pairs
from ceres_fast.records.splits import SPLITS


@pytest.fixture
def drawn(monkeypatch):
    """Every figure that is saved."""
    kept: list[Figure] = []
    save = figures.save
    monkeypatch.setattr(figures, "save", lambda figure, path: (kept.append(figure), save(figure, path)))
    return kept


def columns_of(count, **known):
    columns = {"label": np.arange(count) % 2, "magnitude": np.full(count, np.nan), "rate": np.full(count, np.nan)}
    return columns | known


def texts(axes):
    return [text.get_text() for text in axes.texts]


def test_unknown_values_are_said(tmp_path, drawn):
    draw_distributions(np.repeat(SPLITS, 3), columns_of(12), tmp_path / "a.png")
    assert image.imread(tmp_path / "a.png").ndim == 3
    assert [texts(axes) for axes in drawn[0].axes[1:]] == [["not known for any stamp"]] * 3


@pytest.mark.parametrize("rate", [0.7, np.linspace(0.01, 300, 12), np.append(np.zeros(11), 2.0)])
def test_histograms_are_shares_of_each_split(tmp_path, drawn, rate):
    known = {"magnitude": np.append(np.linspace(15, 22, 11), 99.0), "rate": np.broadcast_to(rate, 12)}
    draw_distributions(np.repeat(SPLITS, 3), columns_of(12, **known), tmp_path / "a.png")
    asteroids, others, rates = drawn[0].axes[1:]
    assert others.get_xlim()[1] < 30
    assert asteroids.get_xlim()[1] < 30
    assert rates.get_xscale() == "log"
    for polygon in others.patches:
        heights = polygon.get_xy()[:, 1]
        assert heights.max() <= 1


def test_the_classes_of_each_split_are_counted(tmp_path, drawn):
    labels = np.array([0, 0, 1, 0, 1, 1])
    draw_distributions(np.repeat(["train", "test"], 3), columns_of(6, label=labels), tmp_path / "a.png")
    assert texts(drawn[0].axes[0]) == ["1", "2", "2", "1"]


@pytest.mark.parametrize("value", [0, -5, 3e38, np.nan, np.inf])
def test_pairs_of_constant_and_strange_stamps(tmp_path, value):
    stamp = np.full((32, 32), value, np.float32)
    draw_pairs([(stamp, stamp)] * 6, [("one", "other")] * 6, tmp_path / "b.png")
    assert image.imread(tmp_path / "b.png").ndim == 3


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.15, 11, [0.2, 0.5, 1, 2, 5, 10]),
        (0.1, 1, [0.1, 0.2, 0.5, 1]),
        (0.66, 0.74, [0.699]),
        (0.01, 1e6, [0.01, 0.1, 1, 10, 100, 1000, 1e4, 1e5, 1e6]),
    ],
)
def test_rates_have_plain_ticks(low, high, ticks):
    assert figures._ticks(low, high) == pytest.approx(ticks)


def test_no_legend_is_on_the_bars(tmp_path, drawn):
    draw_distributions(np.repeat(SPLITS, 3), columns_of(12), tmp_path / "a.png")
    axes = drawn[0].axes[0]
    legend, inside = (each.get_window_extent() for each in (axes.get_legend(), axes))
    assert not legend.overlaps(inside)
