import numpy as np

from ceres_fast.records.splits import leaks

from .some_stamps import places


def test_leaks_are_found():
    columns = places(4, designation=["x", "x", "", ""], field=["A", "A", "B", "C"], ra=[1, 1, 9, 9], dec=[0] * 4)
    assert leaks(np.array(["train", "train", "test", "test"]), columns) == []
    found = leaks(np.array(["train", "test", "train", "test"]), columns)
    assert {str(leak) for leak in found} == {
        "asteroid x",
        "stamps of field A",
        "overlapping cut-outs 1.fits and 0.fits",
        "overlapping cut-outs 3.fits and 2.fits",
    }
    assert [leak.kind for leak in found] == ["asteroid", "place", "sky", "sky"]


def test_a_group_in_two_splits_is_found():
    columns = places(3, group=["one", "one", "two"])
    assert leaks(np.array(["train", "train", "test"]), columns) == []
    assert [str(leak) for leak in leaks(np.array(["train", "test", "test"]), columns)] == ["group one"]


def test_what_was_dropped_leaks_nothing():
    columns = places(3, designation=["x", "x", "x"], ra=[1.0] * 3, dec=[2.0] * 3)
    assert leaks(np.array(["", "test", ""]), columns) == []


def test_the_same_stamp_is_named_once_where_many_overlap_it():
    columns = places(50, ra=np.full(50, 20.0), dec=np.linspace(5, 5.001, 50), pixel_scale=np.ones(50))
    found = leaks(np.where(np.arange(50) == 20, "test", "train"), columns)
    assert len(found) == 1
