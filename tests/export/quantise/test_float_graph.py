"""The float graph is made ready without a change of its answers, and only some of its nodes may become int8."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from onnx import TensorProto, helper, numpy_helper

from ceres_fast.export.quantise.float_graph import nonnegative, prepare, quantisable

from .networks import network, stamps
from .runs import answers, values


def test_same_answers_and_the_original_untouched(capfd: pytest.CaptureFixture[str]) -> None:
    model = network(gain=0.1)
    before = model.SerializeToString()
    ready = prepare(model)
    assert model.SerializeToString() == before
    np.testing.assert_allclose(answers(ready, stamps()), answers(model, stamps()), atol=1e-6)
    assert capfd.readouterr() == ("", "")


def test_a_layer_and_its_bias_are_one_node() -> None:
    operators = Counter(node.op_type for node in prepare(network()).graph.node)
    assert operators["Gemm"] == 1
    assert operators["MatMul"] == 1  # the last, which has no bias
    assert operators["Add"] == 3


def test_nothing_else_reads_the_tensor_that_is_flattened() -> None:
    graph = prepare(network()).graph
    assert "Shape" not in {node.op_type for node in graph.node}
    reshape = next(node for node in graph.node if node.op_type == "Reshape")
    shape = next(tensor for tensor in graph.initializer if tensor.name == reshape.input[1])
    assert numpy_helper.to_array(shape).tolist() == [-1, 16 * 49]


def test_nodes_get_names_of_their_own() -> None:
    model = network()
    for node in model.graph.node:
        node.name = "" if node.op_type == "Relu" else node.op_type
    names = [node.name for node in prepare(model).graph.node]
    assert all(names)
    assert len(set(names)) == len(names)
    assert len(quantisable(prepare(model).graph)) == len(quantisable(prepare(network()).graph))


def test_everything_between_the_stem_and_the_logits_but_scales_and_biases() -> None:
    graph = network().graph
    chosen = set(quantisable(graph))
    left_out = [node.name for node in graph.node if node.name not in chosen]
    stem = [node.name for node in graph.node[:7]]
    assert left_out == [
        *stem,
        "tiny_1/base_1/preact_bn/mul_1",
        "tiny_1/base_1/preact_bn/add_1",
        "Shape__1",
        "tiny_1/flatten_1/Shape",
        "tiny_1/flatten_1/concat",
        "tiny_1/hidden_1/BiasAdd",
        "logits",
        "tiny_1/probabilities_1/Softmax",
    ]
    assert [name for name in (node.name for node in graph.node) if name in chosen] == quantisable(graph)


def test_a_graph_without_weights_has_none() -> None:
    node = helper.make_node("Relu", ["stamp"], ["probability"], name="relu")
    graph = helper.make_graph([node], "none", [], [])
    assert quantisable(graph) == []


def test_a_product_of_two_activations_has_no_weights() -> None:
    graph = network().graph
    conv = next(node for node in graph.node if node.op_type == "Conv")
    weights = next(tensor for tensor in graph.initializer if tensor.name == conv.input[1])
    graph.initializer.remove(weights)  # comes from elsewhere now
    assert conv.name not in quantisable(graph)


def test_what_follows_a_relu_cannot_be_negative() -> None:
    model = network()
    found = nonnegative(model.graph)
    assert {f"tiny_1/base_1/{name}:0" for name in ("first/Relu", "left/Relu", "mixed/concat")} <= found
    assert "tiny_1/flatten_1/Reshape:0" in found
    assert not found & {f"tiny_1/base_1/{name}:0" for name in ("residual/Add", "pool/MaxPool2d", "average/AvgPool")}
    for tensor in found:
        assert values(model, tensor, stamps(4)).min() >= 0


@pytest.mark.parametrize(("second", "expected"), [("positive", True), ("either", False)])
def test_a_sum_is_as_its_terms_are(second: str, expected: bool) -> None:
    nodes = [
        helper.make_node("Relu", ["a"], ["positive"]),
        helper.make_node("Conv", ["positive", "w"], ["either"]),
        helper.make_node("Add", ["positive", second], ["sum"]),
        helper.make_node("Concat", [second, "positive"], ["both"], axis=1),
    ]
    weights = numpy_helper.from_array(np.ones((1, 1, 1, 1), np.float32), "w")
    graph = helper.make_graph(
        nodes, "sum", [helper.make_tensor_value_info("a", TensorProto.FLOAT, None)], [], [weights]
    )
    assert ({"sum", "both"} <= nonnegative(graph)) is expected
