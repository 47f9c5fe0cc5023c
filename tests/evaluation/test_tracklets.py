"""What the tracklets of records are, the model that is fitted to them, and the threshold through the whole chain."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from astropy.table import Table

from ceres_fast.artifact.tracklet_model import check_tracklet_model
from ceres_fast.evaluation.asteroids import through_the_chain
from ceres_fast.evaluation.operating_point import choose
from ceres_fast.evaluation.predictions import Predictions
from ceres_fast.evaluation.threshold import TooFewAsteroids
from ceres_fast.evaluation.tracklets import LEAST, UNLINKED, Linked, as_predictions, chain_at, fit_model, link

from ..asteroid_predictions import EVENING, of_asteroids

MODEL = {"weights": {"mean_logit": 1.0}, "intercept": 0.0, "operating_point": None}


def linked_asteroids(
    exposures: list[list[float]],
    others: Sequence[float] = (),
    **known: Any,
) -> Predictions:
    """Return predictions of asteroids that are a tracklet each, and of others in none, unless `known` says so."""
    number = [1 for each in exposures for _ in each] + [0] * len(others)
    motion = {"tracklet_exposures": 3, "tracklet_rate": 0.5, "tracklet_residual": 1.0, "tracklet_chance": 0.0}
    return of_asteroids(exposures, others, **{"tracklet": number, **motion, **known})


def lost(**columns: list[Any]) -> Table:
    count = len(next(iter(columns.values())))
    made = {"field": ["F0"] * count, "mjd": [EVENING] * count, "reason": ["stationary"] * count, **columns}
    return Table({name: np.array(values) for name, values in made.items()})


def linked(predictions: Predictions) -> Linked:
    found = link(predictions)
    assert found is not None
    return found


def test_what_records_without_tracklets_say() -> None:
    assert link(of_asteroids([[0.5, 0.5, 0.5]], tracklet=-1)) is None
    assert link(of_asteroids([[0.5, 0.5, 0.5]], tracklet=0)) is None


def test_tracklets_of_one_number_are_told_apart_by_field_night_and_ccd() -> None:
    two = [[0.9, 0.8, 0.7], [0.2, 0.3, 0.4]]
    assert len(linked(linked_asteroids(two)).asteroid) == 2
    assert len(linked(linked_asteroids(two, field="F0")).asteroid) == 1
    assert len(linked(linked_asteroids(two, field="F0", ccd=["1"] * 3 + ["2"] * 3)).asteroid) == 2
    mjd = [EVENING, EVENING + 0.01, EVENING + 0.02, EVENING + 1, EVENING + 1.01, EVENING + 1.02]
    assert len(linked(linked_asteroids(two, field="F0", mjd=mjd)).asteroid) == 2


@pytest.mark.parametrize(
    ("designations", "asteroid"),
    [
        (["A", "A", "A"], True),
        (["A", "A", ""], True),  # two of three
        (["A", "B", "C"], False),
        (["A", "", ""], False),
    ],
)
def test_a_tracklet_is_an_asteroid_where_more_than_half_of_it_are_one(designations: list[str], asteroid: bool) -> None:
    label = [int(name != "") for name in designations]
    one = linked_asteroids([[0.5, 0.5, 0.5]], designation=designations, label=label, field="F0")
    assert linked(one).asteroid.tolist() == [asteroid]


def test_members_that_are_no_stamps_count_as_exposures() -> None:
    """Of five exposures two stamps are one asteroid's: of the others nobody knows."""
    assert linked(linked_asteroids([[0.5, 0.5]], tracklet_exposures=5)).asteroid.tolist() == [False]


def many(random: np.random.Generator, true: int, false: int) -> Predictions:
    """Return tracklets whose detections are probable where they are asteroids, with some overlap."""
    exposures = [list(np.clip(random.normal(0.8, 0.15, 3), 0, 1)) for _ in range(true)]
    exposures += [list(np.clip(random.normal(0.3, 0.2, 3), 0, 1)) for _ in range(false)]
    label = np.repeat(np.arange(true + false) < true, 3).astype(int)
    chance = np.repeat(np.where(np.arange(true + false) < true, 0.0, 2.0), 3)
    return linked_asteroids(exposures, label=label, tracklet_chance=chance)


def test_the_model_tells_tracklets_apart_and_can_be_stored() -> None:
    random = np.random.default_rng(5)
    model = fit_model(linked(many(random, 120, 40)))
    assert model is not None
    check_tracklet_model(model)
    fresh = linked(many(random, 200, 200))
    found = fresh.probabilities_of(model)
    assert found[fresh.asteroid].mean() > 0.9
    assert found[~fresh.asteroid].mean() < 0.15
    assert model["weights"]["mean_logit"] > 0 > model["weights"]["log_chance"]


def test_forced_fluxes_are_weighed_where_they_were_measured() -> None:
    predictions = many(np.random.default_rng(7), 60, 60)
    without = fit_model(linked(predictions))
    shown = np.where(predictions.labels == 1, 0.1, 0.6)
    measured = fit_model(linked(replace(predictions, known={**predictions.known, "forced_max": shown})))
    assert without is not None
    assert measured is not None
    assert measured["weights"].keys() - without["weights"].keys() == {"forced"}
    assert measured["weights"]["forced"] < 0


def test_a_model_of_few_tracklets_is_none() -> None:
    random = np.random.default_rng(6)
    assert fit_model(linked(many(random, LEAST - 1, 50))) is None
    assert fit_model(linked(many(random, 50, LEAST - 1))) is None
    assert fit_model(linked(many(random, LEAST, LEAST))) is not None


def test_scores_through_the_chain_by_hand() -> None:
    predictions = linked_asteroids([[0.9, 0.9, 0.9], [0.5, 0.5, 0.5]], [0.99])
    padded = np.array([0, 0, 300, 0, 0, 0, 300])
    predictions = replace(predictions, known={**predictions.known, "padded": padded})
    judged = as_predictions(predictions, linked(predictions), MODEL)
    # Near the edge a tracklet's detection stays; one in no tracklet does not, however probable.
    np.testing.assert_allclose(judged.survives, [0.9, 0.9, 1.0, 0.5, 0.5, 0.5, UNLINKED])


def test_an_asteroid_that_is_not_linked_is_lost_at_any_threshold() -> None:
    exposures = [[0.9, 0.8, 0.7]] * 6
    number = [1] * 15 + [0] * 3
    predictions = linked_asteroids(exposures, tracklet=number)
    judged = as_predictions(predictions, linked(predictions), MODEL)
    with pytest.raises(TooFewAsteroids, match="1 of 6 asteroids"):
        choose(judged, max_loss=0.5, confidence=0.95, needs=3)
    point = choose(judged, max_loss=0.6, confidence=0.95, needs=3)
    assert (point.asteroids, point.before, point.lost, point.allowed) == (6, 1, 1, 1)


def test_the_lost_by_hand() -> None:
    """A is whole; B and C are detected three times, and two and none of these are stamps; D is detected twice."""
    predictions = of_asteroids([[0.9, 0.8, 0.7], [0.9, 0.8], [0.9]])
    predictions = replace(
        predictions, known={**predictions.known, "designation": np.array(["A", "A", "A", "B", "B", "D"])}
    )
    later = [EVENING + number / 144 for number in range(3)]
    table = lost(
        designation=["B", "C", "C", "C", "D", "E", "A"],
        field=["F1", "F7", "F7", "F7", "F2", "F8", "F0"],
        mjd=[later[2], *later, later[1], later[0], later[2]],
        reason=["stationary", "stationary", "elsewhere", "stationary", "stationary", "not_detected", "contested"],
    )
    names, critical, fields = through_the_chain(predictions, table, 3)
    found = dict(zip((name.split()[0] for name in names.tolist()), critical.tolist(), strict=True))
    assert {name: value for name, value in found.items() if value == value} == {
        "A": 0.7,
        "B": -np.inf,
        "C": -np.inf,
    }
    assert set(found) == {"A", "B", "C", "D"}
    assert dict(zip(found, (field.split()[0] for field in fields.tolist()), strict=True))["C"] == "F7"
    point = choose(predictions, table, max_loss=0.98, confidence=0.9, needs=3)
    assert (point.asteroids, point.before, point.left_out) == (3, 2, 1)


def test_an_exposure_that_is_a_stamp_and_lost_is_one() -> None:
    """Where frames overlap, one detection of an asteroid may be a stamp and another be called stationary."""
    predictions = of_asteroids([[0.9, 0.8]])
    table = lost(designation=["A0"], mjd=[EVENING])
    assert np.isnan(through_the_chain(predictions, table, 3)[1]).all()


def test_near_an_edge_nothing_is_lost_for_its_score() -> None:
    near = of_asteroids([[0.9, 0.1, 0.2]], [0.1, 0.1], padded=[0, 300, 300, 300, 0])
    point = choose(near, max_loss=0.9, confidence=0.5, needs=3)
    assert (point.threshold, point.lost, point.left) == (0.9, 0, 1)


def test_the_chain_stage_by_stage() -> None:
    """A0 is kept, A1 below the threshold, A2 not linked, A3 is stationary; a false tracklet is left, another is not."""
    exposures = [[0.9] * 3, [0.2] * 3, [0.9] * 3, [0.9] * 2]
    others = [0.8] * 3 + [0.1] * 3 + [0.99]
    predictions = linked_asteroids(
        exposures,
        others,
        tracklet=[1] * 6 + [0] * 5 + [2] * 3 + [3] * 3 + [0],
        field=[*("F0",) * 3, *("F1",) * 3, *("F2",) * 3, *("F3",) * 2, *("F9",) * 7],
    )
    table = lost(designation=["A3"], field=["F3"], mjd=[EVENING + 2 / 144])
    model = {**MODEL, "operating_point": {"threshold": 0.5, "needs": 3}}
    assert chain_at(predictions, linked(predictions), model, table) == {
        "asteroids": 4,
        "by_rules": 1,
        "not_linked": 1,
        "below": 1,
        "false": 2,
        "left": 1,
        "non_asteroids": 3,
    }
