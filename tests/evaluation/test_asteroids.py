"""What an asteroid survives: counted exposure by exposure, for any threshold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError
from ceres_fast.evaluation.asteroids import critical, fields_of

from ..asteroid_predictions import of_asteroids, shuffled

PROBABILITIES = st.sampled_from([0, 1e-7, 0.25, 0.5, 0.75, 1]) | st.floats(0, 1)
ASTEROIDS = st.lists(st.lists(PROBABILITIES, min_size=1, max_size=6), min_size=1, max_size=8)


@given(ASTEROIDS, st.lists(PROBABILITIES, max_size=4), st.integers(1, 5), PROBABILITIES, st.integers(0, 99))
def test_an_asteroid_survives_exactly_the_thresholds_that_enough_exposures_survive(
    exposures: list[list[float]], others: list[float], needs: int, threshold: float, seed: int
) -> None:
    found = shuffled(of_asteroids(exposures, others), np.random.default_rng(seed))
    names, probability, counts = critical(found, needs)
    assert (probability.dtype, counts.dtype) == (np.float64, np.int64)
    assert names.tolist() == [f"A{number} 20191026" for number in range(len(exposures))]
    assert counts.tolist() == [len(each) for each in exposures]
    for each, critical_one in zip(exposures, probability, strict=True):
        survives = sum(value >= threshold for value in each) >= needs
        assert (threshold <= critical_one) == survives
        assert np.isnan(critical_one) == (len(each) < needs)


@given(ASTEROIDS, st.integers(1, 4))
def test_needing_more_exposures_never_helps(exposures: list[list[float]], needs: int) -> None:
    fewer, more = (critical(of_asteroids(exposures), number)[1] for number in (needs, needs + 1))
    assert not (more > fewer).any()
    assert np.isnan(more[np.isnan(fewer)]).all()


def test_each_night_counts_for_itself() -> None:
    found = of_asteroids([[0.1, 0.2, 0.3, 0.4]], mjd=[58782.6, 58782.7, 58783.6, 58783.7])
    names, probability, exposures = critical(found, 2)
    assert names.tolist() == ["A0 20191026", "A0 20191027"]
    assert probability.tolist() == [0.1, 0.3]
    assert exposures.tolist() == [2, 2]


def test_stamps_of_one_time_are_one_exposure_of_which_the_best_counts() -> None:
    found = of_asteroids([[0.2, 0.9, 0.5, 0.6]], mjd=[58782.6, 58782.6, 58782.7, 58782.7])
    _, probability, exposures = critical(found, 2)
    assert exposures.tolist() == [2]
    assert probability.tolist() == [0.6]
    assert np.isnan(critical(found, 3)[1]).all()


def test_stamps_of_unknown_time_are_exposures_of_their_own() -> None:
    _, probability, exposures = critical(of_asteroids([[0.2, 0.9, 0.9, 0.6]], mjd=np.nan), 3)
    assert exposures.tolist() == [4]
    assert probability.tolist() == [0.6]


def test_asteroids_without_a_name_have_one_exposure_each() -> None:
    names, probability, exposures = critical(of_asteroids([[0.2, 0.9], [0.4]], designation=""), 1)
    assert len(names) == 3
    assert sorted(probability) == [0.2, 0.4, 0.9]
    assert exposures.tolist() == [1, 1, 1]


def test_without_asteroids_there_is_nothing() -> None:
    found = of_asteroids([], [0.5, 0.9])
    assert [len(each) for each in critical(found, 3)] == [0, 0, 0]
    assert len(fields_of(found, critical(found, 3)[0])) == 0


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("row", [0, 2])
def test_probabilities_that_are_not_finite_are_refused(value: float, row: int) -> None:
    found = of_asteroids([[0.5, 0.5]], [0.5])
    found.probabilities[row] = value
    with pytest.raises(CeresFastError, match="1 of 3 probabilities are not finite"):
        critical(found, 1)


@pytest.mark.parametrize("needs", [0, -1])
def test_no_exposure_at_all_cannot_be_enough(needs: int) -> None:
    with pytest.raises(CeresFastError, match=f"--needs is {needs}"):
        critical(of_asteroids([[0.5]]), needs)


def test_fields_are_those_of_the_asteroids_asked_for() -> None:
    found = of_asteroids(
        [[0.1, 0.1], [0.2], [0.3], [0.4]],
        [0.9],
        field=["x", "x", "y", "x", "", "z"],
        mjd=[58782.6, 58782.7, 58782.6, 58783.6, np.nan, 58782.6],
    )
    names, _, _ = critical(found, 1)
    assert fields_of(found, names).tolist() == ["x 20191026", "y 20191026", "x 20191027", " "]
    assert fields_of(found, names[1:2]).tolist() == ["y 20191026"]
