"""Which frames are exposures of one field, CCD and night."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import InputError
from ceres_fast.frames.exposures import group_exposures
from ceres_fast.frames.reading import FrameInfo


def info(name, mjd=60000.9, field="F1", ccd="1"):
    return FrameInfo(Path(f"{name}.fits"), name, field, ccd, mjd)


def names(groups):
    return [[frame.frame for frame in group] for group in groups]


@given(st.permutations(range(6)))
def test_groups_do_not_depend_on_the_order_given(order):
    infos = [info("b", 60000.92), info("a", 60000.9), info("c", 60001.9), info("d", field="F2")]
    infos += [info("e", ccd="2"), info("f", 60002.1)]
    assert names(group_exposures([infos[number] for number in order])) == [["a", "b"], ["c", "f"], ["e"], ["d"]]


def test_a_night_may_cross_noon_and_midnight_of_utc():
    hawaii = [info(str(hour), 60000 + hour / 24) for hour in (6, 11, 13, 15)]
    assert len(group_exposures(hawaii)) == 1
    la_palma = [info(str(hour), 60000 + hour / 24) for hour in (21, 23, 25, 29)]
    assert len(group_exposures(la_palma)) == 1


def test_frames_without_field_or_time_stay_alone():
    groups = group_exposures(
        [info("a", field=""), info("b", field=""), info("c", float("nan")), info("d", float("nan"))]
    )
    assert sorted(map(len, groups)) == [1, 1, 1, 1]


def test_the_same_exposure_twice_is_refused():
    with pytest.raises(InputError, match=r"b\.fits: has the field, CCD and time of a\.fits.*CCDNAME"):
        group_exposures([info("a"), info("b")])


def test_no_frames_give_no_groups():
    assert group_exposures([]) == []


def test_copies_can_be_left_out():
    copies = []
    groups = group_exposures(
        [info("a"), info("b"), info("c"), info("d", 60000.95)], lambda copy, _: copies.append(copy)
    )
    assert names(groups) == [["a", "d"]]
    assert names([copies]) == [["b", "c"]]
