"""Cut a classifier in two: the prefix, whose output training cannot change, and the suffix, the rest."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from ..libraries.tensorflow_quiet import keras
from .build import BASE, SIDE, UPSCALE, Base


@dataclass(frozen=True)
class Cut:
    """A classifier in two parts that share its layers: ``suffix(prefix(stamps))`` is the output of the classifier.

    Attributes
    ----------
    prefix : keras.Model
        Stamps (n, 32, 32, planes) float32 in ADU to a list of tensors (n, *shape), or to the tensor itself where it is
        only one. Nothing in it is trained or random.
    suffix : keras.Model
        The output of the prefix to probabilities (n, 2) float32. To train it is to train the classifier.
    shapes : tuple of tuple of int
        Shapes of the tensors, without the batch axis.
    dtype : str
        Type of the tensors: ``float32``, ``float16`` or ``bfloat16``. Float32 where they differ.
    names : tuple of str
        The layers that the tensors come from: the kind of a layer of the base, and its number among that kind, from 0.
        They are the same in every process, unlike the names of Keras, which counts the layers of a process.
    """

    prefix: keras.Model
    suffix: keras.Model
    shapes: tuple[tuple[int, ...], ...]
    dtype: str
    names: tuple[str, ...]


def cut(model: keras.Model) -> Cut | None:
    """Cut a classifier as late as possible, with nothing that training changes before the cut.

    Parameters
    ----------
    model : keras.Model
        From `build_model`: stem, base, and a head that is a plain stack of layers.

    Returns
    -------
    Cut or None
        None where no frozen layer with weights comes before the first trained one, as when training from scratch.

    Notes
    -----
    A layer without weights (activation, padding, sum …) may have an output that is larger than its input. Then the cut
    is put before that layer, because computing it again is cheaper than reading its output.
    """
    base = model.get_layer(BASE)
    graph = _Graph(base)
    tensors = graph.ordered(_pulled_back(graph, graph.frontier()))
    inner = _alike(base, Base(base.input, tensors, name="prefix"))
    if not inner.weights:
        return None
    number = model.layers.index(base)
    images = model.layers[number - 1].output
    made = inner(images if len(base.inputs) == 1 else [model.get_layer(name).output for name in (UPSCALE, SIDE)])
    prefix = keras.Model(model.input, keras.tree.flatten(made), name=f"{model.name}_prefix")
    inputs = [keras.Input(tensor.shape[1:], dtype=tensor.dtype) for tensor in tensors]
    features = inputs[0]
    if tensors != [base.output]:
        features = _alike(base, Base(tensors, base.output, name=BASE))(inputs)
    for layer in model.layers[number + 1 :]:
        features = layer(features)
    suffix = keras.Model(inputs, features, name=f"{model.name}_suffix")
    # Under mixed_float16, `compile` decides by the model's own policy whether to scale the loss.
    suffix.dtype_policy = prefix.dtype_policy = model.dtype_policy
    shapes = tuple(tuple(tensor.shape[1:]) for tensor in tensors)
    types = {tensor.dtype for tensor in tensors}
    return Cut(prefix, suffix, shapes, types.pop() if len(types) == 1 else "float32", graph.names(tensors))


def _alike(base: Base, part: Base) -> Base:
    part.by_moving_statistics = base.by_moving_statistics
    part.dtype_policy = base.dtype_policy
    return part


class _Graph:
    """The layers of a base in topological order, and the tensors that connect them."""

    def __init__(self, base: Base) -> None:
        self.output = base.output
        self.layers = base.layers
        self.inputs = {layer: keras.tree.flatten(layer.input) for layer in self.layers}
        self.producer = {id(tensor): layer for layer in self.layers for tensor in keras.tree.flatten(layer.output)}

    def of(self, tensor: Any) -> keras.Layer:
        """Return the layer whose output a tensor is."""
        return self.producer[id(tensor)]

    def frontier(self) -> list[Any]:
        """Return the unchanging tensors that are the input of a changing layer, or the output of the base."""
        changing: set[keras.Layer] = set()
        for layer in self.layers:
            if _changes(layer) or any(self.of(tensor) in changing for tensor in self.inputs[layer]):
                changing.add(layer)
        needed = [tensor for layer in changing for tensor in self.inputs[layer]] + [self.output]
        return [tensor for tensor in needed if self.of(tensor) not in changing]

    def ordered(self, tensors: Iterable[Any]) -> list[Any]:
        """Return each tensor once, in the order of the layers."""
        found = {id(tensor): tensor for tensor in tensors}
        return sorted(found.values(), key=lambda tensor: self.layers.index(self.of(tensor)))

    def names(self, tensors: list[Any]) -> tuple[str, ...]:
        """Return names of tensors that do not depend on what was built before in this process."""
        seen: Counter[str] = Counter()
        names = {}
        for layer in self.layers:
            kind = type(layer).__name__
            names[layer] = f"{kind} {seen[kind]}"
            seen[kind] += 1
        return tuple(names[self.of(tensor)] for tensor in tensors)


def _changes(layer: keras.Layer) -> bool:
    # Any variable of a trained layer may change, not only its trainable weights: BatchNormalization has moving
    # statistics. A variable that is no weight is the state of a random number generator, which changes even in a frozen
    # layer.
    return bool(layer.trainable and layer.variables) or len(layer.variables) > len(layer.weights)


def _pulled_back(graph: _Graph, frontier: list[Any]) -> list[Any]:
    """Return the tensors of the frontier, or smaller ones before layers without weights."""
    best = graph.ordered(frontier)
    for tensor in best:
        others = [other for other in best if other is not tensor]
        behind = [tensor]
        while (last := _last_without_weights(graph, behind)) is not None:
            behind = [one for one in behind if one is not last] + graph.inputs[graph.of(last)]
            candidate = graph.ordered([*others, *behind])
            if _size(candidate) < _size(best):
                best = candidate
    return best


def _last_without_weights(graph: _Graph, tensors: list[Any]) -> Any | None:
    light = [
        tensor for tensor in graph.ordered(tensors) if graph.inputs[graph.of(tensor)] and not graph.of(tensor).variables
    ]
    return light[-1] if light else None


def _size(tensors: Iterable[Any]) -> int:
    return sum(math.prod(tensor.shape[1:]) for tensor in tensors)
