"""Stamps of a new camera are drawn by groups, and none of a group that was drawn is answered."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks.networks import compared, scores
from benchmarks.new_camera import Camera


def camera(*, test: bool = False) -> Camera:
    random = np.random.default_rng(0)
    labels = random.integers(0, 2, 400)
    pool = {"stamps": np.arange(400.0), "labels": labels, "groups": labels * 1000 + random.integers(0, 90, 400)}
    return Camera("c", pool, Path("run"), {"labels": np.ones(3)} if test else None)


@pytest.mark.parametrize("count", [50, 200])
def test_half_of_each_class_and_no_group_on_both_sides(count: int) -> None:
    one = camera()
    drawn = one.drawn(count, 3)
    assert len(set(drawn)) == count
    assert one.pool["labels"][drawn].sum() == count // 2
    rest = one.answered(drawn)
    assert not np.isin(rest["groups"], one.pool["groups"][drawn]).any()
    assert len(rest["labels"]) > 100
    assert not np.array_equal(drawn, one.drawn(count, 4))


def test_a_camera_with_a_test_split_is_tested_on_it() -> None:
    assert len(camera(test=True).answered(np.arange(50))["labels"]) == 3


def test_recalls_by_magnitude_and_differences_of_answers() -> None:
    random = np.random.default_rng(1)
    labels = np.repeat([1, 0], 200)
    test = {
        "labels": labels,
        "magnitude": np.concatenate([np.linspace(18, 22, 200), np.full(200, np.nan)]),
        "group": np.arange(400).astype(str),
    }
    good, bad = labels + random.normal(0, 0.2, 400), labels + random.normal(0, 2, 400)
    found = scores(good, test)
    assert found["roc_auc"] > 0.99
    at_1 = found["recall at 1% false"]
    assert sum(each["asteroids"] for each in at_1["by_magnitude"]) == 200
    assert sum(each["found"] for each in at_1["by_magnitude"]) == pytest.approx(200 * at_1["all"])
    better = compared(test, good, bad)
    assert all(each["low"] > 0 for each in better.values())
    assert compared(test, good, good)["roc_auc"] == {"value": 0, "low": 0, "high": 0}
