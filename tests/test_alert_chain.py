"""From alert packets of three planes to an exported classifier: nothing on the way knows of one plane only."""

from pathlib import Path

import numpy as np
import pytest

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.engines import load
from ceres_fast.errors import InputError
from ceres_fast.evaluation.evaluate import evaluate
from ceres_fast.export import export
from ceres_fast.records.build import build_records
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_stamps
from ceres_fast.settings.training import Settings
from ceres_fast.stamps import PLANES
from ceres_fast.training.train import train

from .alert_files import write_fields


@pytest.mark.usefixtures("tiny_classifier")
def test_three_planes_all_the_way(tmp_path: Path) -> None:
    folder = write_fields(tmp_path / "night")
    build_records([folder], tmp_path / "three", planes=PLANES, shards=1)
    build_records([folder], tmp_path / "one", shards=1)
    run = train(tmp_path / "three", Settings("xception", batch_size=16, epochs=1), tmp_path / "run")
    classifier = read_classifier(run)
    assert (classifier.planes, classifier.stamp_shape) == (PLANES, (32, 32, 3))
    assert evaluate(run, tmp_path / "three").as_dict()
    with pytest.raises(InputError, match="has stamps of the planes science; expected science, template, difference"):
        evaluate(run, tmp_path / "one")
    engine = load(export(run, records=tmp_path / "three"))
    assert engine.classifier.planes == PLANES
    stamps, _ = read_stamps(load_manifest(tmp_path / "three"), "validation")
    assert np.isfinite(engine.predict(stamps)).all()
