"""A new description reaches the JSON and the ONNX files, and a kill at any moment leaves a run that works."""

from __future__ import annotations

import errno
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from scipy.special import expit

from ceres_fast import files
from ceres_fast.artifact.classifier import ONNX_KINDS, Classifier, read_classifier
from ceres_fast.artifact.products import as_product, metadata, onnx_name
from ceres_fast.artifact.update import update_description
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine

from ..kills import Killed, kill_at_commit
from ..tiny_models import classifier, peak_model

POINT = {"threshold": 0.25, "max_loss": 0.02, "confidence": 0.95, "needs": 3}
STAMPS = np.random.default_rng(2).normal(1000, 15, (20, 32, 32)).astype(np.float32)
PRECISIONS = ("float32", "float16")
NAMES = {onnx_name(precision) for precision in PRECISIONS}
COMMITS = [
    "classifier-next.onnx",
    "classifier-float16-next.onnx",
    "classifier.json",
    "classifier.onnx",
    "classifier-float16.onnx",
    "classifier.json",
]
"""What gets its name, in this order, in a run with two ONNX files."""


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / "best.weights.h5").write_bytes(b"weights")
    scaling = {"method": "temperature", "temperature": 1.25}
    made = classifier(precision="mixed_bfloat16", threshold=0.25, scaling=scaling).with_file(
        "weights", folder / "best.weights.h5"
    )
    described = made
    for precision in PRECISIONS:
        path = folder / onnx_name(precision)
        onnx.save(peak_model(classifier_json=as_product(described, precision).to_json()), path)
        made = made.with_file(ONNX_KINDS[precision], path)
    made.write(folder)
    return folder


def calibrated(run: Path, max_loss: float = 0.02) -> Classifier:
    """Return the run's classifier with a promise; threshold and scaling, which files were proven at, stay."""
    return replace(read_classifier(run), operating_point={**POINT, "max_loss": max_loss})


def check(run: Path, expected: Classifier) -> None:
    """Check that the run says what is expected, in its JSON and in ONNX files that answer as the model does."""
    found = read_classifier(run)
    assert found.without_onnx() == expected.without_onnx()
    assert found.onnx_files().keys() == expected.onnx_files().keys()
    contrast = STAMPS.max(axis=(1, 2)) - STAMPS.mean(axis=(1, 2))
    for precision in PRECISIONS:
        engine = OnnxRuntimeEngine(found.file_path(ONNX_KINDS[precision]))
        assert engine.classifier == as_product(found, precision)
        np.testing.assert_allclose(engine.predict(STAMPS, raw=True), expit((contrast - 50) / 50), rtol=1e-3)


def test_json_and_onnx_say_the_same_and_the_graph_is_the_same(run: Path) -> None:
    graph = onnx.load(run / "classifier.onnx").graph.SerializeToString(deterministic=True)
    wanted = calibrated(run)
    assert wanted.onnx_files().keys() == {"onnx", "onnx-float16"}
    made = update_description(wanted)
    assert made == read_classifier(run)
    check(run, wanted)
    assert onnx.load(run / "classifier.onnx").graph.SerializeToString(deterministic=True) == graph
    assert {path.name for path in run.iterdir()} == {"best.weights.h5", "classifier.json", *NAMES}
    for precision in PRECISIONS:
        said = {entry.key: entry.value for entry in onnx.load(run / onnx_name(precision)).metadata_props}
        assert said == metadata(as_product(wanted, precision), 17)
        assert (said["threshold"], said["precision"]) == ("0.25", precision)


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("commit", range(1, len(COMMITS) + 1))
def test_a_kill_leaves_a_run_that_works(run: Path, monkeypatch: pytest.MonkeyPatch, commit: int, after: bool) -> None:
    old, new = read_classifier(run), calibrated(run)
    with monkeypatch.context() as patch:
        kill_at_commit(patch, commit, after=after)
        with pytest.raises(Killed):
            update_description(new)
    stored = commit > 3 or (commit == 3 and after)
    check(run, new if stored else old)
    # What it left does not disturb the next, or one killed once more.
    wanted = calibrated(run, 0.01)
    update_description(wanted)
    check(run, wanted)
    assert {path.name for path in run.iterdir()} == {"best.weights.h5", "classifier.json", *NAMES}


def test_there_are_so_many_moments(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed = []
    rename = Path.replace
    monkeypatch.setattr(files.Path, "replace", lambda path, target: (renamed.append(target.name), rename(path, target)))
    update_description(calibrated(run))
    assert renamed == COMMITS


def test_a_file_system_without_second_names(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*paths: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("ceres_fast.artifact.free_names.os.link", refused)
    wanted = calibrated(run)
    update_description(wanted)
    check(run, wanted)
    assert {path.name for path in run.iterdir()} == {"best.weights.h5", "classifier.json", *NAMES}


@pytest.mark.parametrize(
    "changed",
    [{"threshold": 0.125, "operating_point": {**POINT, "threshold": 0.125}}, {"scaling": None}],
    ids=["threshold", "scaling"],
)
def test_what_was_proven_at_another_threshold_is_not_named_any_more(
    run: Path, changed: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    for name in NAMES:
        (run / name).with_suffix(".proof.json").write_text("{}")
    made = update_description(replace(read_classifier(run), **changed))
    assert made.onnx_files() == {"onnx": "classifier.onnx"}
    assert OnnxRuntimeEngine(run / "classifier.onnx").classifier == as_product(made, "float32")
    assert "classifier-float16.onnx: was proven at another threshold" in " ".join(capsys.readouterr().err.split())
    assert not list(run.glob("*.proof.json"))


def test_a_file_of_an_older_version_is_not_named_any_more(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    older = onnx.load(run / "classifier.onnx")
    for node in older.graph.node:
        for ends in (node.input, node.output):
            ends[:] = [{"stamp": "stamps", "probability": "probabilities"}.get(name, name) for name in ends]
    older.graph.input[0].name, older.graph.output[0].name = "stamps", "probabilities"
    onnx.save(older, run / "classifier.onnx")
    read_classifier(run).with_file("onnx", run / "classifier.onnx").write(run)
    assert "onnx" not in update_description(calibrated(run)).onnx_files()
    assert "has the ends stamps, probabilities" in " ".join(capsys.readouterr().err.split())


def test_a_run_without_an_export(run: Path) -> None:
    wanted = replace(calibrated(run), files={"weights": read_classifier(run).files["weights"]})
    assert update_description(wanted).files.keys() == {"weights"}
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
    update_description(wanted)
    found = read_classifier(run)
    assert found.onnx_files() == {"onnx-float16": "classifier-float16.onnx"}
    assert found.operating_point == wanted.operating_point
    assert OnnxRuntimeEngine(found.file_path("onnx-float16")).classifier == as_product(found, "float16")
    said = " ".join(capsys.readouterr().err.split())
    assert "classifier.onnx" in said
    assert "does without this file until it is exported again" in said
