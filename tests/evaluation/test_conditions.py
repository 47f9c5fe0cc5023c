"""What the exposures of the calibration split were like, field by field."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from ceres_fast.artifact.conditions import LEAST_FIELDS, QUANTITIES, Value, check_conditions, drift_of
from ceres_fast.evaluation.conditions import conditions_of, fitted, measured_in
from ceres_fast.evaluation.predictions import Predictions
from ceres_fast.records.manifest import Manifest
from ceres_fast.stamps import COLUMNS


class Described:
    """What is asked of a manifest."""

    def __init__(self, lost_file: Any = ("lost.csv",), preset: str | None = None) -> None:
        self.lost_file, self.preset = lost_file, preset


def predictions(fields: int = 6, exposures: int = 3, each: int = 25) -> tuple[Predictions, np.ndarray]:
    """Return answers on exposures whose seeing is 1 + field / 10 and noise 10 + field, and their stamps."""
    n = fields * exposures * each
    random = np.random.default_rng(2)
    field, exposure = np.arange(n) // (exposures * each), np.arange(n) // each % exposures
    known = {column.name: np.full(n, column.unknown) for column in COLUMNS}
    known |= {
        "field": np.array([f"F{number}" for number in field]),
        "frame": np.array([f"F{f}-{e}" for f, e in zip(field, exposure, strict=True)]),
        "mjd": 60000.2 + field + exposure / 100,
        "seeing": 1 + field / 10,
        "neighbour": random.uniform(5, 15, n),
        "label": np.zeros(n, np.int64),
    }
    order = random.permutation(n)  # records are in no order of exposures
    stamps = random.normal(1000, 1, (n, 32, 32, 1)) * (10 + field)[:, None, None, None]
    answers = Predictions({name: values[order] for name, values in known.items()}, random.uniform(0, 1, n)[order], {})
    return answers, stamps[order].astype(np.float32)


def test_fields_and_exposures_are_put_together_again() -> None:
    names, measured = measured_in(*predictions(), 0.5)
    assert len(names) == len(measured) == 6 + 18
    assert len(set(names)) == 6
    assert all(each.keys() == {"neighbour", "probability", "asteroids"} for each in measured[:6])
    for name, each in zip(names[6:], measured[6:], strict=True):
        number = int(name[1])
        assert each["seeing"].value == pytest.approx(1 + number / 10)
        assert each["noise"].value == pytest.approx(10 + number, rel=0.1)
    for each in measured[:6]:
        assert each["neighbour"].value == pytest.approx(12.5, abs=1.5)
        assert each["asteroids"].value == pytest.approx(0.5, abs=0.2)


def test_what_is_stored_says_what_was_seen() -> None:
    made, said = conditions_of(*predictions(), 0.5, Described())  # type: ignore[arg-type]
    check_conditions(made)
    assert made is not None
    assert (made["fields"], made["exposures"]) == (6, 18)
    assert made["quantities"].keys() == QUANTITIES.keys()
    assert made["quantities"]["seeing"]["lowest"] == 1.0
    assert made["quantities"]["seeing"]["highest"] == 1.5
    assert said[0] == "Calibrated on 18 exposures of 6 fields:"
    assert len(said) == 1 + len(QUANTITIES)
    assert all(len(line) <= 80 for line in said)
    for each in measured_in(*predictions(), 0.5)[1]:
        assert drift_of(made, [each]) == []
    assert len(drift_of(made, [{"noise": Value(99.0)}])) == 1


@pytest.mark.parametrize("described", [Described(lost_file=None), Described(preset="table1")])
def test_records_without_all_detections_say_nothing_of_exposures(described: Manifest) -> None:
    made, said = conditions_of(*predictions(), 0.5, described)
    assert made is None
    assert "not watched" in said[0]


def test_few_fields_say_nothing_of_others() -> None:
    made, said = conditions_of(*predictions(fields=LEAST_FIELDS - 1), 0.5, Described())  # type: ignore[arg-type]
    assert made is None
    assert said == ["Conditions are not watched: 4 fields are fewer than 5."]


def test_the_deviation_is_that_of_an_exposure_of_another_field() -> None:
    random = np.random.default_rng(3)
    fields, exposures = 400, 4
    logs = random.normal(0, 0.3, (fields, 1)) + random.normal(0, 0.2, (fields, exposures))
    values = [{"seeing": Value(math.exp(each))} for each in logs.ravel()]
    made = fitted([str(number) for number in np.repeat(np.arange(fields), exposures)], values)
    seen = made["quantities"]["seeing"]
    assert seen["deviation"] == pytest.approx(math.hypot(0.3, 0.2), rel=0.1)
    assert seen["mean"] == pytest.approx(0, abs=0.05)


def test_a_quantity_that_few_fields_have_is_left_out() -> None:
    names = ["a", "b", "c", "d", "e", "f"]
    values = [{"seeing": Value(1.0), "noise": Value(math.nan if name != "a" else 1.0)} for name in names]
    assert fitted(names, values)["quantities"].keys() == {"seeing"}
