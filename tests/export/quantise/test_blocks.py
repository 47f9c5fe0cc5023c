"""A network is divided where it is one tensor wide."""

from __future__ import annotations

import onnx
import pytest

from ceres_fast.export.quantise.blocks import blocks_of
from ceres_fast.export.quantise.float_graph import prepared
from ceres_fast.export.quantise.nodes import constants, is_weighted, quantisable

from .networks import BLOCKS, network


@pytest.fixture(scope="module")
def ready() -> onnx.ModelProto:
    return prepared(network())


def test_by_chain_residual_and_mixed_blocks(ready: onnx.ModelProto) -> None:
    blocks = blocks_of(ready)
    assert tuple(block.name for block in blocks) == BLOCKS
    assert [block.weighted for block in blocks] == [1, 3, 1, 2, 1]
    assert blocks[0].nodes == ("Conv__7", "tiny_1/base_1/first/Relu")
    assert "tiny_1/base_1/pool/MaxPool2d" in blocks[2].nodes  # no weights: goes with what is before it


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 24])
def test_each_node_is_in_one_block_in_the_order_of_the_graph(ready: onnx.ModelProto, most: int) -> None:
    blocks = blocks_of(ready, most)
    assert len(blocks) == min(most, len(BLOCKS))
    allowed = quantisable(ready.graph)
    assert sorted(name for block in blocks for name in block.nodes) == sorted(allowed)
    fixed = constants(ready.graph)
    weighted = {node.name for node in ready.graph.node if is_weighted(node, fixed)}
    assert [len(weighted & set(block.nodes)) for block in blocks] == [block.weighted for block in blocks]


def test_the_smallest_neighbours_are_put_together(ready: onnx.ModelProto) -> None:
    assert [block.weighted for block in blocks_of(ready, 4)] == [1, 3, 3, 1]
    assert [block.name for block in blocks_of(ready, 4)] == ["first_conv", "residual", "mixed", "hidden_1"]


def test_names_of_layers_are_not_needed() -> None:
    model = network()
    names = {tensor.name: f"w{number}" for number, tensor in enumerate(model.graph.initializer)}
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    for number, node in enumerate(model.graph.node):
        node.name = f"n{number}"
        for at, name in enumerate(node.input):
            node.input[at] = names.get(name, name)
    assert [block.weighted for block in blocks_of(prepared(model))] == [1, 3, 1, 2, 1]
