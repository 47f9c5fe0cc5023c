"""A verdict needs two things that agree; a larger number alone never is one."""

from __future__ import annotations

import numpy as np
import pytest

from ceres_fast.evaluation import scores
from ceres_fast.evaluation.compare.measures import MEASURES
from ceres_fast.evaluation.compare.pairs import TESTS, Difference, McNemar, Pair, compare_pairs
from ceres_fast.evaluation.compare.verdict import verdict_of

from .evaluations import answers, survey

OPEN = (
    "With 100 asteroids it stays open which of them loses more: B may lose from 2.0% fewer to 3.0% more of them than A."
)


def pair(p: dict[str, float] | None = None, counts: dict[str, tuple[int, int]] | None = None, **signs: int) -> Pair:
    """A pair of which some differences have a sign; tests say what `p` and `counts` say, else nothing."""
    shapes = {0: (0.005, -0.02, 0.03), 1: (0.05, 0.01, 0.09), -1: (-0.05, -0.09, -0.01)}
    tests = {}
    for name in TESTS:
        value = (p or {}).get(name, 1.0)
        tests[name] = McNemar(100, *(counts or {}).get(name, (0, 0)), value, value)
    return Pair("A", "B", False, {name: Difference(*shapes[signs.get(name, 0)]) for name in MEASURES}, tests)


def test_nothing_shown() -> None:
    verdict = verdict_of(pair(), 3)
    assert (verdict.better, verdict.words) == (None, f"No difference is shown. {OPEN}")


def test_an_interval_that_the_test_does_not_confirm_is_not_called_open() -> None:
    assert verdict_of(pair(asteroids_lost=1), 3).words == (
        "No difference is shown. With 100 asteroids the interval alone shows that one loses more, and the test does "
        "not: B may lose from 1.0% more to 9.0% more of them than A."
    )


@pytest.mark.parametrize(
    ("made", "shown"),
    [
        (pair({"asteroids": 0.01}, {"asteroids": (1, 12)}, asteroids_lost=-1), True),
        (pair({"asteroids": 0.06}, {"asteroids": (1, 12)}, asteroids_lost=-1), False),
        (pair({"asteroids": 0.01}, {"asteroids": (1, 12)}, asteroids_lost=0), False),
        (pair({"asteroids": 0.01}, {"asteroids": (12, 1)}, asteroids_lost=-1), False),
        (pair(roc_auc=1, average_precision=1), True),
        (pair(roc_auc=1, average_precision=0), False),
        (pair(roc_auc=1, average_precision=-1), False),
        (pair(recall=1, precision=1, loss=-1), False),
        (pair({"stamps": 0.0}, {"stamps": (0, 50)}), False),
    ],
)
def test_better_is_only_said_where_both_proofs_agree(made: Pair, shown: bool) -> None:
    verdict = verdict_of(made, 3)
    assert verdict.better == ("B" if shown else None)
    assert verdict.words.startswith("B is better: it " if shown else "No difference is shown.")


def test_the_first_may_be_the_better_one() -> None:
    made = pair({"asteroids": 0.01}, {"asteroids": (12, 1)}, asteroids_lost=1, roc_auc=-1, average_precision=-1)
    verdict = verdict_of(made, 3)
    assert verdict.better == "A"
    assert verdict.words == (
        "A is better: it loses fewer asteroids and ranks asteroids higher, whatever the threshold."
    )


def test_fewer_non_asteroids_alone_make_none_better() -> None:
    verdict = verdict_of(pair({"non_asteroids": 1e-9}, {"non_asteroids": (0, 40)}, non_asteroids_left=-1), 3)
    assert verdict.better is None
    assert verdict.words == (
        f"B leaves fewer non-asteroids, as a higher threshold would: that alone does not make it better. {OPEN}"
    )


def test_a_lower_threshold_is_a_trade_and_no_progress() -> None:
    known = survey(asteroids=60, others=400, exposures=3)
    random = np.random.default_rng(0)
    probabilities = np.clip(random.normal(np.repeat([0.7, 0.3], [180, 400]), 0.15), 0, 1)
    _, [found] = compare_pairs(
        [answers(known, probabilities, "A", 0.7), answers(known, probabilities, "B", 0.4)], needs=3, seed=0
    )
    verdict = verdict_of(found, 3)
    assert verdict.better is None
    assert verdict.words == "Neither is better in all: A leaves fewer non-asteroids; B loses fewer asteroids."


@pytest.mark.slow
def test_equal_classifiers_are_seldom_called_unequal_and_unequal_ones_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "RESAMPLES", 200)
    random = np.random.default_rng(7)
    known = survey(asteroids=50, others=200, exposures=4)
    centre = np.repeat([0.65, 0.35], [200, 200])

    def called_better(gain: float) -> float:
        better = []
        for _ in range(150):
            # Exposures of one asteroid are alike, and both runs find the same ones hard.
            hard = np.concatenate([np.repeat(random.normal(0, 0.1, 50), 4), random.normal(0, 0.1, 200)])
            runs = [
                answers(known, np.clip(centre + each + hard + random.normal(0, 0.1, 400), 0, 1), letter)
                for letter, each in (("A", 0), ("B", gain * np.sign(centre - 0.5)))
            ]
            _, [found] = compare_pairs(runs, needs=3, seed=int(random.integers(1000)))
            better.append(verdict_of(found, 3).better is not None)
        return float(np.mean(better))

    assert called_better(0) <= 0.08  # 5 %, with three standard errors of 150 less the dependence of two aspects
    assert called_better(0.08) > 0.9
