"""The graph in ONNX answers as Keras does, one stamp or many, ordinary or extreme; it says what it is."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
from onnx import TensorProto

from ceres_fast.classifier import ONNX_METADATA_KEY
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.export import probe_stamps
from ceres_fast.model.build import BASE, Architecture, build_model
from ceres_fast.model.load import predict
from ceres_fast.model.onnx_convert import INPUT, OPSET, OUTPUT, convert
from ceres_fast.survey.stamp_table import PLANE_SETS, PLANES

from ..tiny_models import classifier
from ..tiny_networks import tiny_network


def spread(model: keras.Model, stamps: np.ndarray) -> None:
    """Give moving statistics the values of these stamps, as training would: answers are then far from 1/2."""
    for layer in model.get_layer(BASE).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(stamps, training=True)


def converted(model: keras.Model, folder: Path, **described: object) -> tuple[onnx.ModelProto, OnnxRuntimeEngine]:
    proto = convert(model, classifier(**described))
    path = folder / "classifier.onnx"
    onnx.save(proto, path)
    return proto, OnnxRuntimeEngine(path)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "precision", "tolerance"),
    [
        ("inceptionv3", "float32", 1e-4),
        ("xception", "float32", 1e-4),
        ("inceptionresnetv2", "float32", 1e-4),
        ("resnet152v2", "float32", 1e-4),
        ("xception", "mixed_float16", 1e-2),
    ],
)
@pytest.mark.parametrize("planes", PLANE_SETS, ids=len)
def test_answers_are_those_of_keras_and_no_stamp_sees_another(
    backbone: str, precision: str, tolerance: float, planes: tuple[str, ...], tmp_path: Path
) -> None:
    if planes == PLANES and backbone != "xception":
        pytest.skip("the planes end where the backbone begins: one backbone shows it")
    keras.utils.set_random_seed(0)
    model = build_model(Architecture(backbone, 2, "none", precision=precision, dense=32), planes)
    stamps = probe_stamps(planes)
    spread(model, stamps)
    proto, engine = converted(model, tmp_path, backbone=backbone, precision=precision, planes=planes)
    answers = engine.predict(stamps)
    np.testing.assert_allclose(answers, predict(model, stamps)[:, 1], atol=tolerance)
    assert np.ptp(answers) > 0.2
    alone = np.concatenate([engine.predict(stamp[None]) for stamp in stamps[::3]])
    np.testing.assert_allclose(alone, answers[::3], atol=tolerance)
    weights = {tensor.data_type for tensor in proto.graph.initializer if np.prod(tensor.dims) > 1000}
    assert weights == {TensorProto.FLOAT16 if precision == "mixed_float16" else TensorProto.FLOAT}
    onnx.checker.check_model(proto, full_check=True)


@pytest.mark.parametrize("planes", PLANE_SETS, ids=len)
@pytest.mark.parametrize("normalise", ["minmax", "asinh"])
def test_the_stem_is_in_the_graph(normalise: str, planes: tuple[str, ...], tmp_path: Path) -> None:
    model = tiny_network(Architecture("xception", normalise=normalise), planes)
    _, engine = converted(model, tmp_path, normalise=normalise, planes=planes)
    stamps = probe_stamps(planes)
    assert stamps.shape[1:] == (32, 32, len(planes))
    np.testing.assert_allclose(engine.predict(stamps), predict(model, stamps)[:, 1], atol=1e-5)
    # An offset and a gain are normalised away, if the sky is not lost in rounding.
    ordinary = stamps[14:19]
    np.testing.assert_allclose(engine.predict(ordinary * 2 + 100), engine.predict(ordinary), atol=1e-3)


def test_names_sizes_and_what_it_says_of_itself(tmp_path: Path) -> None:
    described = classifier(threshold=0.25)
    proto, engine = converted(tiny_network(Architecture("xception")), tmp_path, threshold=0.25)
    assert [(value.name, value.type.tensor_type.elem_type) for value in proto.graph.input] == [
        (INPUT, TensorProto.FLOAT)
    ]
    assert [(value.name, value.type.tensor_type.elem_type) for value in proto.graph.output] == [
        (OUTPUT, TensorProto.FLOAT)
    ]
    batch, *rest = proto.graph.input[0].type.tensor_type.shape.dim
    assert batch.dim_param == "n"
    assert [size.dim_value for size in rest] == [32, 32, 1]
    assert {opset.domain: opset.version for opset in proto.opset_import}[""] == OPSET
    assert {entry.key: entry.value for entry in proto.metadata_props} == {ONNX_METADATA_KEY: described.to_json()}
    assert engine.classifier == described
    assert engine.predict(np.zeros((0, 32, 32), np.float32)).shape == (0,)


def test_dropout_and_normalisation_are_in_inference_mode(tmp_path: Path) -> None:
    stamps = keras.Input((32, 32, 1), name="stamps")
    hidden = keras.layers.BatchNormalization()(keras.layers.Flatten()(stamps))
    model = keras.Model(stamps, keras.layers.Dense(2, activation="softmax")(keras.layers.Dropout(0.9)(hidden)))
    proto, engine = converted(model, tmp_path)
    assert "Dropout" not in {node.op_type for node in proto.graph.node}
    batch = np.random.default_rng(8).random((4, 32, 32)).astype(np.float32)
    alone = [engine.predict(stamp[None])[0] for stamp in batch]
    np.testing.assert_allclose(engine.predict(batch), alone, atol=1e-6)
    np.testing.assert_allclose(engine.predict(batch), predict(model, batch[..., None])[:, 1], atol=1e-6)
