"""The three precisions end at the same classifier, within what their rounding and other dropout masks change."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.model.load import load_model, predict
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_stamps
from ceres_fast.training.config import RunConfig
from ceres_fast.training.train import train

LOSS, SHARE, PROBABILITY = 0.05, 0.05, 0.2
"""Largest differences: of the validation loss, of accuracy and recall, of one stamp's probability."""


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_it_ends_where_float32_does(precision: str, trained: Path, tiny_records: Path, tmp_path: Path) -> None:
    settings = replace(RunConfig.read(trained).settings, precision=precision, cache_dir=str(tmp_path / "cache"))
    run = train(tiny_records, settings, tmp_path / "run")
    expected, found = (json.loads((each / "metrics.json").read_text())["best"] for each in (trained, run))
    for name, bound in {"val_loss": LOSS, "val_accuracy": SHARE, "val_recall": SHARE}.items():
        assert found[name] == pytest.approx(expected[name], abs=bound), name
    stamps, _ = read_stamps(load_manifest(tiny_records), "validation")
    answers = [predict(load_model(read_classifier(each)), stamps)[:, 1] for each in (trained, run)]
    np.testing.assert_allclose(answers[1], answers[0], atol=PROBABILITY)
    assert np.ptp(answers[1]) > 0.5  # they have learnt something
