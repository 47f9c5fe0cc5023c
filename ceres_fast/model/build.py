"""Build a classifier of stem, backbone up to the layer of the head, and head; freeze what the experiment freezes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .. import keras_settings
from ..memory import installed, refuse_larger
from ..settings.training import Architecture
from ..stamps import PLANES, stamp_shape
from ..tensorflow_quiet import keras
from .backbones import BACKBONES, EXPERIMENTS, Backbone, Experiment, find_layer
from .stem import Normalise, Upscale
from .weights import load_base

_FLOAT32 = 4
"""Bytes of a weight, which has float32 whatever the policy."""

BASE = "base"
"""Name of the layer that holds the backbone."""


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
    Head: Flatten, Dense, Dropout, Dense(2, softmax) (paper). Where the backbone is pre-trained, its
    BatchNormalization stays in inference mode, unfrozen or not; trained from scratch, it is trained as well.
    """
    keras_settings.check()  # here, where each network is built, because a program may set Keras at any time
    backbone, experiment = BACKBONES[architecture.backbone], EXPERIMENTS[architecture.experiment]
    with _dtype_policy(architecture.precision):
        scratch = architecture.weights == "none" if pretrained is None else not pretrained
        base = _base(load_base(backbone, architecture.weights), backbone, experiment)
        base.by_moving_statistics = not scratch
        if scratch:
            _shorten_memory(base)
        else:
            _freeze(base, backbone, experiment)
        _refuse_too_large(architecture.dense, math.prod(base.output_shape[1:]))
        stamps = keras.Input(stamp_shape(planes), dtype="float32", name="stamps")
        images = Upscale(backbone.input_size, name="upscale")(
            Normalise(architecture.normalise, name="normalise")(stamps)
        )
        hidden = keras.layers.Dense(architecture.dense, activation="relu", name="hidden")(
            keras.layers.Flatten(name="flatten")(base(images))
        )
        kept = keras.layers.Dropout(architecture.dropout, name="dropout")(hidden)
        probabilities = keras.layers.Dense(2, activation="softmax", dtype="float32", name="probabilities")(kept)
        return keras.Model(stamps, probabilities, name=f"{backbone.name}_experiment_{experiment.number}")


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


def _base(network: keras.Model, backbone: Backbone, experiment: Experiment) -> Base:
    output = find_layer(network, backbone.bottleneck).output if experiment.on_bottleneck else network.output
    return Base(network.input, output, name=BASE)


def _freeze(base: keras.Model, backbone: Backbone, experiment: Experiment) -> None:
    first = base.layers.index(find_layer(base, backbone.unfrozen_from)) if experiment.unfreezes else len(base.layers)
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
