import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError
from ceres_fast.records.splits import FRACTIONS, SPLITS, check_fractions, parse_fractions, split_groups

from .some_stamps import stamps_of

SETS = st.lists(st.tuples(st.integers(0, 20), st.integers(0, 20)).filter(any), min_size=4, max_size=40)


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
        check_fractions(fractions)


def test_fractions_are_read_in_the_order_of_the_splits():
    assert parse_fractions("0.6,0.1, 0.2,0.1") == {"train": 0.6, "validation": 0.1, "calibration": 0.2, "test": 0.1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("0.7,0.1,0.2", "expected 4 numbers, for train, validation, calibration, test"),
        ("much,0.1,0.1,0.1", "expected 4 numbers"),
        ("", "expected 4 numbers"),
        ("0.7,0.1,0.1,0.2", "adding up to 1"),
        ("1,0,0,0", "a share above 0"),
        ("nan,0.1,0.1,0.1", "a share above 0"),
        ("inf,0.1,0.1,-inf", "a share above 0"),
    ],
)
def test_other_texts_are_no_fractions(text, message):
    with pytest.raises(CeresFastError, match=message):
        parse_fractions(text)
