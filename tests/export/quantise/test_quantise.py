"""A float graph goes in, an int8 one comes out, as far as the scores allow."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest

from ceres_fast.artifact.products import describe
from ceres_fast.errors import CeresFastError
from ceres_fast.export.quantise import Trial, TrialScores, quantise
from ceres_fast.export.quantise.float_graph import WEIGHTED
from ceres_fast.model.build import build_model
from ceres_fast.model.onnx_convert import convert
from ceres_fast.settings.architecture import Architecture
from ceres_fast.settings.defaults import PAPER_NETWORK

from ...tiny_models import classifier
from .networks import BLOCKS, METADATA, network, stamps
from .runs import answers, for_cpu, operators_run

MODEL = network(gain=0.1)


def scorer_on(model: onnx.ModelProto, seen: np.ndarray, threshold: float) -> Callable[[onnx.ModelProto], TrialScores]:
    """Compare with `model`; asteroids are the stamps of odd number."""
    before = answers(model, seen)
    asteroids = np.arange(len(seen)) % 2 == 1

    def score(made: onnx.ModelProto) -> TrialScores:
        after = answers(made, seen)
        found_before, found_after = (values[asteroids] >= threshold for values in (before, after))
        changed = np.mean((before >= threshold) != (after >= threshold))
        loss = float(np.mean(found_before) - np.mean(found_after))
        return TrialScores(loss, float(changed), float(np.abs(after - before).mean()))

    return score


def against(forbidden: str) -> Callable[[onnx.ModelProto], TrialScores]:
    """Loses recall as soon as the weights of a layer are int8."""

    def score(made: onnx.ModelProto) -> TrialScores:
        integer = any(
            forbidden in name and name.endswith("_quantized") for node in made.graph.node for name in node.input
        )
        harm = 0.25 if integer else 0.0
        return TrialScores(harm, 0.0, harm)

    return score


def integer_layers(model: onnx.ModelProto) -> list[str]:
    made = {name for node in model.graph.node for name in node.output}
    return [node.name for node in model.graph.node if node.op_type in WEIGHTED and node.input[1] in made]


def test_all_of_a_network_that_bears_it() -> None:
    before = MODEL.SerializeToString()
    reported: list[Trial] = []
    made = quantise(MODEL, stamps(), scorer_on(MODEL, stamps(64), 0.5), report=reported.append)
    assert MODEL.SerializeToString() == before
    assert (made.kept_float, made.weighted, made.weighted_int8) == ([], 8, 8)
    assert len(integer_layers(made.model)) == 8
    assert [trial.what for trial in made.trials] == ["all", "all"]
    assert reported == made.trials
    assert json.loads(json.dumps(made.as_dict()))["trials"][0]["what"] == "all"
    assert {each.key: each.value for each in made.model.metadata_props} == METADATA
    assert made.text() == f"int8: 8 of 8 layers, ranges by {made.method}, 2 graphs tried"
    difference = min(trial.scores.difference for trial in made.trials)
    found = np.abs(answers(made.model, stamps(64)) - answers(MODEL, stamps(64))).mean()
    assert found == pytest.approx(difference, abs=1e-6)
    assert len(made.model.SerializeToString()) < len(before)


def test_the_same_each_time() -> None:
    first, second = (quantise(MODEL, stamps(), scorer_on(MODEL, stamps(64), 0.5)) for _ in range(2))
    assert first.model.SerializeToString() == second.model.SerializeToString()
    assert first.trials == second.trials


@pytest.mark.parametrize(
    ("layer", "block"), [("first_conv", 0), ("shortcut", 1), ("branch", 2), ("left_conv", 3), ("hidden_1", 4)]
)
def test_the_block_that_costs_recall_stays_float(layer: str, block: int) -> None:
    made = quantise(MODEL, stamps(), against(layer))
    assert made.kept_float == [BLOCKS[block]]
    assert f"float32 stay {BLOCKS[block]}" in made.text()
    assert len(integer_layers(made.model)) == made.weighted_int8 == 8 - [1, 3, 1, 2, 1][block]
    assert against(layer)(made.model).recall_loss == 0
    np.testing.assert_allclose(answers(made.model, stamps()), answers(MODEL, stamps()), atol=0.05)


def test_sums_go_back_to_float_before_blocks_do() -> None:
    def score(made: onnx.ModelProto) -> TrialScores:
        readers = [node.op_type for node in made.graph.node if "tiny_1/base_1/residual/Add:0" in node.input]
        harm = 0.25 if readers == ["QuantizeLinear"] else 0.0
        return TrialScores(harm, 0.0, harm)

    made = quantise(MODEL, stamps(), score)
    assert (made.kept_float, made.weighted_int8) == ([], 8)
    assert [trial.method for trial in made.trials][2:] == ["minmax, sums in float32", "percentile, sums in float32"]
    assert made.text() == "int8: 8 of 8 layers, ranges by minmax, sums in float32, 4 graphs tried"


def test_what_is_scored_has_the_classifier_s_description() -> None:
    seen: list[onnx.ModelProto] = []

    def score(made: onnx.ModelProto) -> TrialScores:
        seen.append(made)
        return against("branch")(made)

    quantise(MODEL, stamps(), score)
    for made in seen:
        onnx.checker.check_model(made, full_check=True)
        assert {each.key: each.value for each in made.metadata_props} == METADATA
        assert (made.graph.input, made.graph.output) == (MODEL.graph.input, MODEL.graph.output)


def test_three_planes() -> None:
    model = network(gain=0.1, planes=3)
    made = quantise(model, stamps(planes=3), scorer_on(model, stamps(64, planes=3), 0.5))
    assert made.kept_float == []


def test_nothing_can_be_int8() -> None:
    with pytest.raises(CeresFastError, match="not one of 5 blocks can be int8"):
        quantise(MODEL, stamps(), lambda made: TrialScores(0.1 if integer_layers(made) else 0.0, 0.0, 0.0))


def test_a_graph_without_layers() -> None:
    empty = onnx.helper.make_model(
        onnx.helper.make_graph(
            [onnx.helper.make_node("Identity", ["stamp"], ["probability"])],
            "empty",
            MODEL.graph.input,
            [onnx.helper.make_tensor_value_info("probability", onnx.TensorProto.FLOAT, ["N", 32, 32, 1])],
        ),
        opset_imports=[onnx.helper.make_opsetid("", 17)],
        ir_version=9,
    )
    with pytest.raises(CeresFastError, match="no layers that could be int8"):
        quantise(empty, stamps(), against("nothing"))


def holes() -> np.ndarray:
    images = stamps()
    images[3, 4, 5, 0] = np.nan
    images[7, 0, 0, 0] = np.inf
    return images


@pytest.mark.parametrize(
    ("images", "problem"),
    [
        (stamps(31), "31 stamps to measure the ranges of int8 on; expected 32 or more"),
        (stamps(48)[:0], "0 stamps"),
        (stamps(planes=3), r"stamps of shape \(32, 32, 3\); expected \(32, 32, 1\)"),
        (stamps()[..., 0], r"stamps of shape \(32, 32\); expected \(32, 32, 1\)"),
        (holes(), "2 of the stamps .* have pixels that are not finite"),
    ],
)
def test_stamps_that_will_not_do(images: np.ndarray, problem: str) -> None:
    with pytest.raises(CeresFastError, match=f"Not exported: {problem}"):
        quantise(MODEL, images, against("nothing"))


def test_stamps_of_one_value_do_no_harm() -> None:
    """All activations behind a constant image are constant; some are zero throughout."""
    made = quantise(MODEL, np.zeros((32, 32, 32, 1), np.float32), against("nothing"))
    assert np.isfinite(answers(made.model, stamps())).all()


@pytest.mark.slow
def test_an_xception(tmp_path: Path) -> None:
    model = describe(convert(build_model(Architecture("xception", 2, "none", dense=64, **PAPER_NETWORK))), classifier())
    before = answers(model, stamps(16))

    def score(made: onnx.ModelProto) -> TrialScores:
        largest = float(np.abs(answers(made, stamps(16)) - before).max())
        return TrialScores(0.0, 0.0, largest)

    made = quantise(model, stamps(32), score)
    assert (made.kept_float, made.weighted, made.weighted_int8) == ([], 13, 13)
    assert min(trial.scores.difference for trial in made.trials) < 0.05
    assert len(made.model.SerializeToString()) < 0.4 * len(model.SerializeToString())
    operators = operators_run(for_cpu(made.model), tmp_path)
    assert operators["QLinearConv"] == 12
    assert not operators.keys() & {"Conv", "FusedConv"}
    np.testing.assert_allclose(answers(for_cpu(made.model), stamps(16)), before, atol=0.06)
