"""Channels of like size: one scale for a whole tensor serves all of them.

What a convolution gives may have channels that are a hundred times as large as others, most of all between the two
halves of a separable one. int8 has one scale for all: of the small channels little is left. Where only convolutions
read such a tensor, each channel can be divided by a factor in the weights before it and multiplied by the same in the
weights after it; ReLU and pooling keep a positive factor as it is. The network stays the same.

Source: Nagel et al. 2019, "Data-free quantization through weight equalization and bias correction" (arXiv:1906.04721);
the factors are those of Xiao et al. 2023, "SmoothQuant" (arXiv:2211.10438).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import onnx
from onnx import numpy_helper

from ...engines.providers import cpu_session
from .ranges import BATCH

LEAST = 0.01
"""What a channel counts as at least, of the largest. A channel that is almost empty in these stamps would
else be scaled up to them, and cut off where an unusual stamp gives it larger values."""

_KEEP_FACTORS = ("Relu", "MaxPool", "AveragePool")


class _Link(NamedTuple):
    """A convolution, what it gives (after the operators that keep factors), and the convolutions that read it."""

    layer: onnx.NodeProto
    tensor: str
    readers: list[onnx.NodeProto]


def equalise_channels(model: onnx.ModelProto, stamps: np.ndarray, batch: int = BATCH) -> onnx.ModelProto:
    """Return the same network with channels of like size wherever that can be had by its weights alone.

    Parameters
    ----------
    model : onnx.ModelProto
        From `prepare`; stays as it is.
    stamps : numpy.ndarray
        Stamps that say how large channels are, float32 (n, 32, 32, planes), in ADU.
    batch : int
        Stamps at a time.
    """
    made = onnx.ModelProto()
    made.CopyFrom(model)
    weights = {tensor.name: tensor for tensor in made.graph.initializer}
    links = list(_links(made.graph, weights))
    for link, sizes in zip(links, _sizes(made, [link.tensor for link in links], stamps, batch), strict=True):
        factors = _factors(sizes, [_of_inputs(node, weights) for node in link.readers if not _is_depthwise(node)])
        for name in filter(None, link.layer.input[1:]):
            _multiply(weights[name], 1 / factors, axis=0)
        for node in link.readers:
            kernel = weights[node.input[1]]
            if _is_depthwise(node):
                _multiply(kernel, np.repeat(factors, kernel.dims[0] // len(factors)), axis=0)
            else:
                _multiply(kernel, factors, axis=1)
    return made


def _links(graph: onnx.GraphProto, weights: dict[str, onnx.TensorProto]) -> Iterator[_Link]:
    readers: dict[str, list[onnx.NodeProto]] = {}
    for node in graph.node:
        for name in node.input:
            readers.setdefault(name, []).append(node)
    own = {name for name in weights if len(readers.get(name, ())) == 1}
    outputs = {value.name for value in graph.output}

    def is_plain(node: onnx.NodeProto) -> bool:
        return node.op_type == "Conv" and own.issuperset(filter(None, node.input[1:]))

    def takes_factors(node: onnx.NodeProto) -> bool:
        return is_plain(node) and (_groups(node) == 1 or weights[node.input[1]].dims[1] == 1)

    for node in filter(is_plain, graph.node):
        tensor = node.output[0]
        while [each.op_type in _KEEP_FACTORS for each in readers.get(tensor, ())] == [True]:
            tensor = readers[tensor][0].output[0]
        found = readers.get(tensor, [])
        if found and tensor not in outputs and all(map(takes_factors, found)):
            yield _Link(node, tensor, found)


def _sizes(model: onnx.ModelProto, tensors: list[str], stamps: np.ndarray, batch: int = BATCH) -> list[np.ndarray]:
    """Return the largest absolute value of each channel of some tensors, (channels,) each."""
    if not tensors:
        return []
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.extend(onnx.ValueInfoProto(name=name) for name in tensors)
    session = cpu_session(watched.SerializeToString())
    (name,) = (value.name for value in model.graph.input)
    batches = (stamps[start : start + batch] for start in range(0, len(stamps), batch))
    found = [[np.abs(each).max((0, 2, 3)) for each in session.run(tensors, {name: some})] for some in batches]
    return [np.max(each, axis=0) for each in zip(*found, strict=True)]


def _factors(sizes: np.ndarray, weights: list[np.ndarray]) -> np.ndarray:
    """Return what channels are divided by: half of the difference in size, on a logarithmic scale.

    All of it where only depthwise convolutions read them, whose weights have a scale for each channel.
    """
    factors = _bounded(sizes)
    if weights:
        factors = np.sqrt(factors / _bounded(np.max(weights, axis=0)))
    return factors / np.exp(np.mean(np.log(factors)))


def _bounded(sizes: np.ndarray) -> np.ndarray:
    """Return sizes of which none is less than `LEAST` of the largest: on other stamps a channel may be larger."""
    largest = sizes.max().astype(np.float64)
    return np.maximum(sizes, LEAST * largest) if largest > 0 else np.ones_like(sizes, np.float64)


def _of_inputs(node: onnx.NodeProto, weights: dict[str, onnx.TensorProto]) -> np.ndarray:
    """Return the largest weight of each input channel of a convolution, (channels,)."""
    return np.abs(numpy_helper.to_array(weights[node.input[1]])).max((0, 2, 3))


def _groups(node: onnx.NodeProto) -> int:
    return next((attribute.i for attribute in node.attribute if attribute.name == "group"), 1)


def _is_depthwise(node: onnx.NodeProto) -> bool:
    return _groups(node) > 1


def _multiply(tensor: onnx.TensorProto, factors: np.ndarray, axis: int) -> None:
    values = numpy_helper.to_array(tensor)
    shape = [-1 if number == axis else 1 for number in range(values.ndim)]
    changed = (values * factors.reshape(shape)).astype(values.dtype)
    tensor.CopyFrom(numpy_helper.from_array(changed, tensor.name))
