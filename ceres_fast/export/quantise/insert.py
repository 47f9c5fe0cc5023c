"""Quantizing nodes are put into a float graph, and their zero points named, so that GPUs and CPUs run the same file.

TensorRT allows int8 activations with zero point 0 only. ONNX Runtime on a CPU has its fast kernels for unsigned ones
(the signed product is a plain loop in its ``MlasGemmQuantGetDispatch``, 1.32), and makes one integer operation of a
layer and its Relu only where zero is the smallest number of the type. The type of the zero point is all that is between
the two; so each activation has a zero point of its own, one byte in ``raw_data``, whose name says what it becomes when
the file is read for a CPU (`ceres_fast.artifact.onnx_file.as_unsigned`):

- ``…_zero_point_nonnegative``: uint8 0. The same numbers up to 127 steps; above, beyond the range that was measured,
  int8 is cut off and uint8 goes on to 255.
- ``…_zero_point_signed``: uint8 128. The same numbers exactly. ONNX Runtime does this itself, but not for a tensor with
  more than one reader (its ``QDQS8ToU8Transformer``), and then none of the layers around it stays an integer one.
"""

from __future__ import annotations

import copy
from collections.abc import Collection

import numpy as np
import onnx
from onnx import numpy_helper
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from ...artifact.onnx_file import NONNEGATIVE, SIGNED
from .float_graph import OPERATORS, nonnegative

_OPTIONS = {"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False}
"""What TensorRT can run: zero points 0, and a bias that stays float32."""


def insert_quantizing(model: onnx.ModelProto, nodes: Collection[str], ranges: TensorsData) -> onnx.ModelProto:
    """Return the graph with `nodes` in int8: their inputs, outputs and weights are quantized and dequantized.

    Weights have a scale per output channel, activations one per tensor. A Relu comes before the quantizing of what it
    is applied to, not after: so both TensorRT and ONNX Runtime make one integer operation of layer and Relu.

    Parameters
    ----------
    model : onnx.ModelProto
        From `prepare`; stays as it is.
    nodes : collection of str
        Names of nodes of `quantisable`, at least one: to the quantizer an empty list means all nodes.
    ranges : TensorsData
        From `ranges_of`.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    assert nodes
    quantizer = QDQQuantizer(
        made,
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QInt8,
        tensors_range=copy.deepcopy(ranges),  # which it adjusts
        nodes_to_quantize=sorted(nodes),
        nodes_to_exclude=[],
        op_types_to_quantize=list(OPERATORS),
        extra_options=_OPTIONS,
    )
    quantizer.quantize_model()
    quantizer.model.topological_sort()
    made = quantizer.model.model
    _apply_relu_first(made.graph, set(nodes))
    return made


def _apply_relu_first(graph: onnx.GraphProto, nodes: set[str]) -> None:
    """Take out the quantizing before a Relu that nothing else reads; the one after it has the same scale."""
    producers = {name: node for node in graph.node for name in node.output}
    readers: dict[str, int] = {}
    for node in graph.node:
        for name in node.input:
            readers[name] = readers.get(name, 0) + 1
    needless: set[str] = set()
    for relu in graph.node:
        if relu.op_type != "Relu" or relu.name not in nodes:
            continue
        dequantize = producers.get(relu.input[0])
        if dequantize is None or dequantize.op_type != "DequantizeLinear":
            continue
        quantize = producers[dequantize.input[0]]
        if all(readers[name] == 1 for name in (quantize.input[0], dequantize.input[0], relu.input[0])):
            relu.input[0] = quantize.input[0]
            needless |= {quantize.name, dequantize.name}
    kept = [node for node in graph.node if node.name not in needless]
    del graph.node[:]
    graph.node.extend(kept)


def finish(model: onnx.ModelProto, ready: onnx.ModelProto, original: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph as it is shipped, checked.

    Parameters
    ----------
    model : onnx.ModelProto
        From `insert_quantizing`; stays as it is.
    ready : onnx.ModelProto
        The float graph it was made from.
    original : onnx.ModelProto
        The float product, whose description is kept.
    """
    made = with_description_of(model, original)
    _name_zero_points(made.graph, nonnegative(ready.graph))
    onnx.checker.check_model(made, full_check=True)
    return made


def with_description_of(model: onnx.ModelProto, original: onnx.ModelProto) -> onnx.ModelProto:
    """Return the graph of `model` with the metadata, versions, inputs and outputs of `original`.

    The quantizer adds metadata of its own, and ONNX Runtime imports sets of operators that are not used.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for field in ("metadata_props", "opset_import"):
        made.ClearField(field)
        getattr(made, field).extend(getattr(original, field))
    for field in ("ir_version", "producer_name", "producer_version"):
        setattr(made, field, getattr(original, field))
    for field in ("input", "output"):
        made.graph.ClearField(field)
        getattr(made.graph, field).extend(getattr(original.graph, field))
    made.graph.name = original.graph.name
    made.graph.ClearField("value_info")  # would say int8 where a runtime makes it uint8
    return made


def _name_zero_points(graph: onnx.GraphProto, above_zero: set[str]) -> None:
    """Give each activation a zero point of its own; a pool has had that of its input."""
    names: dict[str, str] = {}
    for node in graph.node:
        if node.op_type == "QuantizeLinear":
            tensor = node.input[0]
            names[node.output[0]] = tensor + (NONNEGATIVE if tensor in above_zero else SIGNED)
            node.input[2] = names[node.output[0]]
    for node in graph.node:
        if node.op_type == "DequantizeLinear" and node.input[0] in names:
            node.input[2] = names[node.input[0]]
    used = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name in used]
    kept += [numpy_helper.from_array(np.array(0, np.int8), name) for name in names.values()]
    del graph.initializer[:]
    graph.initializer.extend(kept)
