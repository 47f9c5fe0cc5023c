"""Shares by hand, sums that must agree, and what is left out with a reason."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ceres_fast.evaluation.failures import failures, measure
from ceres_fast.evaluation.failures.bins import UNKNOWN, Bin
from ceres_fast.evaluation.failures.quantities import QUANTITIES

from .cases import asteroids, made, survey


def bins(found: dict[str, Any], name: str) -> dict[str, dict[str, Any]]:
    return {one["label"]: one for one in found["quantities"][name]["bins"]}


def ratio(share: dict[str, float]) -> tuple[float, float]:
    return share["count"], share["of"]


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    return failures(survey(), 0.5)


def test_recall_and_purity_of_a_bin_are_those_of_its_stamps(found: dict[str, Any]) -> None:
    predictions = survey()
    known, called, label = predictions.known, predictions.probabilities >= 0.5, predictions.labels == 1
    faint = bins(found, "magnitude")["21–21.5"]
    here = (known["magnitude"] >= 21) & (known["magnitude"] < 21.5)
    assert ratio(faint["recall"]) == ((here & called & label).sum(), (here & label).sum())
    assert ratio(faint["purity"]) == ((here & called & label).sum(), (here & called).sum())
    assert faint["asteroids"] == len(np.unique(known["designation"][here & label]))
    assert faint["non_asteroids"] == (here & ~label).sum()
    assert (faint["low"], faint["high"]) == (21, 21.5)
    deblended = bins(found, "flags")["2 (deblended)"]
    here = known["flags"] == 3
    assert ratio(deblended["recall"]) == ((here & called & label).sum(), (here & label).sum())
    assert ratio(bins(found, "ccd")["10"]["recall"])[1] == ((known["ccd"] == "10") & label).sum()


def test_overall_values(found: dict[str, Any]) -> None:
    predictions = survey()
    called, label = predictions.probabilities >= 0.5, predictions.labels == 1
    assert ratio(found["recall"]) == ((called & label).sum(), label.sum())
    assert ratio(found["purity"]) == ((called & label).sum(), called.sum())
    kept = np.reshape(called[label], (-1, 4)).sum(axis=1)
    assert ratio(found["asteroid_recall"]) == ((kept >= 3).sum(), 300)
    assert (found["stamps"], found["asteroids"], found["stamps_per_asteroid"]) == (len(label), 300, 4)
    assert (found["threshold"], found["needs"]) == (0.5, 3)


def test_json_holds_it(found: dict[str, Any]) -> None:
    assert json.loads(json.dumps(found, allow_nan=False)) == found


def test_what_is_faint_stands_out_and_nothing_else_that_matters(found: dict[str, Any]) -> None:
    marked = {(one["quantity"], one["label"], one["measure"]) for one in found["stand_out"]}
    for measured in ("recall", "asteroid_recall"):
        assert {("magnitude", "21–21.5", measured), ("magnitude", "≥ 21.5", measured)} <= marked
    assert not {label for name, label, _ in marked if name == "magnitude"} - {"21–21.5", "≥ 21.5"}
    for one in found["stand_out"]:
        assert one["high"] < found[one["measure"]]["value"]
        assert one["measure"] in bins(found, one["quantity"])[one["label"]]["stands_out"]
        assert one["words"]


def test_every_stamp_is_counted(found: dict[str, Any]) -> None:
    for name, quantity in found["quantities"].items():
        if quantity["overlapping"]:
            continue
        for measured in ("recall", "asteroid_recall"):
            counted = [one[measured]["of"] for one in quantity["bins"] if one[measured]]
            assert sum(counted) in ({found[measured]["of"]} if counted else {0}), name
        others = sum(one["non_asteroids"] for one in quantity["bins"])
        assert others == (0 if name in {"rate", "trail"} else found["stamps"] - found["recall"]["of"])
    assert set(found["quantities"]) | set(found["left_out"]) == {quantity.name for quantity in QUANTITIES}


def test_what_is_not_known_is_a_bin() -> None:
    predictions = survey()
    known = {name: values.copy() for name, values in predictions.known.items()}
    known["magnitude"][:100], known["flags"][:50], known["ccd"][:60], known["neighbour"][1200:1210] = 99, -1, "", np.nan
    found = failures(replace(predictions, known=known), 0.5)
    for name, count in (("magnitude", 100), ("flags", 50), ("ccd", 60)):
        assert bins(found, name)[UNKNOWN]["recall"]["of"] == count
        assert bins(found, name)[UNKNOWN]["non_asteroids"] == 0
    assert bins(found, "neighbour")[UNKNOWN]["recall"] is None
    assert bins(found, "neighbour")[UNKNOWN]["non_asteroids"] == 10
    assert bins(found, "magnitude")[UNKNOWN]["asteroid_recall"]["of"] == 25
    assert bins(found, "magnitude")[UNKNOWN]["words"] == "of unknown magnitude"


def test_a_rate_is_not_unknown_for_what_does_not_move(found: dict[str, Any]) -> None:
    assert UNKNOWN not in bins(found, "rate")
    assert all(one["purity"] is None for one in bins(found, "rate").values())
    assert all(one["purity"] for one in bins(found, "magnitude").values())


def test_reasons_to_leave_out() -> None:
    assert failures(survey(), 0.5)["left_out"] == {"filter": "the same for all asteroids (r)"}
    stamps = made([0.9, 0.1, 0.8], label=[1, 1, 0], seeing=1.25, magnitude=[18.0, 20.0, np.nan])
    assert failures(stamps, 0.5)["left_out"] == {
        "rate": "not known of any asteroid",
        "trail": "not known of any asteroid",
        "flags": "not known of any asteroid",
        "neighbour": "not known of any asteroid",
        "seeing": "the same for all asteroids (1.25)",
        "padded": "not known of any asteroid",
        "ccd": "not known of any asteroid",
        "field": "not known of any asteroid",
        "filter": "not known of any asteroid",
    }
    few = made([0.9, 0.1], label=1, seeing=[1.0, 1.2])
    assert failures(few, 0.5)["left_out"]["seeing"] == "too few asteroids for two bins of 20"


@pytest.mark.parametrize("label", [0, 1])
def test_one_class(label: int) -> None:
    found = failures(made([0.2, 0.9], label=label, ccd=["1", "2"], mjd=58000.0), 0.5)
    assert found["purity"] is None
    assert (found["recall"] is None) == (label == 0)
    if label == 0:
        assert set(found["left_out"].values()) == {"there are no asteroids"}
        assert found["stamps_per_asteroid"] == 0


def test_an_asteroid_is_found_in_as_many_exposures_as_are_needed() -> None:
    predictions = asteroids({"A": (0.9, 0.9, 0.9, 0.1), "B": (0.9, 0.9, 0.1, 0.1), "C": (0.9, 0.9)})
    for needs, counts, few in ((1, (3, 3), 0), (2, (3, 3), 0), (3, (1, 2), 1), (4, (0, 2), 1)):
        found = failures(predictions, 0.5, needs)
        assert ratio(found["asteroid_recall"]) == counts
        assert (found["asteroids_with_too_few_exposures"], found["needs"]) == (few, needs)
    assert failures(predictions, 0.5, 5)["asteroid_recall"] is None


def test_a_probability_of_the_threshold_is_found() -> None:
    found = failures(asteroids({"A": (0.5, 0.5, 0.5)}), 0.5)
    assert ratio(found["recall"]) == (3, 3)
    assert ratio(found["asteroid_recall"]) == (1, 1)


def test_an_asteroid_is_in_the_bin_of_its_median() -> None:
    names = {f"A{number}": (0.9, 0.9, 0.9) for number in range(40)}
    magnitude = np.repeat([19.0, 21.0], 60)
    magnitude[:3] = [18.9, 21.0, 21.0]  # the first is faint in two of three
    magnitude[3:6] = [np.nan, 19.0, np.nan]
    predictions = asteroids(names)
    predictions = replace(predictions, known={**predictions.known, "magnitude": magnitude})
    found = bins(failures(predictions, 0.5), "magnitude")
    assert {label: one["asteroid_recall"]["of"] for label, one in found.items() if one["asteroid_recall"]} == {
        "< 19.5": 19,
        "≥ 19.5": 21,
    }
    assert found[UNKNOWN]["recall"]["of"] == 2
    assert found[UNKNOWN]["asteroid_recall"] is None


@pytest.mark.parametrize(("few", "marked"), [(4, False), (5, True)])
def test_too_few_asteroids_do_not_stand_out(few: int, marked: bool) -> None:
    lost = [f"A{number}" for number in range(few)]
    names = dict.fromkeys(lost, (0.1,) * 3) | {f"B{number}": (0.9,) * 3 for number in range(200)}
    found = failures(asteroids(names, ccd=["1"] * few + ["2"] * 200), 0.5)
    assert bool(found["stand_out"]) is marked


def test_nothing_stands_out_where_nothing_is_lost() -> None:
    predictions = survey()
    found = failures(replace(predictions, probabilities=np.ones(len(predictions.labels))), 0.5)
    assert found["stand_out"] == []
    assert found["recall"]["value"] == found["recall"]["high"] == 1


def test_intervals_of_stamps_know_of_asteroids() -> None:
    # All exposures of an asteroid answer alike: as if each were seen once.
    names = {f"A{number}": (0.9 if number % 4 else 0.1,) * 4 for number in range(200)}
    found = failures(asteroids(names), 0.5)
    assert found["correlation_of_stamps"] == pytest.approx(1)
    assert (found["recall"]["low"], found["recall"]["high"]) == (
        found["asteroid_recall"]["low"],
        found["asteroid_recall"]["high"],
    )


def test_a_bin_that_loses_stamps_is_not_accepted(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(QUANTITIES[0], binning=lambda values, owners: [Bin("a", "a", lambda some: some > 20)])
    twice = replace(QUANTITIES[0], binning=lambda values, owners: [Bin("a", "a", lambda some: some > 0)] * 2)
    for quantity, message in ((wrong, r"magnitude: \d+ values are in no bin"), (twice, r"0 values .* \d+ in several")):
        monkeypatch.setattr(measure, "QUANTITIES", [quantity])
        with pytest.raises(RuntimeError, match=message):
            failures(survey(), 0.5)


@settings(max_examples=60)
@example(
    [
        *[(0, "", 0.0, 0.0, 0.0, 0, "")] * 4,
        (1, "", 0.0, 0.0, -1.0, 0, ""),
        (1, "A", 0.0, 0.0, 8.988465674311579e307, 0, ""),
        (1, "A", 0.0, 0.0, 8.98846567431158e307, 0, ""),
    ],
    0.0,
    1,
)
@given(
    st.lists(
        st.tuples(
            st.integers(0, 1),
            st.sampled_from(["", "A", "B", "C"]),
            st.floats(0, 1),
            st.floats(),
            st.floats(),
            st.integers(-1, 300),
            st.sampled_from(["", "1", "2"]),
        ),
        min_size=1,
        max_size=40,
    ),
    st.floats(0, 1),
    st.integers(1, 4),
)
def test_any_predictions(rows: list[tuple[Any, ...]], threshold: float, needs: int) -> None:
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    label, designation, probability, magnitude, other, flags, ccd = columns
    predictions = made(
        probability,
        label=label,
        designation=np.where(label == 1, designation, ""),
        mjd=58782.9,
        magnitude=magnitude,
        rate=other,
        exposure=np.abs(magnitude),
        pixel_scale=other,
        neighbour=other,
        seeing=other,
        flags=flags,
        ccd=ccd,
    )
    found = failures(predictions, threshold, needs)
    json.dumps(found, allow_nan=False)
    assert set(found["quantities"]) | set(found["left_out"]) == {quantity.name for quantity in QUANTITIES}
