"""The graph made ready gives the same answers, and nothing in it is in the way."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from onnx import numpy_helper

from ceres_fast.export.quantise.float_graph import prepared
from ceres_fast.export.quantise.nodes import quantisable

from .networks import network, stamps
from .runs import answers


def test_same_answers_and_the_original_untouched(capfd: pytest.CaptureFixture[str]) -> None:
    model = network(gain=0.1)
    before = model.SerializeToString()
    ready = prepared(model)
    assert model.SerializeToString() == before
    np.testing.assert_allclose(answers(ready, stamps()), answers(model, stamps()), atol=1e-6)
    assert capfd.readouterr() == ("", "")


def test_a_layer_and_its_bias_are_one_node() -> None:
    operators = Counter(node.op_type for node in prepared(network()).graph.node)
    assert operators["Gemm"] == 1
    assert operators["MatMul"] == 1  # the last, which has no bias
    assert operators["Add"] == 3


def test_nothing_else_reads_the_tensor_that_is_flattened() -> None:
    graph = prepared(network()).graph
    assert "Shape" not in {node.op_type for node in graph.node}
    reshape = next(node for node in graph.node if node.op_type == "Reshape")
    shape = next(tensor for tensor in graph.initializer if tensor.name == reshape.input[1])
    assert numpy_helper.to_array(shape).tolist() == [-1, 16 * 49]


def test_nodes_get_names_of_their_own() -> None:
    model = network()
    for node in model.graph.node:
        node.name = "" if node.op_type == "Relu" else node.op_type
    names = [node.name for node in prepared(model).graph.node]
    assert all(names)
    assert len(set(names)) == len(names)
    assert len(quantisable(prepared(model).graph)) == len(quantisable(prepared(network()).graph))
