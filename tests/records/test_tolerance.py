"""Tolerance limits against published numbers, exact fractions, and the beta distribution that they come from."""

from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom, binomtest

from ceres_fast.errors import CeresFastError
from ceres_fast.records.tolerance import allowed, least_max_loss, needed, upper_bound

SHARES = st.integers(1, 99).map(lambda percent: percent / 100)

# Sizes of samples of which the k-th smallest is a 5 % limit at 95 % confidence (Wilks), k = 1, 2 …
WILKS = [59, 93, 124, 153, 181, 208]

# Published elsewhere, or (1 - max_loss)^n by hand.
NEEDED = {
    (0.02, 0.95): 149,
    (0.1, 0.95): 29,
    (0.05, 0.95): 59,
    (0.01, 0.95): 299,
    (0.01, 0.99): 459,
    (0.001, 0.95): 2995,
    (0.5, 0.75): 2,
    (0.5, 0.76): 3,
    (0.9, 0.1): 1,
}


@pytest.mark.parametrize(("max_loss", "confidence"), NEEDED)
def test_needed(max_loss: float, confidence: float) -> None:
    assert needed(max_loss, confidence) == NEEDED[max_loss, confidence]


def test_published_sample_sizes() -> None:
    for k, size in enumerate(WILKS):
        assert allowed(size, 0.05, 0.95) == k
        assert allowed(size - 1, 0.05, 0.95) == (k - 1 if k else None)


@given(st.integers(0, 60), st.integers(1, 99), st.integers(1, 99))
def test_allowed_in_fractions(asteroids: int, percent: int, confidence: int) -> None:
    share = Fraction(percent, 100)
    cumulative = [
        sum(comb(asteroids, i) * share**i * (1 - share) ** (asteroids - i) for i in range(k + 1))
        for k in range(asteroids + 1)
    ]
    limit = 1 - Fraction(confidence, 100)
    if limit in cumulative:  # a float cannot tell
        return
    count = sum(each <= limit for each in cumulative)
    assert allowed(asteroids, percent / 100, confidence / 100) == (count - 1 if count else None)


@given(st.floats(1e-6, 0.999999), st.floats(1e-6, 0.999999))
def test_needed_is_the_least_that_is_enough(max_loss: float, confidence: float) -> None:
    count = needed(max_loss, confidence)
    assert allowed(count, max_loss, confidence) is not None
    assert allowed(count - 1, max_loss, confidence) is None
    assert (1 - max_loss) ** count <= (1 - confidence) * (1 + 1e-6)


@given(st.integers(0, 5000), SHARES, SHARES)
def test_more_asteroids_allow_more_and_never_many_more(asteroids: int, max_loss: float, confidence: float) -> None:
    before, after = (allowed(count, max_loss, confidence) for count in (asteroids, asteroids + 1))
    steps = [-1 if each is None else each for each in (before, after)]
    assert 0 <= steps[1] - steps[0] <= 1


@given(st.integers(0, 5000), SHARES, SHARES, SHARES)
def test_a_stricter_promise_allows_less(asteroids: int, share: float, other: float, third: float) -> None:
    low, high = sorted((share, other))

    def order(k: int | None) -> int:
        return -1 if k is None else k

    assert order(allowed(asteroids, low, third)) <= order(allowed(asteroids, high, third))
    assert order(allowed(asteroids, third, high)) <= order(allowed(asteroids, third, low))
    assert needed(low, third) >= needed(high, third)
    assert needed(third, low) <= needed(third, high)


@given(st.integers(1, 3000), st.floats(0.001, 0.9), st.floats(0.01, 0.999))
def test_the_true_loss_is_a_beta_variable(asteroids: int, max_loss: float, confidence: float) -> None:
    k = allowed(asteroids, max_loss, confidence)
    if k is not None:
        assert beta.sf(max_loss, k + 1, asteroids - k) <= 1 - confidence + 1e-9
        assert upper_bound(k, asteroids, confidence) <= max_loss + 1e-9
    following = 0 if k is None else k + 1
    if following < asteroids:
        assert beta.sf(max_loss, following + 1, asteroids - following) > 1 - confidence - 1e-9
        assert upper_bound(following, asteroids, confidence) >= max_loss - 1e-9


@given(st.integers(1, 2000), st.floats(0, 1), st.floats(0.01, 0.999))
def test_upper_bound_is_the_share_at_which_so_few_are_lost_so_rarely(
    asteroids: int, part: float, confidence: float
) -> None:
    lost = int(part * asteroids)
    bound = upper_bound(lost, asteroids, confidence)
    if lost == asteroids:
        assert bound == 1
        return
    assert binom.cdf(lost, asteroids, bound) == pytest.approx(1 - confidence, rel=1e-6)
    of_scipy = binomtest(lost, asteroids, alternative="less").proportion_ci(confidence, method="exact")
    assert bound == pytest.approx(of_scipy.high, rel=1e-6)


def test_upper_bound_of_none_lost() -> None:
    assert upper_bound(0, 149, 0.95) == pytest.approx(1 - 0.05 ** (1 / 149))
    assert upper_bound(0, 0, 0.95) == 1


@pytest.mark.parametrize("value", [0, 1, -0.1, 2, 5e-7, np.nan, np.inf])
def test_what_is_no_share_is_refused(value: float) -> None:
    for call in (needed, lambda *shares: allowed(100, *shares)):
        with pytest.raises(CeresFastError, match=r"--max-loss is .*from 0\.000001 to below 1"):
            call(value, 0.95)
        with pytest.raises(CeresFastError, match="--confidence is"):
            call(0.02, value)
    with pytest.raises(CeresFastError, match="--confidence is"):
        upper_bound(0, 100, value)


@given(st.integers(1, 4000), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_the_least_max_loss_is_enough_and_the_step_before_is_not(asteroids: int, confidence: float) -> None:
    least = least_max_loss(asteroids, confidence)
    if least is None:
        assert allowed(asteroids, 0.999, confidence) is None
        return
    assert allowed(asteroids, least, confidence) is not None
    assert round(least * 1000) == pytest.approx(least * 1000, abs=1e-9)
    assert least <= 0.001 or allowed(asteroids, least - 0.001, confidence) is None


def test_without_asteroids_nothing_is_guaranteed() -> None:
    assert least_max_loss(0, 0.95) is None
