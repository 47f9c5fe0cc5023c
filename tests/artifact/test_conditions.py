"""What is beside the conditions of calibration is said in words, and what is like them is not."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.artifact.conditions import (
    FALSE_ALARMS,
    LEAST_DETECTIONS,
    LEAST_STAMPS,
    QUANTITIES,
    Value,
    check_conditions,
    drift_of,
    noise_of,
    of_exposure,
    of_field,
)
from ceres_fast.schema import Mismatch

SEEN: dict[str, Any] = {"lowest": 0.9, "highest": 1.6, "mean": math.log(1.2), "deviation": 0.15}
CONDITIONS: dict[str, Any] = {"fields": 30, "exposures": 120, "quantities": {"seeing": SEEN}}


def seeing(*values: float) -> list[dict[str, Value]]:
    return [{"seeing": Value(value)} for value in values]


def test_what_differs_is_said_with_what_was_expected() -> None:
    assert drift_of(CONDITIONS, seeing(1.2, 3.1, 2.9, 1.3)) == [
        "seeing 3.1 arcsec in 2 of 4 exposures, calibrated on 0.9 to 1.6"
    ]
    assert drift_of(CONDITIONS, seeing(0.4)) == ["seeing 0.4 arcsec, calibrated on 0.9 to 1.6"]


def test_a_little_beside_what_was_seen_is_no_other_night() -> None:
    assert drift_of(CONDITIONS, seeing(1.2, 1.7, 0.85, 1.6)) == []


def test_what_was_seen_is_never_beside_it() -> None:
    odd = {**CONDITIONS, "quantities": {"seeing": {**SEEN, "highest": 9.0}}}
    assert drift_of(odd, seeing(9.0)) == []
    assert drift_of(odd, seeing(9.1)) != []


@pytest.mark.parametrize("exposures", [[], [{}], seeing(math.nan), [{"noise": Value(7.0)}]])
def test_what_was_not_measured_is_not_compared(exposures: list[dict[str, Value]]) -> None:
    assert drift_of(CONDITIONS, exposures) == []


def test_an_older_classifier_says_nothing() -> None:
    assert drift_of(None, seeing(99.0)) == []


@pytest.mark.parametrize("value", [0.0, math.inf, 1e300, 1e-300])
def test_absurd_values_are_beside_it(value: float) -> None:
    assert len(drift_of(CONDITIONS, seeing(value))) == 1


@pytest.mark.parametrize("fields", [5, 8, 30, 200])
def test_of_fields_like_those_of_calibration_few_are_beside_it(fields: int) -> None:
    random = np.random.default_rng(4)
    trials, exposures, alarms = 1500, 4, 0
    for _ in range(trials):
        means = random.normal(0, 0.2, fields)
        all_of_them = means[:, None] + random.normal(0, 0.1, (fields, exposures))
        deviation = math.sqrt(all_of_them.mean(axis=1).var(ddof=1) + all_of_them.var(axis=1).mean())
        ends = np.exp([all_of_them.min(), all_of_them.max()])
        seen = {"lowest": ends[0], "highest": ends[1], "mean": float(all_of_them.mean()), "deviation": deviation}
        known = {"fields": fields, "exposures": fields * exposures, "quantities": {"seeing": seen}}
        tonight = np.exp(random.normal(0, 0.2) + random.normal(0, 0.1, exposures))
        alarms += bool(drift_of(known, seeing(*tonight)))
    assert alarms / trials <= FALSE_ALARMS


def test_chance_in_few_detections_is_no_drift() -> None:
    seen = {"lowest": 0.05, "highest": 0.1, "mean": float(np.arcsin(np.sqrt(0.07))), "deviation": 0.02}
    known = {**CONDITIONS, "quantities": {"asteroids": seen}}
    assert drift_of(known, [{"asteroids": Value(0.3, 0.5 / math.sqrt(20))}]) == []
    assert drift_of(known, [{"asteroids": Value(0.3, 0.5 / math.sqrt(2000))}]) == [
        "share that is called asteroids 0.3, calibrated on 0.05 to 0.1"
    ]


def test_the_noise_of_stamps() -> None:
    random = np.random.default_rng(1)
    sigma = np.geomspace(1, 100, 5)
    stamps = random.normal(1000, 1, (5, 32, 32)) * sigma[:, None, None]
    stamps[:, 12:20, 12:20] += 1e5  # a source
    np.testing.assert_allclose(noise_of(stamps.astype(np.float32)), sigma, rtol=0.3)
    stamps[2] = np.nan
    stamps[3] = 7.0
    assert np.isnan(noise_of(stamps)).tolist() == [False, False, True, False, False]
    assert noise_of(stamps)[3] == 0
    assert noise_of(np.empty((0, 32, 32), np.float32)).shape == (0,)


def test_the_values_of_an_exposure_and_a_field() -> None:
    noise = np.r_[np.full(30, 5.0), np.full(10, np.nan)]
    assert of_exposure(1.3, noise) == {"seeing": Value(1.3), "noise": Value(5.0)}
    n = 41
    probability = np.r_[np.full(30, 0.1), np.full(10, 0.9), np.nan]
    values = of_field(np.arange(n, dtype=float), probability, 0.9)
    assert {name: each.value for name, each in values.items()} == {
        "neighbour": 30.0,
        "probability": 0.1,
        "asteroids": 0.25,
    }
    assert values["asteroids"].error == pytest.approx(0.5 / math.sqrt(40))
    assert {*of_exposure(1.3, noise), *values} == set(QUANTITIES)


def test_pieces_of_a_trail_do_not_say_how_dense_the_sky_is() -> None:
    sky = np.linspace(8, 20, 100)
    trail = of_field(np.r_[sky, np.full(120, 1.0)], np.zeros(0), 0.5)["neighbour"].value
    assert trail > 0.7 * of_field(sky, np.zeros(0), 0.5)["neighbour"].value


@given(st.integers(0, 2 * LEAST_DETECTIONS), st.floats(0, 1), st.floats(allow_nan=True, allow_infinity=True, width=32))
def test_any_field_has_values_or_none(n: int, probability: float, other: float) -> None:
    exposure = of_exposure(other, np.full(n, other))
    values = of_field(np.full(n, other), np.full(n, probability), 0.5)
    assert ("asteroids" in values) == (n >= LEAST_DETECTIONS)
    assert math.isnan(exposure["noise"].value) == (n < LEAST_STAMPS or not math.isfinite(other))
    quantities = {key: {**SEEN, "highest": 0.99} for key in QUANTITIES}
    said = drift_of({**CONDITIONS, "quantities": quantities}, [exposure, values])
    assert all("calibrated on" in each for each in said)


@pytest.mark.parametrize(
    ("changed", "key"),
    [
        ({"fields": 1}, "conditions.fields"),
        ({"quantities": {"seeing": {**SEEN, "deviation": -1.0}}}, "conditions.quantities.seeing.deviation"),
        ({"quantities": {"moon": SEEN}}, "conditions.quantities.moon"),
        ({"quantities": {"seeing": {**SEEN, "mean": "x"}}}, "conditions.quantities.seeing.mean"),
        ({"more": 1}, "conditions has unknown more"),
    ],
)
def test_what_cannot_be_compared_with_is_refused(changed: dict[str, Any], key: str) -> None:
    check_conditions(CONDITIONS)
    check_conditions(None)
    with pytest.raises(Mismatch, match=key.replace(".", r"\.")):
        check_conditions({**CONDITIONS, **changed})
