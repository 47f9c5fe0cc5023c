"""Names and precisions of products."""

from __future__ import annotations

from ceres_fast.artifact.classifier import ONNX_KINDS
from ceres_fast.artifact.products import DEFAULT_PRECISION, PRECISIONS, carried, default_precision, onnx_name
from ceres_fast.export.bounds import BOUNDS
from ceres_fast.model.build import PRECISIONS as POLICIES

from ..tiny_models import classifier

ENTRY = {"file": "a.onnx", "sha256": "0" * 64}
WEIGHTS = {"file": "a.weights.h5", "sha256": "1" * 64}


def test_every_precision_of_training_has_one_of_products() -> None:
    assert DEFAULT_PRECISION.keys() == set(POLICIES)
    assert set(DEFAULT_PRECISION.values()) <= set(PRECISIONS)
    assert BOUNDS.keys() == set(PRECISIONS) == ONNX_KINDS.keys()
    # What was exported before classifier.json told kinds apart, and what a later version may train in.
    assert default_precision(classifier(precision="float32")) == "float32"
    assert default_precision(classifier(precision="mixed_float8")) == "float32"


def test_names() -> None:
    names = [onnx_name(precision) for precision in PRECISIONS]
    assert names == ["classifier.onnx", "classifier-float16.onnx", "classifier-int8.onnx"]
    assert list(ONNX_KINDS.values()) == ["onnx", "onnx-float16", "onnx-int8"]


def test_a_product_does_not_speak_of_others() -> None:
    run = classifier(precision="mixed_float16", files={"weights": WEIGHTS, "onnx-float16": ENTRY, "onnx": ENTRY})
    assert run.onnx_files() == {"onnx": "a.onnx", "onnx-float16": "a.onnx"}
    assert carried(run, "int8") == classifier(precision="int8", files={"weights": WEIGHTS})
    assert run.without_onnx().onnx_files() == {}
