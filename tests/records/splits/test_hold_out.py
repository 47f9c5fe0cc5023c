import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError
from ceres_fast.records.splits import group_stamps
from ceres_fast.records.splits.hold_out import HOLD_OUT, LINKED, UNKNOWN, check_hold_out, hold_out_stamps, nights

from .some_stamps import places


def survey(fields, days, **known):
    """Return columns of stamps with a field and a day each (MJD; the middle of a European night), grouped."""
    count = len(fields)
    columns = places(count, field=np.array(fields), ccd=np.full(count, "1"), **known)
    columns |= {"mjd": np.array(days) + 0.9, "filter": np.full(count, "r"), "label": np.arange(count) % 2}
    return columns | {"group": group_stamps(columns)}


def test_a_night_is_named_after_its_evening():
    # 58782 is 2019-10-26: 20 h UTC, 4 h UTC of the next day, noon, and a second before it.
    mjd = np.array([58782 + 20 / 24, 58783 + 4 / 24, 58783.5, 58783.5 - 1 / 86400, np.nan])
    assert list(nights(mjd)) == ["20191026", "20191026", "20191027", "20191026", ""]


@given(st.floats(40000, 80000))
def test_a_night_lasts_from_noon_to_noon(mjd):
    (label,) = nights(np.array([mjd]))
    start = (np.datetime64(f"{label[:4]}-{label[4:6]}-{label[6:]}") - np.datetime64("1858-11-17")).astype(int) + 0.5
    assert start <= mjd < start + 1


def test_no_exposure_has_no_night():
    assert nights(np.array([])).tolist() == []


@pytest.mark.parametrize("night", ["20191026", "58782"])
def test_a_night_is_held_out_and_its_fields_on_other_nights_are_dropped(night):
    columns = survey(["A", "A", "B", "C", "D"], [58782, 58783, 58782, 58783, 58784])
    held, dropped = hold_out_stamps(columns, [("night", [night])])
    assert held.tolist() == [True, False, True, False, False]
    assert dropped[LINKED].tolist() == [False, True, False, False, False]
    assert not dropped[UNKNOWN].any()


def test_an_asteroid_and_sky_link_other_fields():
    columns = survey(
        ["A", "B", "C", "D"],
        [1, 2, 2, 2],
        designation=["x", "x", "", ""],
        ra=[10.0, 20.0, 10.0, 30.0],
        dec=[0.0, 0.0, 0.005, 0.0],
        pixel_scale=[1.0] * 4,
    )
    held, dropped = hold_out_stamps(columns, [("field", ["A"])])
    assert (held.tolist(), dropped[LINKED].tolist()) == ([True, False, False, False], [False, True, True, False])


def test_any_of_several_is_held_out():
    columns = survey(["A", "B", "C", "D"], [1, 2, 3, 4])
    held, _ = hold_out_stamps(columns, [("field", ["A", "B"]), ("night", nights(columns["mjd"][2:3]).tolist())])
    assert held.tolist() == [True, True, True, False]


def test_a_stamp_that_does_not_say_may_be_of_the_night_and_is_dropped():
    columns = survey(["A", "B", "C"], [1, np.nan, 3])
    held, dropped = hold_out_stamps(columns, [("night", ["18581118"])])
    assert (held.tolist(), dropped[UNKNOWN].tolist()) == ([True, False, False], [False, True, False])


def test_much_that_is_dropped_is_said(capsys):
    hold_out_stamps(survey(["A"] * 4 + ["B"] * 6, [1] + [2] * 9), [("night", ["18581118"])])
    assert "40% of the asteroid stamps are in no split" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("hold_out", "message"),
    [
        ([("field", ["Z"])], r"--hold-out field=Z: no stamp has it; there is A, B\."),
        ([("night", ["2019-10-26"])], "no stamp has it; there is 18581118, 18581119"),
        ([("filter", ["g"])], r"there is r\."),
        ([("field", ["A"]), ("field", ["B"])], "that is every stamp"),
        ([("night", ["18581118"])], "every one of the other 2 shares an asteroid"),
    ],
)
def test_what_cannot_be_held_out(hold_out, message):
    columns = survey(["A", "A", "B", "B"], [1, 2, 1, 2])
    with pytest.raises(CeresFastError, match=message):
        hold_out_stamps(columns, hold_out)


def test_many_values_are_not_all_listed():
    columns = survey([f"F{number:03d}" for number in range(90)], [1] * 90)
    with pytest.raises(CeresFastError, match="F019 and 70 more"):
        hold_out_stamps(columns, [("field", ["Z"])])


@pytest.mark.parametrize("hold_out", [[("moon", ["full"])], [("night", [])]])
def test_only_what_is_in_the_table_can_be_held_out(hold_out):
    with pytest.raises(CeresFastError, match=f"expected {', '.join(HOLD_OUT)}"):
        check_hold_out(hold_out)
