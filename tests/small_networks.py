"""A Keras classifier with what the backbones are made of, in a few layers: for what a graph becomes of each."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
from keras import layers

from ceres_fast.model.build import BASE, Base, _dtype_policy
from ceres_fast.model.stem import Normalise, Upscale
from ceres_fast.stamps import PLANES, stamp_shape

CONVOLUTIONS = 6
"""Convolutions of `small_network`, a separable one being two."""

FOLDED = 4
"""Its BatchNormalization layers that follow a convolution."""


def small_network(precision: str = "float32", planes: Sequence[str] = PLANES[:1], size: int = 40) -> keras.Model:
    """Return a classifier with random weights and moving statistics, all of it of consequence to the answer."""
    keras.utils.set_random_seed(3)
    with _dtype_policy(precision):
        stamps = keras.Input(stamp_shape(planes), dtype="float32", name="stamps")
        images = Upscale(size, name="upscale")(Normalise("minmax", name="normalise")(stamps))
        features = layers.Flatten(name="flatten")(_base(size)(images))
        hidden = layers.Dense(8, activation="relu", name="hidden")(features)
        kept = layers.Dropout(0.5)(hidden)
        answers = layers.Dense(2, activation="softmax", dtype="float32", name="probabilities")(kept)
        model = keras.Model(stamps, answers, name="small")
    random = np.random.default_rng(5)
    for layer in model.get_layer(BASE).layers:
        if isinstance(layer, layers.BatchNormalization):
            (width,) = layer.moving_mean.shape
            layer.moving_mean.assign(random.normal(0, 0.3, width))
            layer.moving_variance.assign(random.uniform(0.05, 0.5, width))
            layer.beta.assign(random.normal(0, 0.3, width))
    last = model.get_layer("probabilities").kernel
    last.assign(last / 5)  # else all answers are near 1
    return model


def _base(size: int) -> Base:
    images = keras.Input((size, size, 3))
    first = _relu(_normalised(layers.Conv2D(8, 3, strides=2, use_bias=False)(images)))
    padded = layers.ZeroPadding2D(1)(first)
    second = _relu(_normalised(layers.Conv2D(8, 3, use_bias=False)(padded), scale=False))
    beside = _normalised(layers.Conv2D(12, 1, strides=2, padding="same", use_bias=False)(second))
    apart = _normalised(layers.SeparableConv2D(12, 3, padding="same", use_bias=False)(second))
    joined = layers.add([layers.MaxPooling2D(3, strides=2, padding="same")(_relu(apart)), beside])
    # Before the convolution, as in ResNetV2: it cannot be part of one.
    before = _relu(_normalised(joined))
    after = layers.add([joined, layers.Conv2D(12, 1, bias_initializer="random_normal")(before)])
    pooled = layers.AveragePooling2D(3, strides=1, padding="same")(after)
    return Base(images, layers.Concatenate()([after, pooled]), name=BASE)


def _normalised(features: keras.KerasTensor, scale: bool = True) -> keras.KerasTensor:
    return layers.BatchNormalization(scale=scale)(features)


def _relu(features: keras.KerasTensor) -> keras.KerasTensor:
    return layers.Activation("relu")(features)
