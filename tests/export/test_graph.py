"""What an ONNX file says of itself, to readers of this package and to others; which model it is compared with."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from ceres_fast.artifact.classifier import ONNX_METADATA_KEY, Classifier, read_classifier
from ceres_fast.artifact.onnx_file import read_onnx
from ceres_fast.artifact.products import carried
from ceres_fast.artifact.scaling import network_threshold
from ceres_fast.export.graph import describe, keras_graph, metadata
from ceres_fast.model.onnx_convert import OPSET

from ..tiny_models import classifier, peak_model
from ..tiny_networks import write_run

DIGEST = "ab" * 32


def test_what_it_says_of_itself() -> None:
    weights = {"file": "best.weights.h5", "sha256": DIGEST}
    made = classifier(threshold=0.0001, precision="float16", files={"weights": weights})
    assert metadata(made) == {
        ONNX_METADATA_KEY: made.to_json(),
        "classes": "non_asteroid,asteroid",
        "threshold": "0.0001",
        "network_threshold": str(network_threshold(None, 0.0001)),
        "precision": "float16",
        "opset": str(OPSET),
        "weights_sha256": DIGEST,
        "records_sha256": "0" * 64,
        "versions": json.dumps({"ceres-fast": "0.1.0"}),
    }


def test_what_is_not_known_is_an_empty_text() -> None:
    said = metadata(classifier(records={}, files={}))
    assert said["weights_sha256"] == said["records_sha256"] == ""


def test_a_description_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    onnx.save(describe(describe(peak_model(), classifier()), classifier(threshold=0.25)), path)
    _, said = read_onnx(path)
    assert said == metadata(classifier(threshold=0.25))
    assert Classifier.from_json(said[ONNX_METADATA_KEY], path).threshold == 0.25


@pytest.mark.usefixtures("tiny_classifier")
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("trained", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_the_reference_is_the_model_that_was_trained(
    tmp_path: Path, trained: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ceres_fast.export import graph

    loaded = []
    load_model = graph.load_model

    def watched(described: Classifier) -> object:
        loaded.append(described.precision)
        return load_model(described)

    monkeypatch.setattr(graph, "load_model", watched)
    run = read_classifier(write_run(tmp_path / "run", precision=trained))
    made, _ = keras_graph(run, precision)
    # The graph is converted from float32: a policy is of no consequence to weights.
    assert loaded == ([trained] if trained == "float32" else [trained, "float32"])
    said = {entry.key: entry.value for entry in made.metadata_props}
    assert said == metadata(carried(run, precision))
    types = {tensor.data_type for tensor in made.graph.initializer if len(tensor.dims) == 4}
    assert types == {onnx.TensorProto.FLOAT16 if precision == "float16" else onnx.TensorProto.FLOAT}
    assert replace(run, precision=precision) == Classifier.from_json(said[ONNX_METADATA_KEY], tmp_path)


def test_int8_is_not_converted(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="int8"):
        keras_graph(classifier(), "int8")
