"""From frames with injected asteroids to a classifier of three planes."""

from pathlib import Path

import numpy as np
import pytest

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.records.build import build_records
from ceres_fast.records.pipeline import read_all
from ceres_fast.selection.rules import Rules
from ceres_fast.settings.training import Settings
from ceres_fast.stamps import PLANES
from ceres_fast.synthetic.inject import inject_frames
from ceres_fast.training.train import train

from .synthetic.inject.conftest import PSF
from .tiny_night import write_night


@pytest.mark.usefixtures("tiny_classifier")
def test_injected_asteroids_have_planes_to_learn_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ceres_fast.synthetic.inject.conditions.measure_stars", lambda *_: PSF)
    night, injected = write_night(tmp_path / "night"), tmp_path / "injected"
    inject_frames(
        [night], injected, number_per_field=6, magnitude=(16.0, 18.0), rate=(0.3, 0.8), truth=night / "asteroids.csv"
    )
    records = build_records(
        [injected], tmp_path / "records", planes=PLANES, rules=Rules(remove_stationary=False), shards=1
    )
    _, read = read_all(records, ["stamp", "designation", "forced_max", "forced_looked", "label"])
    ours = np.char.startswith(read["designation"], "INJ")
    assert ours.sum() >= 20
    assert (read["label"][ours] == 1).all()
    assert (read["forced_looked"][ours] > 0).all()
    _, template, difference = np.moveaxis(read["stamp"][ours][:, 15:18, 15:18].mean(axis=(1, 2)), -1, 0)
    assert np.median(template / difference) < 0.1
    run = train(records.folder, Settings("xception", batch_size=16, epochs=1), tmp_path / "run")
    assert read_classifier(run).planes == PLANES
