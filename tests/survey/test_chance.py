"""The tail of Poisson's distribution is that of SciPy."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import poisson

from ceres_fast.survey.chance import LEAST, poisson_tail


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
