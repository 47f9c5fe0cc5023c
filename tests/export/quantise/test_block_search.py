"""A network is divided where it is one tensor wide; blocks go back to float by the harm they do, as few as needed."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence

import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as some

from ceres_fast.errors import CeresFastError
from ceres_fast.export.proof.tolerances import TOLERANCES
from ceres_fast.export.quantise.block_search import (
    Block,
    BlockChoice,
    BlockSearch,
    Trial,
    TrialScores,
    blocks_of,
    most_trials,
)
from ceres_fast.export.quantise.float_graph import constants, is_weighted, prepare, quantisable

from .networks import BLOCKS, network

Loss = Callable[[str, Sequence[Block]], float]


def blocks(count: int) -> list[Block]:
    return [Block(f"block{number}", (f"node{number}",), 1) for number in range(count)]


def search(loss: Loss, *, floor: float = 0.0, changed: float = 0.0) -> BlockSearch:
    """A search where `loss` tells the loss of recall by method and blocks that are int8, and the difference with it."""

    def make(method: str, chosen: Sequence[Block]) -> onnx.ModelProto:
        lost = floor + loss(method, chosen) if chosen else floor
        return onnx.ModelProto(producer_name=repr((lost, [block.name for block in chosen])))

    def score(model: onnx.ModelProto) -> TrialScores:
        lost = eval(model.producer_name, {"nan": math.nan})[0]
        return TrialScores(lost, changed, lost)

    return BlockSearch(make, score, TOLERANCES["int8"], lambda trial: None)


def integer(choice: BlockChoice) -> list[str]:
    names: list[str] = eval(choice.model.producer_name)[1]
    return names


def test_all_is_int8_where_nothing_is_lost() -> None:
    made = search(lambda method, chosen: 0.0)
    choice = made.choose(blocks(9), [["minmax", "percentile"]])
    assert (integer(choice), choice.kept_float) == ([block.name for block in blocks(9)], [])
    assert choice.method == "minmax"  # both are as good: the first
    assert [(trial.what, trial.method) for trial in made.trials] == [("all", "minmax"), ("all", "percentile")]


def test_slower_methods_are_tried_where_the_fast_ones_lose_too_much() -> None:
    made = search(lambda method, chosen: {"fast": 0.3, "slow": 0.004, "slower": 0.003}[method])
    assert made.choose(blocks(3), [["fast"], ["slow"], ["slower"]]).method == "slow"
    assert [trial.method for trial in made.trials] == ["fast", "slow"]


def test_the_best_of_all_methods_is_searched_on() -> None:
    harms = {"block0": 0.1, "block1": 0.0}
    worse = {"fast": 0.2, "slow": 0.0, "slower": 0.01}
    made = search(lambda method, chosen: sum(harms[block.name] + worse[method] for block in chosen))
    choice = made.choose(blocks(2), [["fast"], ["slow", "slower"]])
    assert (choice.method, integer(choice)) == ("slow", ["block1"])
    assert len(made.trials) <= most_trials(2, 3)


def test_what_differs_on_all_stamps_decides_not_a_lucky_asteroid() -> None:
    scores = {"lucky": TrialScores(-0.03, 0.0, 0.2), "close": TrialScores(0.0, 0.0, 0.01)}
    made = BlockSearch(
        lambda method, chosen: onnx.ModelProto(producer_name=method),
        lambda model: scores[model.producer_name],
        TOLERANCES["int8"],
        lambda trial: None,
    )
    assert made.choose(blocks(2), [["lucky", "close"]]).method == "close"


def test_the_better_method_stays() -> None:
    made = search(lambda method, chosen: {"minmax": 0.004, "percentile": 0.001}[method])
    assert made.choose(blocks(3), [["minmax", "percentile"]]).method == "percentile"
    assert all(trial.allowed for trial in made.trials)


@given(some.lists(some.integers(0, 6), min_size=1, max_size=24))
def test_the_most_harmful_ones_go_back(thousandths: list[int]) -> None:
    """Harms that add up: what stays int8 is within the tolerances, and one more would not be."""
    parts = blocks(len(thousandths))
    harms = {block.name: harm / 1000 for block, harm in zip(parts, thousandths, strict=True)}
    made = search(lambda method, chosen: round(sum(harms[block.name] for block in chosen), 6))
    if min(thousandths) > 5:
        with pytest.raises(CeresFastError, match="can be int8 without a loss of recall"):
            made.choose(parts, [["minmax"]])
        return
    choice = made.choose(parts, [["minmax"]])
    assert len(made.trials) <= most_trials(len(parts), 1)
    lost = sum(harms[name] for name in integer(choice))
    assert lost <= TOLERANCES["int8"].recall_loss + 1e-9
    assert {block.name for block in choice.kept_float} | set(integer(choice)) == harms.keys()
    if choice.kept_float:
        back = [harms[block.name] for block in choice.kept_float]
        assert min(back) >= max(harms[name] for name in integer(choice))
        assert lost + min(back) > TOLERANCES["int8"].recall_loss
    accepted = [trial for trial in made.trials if trial.allowed and trial.method]
    assert any(math.isclose(trial.scores.recall_loss, lost, abs_tol=1e-9) for trial in accepted)


@given(some.randoms(use_true_random=False), some.integers(1, 24))
def test_whatever_the_scores_are_what_is_returned_was_allowed(random: object, count: int) -> None:
    said: dict[tuple[str, ...], float] = {}

    def loss(method: str, chosen: Sequence[Block]) -> float:
        key = (method, *(block.name for block in chosen))
        return said.setdefault(key, random.choice([0.0, 0.004, 0.006, 0.5, math.nan]))  # type: ignore[attr-defined]

    made = search(loss)
    try:
        choice = made.choose(blocks(count), [["minmax", "percentile"]])
    except CeresFastError:
        assert not any(trial.allowed and trial.what.startswith("all") for trial in made.trials)
    else:
        assert said[(choice.method, *integer(choice))] <= TOLERANCES["int8"].recall_loss
        assert len(integer(choice)) + len(choice.kept_float) == count
    assert len(made.trials) <= most_trials(count, 2)


def test_most_trials() -> None:
    assert [most_trials(blocks, 2) for blocks in (1, 2, 3, 16, 24)] == [4, 6, 8, 23, 32]


def test_a_float_graph_that_differs_is_not_blamed_on_int8() -> None:
    made = search(lambda method, chosen: 0.001, floor=0.01)
    with pytest.raises(
        CeresFastError, match=r"before anything is int8, the graph differs by a loss of recall of 1\.00%"
    ):
        made.choose(blocks(4), [["minmax"]])
    assert [trial.what for trial in made.trials] == ["all", "nothing"]


def test_changed_decisions_count_too() -> None:
    with pytest.raises(CeresFastError, match=r"and 3\.00% changed decisions \(allowed 2\.00%\)"):
        search(lambda method, chosen: 0.0, changed=0.03).choose(blocks(2), [["minmax"]])


@pytest.mark.parametrize(("recall_loss", "changed"), [(math.nan, 0.0), (0.0, math.nan), (0.0051, 0.0), (0.0, 0.0201)])
def test_what_is_not_a_number_is_not_allowed(recall_loss: float, changed: float) -> None:
    made = BlockSearch(
        lambda method, chosen: onnx.ModelProto(),
        lambda model: TrialScores(recall_loss, changed, 0.0),
        TOLERANCES["int8"],
        lambda trial: None,
    )
    with pytest.raises(CeresFastError, match="Not exported"):
        made.choose(blocks(2), [["minmax"]])
    assert not any(trial.allowed for trial in made.trials)


def test_trials_are_reported_as_they_are_made_and_for_json() -> None:
    reported: list[Trial] = []
    made = BlockSearch(
        lambda method, chosen: onnx.ModelProto(),
        lambda model: TrialScores(-0.001, 0.002, 0.03),
        TOLERANCES["int8"],
        reported.append,
    )
    made.choose(blocks(2), [["minmax"]])
    assert reported == made.trials
    assert reported[0].as_dict() == {
        "what": "all",
        "method": "minmax",
        "allowed": True,
        "recall_loss": -0.001,
        "changed": 0.002,
        "difference": 0.03,
    }


@pytest.mark.parametrize("difference", [math.inf, math.nan])
def test_json_has_no_number_for_what_is_not_finite(difference: float) -> None:
    found = Trial("all", "minmax", TrialScores(1.0, 0.5, difference), allowed=False).as_dict()
    assert json.loads(json.dumps(found, allow_nan=False))["difference"] is None


@pytest.fixture(scope="module")
def ready() -> onnx.ModelProto:
    return prepare(network())


def test_by_chain_residual_and_mixed_blocks(ready: onnx.ModelProto) -> None:
    blocks = blocks_of(ready)
    assert tuple(block.name for block in blocks) == BLOCKS
    assert [block.weighted for block in blocks] == [1, 3, 1, 2, 1]
    assert blocks[0].nodes == ("Conv__7", "tiny_1/base_1/first/Relu")
    assert "tiny_1/base_1/pool/MaxPool2d" in blocks[2].nodes  # no weights: goes with what is before it


@pytest.mark.parametrize("most", [1, 2, 3, 4, 5, 24])
def test_each_node_is_in_one_block_in_the_order_of_the_graph(ready: onnx.ModelProto, most: int) -> None:
    blocks = blocks_of(ready, most)
    assert len(blocks) == min(most, len(BLOCKS))
    allowed = quantisable(ready.graph)
    assert sorted(name for block in blocks for name in block.nodes) == sorted(allowed)
    fixed = constants(ready.graph)
    weighted = {node.name for node in ready.graph.node if is_weighted(node, fixed)}
    assert [len(weighted & set(block.nodes)) for block in blocks] == [block.weighted for block in blocks]


def test_the_smallest_neighbours_are_put_together(ready: onnx.ModelProto) -> None:
    assert [block.weighted for block in blocks_of(ready, 4)] == [1, 3, 3, 1]
    assert [block.name for block in blocks_of(ready, 4)] == ["first_conv", "residual", "mixed", "hidden_1"]


def test_names_of_layers_are_not_needed() -> None:
    model = network()
    names = {tensor.name: f"w{number}" for number, tensor in enumerate(model.graph.initializer)}
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    for number, node in enumerate(model.graph.node):
        node.name = f"n{number}"
        for at, name in enumerate(node.input):
            node.input[at] = names.get(name, name)
    assert [block.weighted for block in blocks_of(prepare(model))] == [1, 3, 1, 2, 1]
