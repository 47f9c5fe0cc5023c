"""Edges are round, and there are always enough asteroids between them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.evaluation.failures.edges import FEWEST, MOST, choose_edges, decades, steps

STEPS, DECADES = steps(0.5, 1, 2), decades(("1", "2", "5"), ("1",))


@pytest.mark.parametrize(
    ("ladder", "lowest", "highest", "sets"),
    [
        (steps(0.5, 1), 18.2, 20.0, [[18.5, 19, 19.5, 20], [19, 20]]),
        (steps(0.1), 0.95, 1.31, [[1.0, 1.1, 1.2, 1.3]]),
        (steps(1), -1.5, 0.5, [[-1, 0]]),
        (steps(0.5), 0, 1e9, []),
        (steps(0.5), 1e308, 1.1e308, []),
        (DECADES, 0.3, 6, [[0.5, 1, 2, 5], [1]]),
        (DECADES, 0, 1e-7, []),
        (DECADES, -3, -1, []),
        (decades(("1",)), 0, 100, [[1e-6, 1e-5, 1e-4, 1e-3, 0.01, 0.1, 1, 10, 100]]),
        (decades(("1", "5")), 1e307, 1.7e308, [[5e307, 1e308]]),
    ],
)
def test_ladders(ladder: object, lowest: float, highest: float, sets: list[list[float]]) -> None:
    assert [found.tolist() for found in ladder(lowest, highest)] == sets


def test_the_finest_edges_that_hold_enough() -> None:
    values = np.linspace(18, 22, 400, endpoint=False)
    assert choose_edges(values, np.arange(400), STEPS) == [18.5, 19, 19.5, 20, 20.5, 21, 21.5]
    # 10 asteroids in half a magnitude are too few.
    assert choose_edges(values[::5], np.arange(80), STEPS) == [19, 20, 21]
    # More than MOST bins of half a magnitude.
    assert choose_edges(np.linspace(14, 22, 4000, endpoint=False), np.arange(4000), STEPS) == [*range(15, 22)]


def test_what_is_left_over_goes_to_its_neighbour() -> None:
    values = np.concatenate([np.full(30, 18.2), np.full(30, 19.2), np.full(3, 21.7)])
    assert choose_edges(values, np.arange(63), STEPS) == [18.5]
    assert choose_edges(-values, np.arange(63), STEPS) == [-19.0]


def test_stamps_of_one_asteroid_are_one() -> None:
    values = np.linspace(18, 22, 1000)
    assert choose_edges(values, np.arange(1000) % (FEWEST - 1), STEPS) == []
    assert choose_edges(values, np.arange(1000) % FEWEST, STEPS) != []


def test_quantiles_with_few_digits_where_round_edges_do_not_divide() -> None:
    values = np.random.default_rng(2).uniform(1.021, 1.029, 500)
    edges = choose_edges(values, np.arange(500), STEPS)
    assert len(edges) == 3
    assert edges == [round(edge, 3) for edge in edges]
    counts = np.bincount(np.searchsorted(edges, values, side="right"))
    assert counts.min() >= 60


@pytest.mark.parametrize("values", [[], [20.0] * 100, [20.0, 21.0] * (FEWEST // 2)], ids=["none", "same", "few"])
def test_nothing_to_divide(values: list[float]) -> None:
    assert choose_edges(np.array(values), np.arange(len(values)), STEPS) == []


numbers = st.one_of(
    st.floats(allow_nan=False, allow_infinity=False), st.sampled_from([0.0, 1.0, 20.5]), st.floats(14, 24)
)


@given(st.lists(numbers, max_size=30), st.integers(1, 8), st.booleans(), st.sampled_from([STEPS, DECADES]))
def test_any_values(some: list[float], copies: int, apart: bool, ladder: object) -> None:
    values = np.repeat(some, copies)
    owners = np.arange(len(values)) if apart else np.repeat(np.arange(len(some)), copies)
    edges = choose_edges(values, owners, ladder)
    assert np.isfinite(edges).all()
    assert edges == sorted(set(edges))
    assert len(edges) < MOST
    cell = np.searchsorted(edges, values, side="right")
    if edges:
        assert min(len(np.unique(owners[cell == number])) for number in range(len(edges) + 1)) >= FEWEST
