"""Channels get like sizes, and the network stays the same."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from ceres_fast.export.quantise import equalise
from ceres_fast.export.quantise.equalise import equalise_channels
from ceres_fast.export.quantise.float_graph import prepare, quantisable
from ceres_fast.export.quantise.insert import insert_quantizing
from ceres_fast.export.quantise.ranges import ranges_of

from .networks import network, stamps
from .runs import answers

CHANNELS = 6


def uneven(readers: int = 1, group: int = 1, between: str = "Relu", bias: bool = True) -> onnx.ModelProto:
    """A convolution whose channels differ by factors of two, an operator, and convolutions that read it."""
    random = np.random.default_rng(7)
    spread = 2.0 ** np.arange(CHANNELS)[:, None, None, None]
    constants = {
        "first": spread * random.normal(size=(CHANNELS, 1, 3, 3)),
        "bias": spread.ravel() * random.normal(0, 0.1, CHANNELS),
        **{
            f"next{n}": random.normal(size=(CHANNELS, CHANNELS // group, 1, 1)) / spread.reshape(1, -1, 1, 1)
            for n in range(readers)
        },
    }
    if group > 1:
        constants |= {f"next{n}": random.normal(size=(CHANNELS, 1, 1, 1)) / spread for n in range(readers)}
    kernel = {"MaxPool": {"kernel_shape": [2, 2]}}.get(between, {})
    nodes = [
        helper.make_node("Transpose", ["stamp"], ["image"], "image", perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["image", "first", *(["bias"] if bias else [])], ["uneven"], "first"),
        helper.make_node(between, ["uneven"], ["read"], "between", **kernel),
        *(helper.make_node("Conv", ["read", f"next{n}"], [f"out{n}"], f"next{n}", group=group) for n in range(readers)),
        helper.make_node("Sum", [f"out{n}" for n in range(readers)], ["sum"], "sum"),
        helper.make_node("ReduceMean", ["sum"], ["means"], "means", axes=[2, 3], keepdims=0),
        helper.make_node("Tanh", ["means"], ["probability"], "tanh"),
    ]
    graph = helper.make_graph(
        nodes,
        "uneven",
        [helper.make_tensor_value_info("stamp", TensorProto.FLOAT, ["N", 32, 32, 1])],
        [helper.make_tensor_value_info("probability", TensorProto.FLOAT, ["N", CHANNELS])],
        [numpy_helper.from_array(np.asarray(value, np.float32), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)


def images() -> np.ndarray:
    return np.random.default_rng(1).normal(0, 1, (16, 32, 32, 1)).astype(np.float32)


def spread_of(model: onnx.ModelProto, tensor: str = "read") -> float:
    (sizes,) = equalise._sizes(model, [tensor], images())
    return float(sizes.max() / sizes.min())


@pytest.mark.parametrize("between", ["Relu", "MaxPool"])
@pytest.mark.parametrize(("readers", "group"), [(1, 1), (2, 1), (1, CHANNELS), (2, CHANNELS)])
@pytest.mark.parametrize("bias", [True, False])
def test_sizes_come_together_and_answers_stay(readers: int, group: int, between: str, bias: bool) -> None:
    model = uneven(readers, group, between, bias)
    before = model.SerializeToString()
    made = equalise_channels(model, images())
    assert model.SerializeToString() == before
    np.testing.assert_allclose(answers(made, images()), answers(model, images()), atol=1e-5)
    assert spread_of(model) > 20
    # An ordinary convolution, whose weights are as uneven the other way, takes half of it.
    assert spread_of(made) < (1.01 if group > 1 else 6)


def test_less_is_lost_in_int8() -> None:
    def lost(model: onnx.ModelProto) -> float:
        nodes = [name for name in ("first", "between", "next0") if name in {node.name for node in model.graph.node}]
        quantised = insert_quantizing(model, nodes, ranges_of(model, images(), "minmax"))
        return float(np.abs(answers(quantised, images()) - answers(model, images())).max())

    model = prepare(uneven())
    assert lost(equalise_channels(model, images())) < 0.5 * lost(model)


def test_what_others_read_too_is_left_alone() -> None:
    model = uneven()
    model.graph.node.append(helper.make_node("ReduceMean", ["uneven"], ["more"], "more", axes=[1, 2, 3], keepdims=0))
    model.graph.output.append(helper.make_tensor_value_info("more", TensorProto.FLOAT, ["N"]))
    assert equalise_channels(model, images()) == model
    shared = uneven()
    shared.graph.node[3].input[1] = "first"  # a kernel that two convolutions have
    assert list(equalise._links(shared.graph, {each.name: each for each in shared.graph.initializer})) == []


@pytest.mark.parametrize("group", [1, CHANNELS])
@pytest.mark.parametrize("size", [0.0, 1e-30, 1e-3])
def test_a_channel_that_shows_nothing_keeps_room(group: int, size: float) -> None:
    """What is next to nothing on these stamps may be something on others."""
    model = uneven(group=group, bias=False)
    kernel = next(tensor for tensor in model.graph.initializer if tensor.name == "first")
    values = numpy_helper.to_array(kernel).copy()
    values[2] *= size
    kernel.CopyFrom(numpy_helper.from_array(values, "first"))
    made = equalise_channels(model, images())
    assert all(np.isfinite(numpy_helper.to_array(tensor)).all() for tensor in made.graph.initializer)
    np.testing.assert_allclose(answers(made, images()), answers(model, images()), atol=1e-5)
    before, after = (equalise._sizes(each, ["read"], images())[0] for each in (model, made))
    room = after.max() / np.divide(after, before, where=before > 0, out=np.full(CHANNELS, np.inf))
    assert (room[before > 0] > 0.99 * equalise.LEAST * before.max()).all()


def test_all_channels_without_a_value() -> None:
    model = uneven(bias=False)
    assert equalise_channels(model, 0 * images()) is not model
    np.testing.assert_allclose(
        answers(equalise_channels(model, 0 * images()), images()), answers(model, images()), atol=1e-5
    )


def test_a_network_of_what_backbones_have() -> None:
    ready = prepare(network(gain=0.1))
    made = equalise_channels(ready, stamps(16))
    np.testing.assert_allclose(answers(made, stamps(16)), answers(ready, stamps(16)), atol=1e-6)
    changed = [a.name for a, b in zip(ready.graph.initializer, made.graph.initializer, strict=True) if a != b]
    # The first layer, the two that read it (one is half of a separable one), and the other half.
    assert sorted(name.split("/")[2].removesuffix("_bn") for name in changed) == [
        "first_conv",
        "first_conv",
        "sepconv_depthwise",
        "sepconv_depthwise",
        "sepconv_pointwise",
        "shortcut",
    ]
    assert quantisable(made.graph) == quantisable(ready.graph)
