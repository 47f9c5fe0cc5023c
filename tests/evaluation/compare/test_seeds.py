"""Runs that differ in nothing but the seed are one group; others are not."""

from __future__ import annotations

from statistics import stdev

import numpy as np
import pytest

from ceres_fast.evaluation.compare.measures import MEASURES
from ceres_fast.evaluation.compare.seeds import groups

from .evaluations import answers, survey

KNOWN = survey(2, 3)


def run(letter: str, **settings: object) -> object:
    return answers(KNOWN, 0.5, letter, **settings)


def test_mean_and_spread_of_each_group() -> None:
    runs = [
        run("A", seed=0, normalise="minmax", cache_dir="x"),
        run("B", seed=0, normalise="asinh"),
        run("C", seed=5, normalise="minmax", cache_dir="y"),
        run("D", seed=2, normalise="minmax"),
    ]
    values = np.arange(28.0).reshape(4, 7) ** 2
    values[3, 2] = np.nan
    [found] = groups(runs, values)
    assert (found.classifier, found.letters, found.seeds) == ("xception, experiment 2", ["A", "C", "D"], [0, 5, 2])
    assert list(found.spread) == [name for name in MEASURES if name != "precision"]
    assert found.spread["asteroids_lost"].mean == pytest.approx((0 + 14**2 + 21**2) / 3)
    assert found.spread["asteroids_lost"].std == pytest.approx(stdev([0, 14**2, 21**2]))


@pytest.mark.parametrize(
    "settings",
    [
        ({}, {}),
        ({"seed": 1}, {"seed": 1}),
        ({"seed": 1, "dense": 256}, {"seed": 2, "dense": 128}),
        ({"seed": 1}, {"seed": "two"}),
        ({"seed": [1]}, {"seed": [2]}),
    ],
)
def test_no_group(settings: tuple[dict[str, object], ...]) -> None:
    runs = [run(letter, **each) for letter, each in zip("AB", settings, strict=True)]
    assert groups(runs, np.zeros((2, 7))) == []


def test_a_run_named_twice_counts_once() -> None:
    runs = [run("A", seed=1), run("B", seed=1), run("C", seed=2)]
    [found] = groups(runs, np.zeros((3, 7)))
    assert found.letters == ["A", "C"]
