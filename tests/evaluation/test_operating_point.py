"""The threshold that is chosen: what it loses, that no higher one could be promised, and that the promise is kept."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import beta, binom, binomtest, kstest

from ceres_fast.artifact.scaling import DIGITS
from ceres_fast.errors import CeresFastError
from ceres_fast.evaluation import operating_point as module
from ceres_fast.evaluation.asteroids import critical
from ceres_fast.evaluation.operating_point import OperatingPoint, TooFewAsteroids, choose, measured
from ceres_fast.evaluation.predictions import Predictions
from ceres_fast.records.tolerance import allowed, needed, upper_bound
from ceres_fast.schema import Mismatch

from ..asteroid_predictions import MANIFEST, of_asteroids, shuffled

EDGES = [0, 1e-7, 0.29, 0.3, float(np.nextafter(0.3, 0)), float(np.nextafter(0.3, 1)), 0.4999995, 0.9999999, 1]
PROBABILITIES = st.sampled_from(EDGES) | st.floats(0, 1)
EXPOSURES = st.lists(st.lists(PROBABILITIES, min_size=1, max_size=4), min_size=10, max_size=40)
LOOSE = {"max_loss": 0.4, "confidence": 0.6, "needs": 2}
"""Two asteroids are enough."""


def point(**changed: Any) -> dict[str, Any]:
    return {**choose(of_asteroids([[0.5, 0.5]] * 30, [0.1, 0.9]), **LOOSE).as_dict(), **changed}


@given(EXPOSURES, st.integers(0, 99))
def test_it_loses_no_more_than_is_allowed_and_a_higher_one_does(exposures: list[list[float]], seed: int) -> None:
    exposures = [*exposures, [0.5, 0.7], [0.9, 0.9]]
    found = of_asteroids(exposures, [0.2])
    chosen = choose(found, **LOOSE)
    assert chosen == choose(shuffled(found, np.random.default_rng(seed)), **LOOSE)
    seen = [sorted(each)[-2] for each in exposures if len(each) >= 2]
    assert (chosen.asteroids, chosen.left_out) == (len(seen), len(exposures) - len(seen))
    assert chosen.allowed == allowed(len(seen), 0.4, 0.6)
    assert chosen.lost == sum(value < chosen.threshold for value in seen) <= chosen.allowed
    assert sum(value < chosen.threshold + 1.001e-6 for value in seen) > chosen.allowed
    assert chosen.bound == upper_bound(chosen.allowed, len(seen), 0.6) <= 0.4 + 1e-12


@given(EXPOSURES)
def test_rounded_as_classify_does_no_more_are_lost(exposures: list[list[float]]) -> None:
    found = of_asteroids([*exposures, [0.5, 0.7], [0.9, 0.9]])
    chosen = choose(found, **LOOSE)
    assert chosen.threshold == np.round(chosen.threshold, DIGITS)
    rounded = Predictions(found.known, np.round(found.probabilities, DIGITS), found.about)
    _, probability, _ = critical(rounded, 2)
    assert np.count_nonzero(probability < chosen.threshold) <= chosen.allowed


@pytest.mark.parametrize(
    ("probability", "threshold"),
    [
        (0.3, 0.3),
        (0.29, 0.29),
        (np.nextafter(0.3, 0), 0.299999),
        (np.nextafter(0.3, 1), 0.3),
        (0.1234567, 0.123456),
        (0.9999999, 0.999999),
        (1, 1),
        (9e-7, 0),
        (0, 0),
    ],
)
def test_the_threshold_is_rounded_down(probability: float, threshold: float) -> None:
    assert choose(of_asteroids([[probability] * 3] * 149)).threshold == threshold


def test_by_hand() -> None:
    # 208 asteroids may lose 5 at 5 %; the sixth smallest of their third largest exposures is 0.405.
    exposures = [[(400 + number) / 1000, 0.99, 0.05, 0.999] for number in range(208)]
    found = of_asteroids([*exposures, [0.01, 0.01]], [0.1, 0.3, 0.405, 0.5])
    assert choose(found, max_loss=0.05) == OperatingPoint(
        threshold=0.405,
        max_loss=0.05,
        confidence=0.95,
        needs=3,
        asteroids=208,
        allowed=5,
        lost=5,
        left_out=1,
        bound=upper_bound(5, 208, 0.95),
        detections=838,
        non_asteroids=4,
        left=2,
        left_per_1000=2000 / 838,
        fields=208,
        manifest_sha256=MANIFEST,
        field_loss=5 / 208,
    )


def test_the_defaults_need_149_asteroids() -> None:
    chosen = choose(of_asteroids([[0.5, 0.6, 0.7]] * 149))
    assert (chosen.max_loss, chosen.confidence, chosen.needs, chosen.allowed) == (0.02, 0.95, 3, 0)
    assert chosen.threshold == 0.5
    with pytest.raises(TooFewAsteroids) as caught:
        choose(of_asteroids([[0.5, 0.6, 0.7]] * 148 + [[0.5, 0.6]] * 7))
    assert "148 asteroids seen in 3 exposures of a night or more (7 in fewer" in str(caught.value)
    assert "149 are needed" in str(caught.value)
    assert "--max-loss 0.021 can be guaranteed" in str(caught.value)


@given(st.integers(1, 148), st.integers(0, 3))
def test_what_the_error_offers_is_possible(count: int, more: int) -> None:
    found = of_asteroids([[0.5]] * count)
    with pytest.raises(TooFewAsteroids) as caught:
        choose(found, needs=1)
    _, there, text = str(caught.value).partition("--max-loss ")
    offered = float(text.split()[0]) if there else 0.999
    assert choose(found, needs=1, max_loss=offered).asteroids == count
    if offered - 0.001 > 0.02:
        assert needed(offered - 0.001, 0.95) > count


def test_without_asteroids_nothing_can_be_promised() -> None:
    with pytest.raises(TooFewAsteroids, match=r"^0 asteroids .* 149 are needed\. .* calibration split\.$"):
        choose(of_asteroids([], [0.1, 0.9]))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"max_loss": 0}, "--max-loss"),
        ({"max_loss": np.nan}, "--max-loss"),
        ({"confidence": 1}, "--confidence"),
        ({"needs": 0}, "--needs"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, float], named: str) -> None:
    with pytest.raises(CeresFastError, match=named) as caught:
        choose(of_asteroids([[0.5] * 3] * 200), **options)
    assert not isinstance(caught.value, TooFewAsteroids)


def test_non_asteroids_move_the_cost_and_not_the_threshold() -> None:
    exposures = [[0.4, 0.6]] * 30
    none, some = (choose(of_asteroids(exposures, others), **LOOSE) for others in ([], [0.1, 0.4, 0.9, 0.39]))
    assert none.threshold == some.threshold == 0.4
    assert (none.left, none.left_per_1000, none.non_asteroids) == (0, 0, 0)
    assert (some.left, some.non_asteroids, some.detections) == (2, 4, 64)
    assert some.left_per_1000 == pytest.approx(1000 * 2 / 64)


def test_where_rows_of_catalogues_are_known_the_cost_is_per_row() -> None:
    found = of_asteroids([[0.4, 0.6]] * 30, [0.1, 0.4, 0.9, 0.39])
    object.__setattr__(found, "about", {**found.about, "rows": 500})
    chosen = choose(found, **LOOSE)
    assert (chosen.rows, chosen.detections, chosen.left_per_1000) == (500, 64, 4)
    assert measured(found, chosen)["left_per_1000"] == 4
    assert measured(found, chosen)["rows"] == 500
    object.__setattr__(found, "about", {**found.about, "rows": None})
    assert choose(found, **LOOSE).rows == 0


def in_fields(fields: int, each: int, seed: int) -> Predictions:
    """Return asteroids of two exposures, of which those of a field are much alike."""
    random = np.random.default_rng(seed)
    field = np.repeat(np.arange(fields), each)
    names = np.repeat(np.strings.add("F", field.astype(np.str_)), 2)
    return of_asteroids(random.beta(4, 1, fields)[field, None] * random.uniform(0.8, 1, (len(field), 2)), field=names)


def test_by_field() -> None:
    found = in_fields(60, 10, 1)
    by_asteroid, by_field = (choose(found, max_loss=0.1, needs=2, by=by) for by in ("asteroid", "field"))
    assert (by_asteroid.by, by_field.by, by_field.drawn) == ("asteroid", "field", "all")
    assert (by_field.fields, by_field.asteroids, by_field.bound) == (60, 600, 0.1)
    assert by_field.threshold < by_asteroid.threshold
    _, probability, _ = critical(found, 2)
    lost = (probability < by_field.threshold).reshape(60, 10)
    assert (by_field.lost, by_field.field_loss) == (lost.sum(), pytest.approx(lost.mean()))
    # Asteroids by far do not say what as many independent ones would.
    assert by_field.dependence is not None
    assert by_asteroid.dependence is not None
    assert min(by_field.dependence["rho"], by_asteroid.dependence["rho"]) > 0.5
    assert by_field.dependence["n_eff"] < 120
    assert by_asteroid.dependence["bound"] > 0.1 >= by_asteroid.bound


def test_by_field_too_few_fields_are_refused_and_few_are_not_warned_of(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(TooFewAsteroids, match=r"^28 fields, .* of 560 asteroids seen in 2 exposures .* 29 are needed"):
        choose(in_fields(28, 20, 2), max_loss=0.1, needs=2, by="field")
    assert choose(in_fields(29, 20, 2), max_loss=0.1, needs=2, by="field").drawn == "one"
    assert not capsys.readouterr().err


@pytest.mark.parametrize(
    ("asteroids", "fields", "warned"),
    [(60, 1, True), (60, 19, True), (60, 20, False), (60, 60, False), (250, 25, False), (251, 25, True)],
)
def test_few_fields_are_warned_of(
    asteroids: int, fields: int, warned: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    names = np.repeat([f"field {number % fields}" for number in range(asteroids)], 2)
    chosen = choose(of_asteroids([[0.5, 0.6]] * asteroids, field=names), **LOOSE)
    assert chosen.fields == fields
    said = " ".join(capsys.readouterr().err.split())
    assert (
        "from 1 field, of one night." if fields == 1 else f"from {fields} fields, each in one night."
    ) in said or not warned
    assert ("the threshold is chosen on" in said) == warned


def test_fields_of_asteroids_that_are_left_out_do_not_count() -> None:
    names = ["a"] * 60 + [f"field {number}" for number in range(40)]
    assert choose(of_asteroids([[0.5, 0.6]] * 30 + [[0.5]] * 40, field=names), **LOOSE).fields == 1


@pytest.mark.parametrize(("needs", "exposures"), [(1, 1), (3, 4)])
def test_the_true_loss_of_independent_asteroids_is_distributed_as_it_should(
    needs: int, exposures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "warn", lambda message: pytest.fail(message))
    random = np.random.default_rng(1)
    losses = []
    for _ in range(300):
        chosen = choose(of_asteroids(random.random((60, exposures))), max_loss=0.1, confidence=0.9, needs=needs)
        # Lost: fewer than `needs` of so many uniform probabilities are above the threshold, a beta variable again.
        losses.append(beta.cdf(chosen.threshold, exposures - needs + 1, needs))
    lost = allowed(60, 0.1, 0.9)
    assert lost is not None
    assert kstest(losses, beta(lost + 1, 60 - lost).cdf).pvalue > 0.01
    exceeds = np.count_nonzero(np.array(losses) > 0.1)
    assert binomtest(exceeds, len(losses), binom.cdf(lost, 60, 0.1)).pvalue > 0.01


def test_another_split_is_measured() -> None:
    chosen = choose(of_asteroids([[0.5, 0.5]] * 30), **LOOSE)
    assert chosen.threshold == 0.5
    found = measured(of_asteroids([[0.5, 0.9, 0.1], [0.4, 0.9], [0.9], [0.6, 0.7]], [0.5, 0.2, 0.7, 0.1]), chosen)
    low, high = found.pop("low"), found.pop("high")
    assert found == {
        "asteroids": 3,
        "lost": 1,
        "left_out": 1,
        "share": 1 / 3,
        "fields": 3,
        "detections": 12,
        "rows": 0,
        "non_asteroids": 4,
        "left": 2,
        "left_per_1000": 1000 * 2 / 12,
    }
    # Clopper-Pearson of 1 in 3 at 60 %.
    assert (low, high) == pytest.approx((beta.ppf(0.2, 1, 3), beta.ppf(0.8, 2, 2)))


@pytest.mark.parametrize("exposures", [[], [[0.9]]])
def test_a_split_without_asteroids_is_measured(exposures: list[list[float]]) -> None:
    found = measured(of_asteroids(exposures, [0.9]), OperatingPoint.from_dict(point()))
    assert (found["asteroids"], found["lost"], found["left_out"], found["left"]) == (0, 0, len(exposures), 1)
    assert found["share"] is found["low"] is found["high"] is None
    json.dumps(found, allow_nan=False)


@settings(max_examples=30)
@given(EXPOSURES)
def test_json_keeps_it(exposures: list[list[float]]) -> None:
    chosen = choose(of_asteroids([*exposures, [0.5, 0.7], [0.9, 0.9]]), **LOOSE)
    assert OperatingPoint.from_dict(json.loads(json.dumps(chosen.as_dict(), allow_nan=False))) == chosen


def test_json_keeps_all_of_one_by_field() -> None:
    chosen = choose(in_fields(40, 3, 3), max_loss=0.1, needs=2, by="field")
    assert chosen.dependence is not None
    assert OperatingPoint.from_dict(json.loads(json.dumps(chosen.as_dict(), allow_nan=False))) == chosen


def test_one_from_before_there_were_fields_is_one_by_asteroid() -> None:
    newer = ("rows", "by", "drawn", "field_loss", "dependence")
    old = {name: value for name, value in point().items() if name not in newer}
    found = OperatingPoint.from_dict(old)
    assert (found.by, found.drawn, found.rows, found.field_loss, found.dependence) == (
        "asteroid",
        "each",
        0,
        None,
        None,
    )
    assert found.as_dict() == old


@pytest.mark.parametrize(
    "changed",
    [
        {"threshold": 1.5},
        {"threshold": -0.1},
        {"threshold": float("nan")},
        {"threshold": "0.5"},
        {"threshold": True},
        {"threshold": None},
        {"left_per_1000": float("inf")},
        {"asteroids": 1.5},
        {"asteroids": -1},
        {"lost": [1]},
        {"needs": 0},
        {"manifest_sha256": 5},
        {"by": "stamp"},
        {"drawn": None},
        {"rows": -1},
        {"field_loss": 2},
        {"dependence": {"rho": 0.5}},
        {"dependence": []},
        {"more": 1},
        {"__class__": "x" * 10000},
    ],
    ids=str,
)
def test_what_is_no_operating_point_is_refused(changed: dict[str, Any]) -> None:
    with pytest.raises(Mismatch, match=r"^operating_point.*, expected") as caught:
        OperatingPoint.from_dict(point(**changed))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("values", [{}, [], None, "text", [["threshold", 0.5]]])
def test_other_json_is_refused(values: Any) -> None:
    with pytest.raises(Mismatch, match=r"^operating_point (is|lacks) .*, expected"):
        OperatingPoint.from_dict(values)
