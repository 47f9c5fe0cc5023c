"""Pictures open as PNG and show what they should; strange numbers draw no warning."""

from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from ceres_fast.evaluation import scores
from ceres_fast.evaluation.figures import draw_confusion, draw_curves
from ceres_fast.evaluation.scores import score


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "RESAMPLES", 3)


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(3)


def is_png(path: Path) -> bool:
    pixels = image.imread(path)
    return path.read_bytes().startswith(b"\x89PNG") and pixels.ndim == 3 and len(np.unique(pixels)) > 10


def texts(figure: Figure) -> list[str]:
    axes = figure.axes
    return [text.get_text() for each in axes for text in (*each.texts, each.title)]


def test_confusion(tmp_path: Path, drawn: list[Figure]) -> None:
    labels, probabilities = np.repeat([0, 1], [1250, 4]), np.repeat([0.1, 0.9, 0.2, 0.8], [1000, 250, 1, 3])
    draw_confusion(score(labels, probabilities), "a title", tmp_path / "a.png")
    assert is_png(tmp_path / "a.png")
    assert texts(drawn[0]) == ["1,000\n80.0%", "250\n20.0%", "1\n25.0%", "3\n75.0%", "a title"]


@pytest.mark.parametrize("labels", [[1], [0], [0, 1], [0] * 50 + [1] * 3], ids=len)
def test_few_stamps_and_one_class_are_drawn(tmp_path: Path, random: np.random.Generator, labels: list[int]) -> None:
    truth, probabilities = np.array(labels), random.random(len(labels))
    found = score(truth, probabilities)
    draw_confusion(found, "", tmp_path / "confusion.png")
    assert is_png(tmp_path / "confusion.png")
    if len(set(labels)) == 2:
        draw_curves(truth, probabilities, found, tmp_path / "curves.png")
        assert is_png(tmp_path / "curves.png")


def test_curves_go_through_the_threshold_s_point(
    tmp_path: Path, random: np.random.Generator, drawn: list[Figure]
) -> None:
    labels = np.repeat([0, 1], 100)
    probabilities = np.clip(random.normal(0.3 + 0.4 * labels, 0.2), 0, 1)
    found = score(labels, probabilities, threshold=0.6)
    draw_curves(labels, probabilities, found, tmp_path / "curves.png")
    assert is_png(tmp_path / "curves.png")
    roc, precision_recall, histogram = drawn[0].axes
    kept = probabilities >= 0.6
    false_rate, true_rate = kept[labels == 0].mean(), kept[labels == 1].mean()
    np.testing.assert_allclose(roc.lines[1].get_xydata(), [[false_rate, true_rate]])
    np.testing.assert_allclose(precision_recall.lines[1].get_xydata(), [[true_rate, labels[kept].mean()]])
    curve, point = (line.get_xydata() for line in roc.lines)
    assert ((curve[:-1] <= point) & (point <= curve[1:])).all(axis=1).any()
    curve, point = (line.get_xydata() for line in precision_recall.lines)
    assert np.abs(curve - point).max(axis=1).min() < 1e-12
    assert sum(patch.get_xy()[:, 1].max() > 0 for patch in histogram.patches) == 2
