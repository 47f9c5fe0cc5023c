"""Where it prints decides neither the exit status of `ceres-fast classify` nor its tables."""

from __future__ import annotations

from pathlib import Path

import pytest

from ceres_fast.classify import classify
from ceres_fast.selection.rules import Rules

from ..broken_output import PLACES, status_where
from ..survey_files import write_field
from ..tiny_models import classifier, peak_model, written


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("status", [0, 3])
def test_tables_and_status_are_the_same_everywhere(place: str, status: int, tmp_path: Path) -> None:
    model = written(tmp_path, peak_model(classifier_json=classifier(rules=Rules().as_dict()).to_json()))
    frames = write_field(tmp_path / "night")
    if status == 3:
        frames[2].write_bytes(b"")
    classify([tmp_path / "night"], model, output=tmp_path / "expected", on_error="skip")
    options = ["--model", model, "--output", tmp_path / "out", "--on-error", "skip"]
    assert status_where(place, ["classify", tmp_path / "night", *options], tmp_path) == status
    expected = {path.name: path.read_bytes() for path in (tmp_path / "expected").rglob("*.cat")}
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").rglob("*.cat")} == expected
    assert len(expected) == 3
