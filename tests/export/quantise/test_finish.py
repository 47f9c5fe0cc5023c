"""The product is described as the float one is, and a CPU may run it in unsigned integers from end to end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto

from ceres_fast.artifact.onnx_file import NONNEGATIVE, SIGNED
from ceres_fast.export.quantise.finish import finished
from ceres_fast.export.quantise.float_graph import prepared
from ceres_fast.export.quantise.insert import inserted
from ceres_fast.export.quantise.nodes import quantisable
from ceres_fast.export.quantise.ranges import ranges_of

from .networks import METADATA, network, stamps
from .runs import answers, for_cpu, operators_run


@pytest.fixture(scope="module")
def original() -> onnx.ModelProto:
    return network(gain=0.1)


@pytest.fixture(scope="module")
def product(original: onnx.ModelProto) -> onnx.ModelProto:
    ready = prepared(original)
    return finished(inserted(ready, quantisable(ready.graph), ranges_of(ready, stamps(), "minmax")), ready, original)


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
