"""Convert a float32 graph to float16, with the precisions that Keras's policy `mixed_float16` gives the layers."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from ..errors import CeresFastError
from .onnx_tidy import drop_unused

WEIGHTED = ("Conv", "MatMul", "Gemm")
"""Operators with weights: the network begins with the first of them, and its last is the layer of the classes. Of
networks that are averaged, each begins and ends so."""

PLACES = "NonZero"
"""Operator that makes places of numbers, as where a cascade has stamps to ask about. What a network makes of stamps
ends there: it decides which stamps another network is given, but is no part of what that one computes."""

_FLOAT, _HALF = TensorProto.FLOAT, TensorProto.FLOAT16


def halved(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph that computes all but stem, last layers and softmax in float16, as `mixed_float16` does.

    Those stay in float32, as do input and output: a saturated detector reads 65535 ADU, and the largest float16 is
    65504.

    Parameters
    ----------
    model : onnx.ModelProto
        A classifier in float32, with its nodes in the order in which they are computed. It is not changed.

    Raises
    ------
    CeresFastError
        When a weight is too large for float16.

    Notes
    -----
    A model under that policy is not converted itself. Keras computes its BatchNormalization in float32, so each one
    becomes a cast, a product, a sum and a cast back, which no engine folds into the convolution before it. In the
    float32 graph it is folded already, and the weights are rounded only once.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    graph = made.graph
    network = _network(graph)
    floats = _of_type(made, _FLOAT)
    constants = {tensor.name: tensor for tensor in graph.initializer if tensor.data_type == _FLOAT}
    computed = {name for number in network for name in graph.node[number].output} & floats
    nodes: list[onnx.NodeProto] = []
    moved: dict[tuple[str, int], str] = {}

    def in_type(name: str, wanted: int) -> str:
        """Return the name of a tensor in the wanted type; where there is none yet, add a cast or a rounded constant."""
        if (name not in constants and name not in floats) or wanted == (_HALF if name in computed else _FLOAT):
            return name
        if (name, wanted) not in moved:
            other = moved[name, wanted] = f"{name}/{TensorProto.DataType.Name(wanted).lower()}"
            if name in constants:
                graph.initializer.append(_rounded(constants[name], other))
            else:
                nodes.append(helper.make_node("Cast", [name], [other], name=other, to=wanted))
        return moved[name, wanted]

    for number, node in enumerate(graph.node):
        inputs = [in_type(name, _HALF if number in network else _FLOAT) for name in node.input]
        del node.input[:]
        node.input.extend(inputs)
        if number in network and node.op_type == "Cast" and node.attribute[0].i == _FLOAT:
            node.attribute[0].i = _HALF
        nodes.append(node)
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    drop_unused(made.graph)
    return made


def rounded_at_each_node(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return a graph that gives on a CPU what a GPU gives: its float16 nodes compute in float32, and round the result.

    ONNX Runtime has no float16 kernels for a CPU. It puts casts around each such node, and removes the casts between
    two of them. So nothing between them is rounded, and nothing overflows as it would on a GPU. It keeps casts that are
    part of the graph, which are added here.

    Parameters
    ----------
    model : onnx.ModelProto
        From `halved`. It is not changed.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    halves = _of_type(model, _HALF) | {each.name for each in model.graph.initializer if each.data_type == _HALF}
    nodes: list[onnx.NodeProto] = []
    widened: dict[str, str] = {}
    for node in made.graph.node:
        if node.op_type == "Cast" or not halves.intersection(node.output):
            nodes.append(node)
            continue
        for place, name in enumerate(node.input):
            if name in halves and name not in widened:
                widened[name] = f"{name}/widened"
                nodes.append(helper.make_node("Cast", [name], [widened[name]], to=_FLOAT))
            node.input[place] = widened.get(name, name)
        names = list(node.output)
        node.output[:] = [f"{name}/exact" for name in names]
        nodes += [node, *(helper.make_node("Cast", [f"{name}/exact"], [name], to=_HALF) for name in names)]
    del made.graph.node[:]
    made.graph.node.extend(nodes)
    return made


def _network(graph: onnx.GraphProto) -> set[int]:
    """Return the numbers of the nodes from the first with weights to before the last one, of each network."""
    constants = {tensor.name for tensor in graph.initializer}
    weighted = [
        number
        for number, node in enumerate(graph.node)
        if node.op_type in WEIGHTED and constants.intersection(node.input)
    ]
    return _downstream(graph, weighted) - _downstream(graph, ends_of(graph, weighted))


def ends_of(graph: onnx.GraphProto, weighted: Collection[int]) -> set[int]:
    """Return the numbers of the nodes at which each network ends: from there on, a graph stays in float32.

    That is where side numbers, which no node with weights has a part in, join the features; else the last layer.
    """
    inside = _outputs(graph, _downstream(graph, weighted))
    beside = {name for node in graph.node for name in node.output} - inside - _outputs(graph, _constant(graph))
    joins = {
        number
        for number, node in enumerate(graph.node)
        if not inside.isdisjoint(node.input) and not beside.isdisjoint(node.input)
    }
    found = joins | last_of(graph, weighted)
    # Of those that follow each other the first: what a cascade does with the answers of its networks is no network.
    return {number for number in found if number not in _downstream(graph, found - _downstream(graph, {number}))}


def _outputs(graph: onnx.GraphProto, numbers: Collection[int]) -> set[str]:
    return {name for number in numbers for name in graph.node[number].output}


def _constant(graph: onnx.GraphProto) -> set[int]:
    """Return the numbers of the nodes that depend on no input."""
    given = {value.name for value in graph.input}
    found = set()
    for number, node in enumerate(graph.node):
        if given.isdisjoint(node.input):
            found.add(number)
        else:
            given.update(node.output)
    return found


def last_of(graph: onnx.GraphProto, numbers: Collection[int]) -> set[int]:
    """Return those of some nodes, given by their numbers, that none of the others depends on."""
    read: set[str] = set()  # by one of them, or by what one of them depends on
    last = set()
    for number in range(len(graph.node) - 1, -1, -1):
        node = graph.node[number]
        leads = not read.isdisjoint(node.output)
        if number in numbers and not leads:
            last.add(number)
        if (number in numbers or leads) and node.op_type != PLACES:
            read.update(node.input)
    return last


def _downstream(graph: onnx.GraphProto, starts: Collection[int]) -> set[int]:
    """Return the numbers of these nodes and of all that depend on them."""
    reached: set[str] = set()
    found = set()
    for number, node in enumerate(graph.node):
        if number in starts or (node.op_type != PLACES and reached.intersection(node.input)):
            reached.update(node.output)
            found.add(number)
    return found


def _of_type(model: onnx.ModelProto, kind: int) -> set[str]:
    """Return the names of all tensors of a type that are given or computed."""
    graph = onnx.shape_inference.infer_shapes(model, strict_mode=True).graph
    values = (*graph.input, *graph.value_info, *graph.output)
    return {value.name for value in values if value.type.tensor_type.elem_type == kind}


def _rounded(tensor: onnx.TensorProto, name: str) -> onnx.TensorProto:
    values = numpy_helper.to_array(tensor)
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    if not np.array_equal(np.isfinite(half), np.isfinite(values)):
        raise CeresFastError(
            f"Not exported: the weights hold {np.abs(values).max():.3g}, and float16 ends at 65504. "
            "Export it with --precision float32."
        )
    return numpy_helper.from_array(half, name)
