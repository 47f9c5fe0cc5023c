"""What is written later is what the weights were."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np

from ceres_fast.model.weights import fill, save_weights
from ceres_fast.training.snapshot import Snapshot


def classifier() -> keras.Model:
    """A base in the classifier, as a backbone is; of it, one layer is frozen."""
    images = keras.Input((4, 4, 1))
    frozen = keras.layers.Conv2D(2, 2, trainable=False)(images)
    base = keras.Model(images, keras.layers.BatchNormalization()(keras.layers.Conv2D(2, 2)(frozen)))
    stamps = keras.Input((4, 4, 1))
    flat = keras.layers.Flatten()(base(stamps))
    return keras.Model(stamps, keras.layers.Dense(2, activation="softmax")(keras.layers.Dropout(0.5)(flat)))


def weights(model: keras.Model) -> list[np.ndarray]:
    return [weight.numpy() for weight in model.weights]


def test_training_goes_on_while_it_is_kept(tmp_path: Path) -> None:
    model, other = classifier(), classifier()
    before = weights(model)
    snapshot = Snapshot(model)
    model.compile("adam", "categorical_crossentropy")
    model.fit(np.ones((8, 4, 4, 1)), np.eye(2)[[0, 1] * 4], verbose=0)
    after = weights(model)
    assert sum(not np.array_equal(*pair) for pair in zip(before, after, strict=True)) == len(before) - 2  # the frozen

    snapshot.write(tmp_path / "before.weights.h5")
    fill(other, tmp_path / "before.weights.h5", expected="")
    assert all(np.array_equal(*pair) for pair in zip(before, weights(other), strict=True))

    save_weights(model, tmp_path / "after.weights.h5")
    fill(other, tmp_path / "after.weights.h5", expected="")
    assert all(np.array_equal(*pair) for pair in zip(after, weights(other), strict=True))
