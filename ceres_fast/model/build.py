"""Build a classifier of stem, backbone up to the layer of the head, and head; freeze what the experiment freezes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from ..errors import CeresFastError
from ..libraries import keras_settings
from ..libraries.tensorflow_quiet import keras
from ..machine.memory import installed, refuse_larger
from ..settings.architecture import Architecture
from ..stamps import PLANES, stamp_shape
from .backbones import BACKBONES, EXPERIMENTS, IMAGENET, Backbone, Experiment, find_layer
from .side import SIDE_NUMBERS, SideNumbers
from .stem import Normalise, Upscale
from .weights import load_base

NUMBER_UNITS, NUMBER_DROPOUT = 32, 0.1
"""Of the small network on the side numbers in the pooled head."""

BY_NUMBERS_ALONE = 0.5
"""Share of the stamps of a training step that the side numbers answer alone in the pooled head (`Joined`)."""

_FLOAT32 = 4
"""Bytes of a weight, which has float32 whatever the policy."""

BASE = "base"
"""Name of the layer that holds the backbone."""

HEAD = "head"
"""Name of the layer that holds the pooled head."""

UPSCALE, SIDE = "upscale", "side_numbers"
"""Names of the layers whose output the base takes; head ``paper`` takes no side numbers."""


def build_model(
    architecture: Architecture, planes: Sequence[str] = PLANES[:1], *, pretrained: bool | None = None
) -> keras.Model:
    """Build the classifier with its first weights.

    Parameters
    ----------
    architecture : Architecture
        Its layers.
    planes : sequence of str
        What the planes of the stamps show: a row of `PLANE_SETS`. The data decide it, not the architecture.
    pretrained : bool, optional
        Whether the layers that the experiment freezes are frozen; by default unless the weights are ``none``. True with
        ``none`` is for weights that are loaded afterwards.

    Returns
    -------
    keras.Model
        ``stamps`` (n, 32, 32, planes) float32 in ADU to ``probabilities`` (n, 2) float32; column 1 is the asteroid's.

    Raises
    ------
    CeresFastError
        When Keras is set so that this would be another network, ImageNet weights cannot be had, or the memory of this
        machine does not hold the head.
    InputError
        When weights cannot be loaded.

    Notes
    -----
    Head ``paper``: Flatten, Dense, Dropout, Dense(2, softmax). Head ``pooled``: averages and maxima of the feature
    maps through Dropout, Dense and Dense(2), and the side numbers of the stamp through Dense, Dropout and Dense(2);
    softmax of the sum (`Joined`). Where the backbone is pre-trained, its BatchNormalization stays in inference mode,
    unfrozen or not; trained from scratch, it is trained as well.
    """
    keras_settings.check()  # here, where each network is built, because a program may set Keras at any time
    backbone, experiment = BACKBONES[architecture.backbone], EXPERIMENTS[architecture.experiment]
    with _dtype_policy(architecture.precision):
        scratch = architecture.weights == "none" if pretrained is None else not pretrained
        network = load_base(backbone, architecture.weights)
        base = _base(network, backbone, experiment, architecture.head, _count(planes))
        base.by_moving_statistics = not scratch
        if scratch:
            _shorten_memory(base)
        elif backbone in IMAGENET.values():  # another one has learnt its layers for the same task: all go on learning
            _freeze(base, backbone, experiment)
        _refuse_too_large(architecture.dense, math.prod(base.output_shape[1:]))
        stamps = keras.Input(stamp_shape(planes), dtype="float32", name="stamps")
        images = Upscale(backbone.input_size, name=UPSCALE)(Normalise(architecture.normalise, name="normalise")(stamps))
        given = [images, SideNumbers(name=SIDE)(stamps)] if len(base.inputs) > 1 else images
        probabilities = HEADS[architecture.head](base(given), architecture, _count(planes))
        return keras.Model(stamps, probabilities, name=f"{backbone.name}_experiment_{experiment.number}")


def _paper_head(features: Any, architecture: Architecture, numbers: int) -> Any:
    hidden = keras.layers.Dense(architecture.dense, activation="relu", name="hidden")(
        keras.layers.Flatten(name="flatten")(features)
    )
    kept = keras.layers.Dropout(architecture.dropout, name="dropout")(hidden)
    return keras.layers.Dense(2, activation="softmax", dtype="float32", name="probabilities")(kept)


def _pooled_head(features: Any, architecture: Architecture, numbers: int) -> Any:
    # In float32 throughout: it is small, and so are the differences that it decides by.
    options: dict[str, Any] = {"dtype": "float32"}
    both = keras.Input(features.shape[1:], name="pooled", **options)
    # The logits of two networks are added, and not one network built on both: of a few hundred stamps it would learn by
    # heart what the many averages and maxima are, and not look at the few numbers.
    seen = keras.layers.Dropout(architecture.dropout, name="dropout", **options)(both[:, :-numbers])
    seen = keras.layers.Dense(architecture.dense, activation="relu", name="hidden", **options)(seen)
    seen = keras.layers.Dense(2, use_bias=False, name="seen", **options)(seen)
    measured = keras.layers.Dense(NUMBER_UNITS, activation="relu", name="numbers", **options)(both[:, -numbers:])
    measured = keras.layers.Dropout(NUMBER_DROPOUT, name="numbers_dropout", **options)(measured)
    measured = keras.layers.Dense(2, name="measured", **options)(measured)
    logits = Joined(BY_NUMBERS_ALONE, name="logits", **options)([seen, measured])
    return keras.Model(both, keras.layers.Softmax(name="probabilities", **options)(logits), name=HEAD)(features)


class Joined(keras.layers.Layer):
    """Add the logits of features and of side numbers; in training, each learns something else.

    For some of the stamps of each step the numbers answer alone, and learn from these stamps only. For the others the
    features learn what the numbers do not tell. Trained on the sum, features that know a few hundred stamps by heart
    leave the numbers nothing to learn: on real ZTF stamps the area was then 0.893 instead of 0.914 (benchmarks.stems).

    Parameters
    ----------
    alone : float
        Share of the stamps that the numbers answer alone.
    """

    def __init__(self, alone: float, **options: Any) -> None:
        super().__init__(**options)
        self.alone = alone
        self.dropout = keras.layers.Dropout(alone, noise_shape=(None, 1), dtype=self.dtype_policy)

    def call(self, logits: Sequence[Any], training: bool = False) -> Any:
        """Return logits (n, 2) of those of features (n, 2) and of numbers (n, 2)."""
        seen, measured = logits
        if not training:
            return seen + measured
        both = self.dropout(keras.ops.ones_like(seen), training=True) > 0
        return keras.ops.where(both, seen + keras.ops.stop_gradient(measured), measured)


HEADS: dict[str, Callable[[Any, Architecture, int], Any]] = {"paper": _paper_head, "pooled": _pooled_head}
"""What stands on the base: from its output, the architecture and the count of side numbers to the probabilities."""


def _count(planes: Sequence[str]) -> int:
    return len(planes) * len(SIDE_NUMBERS)


class Base(keras.Model):
    """A backbone. Where it is pre-trained, its BatchNormalization uses the moving statistics in training as well.

    To call the base with ``training=False`` when the classifier is built is not enough: `fit` calls the classifier with
    ``training=True``, and Keras passes this on in place of it.

    Attributes
    ----------
    by_moving_statistics : bool
        Whether to use the moving statistics in training too, and not to change them. It is an attribute and not another
        class, because Keras finds a layer in a weights file by the name of its class.
    """

    by_moving_statistics = False

    def call(self, inputs: Any, training: bool | None = None, mask: Any = None) -> Any:
        """Return the feature maps of images."""
        return super().call(inputs, training=False if self.by_moving_statistics else training, mask=mask)


def _base(network: keras.Model, backbone: Backbone, experiment: Experiment, head: str, count: int) -> Base:
    output = network.output
    if experiment.on_bottleneck:
        if backbone.bottleneck is None:
            raise CeresFastError(
                f"--experiment {experiment.number}: {backbone.name} has no bottleneck layer. Choose --experiment 1."
            )
        output = find_layer(network, backbone.bottleneck).output
    if head == "paper":
        return Base(network.input, output, name=BASE)
    # Pooled here and not in the head, so that a cache holds what is pooled where all before it is frozen.
    options: dict[str, Any] = {"dtype": "float32"}
    numbers = keras.Input((count,), name="numbers", **options)
    pooled = keras.layers.Concatenate(name="pooled", **options)(
        [
            keras.layers.GlobalAveragePooling2D(name="averages", **options)(output),
            keras.layers.GlobalMaxPooling2D(name="maxima", **options)(output),
            numbers,
        ]
    )
    return Base([network.input, numbers], pooled, name=BASE)


def _freeze(base: keras.Model, backbone: Backbone, experiment: Experiment) -> None:
    first = len(base.layers)
    if experiment.unfreezes and backbone.unfrozen_from is not None:
        first = base.layers.index(find_layer(base, backbone.unfrozen_from))
    for layer in base.layers[:first]:
        layer.trainable = False


def _shorten_memory(base: keras.Model) -> None:
    # The published momentum of 0.99 is meant for millions of images. After the few hundred steps of a small survey, the
    # initial values would still be a large part of the moving statistics that validation uses.
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.9


def _refuse_too_large(units: int, features: int) -> None:
    """Refuse a head whose weights fit in no memory here, before they are made: a classifier may be anybody's."""
    what = f"a head of {units:,} units on {features:,} features"
    refuse_larger(units * features * _FLOAT32, installed(), what, "Choose fewer units (--dense).")


@contextmanager
def _dtype_policy(name: str) -> Iterator[None]:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
