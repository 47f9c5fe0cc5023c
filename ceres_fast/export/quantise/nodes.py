"""What a float graph tells about its nodes: which may become int8, and which of their values cannot be negative."""

from __future__ import annotations

from collections.abc import Callable

import onnx

WEIGHTED = ("Conv", "Gemm", "MatMul")
"""Operators whose second input are weights."""


def constants(graph: onnx.GraphProto) -> set[str]:
    """Return the names of the initializers."""
    return {tensor.name for tensor in graph.initializer}


def is_weighted(node: onnx.NodeProto, fixed: set[str]) -> bool:
    """Whether the node multiplies its input with weights, one of the initializers `fixed`."""
    return node.op_type in WEIGHTED and node.input[1] in fixed


def _of_two_branches(node: onnx.NodeProto, fixed: set[str]) -> bool:
    # Not of a bias or of a batch normalization that could not be folded: 8 bits are too few for those.
    return not fixed.intersection(node.input)


def _always(node: onnx.NodeProto, fixed: set[str]) -> bool:
    return True


OPERATORS: dict[str, Callable[[onnx.NodeProto, set[str]], bool]] = {
    **dict.fromkeys(WEIGHTED, is_weighted),
    "Add": _of_two_branches,
    "Concat": _of_two_branches,
    **dict.fromkeys(("Relu", "MaxPool", "AveragePool", "Transpose", "Reshape", "Flatten"), _always),
}
"""What may become int8, and on what condition. Beside the weighted ones all that a backbone has between them, so that
integers run through: each node left out would cost two conversions."""


def quantisable(graph: onnx.GraphProto) -> list[str]:
    """Return the names of the nodes that may become int8, in the order of the graph.

    Not among them: what comes before the first weighted node (normalising and upscaling: raw pixels have no range), and
    from the last one on, whose outputs are the two logits.
    """
    fixed = constants(graph)
    weighted = [node.name for node in graph.node if is_weighted(node, fixed)]
    found: list[str] = []
    reached: set[str] = set()  # tensors that a weighted node is an ancestor of
    for node in graph.node:
        if weighted and node.name == weighted[-1]:
            break
        if node.name in weighted or reached.intersection(node.input):
            reached.update(node.output)
            if node.op_type in OPERATORS and OPERATORS[node.op_type](node, fixed):
                found.append(node.name)
    return found


_KEEP_SIGN = ("MaxPool", "AveragePool", "Concat", "Add", "Transpose", "Reshape", "Flatten")


def nonnegative(graph: onnx.GraphProto) -> set[str]:
    """Return the tensors that cannot be negative, whatever the stamps: from the operators, not from values seen."""
    found: set[str] = set()
    for node in graph.node:
        data = node.input[:1] if node.op_type == "Reshape" else node.input
        if node.op_type == "Relu" or (node.op_type in _KEEP_SIGN and found.issuperset(data)):
            found.update(node.output)
    return found
