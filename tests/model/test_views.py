"""The views of a stamp are flips and rotations, and an average is the mean of the answers to them, exactly."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.artifact.onnx_file import INPUT
from ceres_fast.engines.agreement import probe_stamps
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model.load import predict
from ceres_fast.model.onnx_convert import convert
from ceres_fast.model.views import VIEWS, AllViews, averaged, dihedral
from ceres_fast.settings.architecture import Architecture
from ceres_fast.stamps import PLANES

from ..tiny_networks import tiny_network

STAMPS = np.random.default_rng(0).normal(1000, 10, (40, 32, 32, 3)).astype(np.float32)


def variant(stamp: np.ndarray, number: int) -> np.ndarray:
    flipped = stamp[:, ::-1] if number >= 4 else stamp
    return np.rot90(flipped, number % 4)


def test_variants_are_flips_and_quarter_turns() -> None:
    variants = np.arange(40) % 8
    turned = np.asarray(dihedral(STAMPS, variants.astype(np.int32)))
    for stamp, number, found in zip(STAMPS, variants, turned, strict=True):
        assert np.array_equal(found, variant(stamp, number))


def test_the_eight_variants_differ_and_0_is_the_stamp() -> None:
    eight = np.asarray(dihedral(np.repeat(STAMPS[:1], 8, axis=0), np.arange(8)))
    assert len({stamp.tobytes() for stamp in eight}) == 8
    assert np.array_equal(eight[0], STAMPS[0])


@given(st.integers(0, 7), st.integers(0, 7))
def test_a_variant_of_a_variant_is_a_variant(first: int, second: int) -> None:
    small = np.arange(9, dtype=np.float32).reshape(1, 3, 3, 1)
    eight = np.asarray(dihedral(np.repeat(small, 8, axis=0), np.arange(8)))
    both = np.asarray(dihedral(np.asarray(dihedral(small, np.array([first]))), np.array([second])))
    assert sum(np.array_equal(both[0], one) for one in eight) == 1


def networks(count: int, planes: Sequence[str] = PLANES[:1], normalise: str = "minmax") -> list[keras.Model]:
    """Networks of one name, whose answers are far from each other and depend on the view."""
    made = [tiny_network(Architecture("xception", normalise=normalise), planes) for _ in range(count)]
    random = np.random.default_rng(7)
    for network in made:
        network.set_weights([random.normal(0, 0.3, each.shape).astype(np.float32) for each in network.get_weights()])
    return made


def mean_of(models: Sequence[keras.Model], stamps: np.ndarray, views: int) -> np.ndarray:
    """What the average should be, (n, 2)."""
    shown = [np.stack([variant(stamp, number) for stamp in stamps]) for number in range(views)]
    return np.mean([predict(model, each) for model in models for each in shown], axis=0, dtype=np.float64)


def test_all_views_of_a_stamp_follow_each_other() -> None:
    shown = np.asarray(AllViews()(STAMPS[:5]))
    expected = [variant(stamp, number) for stamp in STAMPS[:5] for number in range(VIEWS)]
    assert np.array_equal(shown, expected)


@pytest.mark.parametrize("planes", [PLANES[:1], PLANES], ids=len)
@pytest.mark.parametrize(("members", "views"), [(1, 8), (3, 1), (2, 8)])
def test_an_average_is_the_mean_in_keras_and_in_onnx(members: int, views: int, planes: tuple[str, ...]) -> None:
    import onnxruntime

    models = networks(members, planes)
    stamps = probe_stamps(planes)
    expected = mean_of(models, stamps, views)
    assert np.abs(expected - mean_of(models[:1], stamps, 1)).max() > 0.01
    made = averaged(models, views)
    np.testing.assert_allclose(predict(made, stamps), expected, atol=1e-6)
    graph = convert(made)
    # An engine needs no shape that is computed, and no flip.
    operators = {node.op_type for node in graph.graph.node}
    assert not operators & {"Shape", "ReverseSequence", "Loop", "If", "Where", "Scan"}, operators
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for chosen in (stamps, stamps[:1], stamps[:0]):
        (found,) = session.run(None, {INPUT: chosen})
        np.testing.assert_allclose(found, expected[: len(chosen)], atol=1e-5)
        assert found.dtype == np.float32


def test_weights_are_in_a_graph_once_whatever_the_views() -> None:
    (model,) = networks(1)
    alone, average = (convert(each).ByteSize() for each in (model, averaged([model], VIEWS)))
    assert average - alone < 60_000  # the places of the views: 8,192 numbers, of 4 or 8 bytes, and a few nodes


def test_a_network_alone_is_itself() -> None:
    (model,) = networks(1)
    assert averaged([model]) is model


def test_half_precision_inside_does_not_touch_raw_pixels_or_the_mean() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        models = networks(2)
    finally:
        keras.config.set_dtype_policy(before)
    bright = np.full((1, 32, 32, 1), 65535.0, np.float32)
    bright[0, 3:7, 3:9] = 60_000  # the largest float16 is 65504
    made = averaged(models, VIEWS)
    found = predict(made, bright)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, mean_of(models, bright, VIEWS), atol=2e-3)
    assert made.output.dtype == "float32"


def test_views_are_made_where_a_graph_is_being_made() -> None:
    layer = AllViews()
    made = tf.function(lambda stamps: layer(stamps), autograph=False)(tf.constant(STAMPS[:2, :16, :16]))
    assert np.array_equal(made[3], variant(STAMPS[0, :16, :16], 3))
