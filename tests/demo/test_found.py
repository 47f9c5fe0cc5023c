"""Counting what is left of a night, and what it lost."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from ceres_fast.classify.outputs import dropped_path
from ceres_fast.demo.found import Night, answers, tell_night
from ceres_fast.evaluation.operating_point import OperatingPoint
from ceres_fast.stamps import stamp_table

POINT = OperatingPoint(
    threshold=0.5,
    max_loss=0.05,
    confidence=0.95,
    needs=3,
    asteroids=93,
    allowed=1,
    lost=1,
    left_out=2,
    bound=0.05,
    detections=300,
    non_asteroids=200,
    left=9,
    left_per_1000=30.0,
    fields=8,
    manifest_sha256="",
)


def night() -> Night:
    """Two asteroids in four exposures: A kept in all, B in two; three other detections, one of them kept."""
    labels = [1] * 8 + [0] * 3
    names = ["A"] * 4 + ["B"] * 4 + [""] * 3
    stamps = stamp_table(np.zeros((11, 32, 32)), label=np.array(labels), designation=np.array(names))
    stamps["probability"] = [0.9, 0.8, 0.7, 0.5, 0.9, 0.9, 0.4, 0.1, 0.6, 0.2, 0.3]
    stamps["kept"] = stamps["probability"] >= 0.5
    counts = Counter(validated=12, lost_not_detected=2, lost_stationary=1, lost_set_aside=1, non_asteroid=3)
    reasons = {"dropped: stationary": 985, "dropped: P < 0.5": 5, "kept: no P": 1, "kept: P ≥ 0.5": 9}
    return Night(stamps, counts, reasons, POINT)


def test_rows_come_with_the_most_wrong_first() -> None:
    assert night().rows(1, kept=False).tolist() == [7, 6]
    assert night().rows(0, kept=True).tolist() == [8]
    assert night().rows(1, kept=True).tolist()[0] == 3


def test_what_is_kept_without_a_probability_is_not_lost() -> None:
    found = night()
    found.stamps["probability"][6], found.stamps["kept"][6] = np.nan, True
    assert found.asteroids(kept=True) == 2
    assert 6 in found.rows(1, kept=True)


def test_an_asteroid_needs_as_many_exposures_as_were_promised() -> None:
    assert night().summary()["asteroids"] == {"could be kept": 2, "kept": 1}


def test_every_row_and_every_exposure_of_an_asteroid_is_accounted_for() -> None:
    left, lost = night().summary()["left"], night().summary()["lost"]
    assert left == {
        "rows of the catalogues": 1000,
        "dropped: stationary": 985,
        "dropped: P < 0.5": 5,
        "left to look at": 10,
        "asteroids": 6,
        "non-asteroids": 1,
        "without a certain label": 3,
    }
    assert lost.pop("validated asteroids, once per exposure") == sum(lost.values()) == 12


def test_it_is_told_in_80_columns(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    tell_night(night())
    told = capsys.readouterr().out
    words = " ".join(told.split())
    assert "Of 2 asteroids with 3 detections or more, 1 are kept in 3 or more" in words
    assert "Left to look at are 10 of 1,000 rows, 10 of 1,000." in words
    assert max(map(len, told.splitlines())) <= 80


def test_what_was_dropped_has_its_answer_too(tmp_path: Path) -> None:
    table = tmp_path / "F1.csv"
    Table({"NUMBER": [1, 3], "X_IMAGE": [1.0, 2.0], "PROB_ASTEROID": [0.9, 0.5]}).write(table)
    Table({"NUMBER": [2], "X_IMAGE": [3.0], "PROB_ASTEROID": [0.1]}).write(dropped_path(table))
    assert answers(table) == {1: (0.9, True), 2: (0.1, False), 3: (0.5, True)}
