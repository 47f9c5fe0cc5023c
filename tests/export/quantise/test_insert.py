"""What is int8 is so as TensorRT and ONNX Runtime take it, and the rest is float."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from ceres_fast.export.quantise.blocks import blocks_of
from ceres_fast.export.quantise.float_graph import prepared
from ceres_fast.export.quantise.insert import inserted
from ceres_fast.export.quantise.nodes import WEIGHTED, quantisable
from ceres_fast.export.quantise.ranges import TensorsData, ranges_of

from .networks import network, stamps
from .runs import answers


@pytest.fixture(scope="module")
def ready() -> onnx.ModelProto:
    return prepared(network(gain=0.1))


@pytest.fixture(scope="module")
def ranges(ready: onnx.ModelProto) -> TensorsData:
    return ranges_of(ready, stamps(), "minmax")


@pytest.fixture(scope="module")
def whole(ready: onnx.ModelProto, ranges: TensorsData) -> onnx.ModelProto:
    return inserted(ready, quantisable(ready.graph), ranges)


def producers(model: onnx.ModelProto) -> dict[str, onnx.NodeProto]:
    return {name: node for node in model.graph.node for name in node.output}


def test_symmetric_int8_and_float_biases(whole: onnx.ModelProto) -> None:
    arrays = {tensor.name: tensor for tensor in whole.graph.initializer}
    made_by = producers(whole)
    quantizing = [node for node in whole.graph.node if "QuantizeLinear" in node.op_type]
    assert quantizing
    for node in quantizing:
        zero_point = numpy_helper.to_array(arrays[node.input[2]])
        assert zero_point.dtype == np.int8
        assert not zero_point.any()
        assert (numpy_helper.to_array(arrays[node.input[1]]) > 0).all()
    biased = [node for node in whole.graph.node if node.op_type in WEIGHTED and len(node.input) == 3]
    assert len(biased) == 8
    for node in biased:
        assert arrays[node.input[2]].data_type == TensorProto.FLOAT
        dequantize = made_by[node.input[1]]
        weights = arrays[dequantize.input[0]]
        assert (dequantize.op_type, weights.data_type) == ("DequantizeLinear", TensorProto.INT8)
        axis = next(attribute.i for attribute in dequantize.attribute if attribute.name == "axis")
        assert list(arrays[dequantize.input[1]].dims) == [weights.dims[axis]] == list(arrays[node.input[2]].dims)


def test_normalising_and_logits_are_float(whole: onnx.ModelProto, ready: onnx.ModelProto) -> None:
    made = {node.name: node for node in whole.graph.node}
    for node in ready.graph.node[:7]:
        assert made[node.name] == node
    last = next(node for node in whole.graph.node if node.name == "logits")
    assert last.input[1] in {tensor.name for tensor in whole.graph.initializer if tensor.data_type == TensorProto.FLOAT}
    softmax = next(node for node in whole.graph.node if node.op_type == "Softmax")
    assert list(softmax.input) == ["logits:0"]
    assert list(softmax.output) == ["probability"]


def test_a_relu_comes_before_the_quantizing(whole: onnx.ModelProto) -> None:
    made_by = producers(whole)
    layers = [made_by[node.input[0]].op_type for node in whole.graph.node if node.op_type == "Relu"]
    assert sorted(layers) == ["Add", "Conv", "Conv", "Conv", "Gemm"]  # the Add is the normalization's, which is float
    readers = {node.input[0] for node in whole.graph.node if node.op_type == "QuantizeLinear"}
    assert all(node.output[0] in readers for node in whole.graph.node if node.op_type == "Relu")


def test_answers_stay_close(whole: onnx.ModelProto, ready: onnx.ModelProto) -> None:
    expected, found = answers(ready, stamps()), answers(whole, stamps())
    assert np.ptp(expected) > 0.2
    assert 0 < np.abs(found - expected).max() < 0.05


@pytest.mark.parametrize("number", range(5))
def test_one_block_in_int8_leaves_the_weights_of_others_float(
    ready: onnx.ModelProto, ranges: TensorsData, number: int
) -> None:
    block = blocks_of(ready)[number]
    made = inserted(ready, block.nodes, ranges)
    made_by = producers(made)
    weighted = [node for node in made.graph.node if node.op_type in WEIGHTED]
    integer = {node.name for node in weighted if node.input[1] in made_by}
    assert integer == {node.name for node in weighted if node.name in block.nodes}
    assert len(integer) == block.weighted
    assert np.abs(answers(made, stamps()) - answers(ready, stamps())).max() < 0.05


def test_nothing_given_is_changed(ready: onnx.ModelProto, ranges: TensorsData) -> None:
    before = ready.SerializeToString()
    values = {name: each.range_value for name, each in ranges.items()}
    first = inserted(ready, quantisable(ready.graph), ranges)
    assert ready.SerializeToString() == before
    assert {name: each.range_value for name, each in ranges.items()} == values
    assert inserted(ready, quantisable(ready.graph), ranges).SerializeToString() == first.SerializeToString()
