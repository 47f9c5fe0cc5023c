"""The graph in ONNX answers as Keras does, one stamp or many, ordinary or extreme, and is made for engines."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
import tf2onnx
from onnx import TensorProto, helper, numpy_helper

from ceres_fast.artifact.onnx_file import INPUT, OUTPUT
from ceres_fast.artifact.products import describe
from ceres_fast.engines.agreement import probe_stamps
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.errors import CeresFastError
from ceres_fast.model.build import BASE, build_model
from ceres_fast.model.load import predict
from ceres_fast.model.onnx_convert import BATCH, IR_VERSION, OPSET, _weights_not_copied, check, convert
from ceres_fast.model.onnx_float16 import halved
from ceres_fast.model.onnx_tidy import tidy
from ceres_fast.settings.architecture import Architecture
from ceres_fast.settings.defaults import PAPER_NETWORK
from ceres_fast.settings.training import Settings
from ceres_fast.stamps import PLANE_SETS, PLANES

from ..small_networks import CONVOLUTIONS, FOLDED, small_network
from ..tiny_models import classifier
from ..tiny_networks import tiny_network


def spread(model: keras.Model, stamps: np.ndarray) -> None:
    """Give moving statistics the values of these stamps, as training would: answers are then far from 1/2."""
    for layer in model.get_layer(BASE).layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    model(stamps, training=True)


def converted(model: keras.Model, folder: Path, **described: object) -> tuple[onnx.ModelProto, OnnxRuntimeEngine]:
    proto = convert(model)
    return proto, opened(proto, folder, **described)


def opened(proto: onnx.ModelProto, folder: Path, **described: object) -> OnnxRuntimeEngine:
    path = folder / "classifier.onnx"
    onnx.save(describe(proto, classifier(**described)), path)
    return OnnxRuntimeEngine(path)


def operators(proto: onnx.ModelProto) -> Counter[str]:
    return Counter(node.op_type for node in proto.graph.node)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "precision", "tolerance"),
    [
        ("inceptionv3", "float32", 1e-4),
        ("xception", "float32", 1e-4),
        ("inceptionresnetv2", "float32", 1e-4),
        ("resnet152v2", "float32", 1e-4),
        ("xception", "float16", 1e-2),
    ],
)
@pytest.mark.parametrize("planes", PLANE_SETS, ids=len)
def test_answers_are_those_of_keras_and_no_stamp_sees_another(
    backbone: str, precision: str, tolerance: float, planes: tuple[str, ...], tmp_path: Path
) -> None:
    if planes == PLANES and backbone != "xception":
        pytest.skip("the planes end where the backbone begins: one backbone shows it")
    keras.utils.set_random_seed(0)
    model = build_model(Architecture(backbone, 2, "none", dense=32, **PAPER_NETWORK), planes)
    stamps = probe_stamps(planes)
    spread(model, stamps)
    proto = convert(model) if precision == "float32" else halved(convert(model))
    engine = opened(proto, tmp_path, backbone=backbone, precision=precision, planes=planes)
    answers = engine.predict(stamps, raw=True)
    np.testing.assert_allclose(answers, predict(model, stamps)[:, 1], atol=tolerance)
    assert np.ptp(answers) > 0.2
    alone = np.concatenate([engine.predict(stamp[None], raw=True) for stamp in stamps[::3]])
    np.testing.assert_allclose(alone, answers[::3], atol=tolerance)
    weights = {tensor.data_type for tensor in proto.graph.initializer if np.prod(tensor.dims) > 1000}
    assert weights == {TensorProto.FLOAT16 if precision == "float16" else TensorProto.FLOAT}
    check(proto)
    found = operators(proto)
    assert found["BatchNormalization"] == found["Shape"] == 0
    assert found["Transpose"] <= 2


@pytest.mark.parametrize("planes", PLANE_SETS, ids=len)
@pytest.mark.parametrize("normalise", ["minmax", "asinh", "noise"])
def test_the_stem_is_in_the_graph(normalise: str, planes: tuple[str, ...], tmp_path: Path) -> None:
    model = tiny_network(Architecture("xception", normalise=normalise), planes)
    _, engine = converted(model, tmp_path, normalise=normalise, planes=planes)
    stamps = probe_stamps(planes)
    assert stamps.shape[1:] == (32, 32, len(planes))
    np.testing.assert_allclose(engine.predict(stamps, raw=True), predict(model, stamps)[:, 1], atol=1e-5)
    # An offset and a gain are normalised away, if the sky is not lost in rounding.
    ordinary = stamps[14:19]
    np.testing.assert_allclose(
        engine.predict(ordinary * 2 + 100, raw=True), engine.predict(ordinary, raw=True), atol=1e-3
    )


@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("planes", PLANE_SETS, ids=len)
def test_stampnet_with_its_side_numbers_is_in_the_graph(
    precision: str, planes: tuple[str, ...], tmp_path: Path
) -> None:
    keras.utils.set_random_seed(0)
    model = build_model(Settings.of("stampnet"), planes)
    stamps = probe_stamps(planes)
    spread(model, stamps)
    proto = convert(model) if precision == "float32" else halved(convert(model))
    engine = opened(proto, tmp_path, backbone="stampnet", precision=precision, planes=planes)
    answers = engine.predict(stamps, raw=True)
    np.testing.assert_allclose(answers, predict(model, stamps)[:, 1], atol=1e-4 if precision == "float32" else 2e-2)
    assert np.ptp(answers) > 0.02
    found = operators(proto)
    assert found["BatchNormalization"] == found["Shape"] == 0


def test_names_sizes_and_versions() -> None:
    proto = convert(tiny_network(Architecture("xception", normalise="minmax")))
    assert [(value.name, value.type.tensor_type.elem_type) for value in proto.graph.input] == [
        (INPUT, TensorProto.FLOAT)
    ]
    assert [(value.name, value.type.tensor_type.elem_type) for value in proto.graph.output] == [
        (OUTPUT, TensorProto.FLOAT)
    ]
    assert (INPUT, OUTPUT, BATCH) == ("stamp", "probability", "N")
    for value, shape in ((proto.graph.input[0], [32, 32, 1]), (proto.graph.output[0], [2])):
        batch, *rest = value.type.tensor_type.shape.dim
        assert batch.dim_param == BATCH
        assert [size.dim_value for size in rest] == shape
    assert {opset.domain: opset.version for opset in proto.opset_import} == {"": OPSET}
    assert proto.ir_version == IR_VERSION <= 10


def test_no_stamps_give_no_answers(tmp_path: Path) -> None:
    described = classifier(threshold=0.25)
    _, engine = converted(tiny_network(Architecture("xception", normalise="minmax")), tmp_path, threshold=0.25)
    assert engine.classifier == described
    assert engine.predict(np.zeros((0, 32, 32), np.float32), raw=True).shape == (0,)


@pytest.mark.parametrize("planes", PLANE_SETS, ids=len)
def test_a_graph_that_engines_like(planes: tuple[str, ...], tmp_path: Path) -> None:
    model = small_network(planes=planes)
    proto, engine = converted(model, tmp_path, planes=planes)
    stamps = probe_stamps(planes)
    answers = engine.predict(stamps, raw=True)
    np.testing.assert_allclose(answers, predict(model, stamps)[:, 1], atol=1e-5)
    assert np.ptp(answers) > 0.02
    found = operators(proto)
    assert found["Conv"] == CONVOLUTIONS
    # The one that comes before a convolution is a product and a sum; the others are in the weights.
    outputs = {output: node.op_type for node in proto.graph.node for output in node.output}
    after = [node.op_type for node in proto.graph.node if outputs.get(node.input[0]) == "Conv"]
    assert not {"Mul", "BatchNormalization"} & set(after)
    assert found["BatchNormalization"] == found["Pad"] == found["Identity"] == found["Dropout"] == 0
    biased = [node for node in proto.graph.node if node.op_type == "Conv" and len(node.input) == 3]
    assert len(biased) == FOLDED + 1
    # To channels first (of one channel, a change of shape) and, to flatten as Keras does, back.
    assert found["Transpose"] == (1 if len(planes) == 1 else 2)
    # No shape is worked out at run time.
    assert not {"Shape", "Gather", "Slice", "Unsqueeze", "Tile"} & set(found)
    constants = {tensor.name for tensor in proto.graph.initializer}
    for node in proto.graph.node:
        if node.op_type == "Reshape":
            assert node.input[1] in constants
        if node.op_type == "Resize":
            assert node.input[1] == ""
    used = {name for node in proto.graph.node for name in node.input}
    assert constants <= used


def test_float16_is_in_the_network_alone(tmp_path: Path) -> None:
    exact = convert(small_network())
    before = exact.SerializeToString(deterministic=True)
    proto = halved(exact)
    assert exact.SerializeToString(deterministic=True) == before
    check(proto)
    assert [value.type.tensor_type.elem_type for value in (*proto.graph.input, *proto.graph.output)] == [
        TensorProto.FLOAT
    ] * 2
    found, plain = operators(proto), operators(exact)
    assert found - plain == {"Cast": 2}  # in and out
    assert plain - found == {}
    types = {tensor.name: tensor.data_type for tensor in proto.graph.initializer}
    weighted = [node for node in proto.graph.node if node.op_type in ("Conv", "MatMul", "Gemm")]
    assert {types[node.input[1]] for node in weighted[:-1]} == {TensorProto.FLOAT16}
    assert types[weighted[-1].input[1]] == TensorProto.FLOAT
    # A saturated detector: nothing is cast before it is normalised.
    first = next(number for number, node in enumerate(proto.graph.node) if node.op_type == "Cast" and halves(node))
    assert {"GlobalMaxPool", "Div", "Resize"} <= {node.op_type for node in proto.graph.node[:first]}
    engine = opened(proto, tmp_path, precision="float16")
    stamps = probe_stamps()
    answers = engine.predict(stamps, raw=True)
    for precision in ("float32", "mixed_float16"):
        expected = predict(small_network(precision), stamps)[:, 1]
        np.testing.assert_allclose(answers, expected, atol=2e-3)
    assert not np.array_equal(answers, predict(small_network(), stamps)[:, 1])


def halves(node: onnx.NodeProto) -> bool:
    return node.attribute[0].i == TensorProto.FLOAT16


def test_a_weight_that_float16_does_not_hold_is_named() -> None:
    proto = convert(tiny_network(Architecture("xception", normalise="minmax")))
    kernel = next(tensor for tensor in proto.graph.initializer if len(tensor.dims) == 4)
    kernel.CopyFrom(numpy_helper.from_array(1e5 * np.ones(tuple(kernel.dims), np.float32), kernel.name))
    with pytest.raises(CeresFastError, match=r"hold 1e\+05, and float16 ends at 65504"):
        halved(proto)


def test_weights_not_copied_are_the_same_weights() -> None:
    """What is left out of tf2onnx changes nothing in the graph, and is put back."""
    model = small_network()
    function, signature = traced(model)
    update, before = tf2onnx.graph.Node.update_proto, dict(os.environ)
    plain, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET)
    with _weights_not_copied():
        assert tf2onnx.graph.Node.update_proto is not update
        quick, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET)
    assert tf2onnx.graph.Node.update_proto is update
    assert dict(os.environ) == before
    # Nor do order and names depend on how often this process has converted something, which is what tf2onnx counts.
    plain, quick = tidy(plain), tidy(quick)
    assert list(map(str, quick.graph.node)) == list(map(str, plain.graph.node))
    assert list(quick.graph.initializer) == list(plain.graph.initializer)


def test_a_file_does_not_depend_on_the_numbers_of_a_conversion() -> None:
    """Exported twice, a network is one file, with Keras's layers in its names."""
    model = small_network()
    proto = convert(model)
    other = onnx.ModelProto.FromString(proto.SerializeToString())
    graph = other.graph
    numbers = {
        node.output[0]: "".join([*node.name.rpartition("/")[:2], f"x__{number * 7919 % 1000}"])
        for number, node in enumerate(graph.node)
    }
    for node in graph.node:
        node.name = numbers[node.output[0]]
    del numbers[OUTPUT]
    for node in graph.node:
        node.input[:] = [numbers.get(name, name) for name in node.input]
        node.output[:] = [numbers.get(name, name) for name in node.output]
    weights = list(graph.initializer)[::-1]
    del graph.initializer[:]
    graph.initializer.extend(weights)
    assert other != proto
    assert tidy(other).SerializeToString() == proto.SerializeToString()
    last = next(node for node in proto.graph.node if node.op_type == "MatMul" and node.input[0].endswith("Relu"))
    assert last.name.split("/")[1:] == [f"{model.layers[-1].name}_1", "MatMul"]
    assert list(last.input[1:]) == [f"{last.name}/1"]


def traced(model: keras.Model) -> tuple[object, list[object]]:
    import tensorflow as tf

    signature = [tf.TensorSpec((None, *model.input.shape[1:]), tf.float32, name=INPUT)]
    return tf.function(lambda stamp: {OUTPUT: model(stamp, training=False)}, input_signature=signature), signature


@pytest.mark.parametrize("damage", ["shape", "operator", "type"])
def test_a_graph_that_is_not_valid_is_refused(damage: str) -> None:
    proto = convert(tiny_network(Architecture("xception", normalise="minmax")))
    if damage == "shape":
        proto.graph.output[0].type.tensor_type.shape.dim[1].dim_value = 3
    elif damage == "operator":
        proto.graph.node.append(helper.make_node("NoSuchOperator", [INPUT], ["x"]))
    else:
        proto.graph.output[0].type.tensor_type.elem_type = TensorProto.FLOAT16
    with pytest.raises(CeresFastError, match="Not exported: the graph is not valid ONNX"):
        check(proto)


def test_dropout_and_normalisation_are_in_inference_mode(tmp_path: Path) -> None:
    stamps = keras.Input((32, 32, 1), name="stamps")
    hidden = keras.layers.BatchNormalization()(keras.layers.Flatten()(stamps))
    model = keras.Model(stamps, keras.layers.Dense(2, activation="softmax")(keras.layers.Dropout(0.9)(hidden)))
    proto, engine = converted(model, tmp_path)
    assert "Dropout" not in {node.op_type for node in proto.graph.node}
    batch = np.random.default_rng(8).random((4, 32, 32)).astype(np.float32)
    alone = [engine.predict(stamp[None], raw=True)[0] for stamp in batch]
    np.testing.assert_allclose(engine.predict(batch, raw=True), alone, atol=1e-6)
    np.testing.assert_allclose(engine.predict(batch, raw=True), predict(model, batch[..., None])[:, 1], atol=1e-6)
