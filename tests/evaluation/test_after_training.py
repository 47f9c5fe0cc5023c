"""What a run that really was trained knows of its records and its exports."""

import json
import shutil
from pathlib import Path

import pytest

from ceres_fast.artifact.classifier import CLASSIFIER_FILE, read_classifier
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.evaluation import scores
from ceres_fast.evaluation.evaluate import evaluate
from ceres_fast.export import export


@pytest.mark.slow
def test_other_records_are_told(
    trained: Path,
    tiny_records: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(scores, "RESAMPLES", 20)
    evaluate(trained, tiny_records, output=tmp_path / "same")
    assert "warning" not in capsys.readouterr().err
    other = Path(shutil.copytree(tiny_records, tmp_path / "other"))
    with (other / "manifest.json").open("a") as manifest:
        manifest.write("\n")
    evaluate(trained, other, output=tmp_path / "other-records")
    assert "not the records the classifier was trained on" in capsys.readouterr().err


@pytest.mark.slow
def test_an_export_does_not_speak_of_the_one_before(trained: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(trained, tmp_path / "run"))
    export(run)
    assert "onnx" in read_classifier(run).files
    again = export(run)
    assert set(OnnxRuntimeEngine(again).classifier.files) == {"weights"}
    assert "onnx" in json.loads((run / CLASSIFIER_FILE).read_text())["files"]
