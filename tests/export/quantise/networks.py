"""A small network with all that the backbones have, as tf2onnx writes it, and what is said of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ceres_fast.artifact.classifier import ONNX_METADATA_KEY

from ...tiny_models import classifier
from ...tiny_records import stamp

METADATA = {ONNX_METADATA_KEY: classifier().to_json(), "classes": "non-asteroid,asteroid", "precision": "float32"}

BLOCKS = ("first_conv", "residual", "preactivated", "mixed", "hidden_1")
"""What its nodes are to be divided into."""


class _Network:
    """Nodes and weights, added one by one."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(3)
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []

    def constant(self, name: str, value: Any) -> str:
        self.constants.append(numpy_helper.from_array(np.asarray(value), name))
        return name

    def weights(self, name: str, *shape: int) -> str:
        inputs = np.prod(shape[1:]) if len(shape) == 4 else shape[0]
        return self.constant(name, (self.random.normal(size=shape) * np.sqrt(2 / inputs)).astype(np.float32))

    def add(self, operator: str, inputs: list[str], name: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(operator, inputs, [f"{name}:0"], name=name, **attributes))
        return f"{name}:0"

    def conv(self, layer: str, data: str, shape: tuple[int, ...], **attributes: Any) -> str:
        """A convolution that has lost its name to the batch normalization that it took in."""
        weights = self.weights(f"tiny_1/base_1/{layer}/convolution/merged_input:0", *shape)
        bias = self.constant(f"tiny_1/base_1/{layer}_bn/sub:0", self.random.normal(0, 0.1, shape[0]).astype(np.float32))
        return self.add("Conv", [data, weights, bias], f"Conv__{len(self.nodes)}", **attributes)

    def relu(self, layer: str, data: str) -> str:
        return self.add("Relu", [data], f"tiny_1/base_1/{layer}/Relu")


def network(gain: float = 1.0, planes: int = 1) -> onnx.ModelProto:
    """Return a float classifier of 32x32 stamps: stem, chain, residual, pre-activated, mixed block, head.

    `gain` multiplies the weights that give the logits.
    """
    made = _Network()
    low = made.add("ReduceMin", ["stamp"], "tiny_1/normalise_1/Min", axes=[1, 2], keepdims=1)
    high = made.add("ReduceMax", ["stamp"], "tiny_1/normalise_1/Max", axes=[1, 2], keepdims=1)
    span = made.add("Sub", [high, low], "tiny_1/normalise_1/sub")
    above = made.add("Sub", ["stamp", low], "tiny_1/normalise_1/sub_1")
    positive = made.add("Max", [span, made.constant("one", np.float32(1))], "tiny_1/normalise_1/Maximum")
    scaled = made.add("Div", [above, positive], "tiny_1/normalise_1/truediv")
    image = made.add("Transpose", [scaled], "tiny_1/base_1/first_bn/mul__36", perm=[0, 3, 1, 2])

    first = made.relu("first", made.conv("first_conv", image, (8, planes, 3, 3), strides=[2, 2]))

    depthwise = made.conv("sepconv_depthwise", first, (8, 1, 3, 3), group=8, pads=[1, 1, 1, 1])
    pointwise = made.conv("sepconv_pointwise", depthwise, (8, 8, 1, 1))
    shortcut = made.conv("shortcut", first, (8, 8, 1, 1))
    residual = made.add("Add", [pointwise, shortcut], "tiny_1/base_1/residual/Add")

    normalised = made.add(
        "Mul",
        [residual, made.constant("bn_scale", np.full((8, 1, 1), 0.9, np.float32))],
        "tiny_1/base_1/preact_bn/mul_1",
    )
    shifted = made.add(
        "Add",
        [normalised, made.constant("bn_shift", np.full((8, 1, 1), 0.1, np.float32))],
        "tiny_1/base_1/preact_bn/add_1",
    )
    branch = made.conv("branch", made.relu("preact", shifted), (8, 8, 3, 3), pads=[1, 1, 1, 1])
    preactivated = made.add("Add", [residual, branch], "tiny_1/base_1/preactivated/Add")

    pooled = made.add("MaxPool", [preactivated], "tiny_1/base_1/pool/MaxPool2d", kernel_shape=[3, 3], strides=[2, 2])
    averaged = made.add(
        "AveragePool", [pooled], "tiny_1/base_1/average/AvgPool", kernel_shape=[3, 3], pads=[1, 1, 1, 1]
    )
    left = made.relu("left", made.conv("left_conv", averaged, (8, 8, 1, 1)))
    right = made.relu("right", made.conv("right_conv", pooled, (8, 8, 1, 1)))
    mixed = made.add("Concat", [left, right], "tiny_1/base_1/mixed/concat", axis=1)

    flat = _flattened(made, mixed)
    bias = made.constant("tiny_1/hidden_1/BiasAdd/ReadVariableOp:0", np.zeros(16, np.float32))
    product = made.add("MatMul", [flat, made.weights("tiny_1/hidden_1/Cast:0", 16 * 49, 16)], "tiny_1/hidden_1/MatMul")
    hidden = made.add("Relu", [made.add("Add", [product, bias], "tiny_1/hidden_1/BiasAdd")], "tiny_1/hidden_1/Relu")
    last = gain * made.random.normal(size=(16, 2))
    logits = made.add(
        "MatMul", [hidden, made.constant("tiny_1/probabilities_1/Cast:0", last.astype(np.float32))], "logits"
    )
    made.nodes.append(helper.make_node("Softmax", [logits], ["probability"], name="tiny_1/probabilities_1/Softmax"))
    graph = helper.make_graph(
        made.nodes,
        "tf2onnx",
        [helper.make_tensor_value_info("stamp", TensorProto.FLOAT, ["N", 32, 32, planes])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N", 2])],
        made.constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9, producer_name="tiny")
    helper.set_model_props(model, METADATA)
    onnx.checker.check_model(model, full_check=True)
    return model


def _flattened(made: _Network, data: str) -> str:
    """Flatten as Keras does: to a shape computed from the tensor's own."""
    shape = made.add("Shape", [data], "Shape__1")
    batch = made.add("Gather", [shape, made.constant("zero", np.array([0], np.int64))], "tiny_1/flatten_1/Shape")
    sizes = made.add(
        "Concat", [batch, made.constant("rest", np.array([16 * 49], np.int64))], "tiny_1/flatten_1/concat", axis=0
    )
    last = made.add("Transpose", [data], "Transpose__1", perm=[0, 2, 3, 1])
    return made.add("Reshape", [last, sizes], "tiny_1/flatten_1/Reshape")


def stamps(count: int = 48, planes: int = 1) -> np.ndarray:
    """Return stamps (n, 32, 32, planes), every second one of an asteroid."""
    random = np.random.default_rng(11)
    images = [stamp(bool(number % 2), random) for number in range(count * planes)]
    return np.reshape(images, (count, planes, 32, 32)).transpose(0, 2, 3, 1).copy()
