"""Backbones with random weights, each built once."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from ceres_fast.model import build
from ceres_fast.model.backbones import BACKBONES, Backbone
from ceres_fast.model.weights import load_base


@pytest.fixture(scope="session")
def network() -> Callable[[str], keras.Model]:
    """Give a backbone without its top by name: always the same one of a precision, all of it trainable.

    Its weights are those it was made with, whatever a test has done to them: statistics of a few stamps, which training
    leaves in its normalisation, let its values grow until no probability has a gradient.
    """
    built: dict[tuple[str, str], keras.Model] = {}
    weights: dict[tuple[str, str], list[np.ndarray]] = {}

    def give(name: str) -> keras.Model:
        key = name, keras.config.dtype_policy().name
        if key not in built:
            keras.utils.set_random_seed(7)  # which test asks first must not decide what the others see
            built[key] = load_base(BACKBONES[name], "none")
            weights[key] = built[key].get_weights()
        built[key].set_weights(weights[key])
        for layer in built[key].layers:
            layer.trainable = True
            if isinstance(layer, keras.layers.BatchNormalization):
                layer.momentum = 0.99
        return built[key]

    return give


@pytest.fixture
def reuse_networks(network: Callable[[str], keras.Model], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let `build_model` get the backbone from `network`, "imagenet" weights being random ones.

    What is built on it gets the same weights whichever test has built the backbone: those of a head of a few units may
    otherwise be such that none of them answers to any stamp.
    """

    def given(backbone: Backbone, weights: str) -> keras.Model:
        base = network(backbone.name)
        keras.utils.set_random_seed(7)
        return base

    monkeypatch.setattr(build, "load_base", given)
