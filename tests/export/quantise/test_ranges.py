"""Ranges are those of the activations, whatever the batches."""

from __future__ import annotations

import numpy as np
import onnx
import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.export.quantise import ranges as module
from ceres_fast.export.quantise.float_graph import prepared
from ceres_fast.export.quantise.nodes import quantisable
from ceres_fast.export.quantise.ranges import METHODS, ranges_of

from .networks import network, stamps
from .runs import values

WATCHED = ("tiny_1/base_1/first/Relu:0", "tiny_1/base_1/residual/Add:0", "tiny_1/base_1/mixed/concat:0")


@pytest.fixture(scope="module")
def ready() -> onnx.ModelProto:
    return prepared(network())


def test_largest_and_smallest_values(ready: onnx.ModelProto, capfd: pytest.CaptureFixture[str]) -> None:
    ranges = ranges_of(ready, stamps(20), "minmax")
    for tensor in WATCHED:
        seen = values(ready, tensor, stamps(20))
        lowest, highest = (float(np.squeeze(value)) for value in ranges[tensor].range_value)
        assert (lowest, highest) == pytest.approx((seen.min(), seen.max()), rel=1e-5)
    assert capfd.readouterr() == ("", "")


def test_a_percentile_is_inside_of_them(ready: onnx.ModelProto, capfd: pytest.CaptureFixture[str]) -> None:
    widest, narrow = (ranges_of(ready, stamps(40), method) for method in ("minmax", "percentile"))
    for tensor in WATCHED:
        sizes = [max(map(abs, np.squeeze(ranges[tensor].range_value))) for ranges in (widest, narrow)]
        seen = np.abs(values(ready, tensor, stamps(40)))
        assert np.mean(seen <= sizes[1] * 1.01) >= 0.999
        assert sizes[1] <= sizes[0]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("method", METHODS)
def test_every_activation_that_may_be_int8_has_one(ready: onnx.ModelProto, method: str) -> None:
    ranges = ranges_of(ready, stamps(8), method)
    allowed = set(quantisable(ready.graph))
    assert {node.output[0] for node in ready.graph.node if node.name in allowed} <= set(ranges.keys())


def test_the_size_of_the_batches_does_not_matter(ready: onnx.ModelProto, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = ranges_of(ready, stamps(20), "minmax")
    monkeypatch.setattr(module, "BATCH", 7)
    found = ranges_of(ready, stamps(20), "minmax")
    assert found.keys() == expected.keys()
    for tensor, each in expected.items():
        np.testing.assert_allclose(np.squeeze(found[tensor].range_value), np.squeeze(each.range_value), rtol=1e-5)


def test_an_activation_that_overflows_is_named() -> None:
    model = network()
    weights = next(tensor for tensor in model.graph.initializer if "branch/" in tensor.name)
    huge = np.full(tuple(weights.dims), 3e38, np.float32)
    weights.CopyFrom(onnx.numpy_helper.from_array(huge, weights.name))
    with pytest.raises(CeresFastError, match="is not finite for the training stamps"):
        ranges_of(prepared(model), stamps(8), "minmax")
