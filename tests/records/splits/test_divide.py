import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError
from ceres_fast.records.splits import FRACTIONS, SPLITS, Division, divide, group_stamps, leaks, split_groups

from .some_stamps import places, stamps_of


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"fractions": {"train": 1.0}}, "adding up to 1"),
        ({"seed": -1}, "seed -1"),
        ({"hold_out": [("moon", ["full"])]}, "cannot hold out 'moon'"),
        ({"preset": "table7"}, "no preset 'table7'"),
        ({"preset": "table1", "hold_out": [("field", ["A"])]}, "give one of them"),
    ],
)
def test_what_cannot_be_is_refused_at_once(arguments, message):
    with pytest.raises(CeresFastError, match=message):
        Division(**{"fractions": FRACTIONS, "seed": 0} | arguments)


def test_by_fractions():
    groups, labels = stamps_of([(2, 1)] * 40)
    splits, counts = divide({"group": groups, "label": labels}, Division(FRACTIONS, 3))
    np.testing.assert_array_equal(splits, split_groups(groups, labels, FRACTIONS, 3))
    assert counts == {}


def test_by_a_preset():
    groups, labels = stamps_of([(14, 0)] * 600 + [(0, 11)] * 400)
    columns = {"group": groups, "label": labels}
    splits, counts = divide(columns, Division(FRACTIONS, 0, preset="table1/8"))
    assert [int((splits[labels == label] == "test").sum()) for label in (0, 1)] == [747, 291]
    assert counts == {"over_quota": (splits == "").sum()}


def test_nothing_held_out_is_in_proportion():
    columns = survey_of([(number % 20, number % 7, 0) for number in range(200)])
    splits, _ = divide(columns, Division(FRACTIONS, 0, hold_out=[("field", ["F0", "F1"])]))
    rest = splits[(splits != "test") & (splits != "")]
    assert np.mean(rest == "train") == pytest.approx(7 / 9, abs=0.06)
    assert set(columns["field"][splits == "test"]) == {"F0", "F1"}


def survey_of(stamps):
    """Return grouped columns of stamps of (field, night, asteroid) numbers; asteroid 0 is none."""
    field, night, asteroid = np.array(stamps).T
    columns = places(
        len(stamps),
        field=np.strings.add("F", field.astype(str)),
        ccd=np.full(len(stamps), "1"),
        designation=np.where(asteroid > 0, np.strings.add("A", asteroid.astype(str)), ""),
    )
    columns |= {"mjd": night + 60000.9, "filter": np.full(len(stamps), "r"), "label": (asteroid > 0).astype(int)}
    return columns | {"group": group_stamps(columns)}


@given(
    st.lists(
        st.tuples(st.integers(0, 25), st.integers(0, 3), st.sampled_from([0, 0, 0, 1, 2, 3])), min_size=30, max_size=80
    ),
    st.sampled_from(["night", "field"]),
    st.integers(0, 3),
)
def test_what_is_held_out_is_the_test_and_nothing_leaks(stamps, name, seed):
    columns = survey_of(stamps)
    value = columns["field"][0] if name == "field" else str(60000 + stamps[0][1])
    held = columns["field"] == value if name == "field" else np.array([stamp[1] == stamps[0][1] for stamp in stamps])
    division = Division(FRACTIONS, seed, hold_out=[(name, [value])])
    if len(np.setdiff1d(columns["group"], columns["group"][held])) < 3:
        with pytest.raises(CeresFastError, match=r"--hold-out|group\(s\) of stamps cannot fill 3 splits"):
            divide(columns, division)
        return
    splits, counts = divide(columns, division)
    np.testing.assert_array_equal(splits == "test", held)
    assert leaks(splits, columns) == []
    assert set(splits) - {""} == set(SPLITS)
    assert counts.total() == (splits == "").sum()
    linked = np.isin(columns["group"], columns["group"][held]) & ~held
    assert counts["linked_to_held_out"] == linked.sum()
    np.testing.assert_array_equal(splits, divide(columns, division)[0])
