"""The limits of missing pixels are what was measured, by the rule that the benchmark states."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.missing_pixels import MASKS, TOLERATED, limit, lost
from ceres_fast.frames.cut import MOST_MISSING
from ceres_fast.stamps import CENTRE

RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "missing_pixels.json"


def test_the_limits_are_those_that_were_measured() -> None:
    result = json.loads(RESULT.read_text())
    assert result["limits"] == {"share": MOST_MISSING.share, "central": MOST_MISSING.central}
    assert result["limits"] == {"share": limit(result["masks"], "around"), "central": limit(result["masks"], "central")}
    assert result["tolerated"] == TOLERATED == 0.02


@pytest.mark.parametrize("name", MASKS)
def test_masks_are_of_the_size_that_they_say(name: str) -> None:
    random = np.random.default_rng(0)
    of, make, numbers = MASKS[name]
    for number in numbers:
        mask = make(random, number)
        assert mask.shape == (32, 32)
        if of == "share":
            assert abs(mask.mean() - number) < 1e-3
        if name == "around":
            assert not mask[CENTRE, CENTRE]
        if name == "central":
            assert mask.sum() == mask[CENTRE - 1 : CENTRE + 2, CENTRE - 1 : CENTRE + 2].sum() == number
        if name in ("edge", "corner"):
            assert mask[CENTRE, CENTRE] == (number < 0)


def test_the_recall_lost_is_of_the_stamps_and_its_interval_of_the_asteroids() -> None:
    before, after = np.ones(400, bool), np.arange(400) % 10 != 0
    alone = lost(before, after, np.arange(400).astype(str), 0)
    assert alone["value"] == pytest.approx(0.1)
    assert alone["low"] < 0.1 < alone["high"]
    together = lost(before, np.arange(400) >= 40, (np.arange(400) // 20).astype(str), 0)
    assert together["value"] == pytest.approx(0.1)
    assert together["high"] - together["low"] > 2 * (alone["high"] - alone["low"])


def test_the_limit_is_the_last_before_more_is_lost_than_is_tolerated() -> None:
    rows = [
        {"mask": "around", "share": share, "recall lost": {"low": low}} for share, low in ((0.25, -0.01), (0.5, 0.02))
    ]
    assert limit(rows, "around") == 0.5
    rows += [{"mask": "around", "share": 0.625, "recall lost": {"low": 0.021}}]
    rows += [{"mask": "around", "share": 0.75, "recall lost": {"low": 0.0}}]
    assert limit(rows, "around") == 0.5
    assert limit(rows[2:], "around") == 0.0
