"""McNemar's exact test against the sum it is; Holm's adjustment against the closed tests it stands for."""

from __future__ import annotations

from itertools import combinations
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.evaluation.compare.mcnemar import discordant, exact, holm


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_exact_test_is_twice_the_smaller_tail(only_first: int, only_second: int) -> None:
    number, fewer = only_first + only_second, min(only_first, only_second)
    tail = sum(comb(number, k) for k in range(fewer + 1)) / 2**number
    assert exact(only_first, only_second) == pytest.approx(min(1, 2 * tail))
    assert exact(only_first, only_second) == exact(only_second, only_first)


def test_known_values() -> None:
    assert exact(12, 3) == pytest.approx(0.03515625)
    assert exact(0, 6) == pytest.approx(0.03125)
    assert exact(0, 5) == pytest.approx(0.0625)
    assert exact(0, 0) == 1


def test_what_only_one_has_right_is_counted() -> None:
    first, second = np.array([1, 1, 1, 0, 0, 1], bool), np.array([1, 0, 0, 1, 0, 1], bool)
    assert discordant(first, second) == (2, 1)
    assert discordant(first, first) == (0, 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=7))
def test_holm_is_bonferroni_on_every_subset(p: list[float]) -> None:
    adjusted = holm(np.array(p))
    for number, value in enumerate(adjusted):
        subsets = [
            subset for size in range(1, len(p) + 1) for subset in combinations(range(len(p)), size) if number in subset
        ]
        wanted = max(min(1, len(subset) * min(p[each] for each in subset)) for subset in subsets)
        assert value == pytest.approx(wanted)


def test_one_p_stays_as_it_is() -> None:
    assert holm(np.array([0.03])).tolist() == [0.03]
    np.testing.assert_allclose(holm(np.array([0.04, 0.01, 0.03])), [0.06, 0.03, 0.06])
