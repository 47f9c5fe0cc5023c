"""Tensors of two graphs are matched by what they are, not by how often their kind was made before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.export.tensor_names import pairs


def test_the_same_names() -> None:
    assert pairs(["b_1/Relu:0", "a:0"], ["a:0", "c:0", "b_1/Relu:0"]) == {"b_1/Relu:0": "b_1/Relu:0", "a:0": "a:0"}


def test_layers_that_were_counted_on() -> None:
    # What Keras makes of add, add_1 … add_11 and then of add_12 …; tf2onnx's own counters go on as well.
    first = ["add_1/Add:0", *(f"add_{number}_1/Add:0" for number in range(1, 12)), "conv_1/convolution__17:0"]
    second = [*(f"add_{number}_1/Add:0" for number in range(12, 24)), "conv_1/convolution__52:0"]
    assert pairs(first, second) == dict(zip(first, second, strict=True))
    assert list(pairs(first, second[::-1]).items()) == list(zip(first, second, strict=True))


def test_operations_of_a_layer_stay_apart() -> None:
    first = ["stem_1/sub_1:0", "stem_1/sub:0"]
    assert pairs(first, ["stem_3_1/sub:0", "stem_3_1/sub_1:0"]) == {
        "stem_1/sub_1:0": "stem_3_1/sub_1:0",
        "stem_1/sub:0": "stem_3_1/sub:0",
    }


@pytest.mark.parametrize(
    "other",
    [
        "block3_sepconv1_1/convolution:0",  # a number that is part of the name
        "block2_sepconv1_1/BiasAdd:0",
        "other/block2_sepconv1/convolution:0",
    ],
)
def test_others_are_not_matched(other: str) -> None:
    assert pairs(["block2_sepconv1/convolution:0"], [other]) == {}


def test_where_there_are_more_in_one_graph_none_is_guessed() -> None:
    assert pairs(["cast_1:0", "end:0"], ["cast_2:0", "cast_3:0", "end:0"]) == {"end:0": "end:0"}


@given(st.lists(st.from_regex(r"[ab](_\d){0,2}(/[cd](__\d\d)?)?(:0)?", fullmatch=True), unique=True), st.randoms())
def test_every_graph_is_itself_in_any_order(names: list[str], random: object) -> None:
    other = list(names)
    random.shuffle(other)  # type: ignore[attr-defined]
    assert list(pairs(names, other).items()) == [(name, name) for name in names]
