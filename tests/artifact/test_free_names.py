"""At every moment of an export the run's JSON names an ONNX file that is there, whole, and what it says."""

from __future__ import annotations

import json
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from ceres_fast import files
from ceres_fast.artifact.classifier import Classifier, read_classifier
from ceres_fast.engines.agreement import probe_stamps
from ceres_fast.export import export, onnx_file

from ..export.exported import FILES, contents, engine_of
from ..kills import Killed, kill_at_commit
from ..tiny_networks import write_run


@pytest.fixture
def run(tmp_path: Path, tiny_classifier: None) -> Path:
    return write_run(tmp_path / "run")


COMMITS = ["classifier-next.onnx", "classifier.json", "classifier.onnx", "classifier.json", "classifier.proof.json"]
"""What gets its name, in this order, when a run is exported for a second time."""


def test_what_gets_its_name_when(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed: list[str] = []
    rename = Path.replace
    monkeypatch.setattr(files.Path, "replace", lambda path, target: (renamed.append(target.name), rename(path, target)))
    export(run)
    assert renamed == ["classifier.onnx", "classifier.json", "classifier.proof.json"]
    del renamed[:]
    export(run)
    assert renamed == COMMITS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("commit", range(1, len(COMMITS) + 1))
def test_a_kill_leaves_a_run_that_works(run: Path, monkeypatch: pytest.MonkeyPatch, commit: int, after: bool) -> None:
    export(run)
    old = read_classifier(run)
    answers = engine_of(run).predict(probe_stamps())
    graphs = onnx_file.keras_graph

    def other_graph(classifier: Classifier, precision: str) -> tuple[onnx.ModelProto, keras.Model]:
        made, model = graphs(classifier, precision)
        made.doc_string = "another file"
        return made, model

    with monkeypatch.context() as patch:
        patch.setattr(onnx_file, "keras_graph", other_graph)
        kill_at_commit(patch, commit, after=after)
        with pytest.raises(Killed):
            export(run)
    found = read_classifier(run)
    assert found.without_onnx() == old.without_onnx()
    named = found.file_path("onnx")  # it is there, and the one that was written
    proof_file = run / "classifier.proof.json"
    if proof_file.exists():  # none, rather than that of another file
        assert json.loads(proof_file.read_text())["sha256"] == found.files["onnx"]["sha256"]
    is_new = commit > 2 or (commit == 2 and after)
    assert (onnx.load(named).doc_string == "another file") == is_new
    np.testing.assert_array_equal(engine_of(run).predict(probe_stamps()), answers)
    # What it left does not disturb the next.
    export(run)
    assert read_classifier(run).onnx_files() == {"onnx": "classifier.onnx"}
    engine_of(run)
    assert set(contents(run)) == FILES
