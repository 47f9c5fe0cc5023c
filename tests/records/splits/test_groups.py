import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError
from ceres_fast.records.splits import FRACTIONS, SPLITS, group_stamps, leaks, overlapping_pairs, split_groups


def places(count, **known):
    """Return the columns that grouping looks at, for stamps of which nothing is known but `known`."""
    columns = {name: np.full(count, "", dtype="U20") for name in ("designation", "field", "ccd")}
    columns["source"] = np.array([f"{number}.fits" for number in range(count)])
    columns |= {name: np.full(count, np.nan) for name in ("ra", "dec", "pixel_scale")}
    return columns | {name: np.asarray(values) for name, values in known.items()}


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


@pytest.mark.parametrize("dec", [0.0, 60.0, -89.9999])
def test_overlap_holds_across_the_meridian_and_at_the_pole(dec):
    ra = np.array([359.9999, 0.0001])
    assert len(overlapping_pairs(ra, np.full(2, dec), np.ones(2))) == 1


def test_a_stamp_without_position_overlaps_nothing():
    pairs = overlapping_pairs(np.array([1.0, np.nan, 1.0]), np.array([1.0, 1.0, np.inf]), np.ones(3))
    assert pairs.shape == (0, 2)


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


def test_leaks_are_found():
    columns = places(4, designation=["x", "x", "", ""], field=["A", "A", "B", "C"], ra=[1, 1, 9, 9], dec=[0] * 4)
    assert leaks(np.array(["train", "train", "test", "test"]), columns) == []
    found = leaks(np.array(["train", "test", "train", "test"]), columns)
    assert found == [
        "asteroid x",
        "stamps of field A",
        "overlapping cut-outs 0.fits and 1.fits",
        "overlapping cut-outs 2.fits and 3.fits",
    ]


SETS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).filter(any), min_size=4, max_size=40)


def stamps_of(sets):
    """Return group and label of each stamp of groups with (non-asteroid, asteroid) stamps."""
    groups = np.repeat([f"g{number:03d}" for number in range(len(sets))], [sum(one) for one in sets])
    labels = np.concatenate([np.repeat([0, 1], one) for one in sets])
    return groups, labels


@given(SETS, st.integers(0, 5))
def test_groups_stay_whole_and_no_split_is_empty(sets, seed):
    groups, labels = stamps_of(sets)
    splits = split_groups(groups, labels, FRACTIONS, seed)
    assert set(splits) == set(SPLITS)
    assert all(len(set(splits[groups == group])) == 1 for group in groups)
    np.testing.assert_array_equal(splits, split_groups(groups, labels, FRACTIONS, seed))


@given(st.lists(st.booleans(), min_size=8, max_size=40).filter(lambda one: 4 <= sum(one) <= len(one) - 4))
def test_every_split_has_both_classes_where_groups_are_pure_and_enough(asteroid):
    groups, labels = stamps_of([(0, 3) if one else (5, 0) for one in asteroid])
    splits = split_groups(groups, labels, FRACTIONS, 0)
    assert all(set(labels[splits == split]) == {0, 1} for split in SPLITS)


@given(st.integers(0, 2**32 - 1), st.integers(2, 6))
@settings(max_examples=20)
def test_many_small_groups_give_the_fractions(seed, every):
    sizes = np.random.default_rng(seed).integers(1, 7, 400)
    groups, labels = stamps_of([(size, 0) if number % every else (size, size) for number, size in enumerate(sizes)])
    splits = split_groups(groups, labels, FRACTIONS, 1)
    for label in (0, 1):
        shares = [np.mean(splits[labels == label] == split) for split in SPLITS]
        np.testing.assert_allclose(shares, list(FRACTIONS.values()), atol=0.03)


def test_eight_equal_fields_give_five_to_training():
    groups, labels = stamps_of([(50, 40)] * 8)
    splits = split_groups(groups, labels, FRACTIONS, 0)
    assert [len(set(groups[splits == split])) for split in SPLITS] == [5, 1, 1, 1]


def test_the_seed_changes_the_split():
    groups, labels = stamps_of([(2, 1)] * 40)
    splits = [split_groups(groups, labels, FRACTIONS, seed) for seed in (0, 1)]
    assert (splits[0] != splits[1]).any()


def test_too_few_groups_say_how_many_are_needed():
    with pytest.raises(CeresFastError, match=r"3 group.*at least 4"):
        split_groups(*stamps_of([(2, 1)] * 3), FRACTIONS, 0)


@pytest.mark.parametrize(
    "fractions",
    [{"train": 1.0}, dict.fromkeys(SPLITS, 0.3), dict(zip(SPLITS, (1.1, -0.1, 0, 0), strict=True))],
)
def test_fractions_that_are_no_shares_are_refused(fractions):
    with pytest.raises(CeresFastError, match="adding up to 1"):
        split_groups(*stamps_of([(2, 1)] * 9), fractions, 0)
