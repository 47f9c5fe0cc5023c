"""A classifier with one frozen layer, and what the cache needs to know of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from ceres_fast.model.build import BASE, Base
from ceres_fast.model.cut import Cut, cut
from ceres_fast.model.stem import Normalise
from ceres_fast.stamps import PLANES, stamp_shape

BATCH, ROWS = 8, 16
"""Rows computed at once, and of a shard, where shards are small."""


def small_cut(seed: int = 0, units: int = 2, dtype: str = "float32", planes: Sequence[str] = PLANES[:1]) -> Cut:
    """Return the parts of a classifier with a frozen convolution: a row is 4 x 4 x 4 values."""
    keras.utils.set_random_seed(seed)
    images = keras.Input(stamp_shape(planes))
    frozen = keras.layers.Conv2D(4, 8, strides=8, activation="relu", dtype=dtype, trainable=False)
    base = Base(images, frozen(images), name=BASE)
    base.by_moving_statistics = True
    stamps = keras.Input(stamp_shape(planes))
    flat = keras.layers.Flatten()(base(Normalise("minmax")(stamps)))
    parts = cut(keras.Model(stamps, keras.layers.Dense(units, activation="softmax")(flat)))
    assert parts is not None
    return parts


@dataclass(frozen=True)
class CacheOf:
    """Settings of a run as far as the cache reads them."""

    cache_dir: str
    cache_half: bool = False
    backbone: str = "xception"
    normalise: str = "minmax"
    precision: str = "float32"
