"""Put quantizing and dequantizing nodes around the nodes that are to run in int8."""

from __future__ import annotations

import copy
from collections.abc import Collection

import onnx
from onnxruntime.quantization import QuantType
from onnxruntime.quantization.calibrate import TensorsData
from onnxruntime.quantization.qdq_quantizer import QDQQuantizer

from .nodes import OPERATORS

_OPTIONS = {"ActivationSymmetric": True, "WeightSymmetric": True, "QuantizeBias": False}
"""What TensorRT takes: zero points 0, and a bias that stays float32."""


def inserted(model: onnx.ModelProto, nodes: Collection[str], ranges: TensorsData) -> onnx.ModelProto:
    """Return the graph with `nodes` in int8: their inputs, outputs and weights are quantized and dequantized.

    Weights have a scale per output channel, activations one per tensor. A Relu comes before the quantizing of what it
    is applied to, not after: so both TensorRT and ONNX Runtime make one integer operation of layer and Relu.

    Parameters
    ----------
    model : onnx.ModelProto
        From `prepared`; stays as it is.
    nodes : collection of str
        Names of nodes of `quantisable`, at least one: the quantizer takes none for all.
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
