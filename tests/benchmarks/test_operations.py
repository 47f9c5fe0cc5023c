"""Operations are counted as the layers define them, and agree with what has been published of the networks."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

from benchmarks.operations import Operations, classifier_operations, layer_operations, operations, ratio
from benchmarks.weights import random_weights

SIZE, CHANNELS = 8, 3

# A layer on images (8, 8, 3), and its multiply-adds counted by hand.
LAYERS = {
    "conv": (keras.layers.Conv2D(5, 3), 6 * 6 * 5 * 9 * 3),
    "strided": (keras.layers.Conv2D(5, 3, strides=2, padding="same"), 4 * 4 * 5 * 9 * 3),
    "grouped": (keras.layers.Conv2D(6, 3, groups=3), 6 * 6 * 6 * 9 * 1),
    "depthwise": (keras.layers.DepthwiseConv2D(3, depth_multiplier=2), 6 * 6 * 6 * 9),
    "separable": (keras.layers.SeparableConv2D(5, 3), 6 * 6 * (9 * 3 + 3 * 5)),
    "dense": (keras.layers.Dense(7), 8 * 8 * 3 * 7),
    "normalised": (keras.layers.BatchNormalization(), 0),
    "pooled": (keras.layers.MaxPooling2D(), 0),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_costs_what_its_definition_says(name: str) -> None:
    layer, expected = LAYERS[name]
    images = keras.Input((SIZE, SIZE, CHANNELS))
    model = keras.Model(images, type(layer).from_config(layer.get_config())(images))
    assert [row.forward for row in layer_operations(model) if row.forward] == [expected] * (expected > 0)


def branches(*, trained: set[str], nested: bool) -> keras.Model:
    """first -> (left, right) -> sum -> last, of 10 x 10 multiply-adds each; the branches may be a model."""

    def dense(name: str) -> keras.layers.Dense:
        return keras.layers.Dense(10, use_bias=False, name=name, trainable=name in trained)

    def sides(values: object) -> object:
        return keras.layers.Add()([dense("left")(values), dense("right")(values)])

    start = keras.Input((10,))
    between = dense("first")(start)
    if nested:
        inner = keras.Input((10,))
        summed = keras.Model(inner, sides(inner))(between)
    else:
        summed = sides(between)
    return keras.Model(start, dense("last")(summed))


# What is trained; multiply-adds in units of a layer: prefix, suffix, gradients.
TRAINED = {
    "nothing": (set(), (4, 0, 0)),
    "last": ({"last"}, (3, 1, 1)),
    "one branch": ({"left"}, (2, 2, 2)),  # the other branch stays in the prefix; last passes the gradient on
    "both branches": ({"left", "right"}, (1, 3, 3)),
    "first": ({"first"}, (0, 4, 4)),
    "all": ({"first", "left", "right", "last"}, (0, 4, 7)),  # only first needs no gradient of its input
}


@pytest.mark.parametrize("nested", [False, True])
@pytest.mark.parametrize("name", TRAINED)
def test_what_a_step_costs_depends_on_what_is_trained(name: str, nested: bool) -> None:
    trained, expected = TRAINED[name]
    counted = operations(branches(trained=trained, nested=nested))
    assert (counted.prefix, counted.suffix, counted.backward) == tuple(100 * units for units in expected)
    assert counted.trained_parameters == 100 * len(trained)
    assert counted.optimiser_bytes == 2800 * len(trained)
    assert (counted.forward, counted.step) == (400, 400 + 100 * expected[2])


def test_ratio_is_that_of_all_operations_of_all_epochs() -> None:
    assert ratio(Operations(prefix=90, suffix=10, backward=10, trained_parameters=1), epochs=9) == 9 * 110 / (90 + 180)


# G multiply-adds of the classifiers of experiments 2 (bottleneck) and 1 (whole); operations of 20 epochs without a
# cache over those with one, where a step of the suffix is counted as three times its forward pass.
KNOWN = {
    "inceptionv3": (0.111, 0.202, (17.4, 7.3, 1.8)),
    "xception": (0.090, 0.556, (13.6, 5.0, 1.4)),
    "inceptionresnetv2": (0.140, 0.434, (19.0, 12.2, 1.4)),
    "resnet152v2": (0.048, 0.223, (17.6, 12.4, 1.1)),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", KNOWN)
def test_backbones_cost_what_is_known_of_them(name: str, tmp_path: Path) -> None:
    bottleneck, whole, ratios = KNOWN[name]
    weights = str(random_weights(name, tmp_path))
    counted = {experiment: classifier_operations(name, experiment, weights) for experiment in (1, 2, 3)}
    assert counted[1].forward == pytest.approx(whole * 1e9, abs=0.6e6)
    assert counted[2].forward == counted[3].forward == pytest.approx(bottleneck * 1e9, abs=0.6e6)
    for experiment, expected in enumerate(ratios, start=1):
        row = counted[experiment]
        simple = Operations(row.prefix, row.suffix, 2 * row.suffix, row.trained_parameters)
        assert ratio(simple) == pytest.approx(expected, abs=0.06), experiment
        assert row.backward < simple.backward  # what is before the first trained layer gets no gradient
