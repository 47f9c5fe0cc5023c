import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.records.splits import group_stamps, leaks

from .some_stamps import places


def together(groups):
    return (groups[:, None] == groups).tolist()


def test_unknown_stamps_stay_alone():
    assert list(group_stamps(places(3))) == ["file 0.fits", "file 1.fits", "file 2.fits"]


def test_stamps_of_one_file_are_a_group():
    assert list(group_stamps(places(2, source=["night/a.fits"] * 2))) == ["file night/a.fits"] * 2


def test_a_field_and_ccd_is_a_group_on_every_night():
    groups = group_stamps(places(4, field=["A", "A", "A", "B"], ccd=["1", "2", "1", "1"]))
    assert list(groups) == ["field A/1", "field A/2", "field A/1", "field B/1"]


def test_a_field_with_an_unknown_ccd_is_one_group():
    assert list(group_stamps(places(3, field=["A", "A", "B"], ccd=["1", "", "1"]))) == [
        "field A",
        "field A",
        "field B/1",
    ]


def test_an_asteroid_joins_its_fields():
    groups = group_stamps(places(4, field=["B", "A", "C", "C"], designation=["x", "x", "", "x2"]))
    assert list(groups) == ["field A", "field A", "field C", "field C"]


def test_links_chain():
    groups = group_stamps(places(4, field=["A", "B", "B", "C"], designation=["x", "x", "y", "y"]))
    assert set(groups) == {"field A"}


def test_an_empty_designation_links_nothing():
    assert len(set(group_stamps(places(3, field=["A", "B", "C"])))) == 3


def test_overlapping_cut_outs_of_different_fields_are_linked():
    dec = np.array([10.0, 10.0 + 40 / 3600, 10.0 + 100 / 3600])
    groups = group_stamps(places(3, field=["A", "B", "C"], ra=[20.0] * 3, dec=dec, pixel_scale=[1.0] * 3))
    assert list(groups) == ["field A", "field A", "field C"]


@pytest.mark.parametrize(("scale", "linked"), [(0.3, False), (1.0, True), (np.nan, True)])
def test_the_pixel_scale_decides_what_overlaps(scale, linked):
    columns = places(2, ra=[20.0] * 2, dec=[-5.0, -5.0 + 40 / 3600], pixel_scale=[scale] * 2)
    assert (len(set(group_stamps(columns))) == 1) is linked


@given(
    st.lists(
        st.tuples(st.sampled_from(["", "x", "y", "z"]), st.sampled_from(["", "A", "B", "C"]), st.sampled_from("12")),
        min_size=1,
        max_size=30,
    ),
    st.randoms(use_true_random=False),
)
def test_grouping_leaks_nothing_and_does_not_depend_on_the_order(stamps, random):
    designation, field, ccd = map(list, zip(*stamps, strict=True))
    sky = np.arange(len(stamps)) % 7 / 100
    columns = places(len(stamps), designation=designation, field=field, ccd=ccd, ra=sky, dec=sky, pixel_scale=sky + 1)
    groups = group_stamps(columns)
    assert leaks(groups, columns) == []
    order = np.array(random.sample(range(len(stamps)), len(stamps)))
    shuffled = group_stamps({name: values[order] for name, values in columns.items()})
    assert together(shuffled) == together(groups[order])


def test_without_field_and_file_a_piece_of_sky_is_a_group():
    columns = places(4, source=[""] * 4, ra=[10.01, 10.09, 10.11, 359.99], dec=[5.05, 5.05, 5.05, -0.01])
    assert list(group_stamps(columns)) == ["sky 10.0 +5.0", "sky 10.0 +5.0", "sky 10.1 +5.0", "sky 359.9 -0.1"]


def test_stamps_of_which_nothing_is_known_stay_together():
    assert set(group_stamps(places(3, source=[""] * 3))) == {"unknown place"}


def test_no_stamps_have_no_groups():
    assert group_stamps(places(0)).shape == (0,)


def test_200000_stamps_of_which_1000_are_at_one_place():
    """Every pair of them would be 8 GB; a table of the pairs at the one place 8 MB."""
    random = np.random.default_rng(3)
    count, here = 200_000, 1000
    ra, dec = random.uniform(0, 360, count), random.uniform(-60, 60, count)
    ra[:here], dec[:here] = 20 + random.normal(0, 1e-5, here), 5 + random.normal(0, 1e-5, here)
    columns = places(count, ra=ra, dec=dec, pixel_scale=np.full(count, 0.3))
    groups = group_stamps(columns)
    assert len(set(groups[:here])) == 1
    # 13 arcsec around 200,000 places cover 0.2 % of the sky: few others overlap by chance.
    assert len(set(groups)) > count - here - 1000
    halves = np.where(np.unique(groups, return_inverse=True)[1] % 2, "train", "test")
    assert leaks(halves, columns) == []


def test_100000_stamps_at_one_place():
    count = 100_000
    columns = places(count, ra=np.full(count, 20.0), dec=np.full(count, 5.0), pixel_scale=np.ones(count))
    assert len(set(group_stamps(columns))) == 1
    splits = np.where(np.arange(count) == 7, "test", "train")
    assert [leak.kind for leak in leaks(splits, columns)] == ["sky"]


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
