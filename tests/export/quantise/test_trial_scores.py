"""A graph is scored by what it says on stamps, in the place of another."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper

from ceres_fast.errors import CeresFastError
from ceres_fast.export.quantise.trial_scores import TrialScores, trial_scorer

from ...tiny_models import model
from ..proof.known_stamps import said, saying

STAMPS = saying([(0.9, 0.8, 0.7), (0.6, 0.9, 0.9)], [0.1, 0.2, 0.3, 0.45])


def graph(factor: float = 1.0, shift: float = 0.0) -> onnx.ModelProto:
    """P(asteroid) is what the stamp says, times a factor, and a shift more."""
    nodes = [
        helper.make_node("ReduceMax", ["stamp"], ["peak"], axes=[1, 2], keepdims=0),
        helper.make_node("Mul", ["peak", "factor"], ["scaled"]),
        helper.make_node("Add", ["scaled", "shift"], ["probability"]),
    ]
    return model(nodes, {"factor": [-factor, factor], "shift": [1 - shift, shift]})


def scores_of(
    made: onnx.ModelProto, *, threshold: float = 0.5, scaling: dict[str, object] | None = None
) -> TrialScores:
    return trial_scorer(STAMPS, said(STAMPS.pixels), threshold=threshold, scaling=scaling)(made)


def test_the_same_graph_costs_nothing() -> None:
    assert scores_of(graph()) == TrialScores(0.0, 0.0, 0.0)


def test_what_a_graph_loses() -> None:
    found = scores_of(graph(0.75))
    assert found.recall_loss == pytest.approx(1 / 6)  # 0.6 becomes 0.45
    assert found.changed == pytest.approx(1 / 10)
    assert found.difference == pytest.approx(0.25 * np.mean(said(STAMPS.pixels)))


def test_what_a_graph_finds_more_is_negative() -> None:
    found = scores_of(graph(shift=0.1), threshold=0.65)
    assert found.recall_loss == pytest.approx(-1 / 6)
    assert found.changed == pytest.approx(1 / 10)


def test_the_threshold_is_for_scaled_probabilities() -> None:
    scaling = {"method": "logistic", "temperature": 1.0, "bias": 3.0}  # 0.5 is what the network calls 0.047
    assert scores_of(graph(0.75), scaling=scaling) == TrialScores(
        0.0, 0.0, pytest.approx(0.25 * np.mean(said(STAMPS.pixels)))
    )


def test_a_graph_without_numbers_is_as_bad_as_can_be() -> None:
    found = scores_of(graph(np.nan))
    assert found == TrialScores(1.0, 0.6, np.inf)


def test_more_stamps_than_a_batch() -> None:
    many = saying([(0.9,)] * 100, [0.2] * 101)
    assert trial_scorer(many, said(many.pixels), threshold=0.5, scaling=None)(graph(0.5)).recall_loss == 1


def test_a_graph_that_does_not_run() -> None:
    broken = graph()
    broken.graph.node[1].input[1] = "nowhere"
    with pytest.raises(CeresFastError, match="cannot run the graph that is tried"):
        scores_of(broken)


def test_what_nothing_can_be_scored_by() -> None:
    none = saying([], [0.1, 0.2], split="validation")
    with pytest.raises(CeresFastError, match=r"simulated: the validation split has no asteroids.*--records"):
        trial_scorer(none, said(none.pixels), threshold=0.5, scaling=None)
    with pytest.raises(CeresFastError, match="not finite"):
        trial_scorer(STAMPS, np.full(10, np.nan), threshold=0.5, scaling=None)
