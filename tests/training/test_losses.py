"""The losses are what their papers say, and leave the weighing of classes to the class weights."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from ceres_fast.training.losses import LOSSES, build_loss
from ceres_fast.training.settings import Settings

LABELS = np.eye(2, dtype=np.float32)[[0, 1, 1, 0]]
PROBABILITIES = np.array([[0.9, 0.1], [0.4, 0.6], [0.75, 0.25], [0.5, 0.5]], np.float32)
OF_TRUE_CLASS = np.array([0.9, 0.6, 0.25, 0.5])


@pytest.mark.parametrize(
    ("name", "each"),
    [("crossentropy", -np.log(OF_TRUE_CLASS)), ("focal", -((1 - OF_TRUE_CLASS) ** 2) * np.log(OF_TRUE_CLASS))],
)
def test_values(name: str, each: np.ndarray) -> None:
    loss = build_loss(Settings("xception", loss=name))
    assert float(loss(LABELS, PROBABILITIES)) == pytest.approx(each.mean(), rel=1e-5)
    weights = np.array([3, 1, 1, 3], np.float32)
    assert float(loss(LABELS, PROBABILITIES, sample_weight=weights)) == pytest.approx((each * weights).mean(), rel=1e-5)


def test_every_loss_is_built_anew() -> None:
    for name in LOSSES:
        settings = Settings("xception", loss=name)
        assert build_loss(settings) is not build_loss(settings)


@pytest.mark.parametrize("name", list(LOSSES))
def test_who_is_sure_and_wrong_still_learns(name: str) -> None:
    stamps = keras.Input((1,))
    # So sure that the probability of the true class is 0 in float32.
    first = keras.layers.Dense(2, activation="softmax", kernel_initializer=keras.initializers.Constant([[200, -200]]))
    model = keras.Model(stamps, first(stamps))
    model.compile(keras.optimizers.SGD(1.0), build_loss(Settings("xception", loss=name)))
    model.fit(np.ones((4, 1), np.float32), np.tile([[0, 1]], (4, 1)).astype(np.float32), epochs=1, verbose=0)
    assert np.asarray(model.layers[-1].kernel).ravel() == pytest.approx([199, -199])
