"""Which model an ONNX graph is made of, and which one it is compared with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnx
import pytest

from ceres_fast.artifact.classifier import ONNX_METADATA_KEY, Classifier, read_classifier
from ceres_fast.artifact.products import as_product, metadata
from ceres_fast.export.graph import keras_graph
from ceres_fast.model.onnx_convert import OPSET

from ..tiny_models import classifier
from ..tiny_networks import write_run


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
    assert said == metadata(as_product(run, precision), OPSET)
    types = {tensor.data_type for tensor in made.graph.initializer if len(tensor.dims) == 4}
    assert types == {onnx.TensorProto.FLOAT16 if precision == "float16" else onnx.TensorProto.FLOAT}
    assert replace(run, precision=precision) == Classifier.from_json(said[ONNX_METADATA_KEY], tmp_path)


def test_int8_is_not_converted(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="int8"):
        keras_graph(classifier(), "int8")
