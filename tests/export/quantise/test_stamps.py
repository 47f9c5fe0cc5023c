"""The stamps that ranges are measured on: both kinds, the same each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some

from ceres_fast.errors import CeresFastError
from ceres_fast.export.quantise.stamps import FEWEST, balanced, calibration_stamps
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_stamps


@given(some.integers(1, 300), some.integers(FEWEST, 300), some.integers(FEWEST, 200))
def test_as_many_of_each_as_there_are(asteroids: int, others: int, most: int) -> None:
    labels = np.repeat([1, 0], [asteroids, others])
    chosen = balanced(labels, most, "here")
    np.testing.assert_array_equal(chosen, balanced(labels, most, "here"))
    assert len(set(chosen)) == len(chosen) == min(most, len(labels))
    of_asteroids = labels[chosen].sum()
    assert of_asteroids <= asteroids
    assert len(chosen) - of_asteroids <= others
    # Of neither kind fewer than half, unless there are no more.
    assert of_asteroids >= min(asteroids, most // 2)
    assert len(chosen) - of_asteroids >= min(others, most // 2)


@pytest.mark.parametrize("labels", [[0] * 100, [1] * 100, [0, 1] * (FEWEST // 2 - 1)])
def test_too_few_or_of_one_kind(labels: list[int]) -> None:
    with pytest.raises(CeresFastError, match=r"here has \d+ asteroids and \d+ others; int8 needs 32 stamps and both"):
        balanced(np.array(labels), 512, "here")


def test_they_are_of_the_training_split(tiny_records: Path) -> None:
    stamps, labels = read_stamps(load_manifest(tiny_records), "train")
    chosen = calibration_stamps(tiny_records)
    np.testing.assert_array_equal(chosen, stamps)  # there are fewer than 512
    few = calibration_stamps(tiny_records, most=10)
    assert len(few) == 10
    known = {stamp.tobytes(): label for stamp, label in zip(stamps, labels, strict=True)}
    assert sum(known[stamp.tobytes()] for stamp in few) == 5
