"""Names and precisions of products; what an ONNX file says of its classifier, to this package and to others."""

from __future__ import annotations

import json
from pathlib import Path

import onnx

from ceres_fast.artifact.classifier import ONNX_KINDS, ONNX_METADATA_KEY, Classifier
from ceres_fast.artifact.onnx_file import read_onnx
from ceres_fast.artifact.products import (
    DEFAULT_PRECISION,
    PRECISIONS,
    as_product,
    default_precision,
    describe,
    metadata,
    onnx_name,
)
from ceres_fast.artifact.scaling import network_threshold
from ceres_fast.export.proof.tolerances import TOLERANCES
from ceres_fast.settings.architecture import PRECISIONS as POLICIES

from ..tiny_models import classifier, peak_model

ENTRY = {"file": "a.onnx", "sha256": "0" * 64}
DIGEST = "ab" * 32
WEIGHTS = {"file": "a.weights.h5", "sha256": "1" * 64}


def test_every_precision_of_training_has_one_of_products() -> None:
    assert DEFAULT_PRECISION.keys() == set(POLICIES)
    assert set(DEFAULT_PRECISION.values()) <= set(PRECISIONS)
    assert TOLERANCES.keys() == set(PRECISIONS) == ONNX_KINDS.keys()
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
    assert as_product(run, "int8") == classifier(precision="int8", files={"weights": WEIGHTS})
    assert run.without_onnx().onnx_files() == {}


def test_what_it_says_of_itself() -> None:
    weights = {"file": "best.weights.h5", "sha256": DIGEST}
    made = classifier(threshold=0.0001, precision="float16", files={"weights": weights})
    assert metadata(made, 17) == {
        ONNX_METADATA_KEY: made.to_json(),
        "classes": "non_asteroid,asteroid",
        "threshold": "0.0001",
        "network_threshold": str(network_threshold(None, 0.0001)),
        "precision": "float16",
        "opset": "17",
        "weights_sha256": DIGEST,
        "records_sha256": "0" * 64,
        "versions": json.dumps({"ceres-fast": "0.1.0"}),
    }


def test_what_is_not_known_is_an_empty_text() -> None:
    said = metadata(classifier(records={}, files={}), 17)
    assert said["weights_sha256"] == said["records_sha256"] == ""


def test_a_description_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    path = tmp_path / "a.onnx"
    onnx.save(describe(describe(peak_model(), classifier()), classifier(threshold=0.25)), path)
    _, said = read_onnx(path)
    assert said == metadata(classifier(threshold=0.25), 17)
    assert Classifier.from_json(said[ONNX_METADATA_KEY], path).threshold == 0.25
