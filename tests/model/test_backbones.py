"""The tables are the paper's, and the layers they name are where the paper cuts."""

from collections.abc import Callable

import keras
import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.model.backbones import BACKBONES, EXPERIMENTS, IMAGENET, Nth, find_layer

# Input size; bottleneck and its output; first unfrozen layer (Xception's is not stated in the paper, block3 is ours).
PAPER = {
    "inceptionv3": (75, "mixed2", (7, 7, 288), "mixed0"),
    "xception": (71, None, (9, 9, 256), "block3_sepconv1"),
    "inceptionresnetv2": (75, "block35_10_mixed", (7, 7, 128), "mixed_5b"),
    "resnet152v2": (32, "conv3_block8_1_relu", (4, 4, 128), "conv2_block3_2_conv"),
}


@pytest.mark.parametrize("name", PAPER)
def test_the_paper_s_cuts(network: Callable[[str], keras.Model], name: str) -> None:
    size, bottleneck, shape, unfrozen_from = PAPER[name]
    backbone, base = BACKBONES[name], network(name)
    assert backbone.name == name == backbone.application.__name__.lower()
    assert backbone.input_size == size
    assert base.input_shape == (None, size, size, 3)
    found = find_layer(base, backbone.bottleneck)
    assert found.output.shape == (None, *shape)
    assert bottleneck in (None, found.name)
    first = find_layer(base, backbone.unfrozen_from)
    assert first.name == unfrozen_from
    assert base.layers.index(first) < base.layers.index(found)


def test_all_backbones_and_experiments_are_there() -> None:
    assert IMAGENET.keys() == PAPER.keys()
    assert BACKBONES.keys() - IMAGENET.keys() == {"stampnet", "stampnet-m"}
    rows = {number: (row.on_bottleneck, row.unfreezes) for number, row in EXPERIMENTS.items()}
    assert rows == {1: (False, False), 2: (True, False), 3: (True, True)}


def test_add_1_is_found_in_every_xception_of_a_process(network: Callable[[str], keras.Model]) -> None:
    spec = BACKBONES["xception"].bottleneck
    found = []
    for base in (network("xception"), keras.applications.Xception(weights=None, include_top=False)):
        layer = find_layer(base, spec)
        assert isinstance(layer, keras.layers.Add)
        assert layer.output.shape[-1] == 256
        # The sum of what block3's last pooling gives and its shortcut: add_1 in a fresh process.
        assert "block3_pool" in {tensor._keras_history.operation.name for tensor in layer.input}
        found.append(layer.name)
    assert found[0] != found[1]


@pytest.mark.parametrize("spec", ["mixed_2", "add_99999", Nth(keras.layers.Add, 12), Nth(keras.layers.LSTM, 0)])
def test_a_layer_that_is_not_there_is_named(network: Callable[[str], keras.Model], spec: str | Nth) -> None:
    with pytest.raises(CeresFastError, match=r"xception of Keras 3\.\d+\.\d+ has no layer .*Install Keras 3\.15"):
        find_layer(network("xception"), spec)


@pytest.mark.parametrize(("name", "weights"), [("stampnet", 80_000), ("stampnet-m", 310_000)])
def test_stampnet_sees_the_stamp_as_it_is(name: str, weights: int) -> None:
    network = BACKBONES[name].application(include_top=False, weights=None, input_shape=(32, 32, 3))
    assert BACKBONES[name].input_size == 32
    assert network.count_params() == pytest.approx(weights, rel=0.05)
    assert network.output_shape[1:3] == (4, 4)
