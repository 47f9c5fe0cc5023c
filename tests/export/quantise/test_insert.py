"""What is int8 is so as TensorRT and ONNX Runtime take it; a CPU may run the product in unsigned integers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, numpy_helper

from ceres_fast.artifact.onnx_file import NONNEGATIVE, SIGNED
from ceres_fast.export.quantise.block_search import blocks_of
from ceres_fast.export.quantise.float_graph import WEIGHTED, prepare, quantisable
from ceres_fast.export.quantise.insert import finish, insert_quantizing
from ceres_fast.export.quantise.ranges import TensorsData, ranges_of

from .networks import METADATA, network, stamps
from .runs import answers, for_cpu, operators_run


@pytest.fixture(scope="module")
def ready() -> onnx.ModelProto:
    return prepare(network(gain=0.1))


@pytest.fixture(scope="module")
def ranges(ready: onnx.ModelProto) -> TensorsData:
    return ranges_of(ready, stamps(), "minmax")


@pytest.fixture(scope="module")
def whole(ready: onnx.ModelProto, ranges: TensorsData) -> onnx.ModelProto:
    return insert_quantizing(ready, quantisable(ready.graph), ranges)


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
    made = insert_quantizing(ready, block.nodes, ranges)
    made_by = producers(made)
    weighted = [node for node in made.graph.node if node.op_type in WEIGHTED]
    integer = {node.name for node in weighted if node.input[1] in made_by}
    assert integer == {node.name for node in weighted if node.name in block.nodes}
    assert len(integer) == block.weighted
    assert np.abs(answers(made, stamps()) - answers(ready, stamps())).max() < 0.05


def test_nothing_given_is_changed(ready: onnx.ModelProto, ranges: TensorsData) -> None:
    before = ready.SerializeToString()
    values = {name: each.range_value for name, each in ranges.items()}
    first = insert_quantizing(ready, quantisable(ready.graph), ranges)
    assert ready.SerializeToString() == before
    assert {name: each.range_value for name, each in ranges.items()} == values
    assert insert_quantizing(ready, quantisable(ready.graph), ranges).SerializeToString() == first.SerializeToString()


@pytest.fixture(scope="module")
def original() -> onnx.ModelProto:
    return network(gain=0.1)


@pytest.fixture(scope="module")
def product(original: onnx.ModelProto) -> onnx.ModelProto:
    ready = prepare(original)
    return finish(
        insert_quantizing(ready, quantisable(ready.graph), ranges_of(ready, stamps(), "minmax")), ready, original
    )


def test_it_is_described_as_the_float_one(product: onnx.ModelProto, original: onnx.ModelProto) -> None:
    assert {each.key: each.value for each in product.metadata_props} == METADATA
    assert product.opset_import == original.opset_import
    assert (product.ir_version, product.producer_name) == (original.ir_version, original.producer_name)
    assert product.graph.input == original.graph.input
    assert product.graph.output == original.graph.output


def test_each_activation_has_a_zero_point_of_its_own(product: onnx.ModelProto) -> None:
    graph = product.graph
    quantized = [node for node in graph.node if node.op_type == "QuantizeLinear"]
    zero_points = [node.input[2] for node in quantized]
    assert len(set(zero_points)) == len(zero_points)
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    for node in quantized:
        name = node.input[2]
        assert name.endswith((NONNEGATIVE, SIGNED))
        assert (tensors[name].data_type, tensors[name].raw_data, list(tensors[name].dims)) == (
            TensorProto.INT8,
            b"\0",
            [],
        )
        assert {each.op_type for each in graph.node if name in each.input} == {"QuantizeLinear", "DequantizeLinear"}
    assert not graph.value_info
    above_zero = {name.removesuffix(NONNEGATIVE) for name in zero_points if name.endswith(NONNEGATIVE)}
    assert above_zero == {
        "tiny_1/base_1/first/Relu:0",
        "tiny_1/base_1/preact/Relu:0",
        "tiny_1/base_1/left/Relu:0",
        "tiny_1/base_1/right/Relu:0",
        "tiny_1/base_1/mixed/concat:0",
        "Transpose__1:0",
        "tiny_1/flatten_1/Reshape:0",
        "tiny_1/hidden_1/Relu:0",
    }


def test_nothing_is_left_that_nothing_reads(product: onnx.ModelProto) -> None:
    read = {name for node in product.graph.node for name in node.input}
    assert {tensor.name for tensor in product.graph.initializer} <= read


def test_on_a_cpu_integers_run_through(product: onnx.ModelProto, tmp_path: Path) -> None:
    operators = operators_run(for_cpu(product), tmp_path)
    assert operators["QLinearConv"] == 7
    assert operators["QGemm"] == operators["QLinearConcat"] == operators["QLinearAveragePool"] == 1
    assert operators["QLinearAdd"] == 2
    assert not operators.keys() & {"Conv", "FusedConv", "Relu", "Concat", "AveragePool", "Gemm", "FusedGemm"}
    # After the image; around the normalization that could not be folded; before the logits.
    assert (operators["QuantizeLinear"], operators["DequantizeLinear"]) == (2, 2)


def test_unsigned_integers_are_needed_for_that(product: onnx.ModelProto, tmp_path: Path) -> None:
    assert operators_run(product, tmp_path)["QLinearConv"] < 7


def test_signed_and_unsigned_answers_are_equal(product: onnx.ModelProto) -> None:
    """But for values that fall to the other side of a step, because a sum is rounded in another order."""
    expected = answers(product, stamps())
    differences = np.abs(answers(for_cpu(product), stamps()) - expected)
    assert np.median(differences) < 5e-4
    assert differences.max() < 0.02
    assert np.ptp(expected) > 0.2
