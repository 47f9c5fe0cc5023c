"""The threshold of any score: small cases by enumeration of all draws, refusals, and that the numbers alone decide."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError
from ceres_fast.evaluation.threshold import Chosen, TooFewAsteroids, log_won, threshold_for
from ceres_fast.records.tolerance import allowed, upper_bound

VALUES = st.sampled_from([0.1, 0.2, 0.3, 0.4, 0.5, -np.inf])
FIELDS = st.lists(st.lists(VALUES, min_size=1, max_size=3), min_size=4, max_size=6)
LOOSE = {"max_loss": 0.4, "confidence": 0.6}
"""By field, two fields are enough for one draw, and three for all asteroids to count."""

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=12)
LIMITS = [(0.1, 29, 44), (0.05, 59, 89), (0.02, 149, 224)]
"""--max-loss, the fields that are needed with 95 %, and from how many on all asteroids count."""


def chosen(fields: list[list[float]], *, by: str = "field", **options: float) -> Chosen:
    names = np.repeat([f"F{number}" for number in range(len(fields))], [len(each) for each in fields])
    values = np.array([value for each in fields for value in each], np.float64)
    return threshold_for(values, names, by=by, **{**LOOSE, **options})  # type: ignore[arg-type]


def test_bets_by_hand() -> None:
    # Of 10 %, a field that loses nothing wins a tenth of the stake, one that loses all loses nine tenths.
    assert log_won(np.array([0.0]), 0.1) == pytest.approx(np.log(1.1))
    assert log_won(np.array([1.0]), 0.1) == pytest.approx(np.log(0.1))
    assert log_won(np.array([0.1]), 0.1) == pytest.approx(0)
    assert log_won(np.array([0.0, 0.1, 1.0]), 0.1) == pytest.approx(np.log(1.1) + np.log(0.1))


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(1, 9)), min_size=1, max_size=5),
    st.integers(1, 4),
    st.floats(0.01, 1),
)
def test_what_bets_win_is_in_the_mean_at_most_the_stake(
    kinds: list[tuple[float, int]], fields: int, smaller: float
) -> None:
    """Of fields of which each loses a share that is drawn from some, and all in all no less than may be lost."""
    shares, weights = (np.array(each, np.float64) for each in zip(*kinds, strict=True))
    loss = float(np.average(shares, weights=weights))
    max_loss = loss * smaller
    assume(1e-6 < max_loss < 1 - 1e-6)
    of_one = np.average(np.exp([float(log_won(np.array([share]), max_loss)) for share in shares]), weights=weights)
    assert of_one**fields <= 1 + 1e-9  # independent fields multiply


def test_many_at_once_are_each_as_alone() -> None:
    shares = np.random.default_rng(2).random((3, 4, 50)) * 0.2
    found = log_won(shares, 0.1)
    assert found.shape == (3, 4)
    assert found[2, 1] == pytest.approx(log_won(shares[2, 1], 0.1), rel=1e-12)


@given(SHARES, st.integers(0, 11), st.floats(0, 1), st.floats(0.01, 0.98))
def test_losing_more_never_wins_more(shares: list[float], place: int, more: float, max_loss: float) -> None:
    before = np.array(shares)
    after = before.copy()
    after[place % len(shares)] = max(after[place % len(shares)], more)
    assert log_won(after, max_loss) <= log_won(before, max_loss) + 1e-12
    assert log_won(before, max_loss + 0.01) >= log_won(before, max_loss) - 1e-12


@settings(max_examples=200)
@given(FIELDS)
def test_by_field_the_highest_threshold_at_which_bets_win_enough(fields: list[list[float]]) -> None:
    assume(any(len(each) > 1 for each in fields))
    values = sorted({value for each in fields for value in each if value > -np.inf})

    def won(threshold: float) -> float:
        shares = [np.mean(np.array(each) < threshold) for each in fields]
        return float(np.prod([1 + 0.9 * (0.4 - share) / 0.6 for share in shares]))

    passing = [value for value in values if won(value) >= 2.5 - 1e-9]
    if not passing:
        with pytest.raises(TooFewAsteroids, match="lost before any score"):
            chosen(fields)
        return
    found = chosen(fields)
    assert (found.drawn, found.threshold, found.bound) == ("all", passing[-1], 0.4)
    assert (found.fields, found.asteroids) == (len(fields), sum(map(len, fields)))
    assert found.lost == sum(value < found.threshold for each in fields for value in each)
    shares = [np.mean(np.array(each) < found.threshold) for each in fields]
    assert found.field_loss == pytest.approx(np.mean(shares))
    assert 0 <= found.allowed < 0.4 * len(fields)


@given(FIELDS)
def test_by_asteroid_the_threshold_loses_what_is_allowed(fields: list[list[float]]) -> None:
    values = sorted(value for each in fields for value in each)
    may_lose = allowed(len(values), 0.4, 0.6)
    assert may_lose is not None
    if values[may_lose] == -np.inf:
        with pytest.raises(TooFewAsteroids):
            chosen(fields, by="asteroid")
        return
    found = chosen(fields, by="asteroid")
    assert (found.drawn, found.threshold, found.allowed) == ("each", values[may_lose], may_lose)
    assert found.lost == sum(value < values[may_lose] for value in values) <= may_lose
    assert found.bound == upper_bound(may_lose, len(values), 0.6)


@given(FIELDS, st.floats(0.4, 0.9), st.floats(0.01, 0.6), st.sampled_from(["asteroid", "field"]))
def test_who_accepts_more_gets_no_lower_threshold(
    fields: list[list[float]], max_loss: float, confidence: float, by: str
) -> None:
    fields = [[max(value, 0) for value in each] for each in fields]
    strict = chosen(fields, by=by)
    assert chosen(fields, by=by, max_loss=max_loss).threshold >= strict.threshold
    assert chosen(fields, by=by, confidence=confidence).threshold >= strict.threshold


@pytest.mark.parametrize(("max_loss", "fewest", "for_all"), LIMITS)
def test_how_many_fields_are_needed(max_loss: float, fewest: int, for_all: int) -> None:
    random = np.random.default_rng(3)
    fields = [random.random(2).tolist() for _ in range(for_all)]
    options = {"max_loss": max_loss, "confidence": 0.95}
    with pytest.raises(TooFewAsteroids) as caught:
        chosen(fields[: fewest - 1], **options)
    said = str(caught.value)
    assert said.startswith(f"{fewest - 1} fields, each in one night, of {2 * fewest - 2} asteroids are too few")
    assert f"in the mean of fields, are lost: {fewest} are needed. Build records with more fields" in said
    assert chosen(fields[:fewest], **options).drawn == "one"
    assert chosen(fields[: for_all - 1], **options).drawn == "one"
    assert chosen(fields, **options).drawn == "all"


@pytest.mark.parametrize(("max_loss", "fewest", "for_all"), LIMITS)
def test_of_one_asteroid_a_field_each_counts(max_loss: float, fewest: int, for_all: int) -> None:
    fields = np.random.default_rng(4).random((for_all, 1)).tolist()
    options = {"max_loss": max_loss, "confidence": 0.95}
    for count in (fewest, for_all):
        assert chosen(fields[:count], **options) == chosen(fields[:count], by="asteroid", **options)
    assert chosen(fields, **options).drawn == "each"


def test_one_draw_takes_one_of_each_field_whatever_the_values() -> None:
    random = np.random.default_rng(5)
    fields = [random.integers(1, 999, size).tolist() for size in random.integers(1, 8, 160)]
    options = {"max_loss": 0.02, "confidence": 0.95}
    found = chosen(fields, **options)
    assert (found.drawn, found.allowed, found.bound) == ("one", 0, upper_bound(0, 160, 0.95))
    assert found.threshold > min(map(min, fields))  # that one was not drawn
    assert chosen([[3 * value - 5 for value in each] for each in fields], **options).threshold == (
        3 * found.threshold - 5
    )
    assert chosen(fields, **options) == found


@pytest.mark.parametrize("by", ["asteroid", "field"])
def test_the_order_of_fields_decides_nothing(by: str) -> None:
    random = np.random.default_rng(6)
    values, names = random.random(400), np.array([f"F{number}" for number in random.integers(0, 80, 400)])
    order = random.permutation(400)
    first, second = (
        threshold_for(values[rows], names[rows], max_loss=0.1, confidence=0.95, by=by)  # type: ignore[arg-type]
        for rows in (slice(None), order)
    )
    assert first == second


def test_asteroids_lost_before_any_score_are_lost() -> None:
    # Of 208 asteroids 5 may be lost at 5 %.
    values = [[-np.inf]] * 3 + [[number / 1000] for number in range(100, 305)]
    options = {"max_loss": 0.05, "confidence": 0.95, "by": "asteroid"}
    found = chosen(values, **options)
    assert (found.allowed, found.lost, found.threshold) == (5, 5, 0.102)
    values[3:6] = [[-np.inf]] * 3
    with pytest.raises(TooFewAsteroids) as caught:
        chosen(values, **options)
    said = str(caught.value)
    assert said.startswith("6 of 208 asteroids were lost before any score, too many to guarantee with a confidence")
    assert "of so many, 5 may be. Find what loses them. Build records with more asteroids" in said
    assert chosen(values, **options | {"max_loss": offered(said)}).lost >= 6
    with pytest.raises(TooFewAsteroids):
        chosen(values, **options | {"max_loss": offered(said) - 0.001})


def test_fields_of_which_much_is_lost_before_any_score() -> None:
    values = [[-np.inf, 0.5]] * 8 + [[0.4, 0.5]] * 40
    with pytest.raises(TooFewAsteroids) as caught:
        chosen(values, max_loss=0.1, confidence=0.95)
    said = str(caught.value)
    assert said.startswith("8 of 96 asteroids of 48 fields, each in one night, were lost before any score, too many")
    found = chosen(values, max_loss=offered(said), confidence=0.95)
    assert (found.lost, found.field_loss) == (8, 8 / 2 / 48)


@pytest.mark.parametrize("by", ["asteroid", "field"])
def test_where_all_are_lost_nothing_is_offered(by: str) -> None:
    with pytest.raises(TooFewAsteroids, match=r"^18 of 18 asteroids.* calibration split\.$"):
        chosen([[-np.inf] * 3] * 6, by=by)
    with pytest.raises(TooFewAsteroids, match=r"^0 (fields, each in one night, of 0 )?asteroids are too few.*split\.$"):
        threshold_for(np.zeros(0), np.zeros(0, np.str_), by=by, **LOOSE)  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_no_critical_value_is_refused(value: float) -> None:
    with pytest.raises(CeresFastError, match="1 of 20 critical values are NaN or infinite") as caught:
        chosen([[value, *[0.5] * 19]], by="asteroid")
    assert not isinstance(caught.value, TooFewAsteroids)


def offered(text: str) -> float:
    found = re.search(r"--max-loss ([0-9.]+) can be guaranteed", text)
    assert found
    return float(found[1])
