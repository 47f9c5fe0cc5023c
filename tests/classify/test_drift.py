"""A field that is not like those of calibration: it is said, no guarantee applies, and nothing goes for its score."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ceres_fast.classify import classify, classify_table
from ceres_fast.classify.limits import Limits, kept_rows, reasons
from ceres_fast.classify.scores import DRIFTED, FLAGS, PROBABILITY, STATIONARY, Scores

from ..tiny_models import classifier, peak_model, written
from .conftest import RULES, table_of
from .star_fields import MOVING, STARS, write_field

SEEN = {"lowest": 1.4, "highest": 1.7, "mean": math.log(1.55), "deviation": 0.05}
"""Of the seeing; in the fields it is 1.55."""

POINT = {"threshold": 1.0, "max_loss": 0.02, "confidence": 0.95, "needs": 3}
"""A threshold that nothing reaches."""


def watching(folder: Path, **changed: Any) -> Path:
    conditions = {"fields": 20, "exposures": 60, "quantities": {"seeing": SEEN}}
    options: dict[str, Any] = {"rules": RULES, "conditions": conditions, "threshold": 1.0, "operating_point": POINT}
    made = classifier(**{**options, **changed})
    folder.mkdir(exist_ok=True)
    return written(folder, peak_model(classifier_json=made.to_json()))


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return watching(tmp_path / "model")


def test_a_field_as_in_calibration(night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_field(night)
    result = classify([night], model, output=out, drop=True)
    assert result.drift == {}
    assert [len(table_of(path)) for path in result.written] == [0, 0, 0]
    said = capsys.readouterr()
    assert "guarantee applies" not in said.err
    assert "not watched" not in said.out


def test_another_field_is_said_and_flagged_and_keeps_what_may_move(
    night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(night / "one")
    write_field(night / "two", field="F0002", SEEING=3.1)
    result = classify([night], model, output=out, drop=True)
    (name,) = result.drift
    assert name.startswith("F0002, ")
    (sentence,) = result.drift[name]
    assert sentence.endswith("seeing 3.1 arcsec in 3 of 3 exposures, calibrated on 1.4 to 1.7")
    left = {path.name: table_of(path) for path in result.written}
    assert [len(table) for table in left.values()] == [0, 0, 0, 2, 1, 1]
    for table in list(left.values())[3:]:
        assert (np.asarray(table[FLAGS]) & DRIFTED > 0).all()
        assert np.isfinite(table[PROBABILITY]).all()
    assert sum(count for why, count in result.fields[name].items() if why == "kept: not as calibrated") == 4
    assert result.status == 0
    said = " ".join(capsys.readouterr().err.split())
    assert "calibrated on 1.4 to 1.7. No guarantee applies (CERES_FLAGS 2048)" in said
    assert "1 field is not like those that the classifier was calibrated on" in said
    assert "no row is dropped for its probability" in said


def test_a_limit_without_a_promise_is_none_the_less_one(night: Path, model: Path, out: Path) -> None:
    write_field(night, SEEING=3.1)
    result = classify([night], model, output=out, keep_above=1.0)
    assert result.drift
    assert [len(table_of(path)) for path in result.written] == [0, 0, 0]


def test_without_dropping_the_flag_is_all(night: Path, model: Path, out: Path) -> None:
    write_field(night, SEEING=3.1)
    flags = [np.asarray(table_of(path)[FLAGS]) for path in classify([night], model, output=out).written]
    for each in flags:
        assert (each[: len(STARS)] == STATIONARY).all()
        assert each[MOVING] & DRIFTED


def test_tables_in_memory_are_flagged_too(night: Path, model: Path) -> None:
    frames = write_field(night, SEEING=3.1)
    tables = classify_table(frames, [frame.with_suffix(".cat") for frame in frames], model)
    assert all(table[FLAGS][MOVING] & DRIFTED for table in tables)


@pytest.mark.parametrize("exposures", [1, 3])
def test_an_older_classifier_watches_nothing_and_says_so(
    night: Path, out: Path, tmp_path: Path, exposures: int, capsys: pytest.CaptureFixture[str]
) -> None:
    write_field(night, exposures, SEEING=3.1)
    result = classify([night], watching(tmp_path / "old", conditions=None), output=out, drop=True)
    assert result.drift == {}
    assert "is not watched" in capsys.readouterr().out


def test_of_an_exposure_by_itself_only_the_seeing_is_compared(night: Path, out: Path, tmp_path: Path) -> None:
    quantities = {"seeing": SEEN, "noise": {"lowest": 1e5, "highest": 1e5, "mean": math.log(1e5), "deviation": 0.1}}
    conditions = {"fields": 20, "exposures": 60, "quantities": quantities}
    write_field(night, 1)
    assert not classify([night], watching(tmp_path / "m", conditions=conditions), output=out).drift


def test_of_fields_the_detections_that_may_move_are_compared(night: Path, out: Path, tmp_path: Path) -> None:
    noise = {"lowest": 1e5, "highest": 1e5, "mean": math.log(1e5), "deviation": 0.1}
    conditions = {"fields": 20, "exposures": 60, "quantities": {"noise": noise}}
    rules = {**RULES, "remove_stationary": False}  # so that there are enough
    write_field(night)
    model = watching(tmp_path / "m", conditions=conditions, rules=rules)
    (((said,),),) = [classify([night], model, output=out).drift.values()]
    assert said.startswith("CCD A1: noise of the sky ")
    assert said.endswith("ADU in 3 of 3 exposures, calibrated on 1e+05 to 1e+05")


def test_scores_that_are_kept_from_call_to_call_keep_the_noise(night: Path, out: Path, tmp_path: Path) -> None:
    noise = {"lowest": 1e5, "highest": 1e5, "mean": math.log(1e5), "deviation": 0.1}
    conditions = {"fields": 20, "exposures": 60, "quantities": {"noise": noise}}
    rules = {**RULES, "remove_stationary": False}
    model = watching(tmp_path / "m", conditions=conditions, rules=rules)
    write_field(night)
    drifts = [
        classify([night], model, output=out / each, scores=tmp_path / "scores").drift for each in ("first", "again")
    ]
    assert drifts[0]
    assert drifts[0] == drifts[1]


def test_many_fields_are_counted(night: Path, model: Path, out: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(12):
        write_field(night / str(number), 1, field=f"F{number:04d}", SEEING=3.1)
    assert len(classify([night], model, output=out).drift) == 12
    said = " ".join(capsys.readouterr().err.split())
    assert said.count("calibrated on 1.4 to 1.7") == 10
    assert "12 fields are not like those" in said


def test_a_row_stays_for_the_drift_alone_only_where_something_is_promised() -> None:
    def row(flags: int, probability: float = 0.1) -> Scores:
        return Scores(np.array([probability]), np.array([flags], np.int32))

    promised, not_promised = Limits(0.5), Limits(0.5, promised=False)
    assert kept_rows(row(DRIFTED), promised) == [True]
    assert kept_rows(row(DRIFTED), not_promised) == [False]
    assert kept_rows(row(DRIFTED | STATIONARY), promised) == [False]
    assert reasons(row(DRIFTED), promised)["kept: not as calibrated"] == 1
    assert reasons(row(DRIFTED, 0.7), promised)["kept: not as calibrated"] == 0
