"""Multiply-adds per stamp of the 12 classifiers: forward, a training step, and what of it can be done once.

    python -m benchmarks.operations

Counted from the layers, for one stamp: Conv2D, DepthwiseConv2D, SeparableConv2D and Dense. Every other layer counts 0:
normalising and scaling up, activations, BatchNormalization, pooling, additions, the loss. So each figure is a lower
bound of the work, and a time computed from it a lower bound of the time. One multiply-add is two operations (FLOP).

A training step is the forward pass of all layers; the gradient of the kernel of each trained layer (as many
multiply-adds as forward); and the gradient of the input of each layer below which something is trained (as many again).

The optimiser moves bytes: for each trained parameter Adam reads gradient, parameter and both moments, and writes
parameter and moments; 7 x 4 B per step.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from benchmarks.machine import command_line, write_result
from benchmarks.weights import weights_of
from ceres_fast.console import table
from ceres_fast.model.backbones import EXPERIMENTS, IMAGENET
from ceres_fast.model.build import build_model
from ceres_fast.settings.architecture import Architecture
from ceres_fast.settings.defaults import PAPER_NETWORK

import keras  # isort: skip  (after TensorFlow has been imported quietly)

ADAM_BYTES = 7 * 4
EPOCHS = 20


@dataclass(frozen=True)
class LayerOperations:
    """Multiply-adds of a layer for one stamp, and what a training step computes of it.

    Attributes
    ----------
    name : str
        Of the layer.
    forward : int
        Multiply-adds.
    trained : bool
        Whether it has a trained weight.
    below : bool
        Whether something before it is trained, so that the gradient must pass through it.
    """

    name: str
    forward: int
    trained: bool
    below: bool

    @property
    def frozen(self) -> bool:
        """Whether its output never changes."""
        return not (self.trained or self.below)

    @property
    def backward(self) -> int:
        """Multiply-adds of its gradients."""
        return self.forward * (self.trained + self.below)


@dataclass(frozen=True)
class Operations:
    """Multiply-adds per stamp of a classifier that is split into what never changes (prefix) and the rest (suffix).

    Attributes
    ----------
    prefix, suffix : int
        Forward pass.
    backward : int
        Gradients: all of them in the suffix.
    trained_parameters : int
        What the optimiser updates.
    """

    prefix: int
    suffix: int
    backward: int
    trained_parameters: int

    @property
    def forward(self) -> int:
        """Forward pass of the whole."""
        return self.prefix + self.suffix

    @property
    def step(self) -> int:
        """A training step of the whole."""
        return self.forward + self.backward

    @property
    def suffix_step(self) -> int:
        """A training step from what the prefix gave."""
        return self.suffix + self.backward

    @property
    def optimiser_bytes(self) -> int:
        """Bytes that Adam moves in a step."""
        return ADAM_BYTES * self.trained_parameters


def operations(model: keras.Model) -> Operations:
    """Count a functional model whose layers are each used once."""
    layers = list(layer_operations(model))
    return Operations(
        prefix=sum(layer.forward for layer in layers if layer.frozen),
        suffix=sum(layer.forward for layer in layers if not layer.frozen),
        backward=sum(layer.backward for layer in layers),
        trained_parameters=sum(math.prod(variable.shape) for variable in model.trainable_variables),
    )


def layer_operations(model: keras.Model, below: bool = False) -> Iterator[LayerOperations]:
    """Yield the layers of a functional model and of the models in it, each after what it depends on.

    Parameters
    ----------
    model : keras.Model
        Functional.
    below : bool
        Whether something before the model is trained.
    """
    passes: dict[int, bool] = {}  # by node: whether a gradient goes through what it gives
    for depth in sorted(model._nodes_by_depth, reverse=True):
        for node in model._nodes_by_depth[depth]:
            layer = node.operation
            before = below if node.is_input else any(passes[id(parent)] for parent in node.parent_nodes)
            trained = bool(getattr(layer, "trainable_variables", ()))
            passes[id(node)] = before or trained
            if isinstance(layer, keras.Model):
                yield from layer_operations(layer, before)
            else:
                yield LayerOperations(layer.name, forward_operations(layer), trained, before)


def forward_operations(layer: Any) -> int:
    """Return the multiply-adds of a layer for one stamp; 0 for kinds that are not counted."""
    return next((count(layer) for kind, count in _COUNTED.items() if isinstance(layer, kind)), 0)


def _conv(layer: Any) -> int:
    return math.prod(layer.output.shape[1:]) * math.prod(layer.kernel.shape[:-1])


def _depthwise(layer: Any) -> int:
    return math.prod(layer.output.shape[1:]) * math.prod(layer.kernel.shape[:2])


def _separable(layer: Any) -> int:
    area = math.prod(layer.output.shape[1:3])
    return area * (math.prod(layer.depthwise_kernel.shape) + math.prod(layer.pointwise_kernel.shape))


def _dense(layer: Any) -> int:
    return math.prod(layer.output.shape[1:]) * layer.kernel.shape[0]


_COUNTED: dict[type, Callable[[Any], int]] = {
    keras.layers.Conv2D: _conv,
    keras.layers.DepthwiseConv2D: _depthwise,
    keras.layers.SeparableConv2D: _separable,
    keras.layers.Dense: _dense,
}


def classifier_operations(backbone: str, experiment: int, weights: str) -> Operations:
    """Count the classifier of a row of the paper's programme; of the weights it matters only that there are some."""
    counted = operations(build_model(Architecture(backbone, experiment, weights, **PAPER_NETWORK)))
    keras.backend.clear_session()
    return counted


def ratio(counted: Operations, epochs: int = EPOCHS) -> float:
    """Return the operations of training without a cache over those with it."""
    return epochs * counted.step / (counted.prefix + epochs * counted.suffix_step)


def main() -> None:
    parser = command_line(__file__, __doc__)
    given = parser.parse_args()
    rows = {
        f"{backbone}/{experiment}": classifier_operations(backbone, experiment, weights_of(backbone))
        for backbone in IMAGENET
        for experiment in EXPERIMENTS
    }
    result = {
        name: {
            "prefix": counted.prefix,
            "suffix": counted.suffix,
            "step": counted.step,
            "suffix_step": counted.suffix_step,
            "trained_parameters": counted.trained_parameters,
            "optimiser_bytes_per_step": counted.optimiser_bytes,
            "uncached_over_cached": round(ratio(counted), 2),
        }
        for name, counted in rows.items()
    }
    write_result(given.output, {"unit": "multiply-adds per stamp", "epochs": EPOCHS, "seed": 0, "classifiers": result})
    columns = ("prefix", "suffix", "step", "step of the suffix", f"uncached / cached, {EPOCHS} epochs")
    table(
        "Millions of multiply-adds per stamp",
        ("backbone/experiment", *columns),
        [
            (
                name,
                *(f"{each / 1e6:,.1f}" for each in (row.prefix, row.suffix, row.step, row.suffix_step)),
                f"{ratio(row):.1f}",
            )
            for name, row in rows.items()
        ],
    )


if __name__ == "__main__":
    main()
