"""Of the benchmark of nights that are others: which quantity a sentence is of, and what a draw is."""

from __future__ import annotations

import math

import numpy as np
import pytest

from benchmarks import drift
from ceres_fast.artifact.conditions import QUANTITIES, Value
from ceres_fast.synthetic.simulate.constants import CONSTANTS


@pytest.mark.parametrize("name", QUANTITIES)
def test_a_sentence_is_of_its_quantity(name: str) -> None:
    sentence = f"CCD 4: {QUANTITIES[name].words.format('3.1')}, calibrated on 1 to 2"
    assert drift.quantity_of(sentence) == name


def test_a_night_of_twice_the_seeing_has_that() -> None:
    sky = drift.seeing(2.0).sky
    usual = math.hypot(CONSTANTS.sky.seeing, CONSTANTS.sky.seeing_camera)
    assert math.hypot(sky.seeing, sky.seeing_camera) == pytest.approx(2 * usual)
    assert CONSTANTS.sky.sky_brightness - drift.noise(2.0).sky.sky_brightness == pytest.approx(1.505, abs=1e-3)


def test_fields_drawn_from_one_another_seldom_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drift, "FIELDS", (10,))
    monkeypatch.setattr(drift, "DRAWS", 5)
    random = np.random.default_rng(1)
    fields = [[{"seeing": Value(float(math.exp(random.normal(0, 0.1))))}] for _ in range(40)]
    assert drift.drawn(fields, random)["10"] < 0.05
    other = [[{"seeing": Value(float(number % 2 * 99 + random.uniform(1, 1.1)))}] for number in range(40)]
    assert drift.drawn(other, random)["10"] == 0  # of fields that differ among each other as much, none is another
