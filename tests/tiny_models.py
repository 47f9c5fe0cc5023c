"""Small ONNX classifiers for tests: made with `onnx.helper`, no training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ceres_fast.artifact.classifier import ONNX_METADATA_KEY, Classifier
from ceres_fast.stamps import PLANES, stamp_shape

OPSET = [helper.make_opsetid("", 17)]


def classifier(**changed: Any) -> Classifier:
    """A valid description of a classifier."""
    values: dict[str, Any] = {
        "backbone": "Xception",
        "experiment": 2,
        "weights_from": "imagenet",
        "normalise": "minmax",
        "precision": "float32",
        "head": {"dense": 256, "dropout": 0.5},
        "rules": {},
        "records": {"name": "stamps", "manifest_sha256": "0" * 64},
        "versions": {"ceres-fast": "0.1.0"},
        "files": {},
        "pixel_scale": 0.33,
        "stamp_shape": stamp_shape(changed.get("planes", PLANES[:1])),
    }
    return Classifier(**{**values, **changed})


def peak_model(*, gain: float = 1.0, classifier_json: str | None = None, planes: int = 1) -> onnx.ModelProto:
    """P(asteroid) = softmax of ± gain * (peak − mean − 50) / 100 of the stamp: bright things score high."""
    constants = {"gain": [gain, -gain], "level": [50.0], "width": [-100.0]}
    return model(
        [
            helper.make_node("ReduceMax", ["stamp"], ["peak"], axes=[1, 2], keepdims=0),
            helper.make_node("ReduceMean", ["stamp"], ["mean"], axes=[1, 2], keepdims=0),
            helper.make_node("Sub", ["peak", "mean"], ["contrasts"]),
            helper.make_node("ReduceMean", ["contrasts"], ["contrast"], axes=[1], keepdims=1),
            helper.make_node("Sub", ["contrast", "level"], ["above"]),
            helper.make_node("Div", ["above", "width"], ["score"]),
            helper.make_node("Mul", ["score", "gain"], ["logits"]),
            helper.make_node("Softmax", ["logits"], ["probability"], axis=1),
        ],
        constants,
        stamps=("stamp", TensorProto.FLOAT, ["N", 32, 32, planes]),
        classifier_json=classifier_json,
    )


def model(
    nodes: list[onnx.NodeProto],
    constants: dict[str, list[float]],
    *,
    stamps: tuple[str, int, list[Any]] = ("stamp", TensorProto.FLOAT, ["N", 32, 32, 1]),
    probabilities: tuple[str, int, list[Any]] = ("probability", TensorProto.FLOAT, ["N", 2]),
    classifier_json: str | None = None,
    extra_opsets: tuple[str, ...] = (),
) -> onnx.ModelProto:
    """A model of these nodes, with the classifier's JSON in its metadata ("" for none)."""
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info(*stamps)],
        [helper.make_tensor_value_info(*probabilities)],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()],
    )
    opsets = OPSET + [helper.make_opsetid(domain, 1) for domain in extra_opsets]
    made = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    text = classifier().to_json() if classifier_json is None else classifier_json
    if text:
        helper.set_model_props(made, {ONNX_METADATA_KEY: text})
    return made


def written(folder: Path, made: onnx.ModelProto, change: Callable[[bytes], bytes] = bytes) -> Path:
    """Write the model, changed, as ``classifier.onnx``."""
    path = folder / "classifier.onnx"
    path.write_bytes(change(made.SerializeToString()))
    return path
