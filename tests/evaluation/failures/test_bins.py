"""Every value is in one bin, and those that say "not known" are in a bin of their own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.evaluation.failures.bins import Bin, flag_bits, is_unknown, names, ranges, with_the_rest
from ceres_fast.evaluation.failures.edges import steps

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
