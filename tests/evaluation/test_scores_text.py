"""The report as text: every figure is there, in its place."""

import numpy as np
import pytest

from ceres_fast.evaluation import scores
from ceres_fast.evaluation.evaluate import scores_text
from ceres_fast.evaluation.scores import score

TITLE = "xception, experiment 2: test split of stamps"


@pytest.fixture(scope="module")
def text() -> str:
    labels = np.repeat([0, 0, 1, 1], [1400, 100, 40, 160])
    probabilities = np.repeat([0.1, 0.9, 0.1, 0.9], [1400, 100, 40, 160])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scores, "RESAMPLES", 50)
        return scores_text(score(labels, probabilities, threshold=0.25), TITLE)


def words(text: str, first: str) -> list[str]:
    """Return the words after `first` of the last line that starts with it."""
    return [line for line in text.splitlines() if line.startswith(first)][-1].removeprefix(first).split()


def test_the_paper_s_table(text: str) -> None:
    assert text.startswith(f"{TITLE}\n\n")
    # Of 1440 called non-asteroid 1400 are; of 260 called asteroid 160 are.
    assert words(text.split("Called")[0], "non_asteroid") == ["0.9722", "0.9333", "0.9524", "1,500"]
    assert words(text.split("Called")[0], "asteroid") == ["0.6154", "0.8000", "0.6957", "200"]
    assert words(text, "accuracy") == ["0.9176"]


def test_the_confusion_matrix_and_its_threshold(text: str) -> None:
    matrix = text.split("Called an asteroid from probability 0.25 on:\n")[1].splitlines()
    assert matrix[0].split() == ["called", "non-asteroid", "called", "asteroid"]
    assert matrix[1].split() == ["non-asteroid", "1,400", "100"]
    assert matrix[2].split() == ["asteroid", "40", "160"]


def test_intervals(text: str) -> None:
    value, low, high = (float(word.strip("[],")) for word in words(text, "asteroid recall"))
    assert low < value == 0.8 < high
    for name in ("asteroid precision", "ROC AUC", "average precision"):
        assert len(words(text, name)) == 3


def test_it_fits_on_a_terminal(text: str) -> None:
    assert max(map(len, text.splitlines())) <= 80
    assert text.endswith("\n")
    assert not any(line.endswith(" ") for line in text.splitlines())


def test_one_class() -> None:
    assert "ROC AUC             not defined" in scores_text(score(np.ones(3), np.ones(3)), TITLE)


def test_it_says_which_intervals_are_not_the_bootstrap_s(text: str) -> None:
    assert "Wilson" not in text
    perfect = scores_text(score(np.repeat([0, 1], 28), np.repeat([0.1, 0.9], 28)), TITLE)
    assert "asteroid recall     1.0000  [0.8794, 1.0000]\n" in perfect
    assert "ROC AUC             1.0000\n" in perfect
    assert "this recall and this precision: the interval is Wilson's" in " ".join(perfect.split())
    assert "it has no interval" in perfect
    assert max(map(len, perfect.splitlines())) <= 80
