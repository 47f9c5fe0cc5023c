"""As many exposures are asked for as keep chance below its share, and no more."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import poisson

from ceres_fast.selection.by_chance import LEAST, LEAST_PLACES, needed_by_chance, poisson_tail, smallest

seen = arrays(np.int64, st.integers(0, 60), elements=st.integers(0, 8))


@given(seen, st.integers(1, 8), st.sampled_from([0.005, 0.1, 0.5, 0.9]))
def test_smallest_is_the_first_that_chance_reaches_rarely_enough(counts, most, chance):
    def rare(number):
        hits = (counts >= number).sum()
        return hits + math.sqrt(hits) <= chance * len(counts)

    found = smallest(counts, most, chance)
    assert 1 <= found <= most
    assert found == most or rare(found)
    assert not any(rare(number) for number in range(1, found))


def test_the_error_of_the_share_is_on_the_side_of_the_asteroids():
    counts = np.repeat([1, 0], [100, 19_900])
    assert smallest(counts, 5, 0.005) == 2  # 100 +- 10 may be 110
    assert smallest(counts, 5, 0.0055) == 1


def test_where_all_are_not_enough_all_are_asked_for():
    assert smallest(np.full(1000, 3), 3, 0.005) == 3


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), max_size=300),
    st.sampled_from([0.005, 0.3]),
    st.integers(1, 40),
)
def test_at_least_one_and_at_most_all_are_needed(places, chance, times):
    looked = np.array([b for _, b in places] * times, int)
    counts = np.minimum(np.array([a for a, _ in places] * times, int), looked)
    needed = needed_by_chance([(counts, looked)], 9, chance)
    assert needed.shape == (10,)
    assert needed.dtype.kind == "i"
    assert all(1 <= needed[number] <= number for number in range(1, 10))


@given(st.integers(2, 6), st.integers(0, 6), st.sampled_from([20, LEAST_PLACES, 2 * LEAST_PLACES]))
def test_numbers_that_no_random_place_has_take_what_holds_for_others(largest, more, places):
    # half of the places show something in two: one exposure is never enough
    counts = np.repeat([2, 0], places // 2), np.full(places, largest)
    needed = needed_by_chance([counts], largest + more, 0.005)
    assert needed[largest] == min(3, largest)
    assert (needed[largest:] >= needed[largest]).all()
    assert (needed[2 : largest + 1] == np.minimum(3, np.arange(2, largest + 1))).all()
    assert needed[1] == 1


def test_a_number_between_two_that_places_have_takes_what_holds_for_the_larger():
    n = 2 * LEAST_PLACES
    many = np.repeat([2, 0], [n // 50, n - n // 50]), np.full(n, 6)
    few = np.repeat([1, 0], [n // 1000, n - n // 1000]), np.full(n, 2)
    assert needed_by_chance([many, few], 8, 0.005).tolist() == [1, 1, 1, 3, 3, 3, 3, 3, 3]


def test_places_where_fewer_exposures_looked_are_decided_by_themselves():
    n = 2 * LEAST_PLACES
    many = np.repeat([2, 0], [n // 50, n - n // 50]), np.full(n, 6)
    few = np.repeat([1, 0], [n // 1000, n - n // 1000]), np.full(n, 2)
    needed = needed_by_chance([many, few], 6, 0.005)
    assert (needed[6], needed[2]) == (3, 1)


def test_few_places_take_what_holds_where_more_looked():
    n = 2 * LEAST_PLACES
    many = np.repeat([2, 0], [n // 50, n - n // 50]), np.full(n, 6)
    few = np.zeros(20, int), np.full(20, 5)
    fewer = np.zeros(20, int), np.full(20, 2)
    needed = needed_by_chance([many, few, fewer], 6, 0.005)
    assert (needed[6], needed[5], needed[2]) == (3, 3, 2)


def test_few_places_in_all_are_decided_together():
    counts = np.array([1, 0, 0, 0] * 10)
    assert needed_by_chance([(counts, np.repeat([4, 3], 20))], 4, 0.5)[3:].tolist() == [1, 1]
    assert needed_by_chance([(counts, np.repeat([4, 3], 20))], 4, 0.005)[3:].tolist() == [2, 2]


def test_without_places_one_is_needed():
    nothing = np.empty(0, int), np.empty(0, int)
    assert needed_by_chance([nothing, nothing], 3, 0.005).tolist() == [1] * 4
    assert needed_by_chance([(np.zeros(5, int), np.zeros(5, int))], 1, 0.005).tolist() == [1, 1]


@given(st.integers(0, 60), st.floats(0, 30))
def test_tail_is_scipys(least, mean):
    (ours,) = poisson_tail(np.array([least]), np.array([mean]))
    np.testing.assert_allclose(ours, max(poisson.sf(least - 1, mean), LEAST), rtol=1e-6, atol=1e-13)


def test_one_number_for_all_and_none():
    np.testing.assert_allclose(poisson_tail(2, np.array([0.0, 1.0])), [LEAST, 1 - 2 / np.e])
    assert poisson_tail(2, np.empty(0)).shape == (0,)


def test_crowds_are_as_good_as_impossible():
    assert poisson_tail(np.array([10**6]), np.array([0.5]))[0] == LEAST
    assert poisson_tail(np.array([10**6]), np.array([1e5]))[0] == 1
