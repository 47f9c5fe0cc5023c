"""Ranges are those of the activations, whatever the batches, on the same training stamps of both kinds each time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from ceres_fast.errors import CeresFastError
from ceres_fast.export.quantise import ranges as module
from ceres_fast.export.quantise.float_graph import prepare, quantisable
from ceres_fast.export.quantise.ranges import FEWEST, METHODS, balanced, calibration_stamps, ranges_of
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_stamps

from .networks import network, stamps
from .runs import values

WATCHED = ("tiny_1/base_1/first/Relu:0", "tiny_1/base_1/residual/Add:0", "tiny_1/base_1/mixed/concat:0")


@pytest.fixture(scope="module")
def ready() -> onnx.ModelProto:
    return prepare(network())


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
        ranges_of(prepare(model), stamps(8), "minmax")


@given(some.integers(1, 300), some.integers(FEWEST, 300), some.integers(FEWEST, 200))
def test_as_many_of_each_as_there_are(asteroids: int, others: int, most: int) -> None:
    labels = np.repeat([1, 0], [asteroids, others])
    chosen = balanced(labels, most, "here")
    np.testing.assert_array_equal(chosen, balanced(labels, most, "here"))
    assert len(set(chosen)) == len(chosen) == min(most, len(labels))
    of_asteroids = labels[chosen].sum()
    assert of_asteroids <= asteroids
    assert len(chosen) - of_asteroids <= others
    # Of neither kind fewer than half, unless there are no more.
    assert of_asteroids >= min(asteroids, most // 2)
    assert len(chosen) - of_asteroids >= min(others, most // 2)


@pytest.mark.parametrize("labels", [[0] * 100, [1] * 100, [0, 1] * (FEWEST // 2 - 1)])
def test_too_few_or_of_one_kind(labels: list[int]) -> None:
    with pytest.raises(CeresFastError, match=r"here has \d+ asteroids and \d+ others; int8 needs 32 stamps and both"):
        balanced(np.array(labels), 512, "here")


def test_they_are_of_the_training_split(tiny_records: Path) -> None:
    stamps, labels = read_stamps(load_manifest(tiny_records), "train")
    chosen = calibration_stamps(tiny_records)
    np.testing.assert_array_equal(chosen, stamps)  # there are fewer than 512
    few = calibration_stamps(tiny_records, most=10)
    assert len(few) == 10
    known = {stamp.tobytes(): label for stamp, label in zip(stamps, labels, strict=True)}
    assert sum(known[stamp.tobytes()] for stamp in few) == 5
