"""Remove from an ONNX graph what tf2onnx leaves in it and no engine needs, and write the rest in one order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper


def tidy(model: onnx.ModelProto) -> onnx.ModelProto:
    """Return the same graph with constant shapes, and without unused regions of interest, operator sets and nodes.

    A Reshape gets its shape as "the batch size, then these numbers", which is computed from the tensor at run time; it
    becomes the constant "whatever is left (-1), then these numbers". A region of interest is used only in a mode of
    Resize that does not occur here, and TensorRT warns of it. Order and names are those of `put_in_order`. The given
    model is changed.
    """
    graph = model.graph
    for node in graph.node:
        if node.op_type == "Reshape":
            _make_static(graph, node)
        elif node.op_type == "Resize" and _text(node, "coordinate_transformation_mode") != "tf_crop_and_resize":
            node.input[1] = ""
    drop_unused(graph)
    put_in_order(graph)
    used = {node.domain for node in graph.node}
    kept = [opset for opset in model.opset_import if opset.domain in used | {""}]
    del model.opset_import[:]
    model.opset_import.extend(kept)
    return model


def leading_to(wanted: set[str], nodes: Sequence[onnx.NodeProto]) -> list[onnx.NodeProto]:
    """Return those of a graph's nodes, in their order, that tensors depend on; all that these read join `wanted`."""
    found = []
    for node in reversed(nodes):
        if wanted.intersection(node.output):
            wanted.update(node.input)
            found.append(node)
    return found[::-1]


def drop_unused(graph: onnx.GraphProto) -> None:
    """Remove nodes and constants that the output does not depend on, and the stored shapes of tensors in between."""
    wanted = {value.name for value in graph.output}
    _keep(graph.node, leading_to(wanted, graph.node))
    _keep(graph.initializer, [tensor for tensor in graph.initializer if tensor.name in wanted])
    del graph.value_info[:]


def put_in_order(graph: onnx.GraphProto) -> None:
    """Order nodes and constants as the output needs them, and name them after Keras's layers: ``…/block2_bn/Conv``.

    tf2onnx sorts by names, which it numbers in the order of a set, and names what it merged after any of the merged:
    exported twice, one network would be two files.
    """
    made_by = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    names = {value.name: value.name for value in (*graph.input, *graph.output)} | {"": ""}
    nodes, tensors = [], []
    counts: Counter[str] = Counter()
    done = set()
    # A node follows what it reads, so it is met twice: on the way to its inputs, and when they are there.
    waiting = [(made_by[value.name], False) for value in reversed(graph.output)]
    while waiting:
        node, read = waiting.pop()
        if node.output[0] in done:
            continue
        if not read:
            reads = [made_by[name] for name in reversed(node.input) if name in made_by]
            waiting += [(node, True), *((each, False) for each in reads)]
            continue
        done.add(node.output[0])
        nodes.append(node)
        name = _layer(node, constants) + node.op_type
        counts[name] += 1
        node.name = name if counts[name] == 1 else f"{name}_{counts[name]}"
        for position, name in enumerate(node.input):
            if name in constants and name not in names:
                names[name] = f"{node.name}/{position}"
                tensors.append(constants[name])
        for position, name in enumerate(node.output):
            names.setdefault(name, f"{node.name}:{position}" if position else node.name)
    for tensor in tensors:
        tensor.name = names[tensor.name]
    for node in nodes:
        node.input[:] = [names[name] for name in node.input]
        node.output[:] = [names[name] for name in node.output]
    _set(graph.node, nodes)
    _set(graph.initializer, tensors)


def _layer(node: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> str:
    """Return the path of a node, with a slash; that of its weights where tf2onnx made it, "" where these have none."""
    paths = [node.name, *(name for name in node.input[1:2] if name in constants and len(constants[name].dims) > 1)]
    return next((path[: path.rindex("/") + 1] for path in paths if "/" in path), "")


def _set(field: Any, messages: list[Any]) -> None:
    del field[:]
    field.extend(messages)


def _keep(field: Any, kept: list[Any]) -> None:
    """Keep only these messages of a repeated field; where they are all, it is not touched, which saves a copy."""
    if len(field) != len(kept):
        _set(field, kept)


def _make_static(graph: onnx.GraphProto, reshape: onnx.NodeProto) -> None:
    """Give a Reshape a constant shape where its shape is the batch size followed by constants."""
    made_by = {output: node for node in graph.node for output in node.output}
    constants = {tensor.name: tensor for tensor in graph.initializer}
    shape = made_by.get(reshape.input[1])
    while shape is not None and shape.op_type == "Cast":
        shape = made_by.get(shape.input[0])
    if shape is None or shape.op_type != "Concat" or not all(name in constants for name in shape.input[1:]):
        return
    first = made_by.get(shape.input[0])
    if first is None or first.op_type != "Slice" or _length(first, constants) != 1:
        return
    rest = [numpy_helper.to_array(constants[name]).ravel() for name in shape.input[1:]]
    static = np.concatenate([[-1], *rest]).astype(np.int64)
    name = f"{reshape.output[0]}/shape"
    graph.initializer.append(numpy_helper.from_array(static, name))
    reshape.input[1] = name


def _length(piece: onnx.NodeProto, constants: dict[str, onnx.TensorProto]) -> int | None:
    """Return how many numbers of a shape a Slice selects; None where that is not constant, or it has a step."""
    if Counter(name in constants for name in piece.input[1:3])[True] != 2 or len(piece.input) > 4:
        return None
    start, end = (int(numpy_helper.to_array(constants[name]).item()) for name in piece.input[1:3])
    return end - start if 0 <= start < end else None


def _text(node: onnx.NodeProto, name: str) -> str:
    return next((attribute.s.decode() for attribute in node.attribute if attribute.name == name), "")
