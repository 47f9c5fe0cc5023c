"""A new description reaches the JSON and the ONNX file, and a kill at any moment leaves a run that works."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from scipy.special import expit

from ceres_fast import files
from ceres_fast.classifier import Classifier, read_classifier
from ceres_fast.engines import load
from ceres_fast.export import carried
from ceres_fast.redescribe import redescribe

from .tiny_models import classifier, peak_model, written

POINT = {"threshold": 0.25, "max_loss": 0.02, "confidence": 0.95, "needs": 3}
STAMPS = np.random.default_rng(2).normal(1000, 15, (20, 32, 32)).astype(np.float32)
COMMITS = 4
"""Times that a file of a run with an ONNX file gets its name: two ONNX files, and the JSON after each."""


class Killed(BaseException):
    """Nothing in the program looks for it."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "best.weights.h5").write_bytes(b"weights")
    made = classifier(precision="mixed_bfloat16").with_file("weights", folder / "best.weights.h5")
    exported = written(folder, peak_model(classifier_json=carried(made).to_json()))
    made.with_file("onnx", exported).write(folder)
    return folder


def calibrated(run: Path, threshold: float = 0.25) -> Classifier:
    scaling = {"method": "temperature", "temperature": 1 + threshold}
    return replace(
        read_classifier(run), threshold=threshold, scaling=scaling, operating_point={**POINT, "threshold": threshold}
    )


def check(run: Path, expected: Classifier) -> None:
    """Check that the run says what is expected, in its JSON and in an ONNX file that answers as the model does."""
    found = read_classifier(run)
    assert replace(found, files={}) == replace(expected, files={})
    engine = load(run)
    assert engine.classifier == carried(found)
    assert engine.classifier.precision == "float32"
    contrast = STAMPS.max(axis=(1, 2)) - STAMPS.mean(axis=(1, 2))
    np.testing.assert_allclose(engine.predict(STAMPS), expit((contrast - 50) / 50), rtol=1e-3)


def test_json_and_onnx_say_the_same_and_the_graph_is_the_same(run: Path) -> None:
    graph = onnx.load(run / "classifier.onnx").graph.SerializeToString(deterministic=True)
    wanted = calibrated(run)
    made = redescribe(wanted)
    assert made == read_classifier(run)
    check(run, wanted)
    assert onnx.load(run / "classifier.onnx").graph.SerializeToString(deterministic=True) == graph
    assert {path.name for path in run.iterdir()} == {"best.weights.h5", "classifier.json", "classifier.onnx"}


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("commit", range(1, COMMITS + 1))
def test_a_kill_leaves_a_run_that_works(run: Path, monkeypatch: pytest.MonkeyPatch, commit: int, after: bool) -> None:
    old, new = read_classifier(run), calibrated(run)
    count, rename = 0, Path.replace

    def replace_until(path: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == commit and not after:
            raise Killed
        renamed = rename(path, target)
        if count == commit:
            raise Killed
        return renamed

    with monkeypatch.context() as patch:
        patch.setattr(files.Path, "replace", replace_until)
        with pytest.raises(Killed):
            redescribe(new)
    stored = commit > 2 or (commit == 2 and after)
    check(run, new if stored else old)
    # What it left does not disturb the next, or one killed once more.
    wanted = calibrated(run, 0.125)
    redescribe(wanted)
    check(run, wanted)
    assert {path.name for path in run.iterdir()} == {"best.weights.h5", "classifier.json", "classifier.onnx"}


def test_there_are_so_many_moments(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed = []
    rename = Path.replace
    monkeypatch.setattr(files.Path, "replace", lambda path, target: (renamed.append(target.name), rename(path, target)))
    redescribe(calibrated(run))
    assert renamed == ["classifier-next.onnx", "classifier.json", "classifier.onnx", "classifier.json"]
    assert len(renamed) == COMMITS


def test_a_run_without_an_export(run: Path) -> None:
    wanted = replace(calibrated(run), files={"weights": read_classifier(run).files["weights"]})
    assert redescribe(wanted).files.keys() == {"weights"}
    assert replace(read_classifier(run), files={}) == replace(wanted, files={})


@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_an_export_that_cannot_be_used_is_said_and_no_longer_named(
    run: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    wanted = calibrated(run)
    if damage == "missing":
        (run / "classifier.onnx").unlink()
    else:
        shutil.copy(run / "best.weights.h5", run / "classifier.onnx")
    redescribe(wanted)
    assert "onnx" not in read_classifier(run).files
    assert read_classifier(run).operating_point == wanted.operating_point
    said = " ".join(capsys.readouterr().err.split())
    assert "classifier.onnx" in said
    assert "no ONNX file until it is exported again" in said
