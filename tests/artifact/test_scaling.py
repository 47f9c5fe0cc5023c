"""Scaling never lets one detection overtake another, and nothing that could is applied."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit
from scipy.special import logit as scipy_logit

from ceres_fast.artifact.scaling import (
    BIASES,
    DIGITS,
    MOST_KNOTS,
    TEMPERATURES,
    check_scaling,
    logit,
    network_threshold,
    published,
    scaled,
)
from ceres_fast.schema import Mismatch

temperatures = st.floats(*TEMPERATURES)
shares = st.floats(0, 1)
knots = st.lists(st.floats(0, 1, width=32), min_size=1, max_size=30, unique=True).map(sorted)


@st.composite
def isotonic(draw: st.DrawFn) -> dict[str, Any]:
    x = draw(knots)
    y = sorted(draw(st.lists(shares, min_size=len(x), max_size=len(x))))
    return {"method": "isotonic", "x": x, "y": y}


scalings = (
    st.builds(lambda value: {"method": "temperature", "temperature": value}, temperatures)
    | st.builds(
        lambda value, bias: {"method": "logistic", "temperature": value, "bias": bias}, temperatures, st.floats(*BIASES)
    )
    | isotonic()
)


@given(scalings, st.lists(shares, min_size=1, max_size=30), st.integers(0, 2**32 - 1))
def test_scaling_is_non_decreasing(scaling: dict[str, Any], drawn: list[float], seed: int) -> None:
    random = np.random.default_rng(seed)
    # Clusters of neighbours, at the ends and around the knots too, where rounding could swap two.
    centres = np.array([0, 1, *drawn, *scaling.get("x", [])], np.float32)
    steps = random.integers(-20, 20, (10, len(centres)), dtype=np.int32)
    near = (centres.view(np.int32) + steps).view(np.float32)
    raw = np.sort(np.concatenate([drawn, near[(near >= 0) & (near <= 1)], random.random(200), [0, 1]]))
    made = scaled(scaling, raw)
    assert made.dtype == np.float64
    assert (np.diff(made) >= 0).all()
    assert made[0] >= 0
    assert made[-1] <= 1


@given(scalings, st.lists(shares, max_size=20))
def test_what_a_stamp_gets_does_not_depend_on_the_others(scaling: dict[str, Any], drawn: list[float]) -> None:
    together = scaled(scaling, np.array(drawn))
    np.testing.assert_array_equal(together, [scaled(scaling, np.array([each]))[0] for each in drawn])


@given(scalings | st.none(), st.lists(shares | st.just(np.nan), max_size=20))
def test_nan_stays_and_json_changes_nothing(scaling: dict[str, Any] | None, drawn: list[float]) -> None:
    raw = np.array(drawn)
    made = scaled(scaling, raw)
    np.testing.assert_array_equal(np.isnan(made), np.isnan(raw))
    np.testing.assert_array_equal(scaled(json.loads(json.dumps(scaling)), raw), made)


def test_nothing_stored_changes_nothing() -> None:
    raw = np.array([0, 1e-40, 0.3, 1, np.nan])
    np.testing.assert_array_equal(scaled(None, raw), raw)


@pytest.mark.parametrize("bias", [0.0, -2.0])
def test_the_logistic_divides_and_shifts_the_odds(bias: float) -> None:
    raw = np.float32([1e-30, 1e-6, 0.25, 0.5, 0.999]).astype(float)
    scaling = {"method": "logistic", "temperature": 2.5, "bias": bias}
    np.testing.assert_allclose(scaled(scaling, raw), expit(scipy_logit(raw) / 2.5 + bias), rtol=1e-12)
    if not bias:
        np.testing.assert_array_equal(scaled({"method": "temperature", "temperature": 2.5}, raw), scaled(scaling, raw))


def test_certainty_is_taken_for_what_float32_can_say() -> None:
    assert np.isfinite(logit(np.array([0.0, 1.0]))).all()
    made = scaled({"method": "temperature", "temperature": 4.0}, np.array([0.0, 1.0]))
    assert 0 < made[0] < 1e-9
    assert 0.9 < made[1] < 0.99
    sharpest = scaled({"method": "logistic", "temperature": TEMPERATURES[0], "bias": BIASES[0]}, np.array([0.0, 1.0]))
    assert sharpest[0] < 1e-300
    assert sharpest[1] == 1


def test_isotonic_goes_through_its_knots_and_is_flat_outside() -> None:
    scaling = {"method": "isotonic", "x": [0.25, 0.5, 0.75], "y": [0.1, 0.1, 0.6]}
    raw = np.array([0, 0.25, 0.3, 0.5, 0.625, 0.75, 1])
    np.testing.assert_allclose(scaled(scaling, raw), [0.1, 0.1, 0.1, 0.1, 0.35, 0.6, 0.6])
    np.testing.assert_array_equal(
        scaled({"method": "isotonic", "x": [0.5], "y": [0.2]}, np.array([0, 0.5, 1, np.nan])), [0.2, 0.2, 0.2, np.nan]
    )


HOSTILE = {
    "no object": [1],
    "no method": {},
    "unknown method": {"method": "beta", "temperature": 1.0},
    "method that is no word": {"method": ["isotonic"]},
    "no temperature": {"method": "temperature"},
    "something more": {"method": "temperature", "temperature": 1.0, "bias": 1.0},
    "temperature 0": {"method": "temperature", "temperature": 0},
    "negative temperature": {"method": "temperature", "temperature": -1.0},
    "temperature NaN": {"method": "temperature", "temperature": np.nan},
    "temperature 1e400": {"method": "temperature", "temperature": float("1e400")},
    "long temperature": {"method": "temperature", "temperature": 10**400},
    "temperature true": {"method": "temperature", "temperature": True},
    "temperature of words": {"method": "temperature", "temperature": "1"},
    "no bias": {"method": "logistic", "temperature": 1.0},
    "bias NaN": {"method": "logistic", "temperature": 1.0, "bias": np.nan},
    "bias that leaves nothing": {"method": "logistic", "temperature": 1.0, "bias": -1e9},
    "no knots": {"method": "isotonic", "x": [], "y": []},
    "knots that are no list": {"method": "isotonic", "x": "0", "y": "1"},
    "knots without values": {"method": "isotonic", "x": [0, 1], "y": [0]},
    "decreasing": {"method": "isotonic", "x": [0, 0.5, 1], "y": [0, 0.9, 0.8]},
    "knots back and forth": {"method": "isotonic", "x": [0, 0.6, 0.5], "y": [0, 0.5, 1]},
    "two values at a knot": {"method": "isotonic", "x": [0, 0.5, 0.5], "y": [0, 0.2, 1]},
    "knots closer than float32": {"method": "isotonic", "x": [0, 5e-324], "y": [0, 1]},
    "values above 1": {"method": "isotonic", "x": [0, 1], "y": [0, 1.1]},
    "knots outside": {"method": "isotonic", "x": [-1, 2], "y": [0, 1]},
    "value NaN": {"method": "isotonic", "x": [0, 1], "y": [0, np.nan]},
    "knot NaN": {"method": "isotonic", "x": [0, np.nan], "y": [0, 1]},
    "a million knots": {"method": "isotonic", "x": [0] * 10**6, "y": [0] * 10**6},
}


@pytest.mark.parametrize("scaling", HOSTILE.values(), ids=HOSTILE)
def test_what_could_reorder_or_break_is_refused(scaling: Any) -> None:
    with pytest.raises(Mismatch, match=r"^scaling.*, expected"):
        check_scaling(scaling)
    with pytest.raises(ValueError, match="expected"):
        scaled(scaling, np.array([0.5]))


def test_the_largest_curve_is_allowed() -> None:
    x = np.linspace(0, 1, MOST_KNOTS, dtype=np.float32).tolist()
    check_scaling({"method": "isotonic", "x": x, "y": x})
    with pytest.raises(Mismatch, match=r"scaling.x is .*, expected 1 to 10,000 numbers"):
        check_scaling({"method": "isotonic", "x": [*x, 1.0], "y": [*x, 1.0]})


@pytest.mark.parametrize(
    ("scaling", "message"),
    [
        ({"method": "beta"}, 'scaling is .*, expected null, or an object with the "method" temperature, logistic, iso'),
        ({"method": "temperature"}, "scaling lacks temperature, expected a number from 0.01 to 100"),
        ({"method": "temperature", "temperature": 0}, "scaling.temperature is 0, expected a number from 0.01 to 100"),
        ({"method": "logistic", "temperature": 1, "bias": -1e9}, "scaling.bias is -1.*, expected a number from -50 to"),
        ({"method": "isotonic", "x": [0, 1], "y": [0, 2]}, r"scaling.y\[1\] is 2, expected a number from 0 to 1"),
        ({"method": "isotonic", "x": [0, 1], "y": [0]}, "scaling has 2 x and 1 y, expected a y for each x"),
    ],
)
def test_what_is_wrong_is_named(scaling: Any, message: str) -> None:
    with pytest.raises(Mismatch, match=f"^{message}"):
        check_scaling(scaling)


@given(scalings | st.none(), st.integers(0, 10**DIGITS), st.lists(shares, max_size=20))
def test_the_network_s_threshold_decides_as_the_threshold_does(
    scaling: dict[str, Any] | None, number: int, drawn: list[float]
) -> None:
    threshold = number / 10**DIGITS
    limit = np.float32(network_threshold(scaling, threshold))
    near = np.float32([0, 1, 0.5, *drawn])
    if np.isfinite(limit):
        steps = np.arange(-3, 4, dtype=np.int32)
        beside = (limit.view(np.int32) + steps).view(np.float32)
        near = np.concatenate([near, beside[(beside >= 0) & (beside <= 1)]])
    np.testing.assert_array_equal(near >= limit, published(scaling, near) >= threshold)


def test_a_threshold_that_nothing_reaches() -> None:
    scaling = {"method": "isotonic", "x": [0.0, 1.0], "y": [0.0, 0.5]}
    assert network_threshold(scaling, 0.6) == np.inf
    assert network_threshold(scaling, 0.0) == 0
    assert network_threshold(None, 0.25) == pytest.approx(0.25, abs=1e-6)


@given(st.integers(0, 10**DIGITS), st.lists(shares, min_size=1))
def test_rounding_in_tables_loses_nothing_that_a_threshold_keeps(number: int, drawn: list[float]) -> None:
    threshold = number / 10**DIGITS
    given = np.array([*drawn, threshold, np.nextafter(threshold, 2)])
    kept = given >= threshold
    assert (np.round(given, DIGITS)[kept] >= threshold).all()
