"""The float graph: made ready for quantising, which of its nodes may become int8, which values cannot be negative."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization.quant_utils import add_infer_metadata
from onnxruntime.quantization.shape_inference import quant_pre_process

from ...files import temporary_folder
from ...model.onnx_float16 import PLACES, ends_of
from ...model.onnx_tidy import drop_unused, leading_to

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
    from the last one on, whose outputs are the two logits, or from where side numbers join (`ends_of`). Networks that
    are averaged have one such layer each.
    """
    fixed = constants(graph)
    weighted = {number for number, node in enumerate(graph.node) if is_weighted(node, fixed)}
    last = ends_of(graph, weighted)
    found: list[str] = []
    reached: set[str] = set()  # tensors that a weighted node is an ancestor of
    beyond: set[str] = set()  # tensors that a last one is an ancestor of
    for number, node in enumerate(graph.node):
        if node.op_type == PLACES:
            continue
        if number in last or beyond.intersection(node.input):
            beyond.update(node.output)
        elif number in weighted or reached.intersection(node.input):
            reached.update(node.output)
            if node.op_type in OPERATORS and OPERATORS[node.op_type](node, fixed):
                found.append(node.name)
    return found


def networks_of(graph: onnx.GraphProto) -> list[list[onnx.NodeProto]]:
    """Return the nodes of each network up to its last layer, in the order of the graph; of averaged ones they mix."""
    fixed = constants(graph)
    weighted = {number for number, node in enumerate(graph.node) if is_weighted(node, fixed)}
    return [
        leading_to(set(graph.node[last].output), [each for each in graph.node[: last + 1] if each.op_type != PLACES])
        for last in sorted(ends_of(graph, weighted))
    ]


_KEEP_SIGN = ("MaxPool", "AveragePool", "Concat", "Add", "Transpose", "Reshape", "Flatten")


def nonnegative(graph: onnx.GraphProto) -> set[str]:
    """Return the tensors that cannot be negative, whatever the stamps: from the operators, not from values seen."""
    found: set[str] = set()
    for node in graph.node:
        data = node.input[:1] if node.op_type == "Reshape" else node.input
        if node.op_type == "Relu" or (node.op_type in _KEEP_SIGN and found.issuperset(data)):
            found.update(node.output)
    return found


def prepare(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same network as ONNX Runtime's quantization wants it; `model` stays as it is.

    A matrix product and its bias become one Gemm, which ONNX Runtime needs to run it in integers.

    Parameters
    ----------
    model : onnx.ModelProto
        Float graph, one file (no external data).

    Returns
    -------
    onnx.ModelProto
        Every node has a name of its own, every tensor a type.
    """
    ready = onnx.ModelProto()
    ready.CopyFrom(model)
    _flatten_to_fixed_size(ready.graph)
    drop_unused(ready.graph)
    _name_nodes(ready.graph)
    with temporary_folder("Exporting to int8") as folder:
        before, after = folder / "before.onnx", folder / "after.onnx"
        onnx.save(ready, before)
        # The symbolic one needs SymPy, and is for transformers.
        quant_pre_process(before, after, skip_symbolic_shape=True)
        ready = onnx.load(after)
    _name_nodes(ready.graph)
    add_infer_metadata(ready)  # else the quantizer writes the model to disk and infers the shapes once more, each time
    return ready


def _flatten_to_fixed_size(graph: onnx.GraphProto) -> None:
    """Give a Reshape before a matrix product a constant shape.

    Keras flattens to a shape that it computes from the tensor's own. As one more reader of it, that computation would
    keep the tensor from staying an integer.
    """
    fixed = constants(graph)
    rows = {tensor.name: tensor.dims[0] for tensor in graph.initializer if tensor.dims}
    reshaped = {node.output[0]: node for node in graph.node if node.op_type == "Reshape"}
    for node in graph.node:
        if node.op_type != "Conv" and is_weighted(node, fixed) and node.input[0] in reshaped:
            reshape = reshaped[node.input[0]]
            if reshape.input[1] in fixed:
                continue
            shape = numpy_helper.from_array(np.array([-1, rows[node.input[1]]], np.int64), f"{reshape.name}/shape")
            graph.initializer.append(shape)
            reshape.input[1] = shape.name


def _name_nodes(graph: onnx.GraphProto) -> None:
    """Give a name to each node that has none or shares it: nodes are chosen by their names."""
    used = Counter(node.name for node in graph.node)
    for number, node in enumerate(graph.node):
        if not node.name or used[node.name] > 1:
            node.name = f"{node.name or node.op_type}__node_{number}"
