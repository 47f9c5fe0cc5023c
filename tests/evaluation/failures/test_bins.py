"""Every value is in one bin, and those that say "not known" are in a bin of their own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.evaluation.failures.bins import (
    FEWEST,
    MOST,
    Bin,
    choose_edges,
    decades,
    flag_bits,
    is_unknown,
    names,
    ranges,
    steps,
    with_the_rest,
)

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


BINNING = ranges(steps(0.5, 1, 2), "brighter than {high} mag", "of {low} to {high} mag", "fainter than {low} mag")


def contents(bins: list[Bin], values: np.ndarray) -> dict[str, list[object]]:
    return {one.label: values[one.holds(values)].tolist() for one in bins}


def test_ranges() -> None:
    values = np.repeat([19.7, 20.0, 20.7, 20.9, np.nan, np.inf], 30)
    bins = BINNING(values, np.arange(180))
    assert [one.label for one in bins] == ["< 20", "20–20.5", "≥ 20.5"]
    assert [one.words for one in bins] == ["brighter than 20 mag", "of 20 to 20.5 mag", "fainter than 20.5 mag"]
    assert [(one.low, one.high) for one in bins] == [(None, 20), (20, 20.5), (20.5, None)]
    # A value on an edge is above it.
    edges = np.array([19.999, 20.0, 20.499, 20.5, -1e9, 1e9, np.nan, np.inf, -np.inf])
    assert contents(bins, edges) == {"< 20": [19.999, -1e9], "20–20.5": [20, 20.499], "≥ 20.5": [20.5, 1e9]}


def test_only_asteroids_make_bins_and_all_stamps_are_in_one() -> None:
    values = np.concatenate([np.repeat([19.7, 20.2], 30), np.linspace(10, 30, 500)])
    bins = BINNING(values, np.concatenate([np.arange(60), np.full(500, -1)]))
    assert [one.label for one in bins] == ["< 20", "≥ 20"]
    assert sum(len(held) for held in contents(bins, values).values()) == 560


def test_too_few_to_divide_and_nothing_known() -> None:
    values = np.array([19.0, 21.0, np.inf])
    assert BINNING(values, np.arange(3)) == BINNING(np.full(3, np.nan), np.arange(3)) == []
    rest = with_the_rest([], "magnitude")
    assert contents(rest, values) == {"known": [19, 21], "unknown": [np.inf]}
    assert [one.words for one in rest] == ["of known magnitude", "of unknown magnitude"]
    assert [one.label for one in with_the_rest(rest[:1], "")] == ["known", "unknown"]


@given(st.lists(st.floats(), max_size=60), st.integers(1, 3))
def test_any_number_is_in_one_bin_or_unknown(some: list[float], every: int) -> None:
    values = np.array(some, float)
    owners = np.where(np.arange(len(some)) % every, -1, np.arange(len(some)))
    held = [one.holds(values) for one in with_the_rest(BINNING(values, owners), "magnitude")]
    assert (np.sum(held, axis=0) == 1).all()


def test_flags() -> None:
    values = np.array([0, 1, 3, 3, 16, 256, 1024, -1])
    bins = flag_bits(values, np.arange(8))
    assert contents(bins, values) == {
        "none": [0],
        "1 (neighbours)": [1, 3, 3],
        "2 (deblended)": [3, 3],
        "16 (bad aperture)": [16],
        "≥ 256 (others)": [256, 1024],
    }
    assert [bins[0].words, bins[2].words] == ["without FLAGS", "with FLAGS 2 (deblended)"]
    assert flag_bits(np.array([-1]), np.array([0])) == []


@given(st.lists(st.integers(-(2**40), 2**40), min_size=1))
def test_any_flags_are_in_a_bin(some: list[int]) -> None:
    values = np.array(some)
    held = np.array([one.holds(values) for one in with_the_rest(flag_bits(values, values), "FLAGS")])
    assert held.any(axis=0).all()
    assert (held.sum(axis=0)[values <= 0] == 1).all()


def test_names_in_the_order_of_people() -> None:
    values = np.array(["10", "2", "1", "", "2"])
    bins = names("on CCD {name}")(values, np.arange(5))
    assert contents(bins, values) == {"1": ["1"], "2": ["2", "2"], "10": ["10"]}
    assert bins[2].words == "on CCD 10"
    assert names("{name}")(np.array(["", ""]), np.arange(2)) == []


def test_a_name_is_not_a_template() -> None:
    bins = names("in field {name}")(np.array(["{name}", "{0}"]), np.arange(2))
    assert sorted(one.words for one in bins) == ["in field {0}", "in field {name}"]


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1.0, np.nan, np.inf, -np.inf], [0, 1, 1, 1]), (["", "a"], [1, 0]), ([-1, 0, 5], [1, 0, 0])],
)
def test_unknown(values: list[object], expected: list[int]) -> None:
    assert is_unknown(np.array(values)).tolist() == [bool(flag) for flag in expected]
