"""Stamps know their tracklet; what is stationary and in one is released; asteroids that are linked are counted."""

from types import SimpleNamespace

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.catalogues.fields import survey_fields
from ceres_fast.records.reconcile import COUNTS
from ceres_fast.selection.field import field_stamps
from ceres_fast.selection.linked import LINKED, count_linked, link_field
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.tracklets import Tracklets
from ceres_fast.stamps import COLUMNS
from ceres_fast.truth import read_truth

from ..moving_night import EXPOSURES, STARS, write_moving_night


@pytest.fixture(scope="module")
def night(tmp_path_factory):
    return write_moving_night(tmp_path_factory.mktemp("moving") / "night")


def stamps_of(night, rules=None, *, field="F0", exposures=EXPOSURES, **options):
    fields, _ = survey_fields([night / field])
    truth = read_truth(night / "asteroids.csv")
    return field_stamps(fields[0][:exposures], truth, rules or Rules(), nan="fill", **options)


def of(table, name):
    return table[np.char.startswith(np.asarray(table["designation"]), name)]


def test_stamps_know_their_tracklet(night):
    table, counts = stamps_of(night)
    for name in ("free", "blended"):
        own = of(table, name)
        assert len(own) == EXPOSURES
        assert len(set(own["tracklet"])) == 1
        assert own["tracklet"][0] > 0
        assert set(own["tracklet_exposures"]) == {EXPOSURES}
        np.testing.assert_allclose(own["tracklet_rate"], own["rate"], atol=1e-4)
        np.testing.assert_allclose(own["tracklet_angle"], own["position_angle"], atol=0.01)
        assert (own["tracklet_residual"] < 0.1).all()
        assert (own["tracklet_chance"] < 1).all()
    assert of(table, "free")["tracklet"][0] != of(table, "blended")["tracklet"][0]
    none = table[table["tracklet"] == 0]
    assert len(none) > 0
    assert set(none["tracklet_exposures"]) == set(none["blended"]) == {0}
    for name in ("tracklet_rate", "tracklet_angle", "tracklet_residual", "tracklet_chance"):
        assert np.isnan(none[name]).all()
        assert np.isfinite(table[name][table["tracklet"] > 0]).all()
    for number in set(table["tracklet"]) - {0}:
        members = table[table["tracklet"] == number]
        assert len(set(members["frame"])) == len(members) <= members["tracklet_exposures"][0]
    assert counts["tracklets"] == table["tracklet"].max()
    assert counts["tracklets_of_asteroids"] == counts["trackable"] == counts["linked"] == 2


def test_what_is_stationary_and_in_a_tracklet_becomes_a_stamp(night):
    table, counts = stamps_of(night)
    released = table[table["blended"] == 1]
    # The star is the third of the catalogue of the second exposure.
    assert released["designation", "frame", "row", "label"].as_array().tolist() == [("blended 0", "F0-2", 3, 1)]
    assert set(table["blended"]) == {0, 1}
    assert counts["released"] == 1
    lost = table.meta["lost"]
    assert set(lost["designation"][lost["reason"] == "stationary"]) == {"hidden 0"}
    assert (
        counts["lost_stationary"] == counts["detections"] - len(table) - counts["set_aside"] - counts["stationary"] + 2
    )
    # All other stars are stationary in all exposures.
    assert counts["stationary"] == len(STARS) * EXPOSURES - 1


def test_an_asteroid_on_a_star_in_two_exposures_is_not_linked(night):
    table, counts = stamps_of(night)
    hidden = of(table, "hidden")
    assert set(hidden["tracklet"]) == {0}
    assert counts["trackable"] == 2
    two = stamps_of(night, needs=2)[1]
    assert (two["trackable"], two["linked"]) == (3, 2)
    five = stamps_of(night, needs=5)[1]
    assert (five["trackable"], five["linked"], five["tracklets"]) == (0, 0, counts["tracklets"])


def test_what_is_released_is_not_removed_because_the_star_is_elsewhere(night):
    rules = Rules(forced_limit=0.3)
    table, counts = stamps_of(night, rules)
    (released,) = table[table["blended"] == 1]
    assert released["designation"] == "blended 0"
    assert released["forced_seen"] > 0
    assert counts["released"] == 1


@pytest.mark.parametrize("options", [{"rules": Rules(remove_stationary=False)}, {"exposures": 1}])
def test_where_nobody_looked_it_is_not_known(night, options):
    table, counts = stamps_of(night, **options)
    assert len(table) > 0
    for column in COLUMNS:
        if column.name in LINKED:
            np.testing.assert_array_equal(table[column.name], np.full(len(table), column.unknown))
    assert not {"released", "tracklets", "tracklets_of_asteroids", "trackable", "linked"} & set(+counts)


def test_with_two_exposures_pairs_are_linked(night):
    table, counts = stamps_of(night, exposures=2, needs=2)
    assert set(of(table, "free")["tracklet_exposures"]) == {2}
    assert np.isnan(of(table, "free")["tracklet_residual"]).all()
    assert counts["linked"] >= 1


def test_columns_and_counts_are_known_by_name():
    optional = [column.name for column in COLUMNS if not column.always]
    assert set(LINKED) <= set(optional)
    counts = count_linked([], NOTHING, Table({name: [] for name in ("label", "designation", "mjd", "tracklet")}), 3)
    assert set(counts) <= set(COUNTS)
    assert not +counts
    assert link_field([], None, Rules()) == ([], None)


NO_NUMBERS = np.empty(0)
NOTHING = Tracklets(np.empty((0, 0), int), np.empty((0, 0), bool), *[NO_NUMBERS] * 4)


def labelled(*asteroids):
    """Return an exposure whose detections are of these asteroids, "" for none."""
    names = sorted(set(asteroids) - {""})
    rows = np.array([names.index(name) if name else -1 for name in asteroids], int)
    return SimpleNamespace(known=Table({"designation": np.array(names, str)}), match=SimpleNamespace(asteroid=rows))


def test_a_tracklet_is_of_an_asteroid_when_all_members_are():
    exposures = [labelled("A", "B", ""), labelled("B", "A", ""), labelled("", "A", "B")]
    members = np.array(
        [
            [0, 1, 1],  # A
            [1, 0, -1],  # B, in two
            [0, 0, 1],  # A and B
            [2, 2, 0],  # none
            [1, 0, 0],  # B, and what is none
        ]
    )
    found = Tracklets(members, np.zeros_like(members, bool), *[np.zeros(len(members))] * 4)
    stamps = Table(
        {
            "label": [1, 1, 1, 1, 1, 0, 1, 1, 1],
            "designation": ["A", "A", "A", "B", "B", "", "C", "C", "C"],
            # Two detections of C at one time, on two CCDs, are one exposure.
            "mjd": [1.0, 2.0, 3.0, 1.0, 2.0, 3.0, 1.0, 1.0, 2.0],
            "tracklet": [1, 1, 1, 2, 2, 5, 4, 4, 4],
        }
    )
    counts = count_linked(exposures, found, stamps, 2)
    assert (counts["tracklets"], counts["tracklets_of_asteroids"]) == (5, 2)
    assert (counts["trackable"], counts["linked"]) == (3, 3)
    counts = count_linked(exposures, found, stamps, 3)
    assert (counts["trackable"], counts["linked"]) == (1, 1)
    stamps["tracklet"][1] = 3
    counts = count_linked(exposures, found, stamps, 3)
    assert (counts["trackable"], counts["linked"]) == (1, 0)
    assert not count_linked(exposures, None, stamps, 3)


seen = st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 4), st.integers(0, 3)), max_size=15, unique=True)


@given(seen, st.integers(1, 4))
def test_linked_asteroids_are_some_of_those_that_can_be(rows, needs):
    names, times, numbers = ([row[axis] for row in rows] for axis in range(3))
    table = Table(
        {
            "label": np.ones(len(rows), int),
            "designation": np.array(names, str),
            "mjd": np.array(times, float),
            "tracklet": np.array(numbers, int),
        }
    )
    counts = count_linked([], NOTHING, table, needs)
    exposures = {name: {time for other, time, _ in rows if other == name} for name in names}
    assert counts["trackable"] == sum(len(each) >= needs for each in exposures.values())
    assert counts["linked"] == sum(
        any(len({t for n, t, number in rows if (n, number) == (name, own)}) >= needs for own in (1, 2, 3))
        for name in exposures
    )
