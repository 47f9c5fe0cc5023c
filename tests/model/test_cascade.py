"""A cascade answers as its larger network where its fast one is not sure that a stamp is no asteroid."""

from __future__ import annotations

from collections.abc import Sequence

import keras
import numpy as np
import onnx
import pytest

from ceres_fast.artifact.onnx_file import INPUT
from ceres_fast.engines.agreement import probe_stamps
from ceres_fast.export.quantise.block_search import blocks_of
from ceres_fast.export.quantise.float_graph import prepare, quantisable
from ceres_fast.model.cascade import MARGIN, Asked, cascade
from ceres_fast.model.load import predict
from ceres_fast.model.onnx_convert import convert
from ceres_fast.model.onnx_float16 import halved
from ceres_fast.stamps import PLANES

from .test_views import networks


def expected(first: np.ndarray, larger: np.ndarray, start: float) -> np.ndarray:
    """What the cascade should answer, by hand."""
    share = np.clip((first[:, 1] - start) / (min(MARGIN * start, 1) - start), 0, 1)[:, None]
    return first + share * (larger - first)


@pytest.fixture(scope="module")
def answered() -> tuple[list[keras.Model], np.ndarray, list[np.ndarray]]:
    models = networks(2)
    *others, last, bias = models[0].get_weights()
    models[0].set_weights([*others, 60 * last, bias])  # so that it is sure of some stamps
    stamps = np.concatenate([probe_stamps(), np.random.default_rng(1).normal(1000, 30, (40, 32, 32, 1))]).astype("f4")
    return models, stamps, [predict(each, stamps) for each in models]


@pytest.mark.parametrize("quantile", [0.0, 0.3, 0.9, 1.0])
def test_it_is_as_by_hand_in_keras_and_in_onnx(
    answered: tuple[list[keras.Model], np.ndarray, list[np.ndarray]], quantile: float
) -> None:
    import onnxruntime

    (first, larger), stamps, answers = answered
    start = float(np.clip(np.quantile(answers[0][:, 1], quantile) + (quantile == 1) * 1e-3, 1e-3, 0.999))
    wanted = expected(*answers, start)
    made = cascade(first, larger, start)
    np.testing.assert_allclose(predict(made, stamps), wanted, atol=1e-5)
    graph = convert(made)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    (found,) = session.run(None, {INPUT: stamps})
    np.testing.assert_allclose(found, wanted, atol=1e-5)
    # The same bytes alone, and where none is asked about.
    for at in range(12):
        assert np.array_equal(session.run(None, {INPUT: stamps[at : at + 1]})[0][0], found[at])
    sure = np.flatnonzero(answers[0][:, 1] < start - 1e-5)
    if len(sure):
        np.testing.assert_allclose(session.run(None, {INPUT: stamps[sure]})[0], answers[0][sure], atol=1e-5)


def test_below_the_start_the_first_answers_and_from_twice_that_the_larger_one(
    answered: tuple[list[keras.Model], np.ndarray, list[np.ndarray]],
) -> None:
    (first, larger), stamps, answers = answered
    start = float(np.quantile(answers[0][:, 1], 0.3))
    found = predict(cascade(first, larger, start), stamps)
    sure, asked = answers[0][:, 1] < start, answers[0][:, 1] > MARGIN * start
    assert sure.any()
    assert asked.any()
    np.testing.assert_allclose(found[sure], answers[0][sure], atol=1e-6)
    np.testing.assert_allclose(found[asked], answers[1][asked], atol=1e-6)


def test_no_network_is_given_an_empty_batch() -> None:
    stamps = probe_stamps()[:3]
    unsure = np.array([[0.9, 0.1], [0.2, 0.8], [0.9, 0.1]], np.float32)
    np.testing.assert_array_equal(Asked(0.5)((stamps, unsure)), stamps[[0, 1]])
    np.testing.assert_array_equal(Asked(0.85)((stamps, unsure)), stamps[:1])


def weighted(graph: onnx.GraphProto, kinds: Sequence[str]) -> dict[str, str]:
    return {node.name: node.op_type for node in graph.node if node.op_type in kinds}


@pytest.mark.parametrize("planes", [PLANES[:1], PLANES], ids=len)
def test_of_both_networks_all_but_the_last_layer_is_int8_or_half(planes: tuple[str, ...]) -> None:
    first, larger = networks(2, planes)
    graph = convert(cascade(first, larger, 0.3))
    ready = prepare(graph)
    chosen = set(quantisable(ready.graph))
    found = weighted(ready.graph, ("Conv", "Gemm", "MatMul"))
    assert sorted(kind for name, kind in found.items() if name in chosen) == ["Conv", "Conv"]
    assert sorted(kind for name, kind in found.items() if name not in chosen) == ["Gemm", "Gemm"]
    assert [block.weighted for block in blocks_of(ready)] == [1, 1]
    half = halved(graph)
    kinds = {(tensor.data_type, len(tensor.dims)) for tensor in half.graph.initializer if len(tensor.dims) in (2, 4)}
    assert {(onnx.TensorProto.FLOAT16, 4), (onnx.TensorProto.FLOAT, 2)} <= kinds
    assert (onnx.TensorProto.FLOAT16, 2) not in kinds
