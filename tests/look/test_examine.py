"""Which exposures can be compared, by the rule itself."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.frames.info import FrameInfo
from ceres_fast.look.examine import exposures_of
from ceres_fast.selection.rules import Rules

INFO = FrameInfo(Path("f.fits"), "f", field="F1", pixel_scale=0.4, seeing=1.2)


def infos(minutes, **other):
    return [dataclasses.replace(INFO, mjd=60000 + minute / 1440, **other) for minute in minutes]


def test_the_time_that_is_needed_is_that_of_the_rule():
    found = exposures_of(infos([0, 6, 12, 18]), Rules())
    assert found.needed == pytest.approx(1.2 * 0.9 / 0.1)
    assert found.minutes == pytest.approx((6, 6, 6), abs=1e-4)
    assert found.compared == 4
    assert exposures_of(infos([0, 6, 12]), Rules()).compared == 2
    assert exposures_of(infos([0, 2, 4]), Rules()).compared == 0
    assert exposures_of(infos([0, 2, 4]), Rules(slowest=1.0)).compared == 3


def test_without_a_seeing_it_is_in_pixels_and_one_exposure_has_none():
    assert exposures_of(infos([0, 30], seeing=np.nan), Rules()).needed == pytest.approx(1.5 * 0.4 * 1.5 / 0.1)
    alone = exposures_of(infos([0]), Rules())
    assert np.isnan(alone.needed)
    assert alone.compared == 0
    assert alone.minutes == ()


@given(st.lists(st.floats(0, 300), min_size=2, max_size=6), st.floats(0.5, 5))
def test_more_time_never_makes_fewer_comparable(minutes, seeing):
    minutes = sorted(minutes)
    before = exposures_of(infos(minutes, seeing=seeing), Rules()).compared
    after = exposures_of(infos([2 * each for each in minutes], seeing=seeing), Rules()).compared
    assert after >= before
