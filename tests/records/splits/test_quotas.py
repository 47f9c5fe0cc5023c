import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError
from ceres_fast.records.splits import FRACTIONS, SPLITS
from ceres_fast.records.splits.quotas import PRESETS, fill_quotas, quotas_of, scaled

from .some_stamps import stamps_of

SMALL = {
    "train": {"non_asteroid": 40, "asteroid": 30},
    "validation": {"non_asteroid": 4, "asteroid": 7},
    "test": {"non_asteroid": 12, "asteroid": 5},
}
NEEDED = (56, 42)


def counts_of(splits, labels):
    """Return (non-asteroids, asteroids) of train with calibration, validation and test."""
    of = {split: np.bincount(labels[splits == split], minlength=2) for split in SPLITS}
    return {"train": of["train"] + of["calibration"], "validation": of["validation"], "test": of["test"]}


def check(groups, labels, quotas, splits, counts):
    for split, found in counts_of(splits, labels).items():
        assert found.tolist() == [quotas[split]["non_asteroid"], quotas[split]["asteroid"]]
    assert set(splits) <= {*SPLITS, ""}
    assert all(len(set(splits[groups == group]) - {""}) <= 1 for group in np.unique(groups))
    assert counts["over_quota"] == (splits == "").sum()


# Groups of up to 3 of a class, and 16 more of each class than needed: what two greedy covers waste at most.
GROUPS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)).filter(any), min_size=100, max_size=160).filter(
    lambda sets: (np.sum(sets, axis=0) >= np.add(NEEDED, 16)).all()
)


@settings(max_examples=60)
@given(GROUPS, st.integers(0, 9))
def test_quotas_are_exact_and_groups_whole(sets, seed):
    groups, labels = stamps_of(sets)
    splits, counts = fill_quotas(groups, labels, SMALL, FRACTIONS, seed)
    check(groups, labels, SMALL, splits, counts)
    np.testing.assert_array_equal(splits, fill_quotas(groups, labels, SMALL, FRACTIONS, seed)[0])


def test_nothing_is_dropped_where_everything_is_needed():
    groups, labels = stamps_of([(1, 0)] * 56 + [(0, 1)] * 42)
    splits, counts = fill_quotas(groups, labels, SMALL, FRACTIONS, 0)
    check(groups, labels, SMALL, splits, counts)
    assert counts == {}


def test_calibration_has_its_share_of_training_in_whole_groups():
    groups, labels = stamps_of([(2, 1)] * 60 + [(0, 3)] * 10)
    splits, _ = fill_quotas(groups, labels, SMALL, FRACTIONS, 0)
    for label in (0, 1):
        training = np.isin(splits, ["train", "calibration"]) & (labels == label)
        assert np.mean(splits[training] == "calibration") == pytest.approx(1 / 8, abs=0.05)


def test_the_seed_decides_what_is_dropped():
    groups, labels = stamps_of([(3, 2)] * 40)
    one, other, again = (fill_quotas(groups, labels, SMALL, FRACTIONS, seed)[0] for seed in (0, 1, 0))
    assert (one != other).any()
    np.testing.assert_array_equal(one, again)


def test_little_is_wasted_on_the_inverted_validation():
    """Fields of 100 others and 60 asteroids and a few with more asteroids: those are the ones validation gets."""
    quotas = {
        "train": {"non_asteroid": 3000, "asteroid": 1800},
        "validation": {"non_asteroid": 43, "asteroid": 74},
        "test": {"non_asteroid": 300, "asteroid": 180},
    }
    groups, labels = stamps_of([(100, 60)] * 35 + [(50, 80)] + [(90, 81)])
    splits, _ = fill_quotas(groups, labels, quotas, FRACTIONS, 0)
    assert set(groups[splits == "validation"]) == {"g035"}
    assert len(set(groups[splits == "test"])) == 3


def test_a_smaller_group_takes_the_place_of_a_larger_one():
    """Greedy takes the group of 10 first, as all of it is needed; with the one of 11 it has 9 too many."""
    quotas = {
        "train": {"non_asteroid": 30, "asteroid": 30},
        "validation": {"non_asteroid": 1, "asteroid": 12},
        "test": {"non_asteroid": 1, "asteroid": 1},
    }
    groups, labels = stamps_of([(0, 10), (0, 11), (0, 2), *[(1, 1)] * 40])
    splits, _ = fill_quotas(groups, labels, quotas, FRACTIONS, 0)
    assert counts_of(splits, labels)["validation"].tolist() == [1, 12]
    assert (np.isin(groups, np.unique(groups[splits == "validation"]))).sum() <= 14


def test_table_1_of_simulated_fields():
    """Fields of four exposures and 250 injected asteroids, as measured: about 590 asteroids, 700 others."""
    random = np.random.default_rng(4)
    fields = [(int(random.integers(900, 1400)), int(random.integers(450, 750))) for _ in range(46)]
    groups, labels = stamps_of(fields)
    quotas = quotas_of("table1")
    splits, counts = fill_quotas(groups, labels, quotas, FRACTIONS, 0)
    check(groups, labels, quotas, splits, counts)
    assert len(set(groups[splits == "validation"])) <= 2


def test_table_1_of_single_stamps():
    quotas = quotas_of("table1/4")
    others, asteroids = (sum(classes[name] for classes in quotas.values()) for name in ("non_asteroid", "asteroid"))
    groups, labels = stamps_of([(1, 0)] * others + [(0, 3)] * (asteroids // 3 + 3))
    check(groups, labels, quotas, *fill_quotas(groups, labels, quotas, FRACTIONS, 0))


def test_too_few_stamps_say_how_many_there_are_and_are_needed():
    groups, labels = stamps_of([(1, 0)] * 60 + [(0, 1)] * 41)
    with pytest.raises(CeresFastError, match=r"60 non_asteroid of 56, 41 asteroid of 42 needed"):
        fill_quotas(groups, labels, SMALL, FRACTIONS, 0)


def test_too_large_groups_say_what_is_lacking():
    groups, labels = stamps_of([(60, 45)] + [(1, 1)] * 3)
    with pytest.raises(CeresFastError, match=r"too large or too few.*lacks \d+ .*stamps"):
        fill_quotas(groups, labels, SMALL, FRACTIONS, 0)


def test_too_few_groups():
    groups, labels = stamps_of([(50, 50)] * 3)
    with pytest.raises(CeresFastError, match=r"3 group\(s\) of stamps cannot fill 4 splits"):
        fill_quotas(groups, labels, SMALL, FRACTIONS, 0)


def test_table_1_is_as_published():
    assert {split: tuple(classes.values()) for split, classes in quotas_of("table1").items()} == {
        "train": (38146, 21733),
        "validation": (433, 747),
        "test": (5983, 2331),
    }
    assert quotas_of("table1") == PRESETS["table1"]


def test_a_part_of_a_preset():
    assert quotas_of("table1/8")["validation"] == {"non_asteroid": 54, "asteroid": 93}
    assert quotas_of("table1/1") == quotas_of("table1")


@pytest.mark.parametrize("preset", ["", "table2", "table1/", "table1/0", "table1/x", "table1/-2", "/8", "table1/8/2"])
def test_there_is_no_such_preset(preset):
    with pytest.raises(CeresFastError, match="there is table1, and a part of it"):
        quotas_of(preset)


def test_a_part_without_stamps_is_refused():
    with pytest.raises(CeresFastError, match="1/434 of the preset leaves a class"):
        scaled(PRESETS["table1"], 434)
