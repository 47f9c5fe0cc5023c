"""Blocks: the parts of a network that become int8 or stay float as a whole."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

import onnx

from .nodes import constants, is_weighted, quantisable

MOST_BLOCKS = 24
"""Each costs a trial when not all of a network can be int8."""


@dataclass(frozen=True)
class Block:
    """A part of a network.

    Attributes
    ----------
    name : str
        Keras's name of its last layer.
    nodes : tuple of str
        Names of its nodes that may become int8.
    weighted : int
        How many of them have weights.
    """

    name: str
    nodes: tuple[str, ...]
    weighted: int


def blocks_of(model: onnx.ModelProto, most: int = MOST_BLOCKS) -> list[Block]:
    """Divide a network where it is one tensor wide: between residual blocks, between mixed ones, and in a chain.

    Needs no names: Keras counts some of them over the whole process, and a convolution that has taken in its batch
    normalization has lost its own. What has no weights goes with what is before it. Of more than `most` parts, the
    neighbours with the fewest weighted nodes are put together.

    Parameters
    ----------
    model : onnx.ModelProto
        From `prepared`.
    most : int, default 24
        How many blocks at most.

    Returns
    -------
    list of Block
        In the order of the network; together all nodes of `quantisable`, each once.
    """
    blocks: list[Block] = []
    allowed, fixed = set(quantisable(model.graph)), constants(model.graph)
    for part in _one_tensor_wide(model.graph, fixed):
        block = _block([node for node in part if node.name in allowed], fixed)
        if blocks and block.nodes and not block.weighted:
            blocks[-1] = _joined(blocks[-1], block)
        elif block.nodes:
            blocks.append(block)
    while len(blocks) > most:
        sizes = [left.weighted + right.weighted for left, right in pairwise(blocks)]
        at = sizes.index(min(sizes))
        blocks[at : at + 2] = [_joined(blocks[at], blocks[at + 1])]
    return blocks


def _one_tensor_wide(graph: onnx.GraphProto, fixed: set[str]) -> list[list[onnx.NodeProto]]:
    """Cut the nodes after each one that leaves a single tensor for all that follow.

    In any topological order all that such a tensor is made from comes before it, and all else after it.
    """
    last_read = {name: number for number, node in enumerate(graph.node) for name in node.input}
    live: set[str] = set()
    parts: list[list[onnx.NodeProto]] = [[]]
    for number, node in enumerate(graph.node):
        parts[-1].append(node)
        live.difference_update(name for name in node.input if last_read[name] == number)
        live.update(name for name in node.output if name not in fixed)
        if len(live) == 1:
            parts.append([])
    return parts


def _block(nodes: list[onnx.NodeProto], fixed: set[str]) -> Block:
    weighted = sum(is_weighted(node, fixed) for node in nodes)
    return Block(_layer(nodes[-1], fixed) if nodes else "", tuple(node.name for node in nodes), weighted)


def _joined(left: Block, right: Block) -> Block:
    name = right.name if right.weighted else left.name
    return Block(name, left.nodes + right.nodes, left.weighted + right.weighted)


_LAYER_NAMES = (r"(?:^|/)base(?:_\d+)?/([^/]+)/", r"^[^/]+/([^/]+)/")
"""Where tf2onnx's paths hold the name of a layer: below the backbone's, or else below the model's."""


def _layer(node: onnx.NodeProto, fixed: set[str]) -> str:
    """Return Keras's name of the layer, from the path of the node or else of its weights."""
    for path in (node.name, *(name for name in node.input[1:2] if name in fixed)):
        for pattern in _LAYER_NAMES:
            if match := re.search(pattern, path):
                return match[1]
    return node.name
