"""A float graph made ready: constants folded, biases inside their layers, the type of every tensor known."""

from __future__ import annotations

import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization.quant_utils import add_infer_metadata
from onnxruntime.quantization.shape_inference import quant_pre_process

from ...model.onnx_tidy import drop_unused
from .nodes import constants, is_weighted


def prepared(model: onnx.ModelProto) -> onnx.ModelProto:
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
    with tempfile.TemporaryDirectory(prefix="ceres-fast-") as folder:
        before, after = Path(folder) / "before.onnx", Path(folder) / "after.onnx"
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
            shape = numpy_helper.from_array(np.array([-1, rows[node.input[1]]], np.int64), f"{reshape.name}/shape")
            graph.initializer.append(shape)
            reshape.input[1] = shape.name


def _name_nodes(graph: onnx.GraphProto) -> None:
    """Give a name to each node that has none or shares it: nodes are chosen by their names."""
    used = Counter(node.name for node in graph.node)
    for number, node in enumerate(graph.node):
        if not node.name or used[node.name] > 1:
            node.name = f"{node.name or node.op_type}__node_{number}"
