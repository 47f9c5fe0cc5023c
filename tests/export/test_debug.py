"""Of two graphs that differ, the tensor is named where the difference begins."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
from astropy.table import Table
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static

from ceres_fast.engines.agreement import probe_stamps
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.export.debug import Layerwise, Tensor, layerwise, pairs
from ceres_fast.stamps import PLANES

from ..tiny_models import model

LAYERS = ("first", "second", "third")


def network(*, half: bool = False, planes: int = 1, **changed: float) -> onnx.ModelProto:
    """A stem, three convolutions (a factor for each) and a head; in float16 between a cast and a cast."""
    random, kind = np.random.default_rng(3), np.float16 if half else np.float32
    weights = {}
    nodes = [
        helper.make_node("ReduceMin", ["stamp"], ["low"], axes=[1, 2], keepdims=1),
        helper.make_node("ReduceMax", ["stamp"], ["high"], axes=[1, 2], keepdims=1),
        helper.make_node("Sub", ["stamp", "low"], ["above"]),
        helper.make_node("Sub", ["high", "low"], ["span"]),
        helper.make_node("Add", ["span", "one"], ["whole"]),
        helper.make_node("Div", ["above", "whole"], ["normalised"]),
        helper.make_node("Transpose", ["normalised"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Cast", ["planes"], ["cast"], to=TensorProto.FLOAT16 if half else TensorProto.FLOAT),
    ]
    before, channels = "cast", planes
    for layer in LAYERS:
        weight = random.normal(0, 1, (4, channels, 3, 3)) / np.sqrt(9 * channels) * changed.get(layer, 1)
        weights[f"{layer}/kernel"] = weight.astype(kind)
        nodes.append(helper.make_node("Conv", [before, f"{layer}/kernel"], [f"{layer}/conv"], strides=[2, 2]))
        nodes.append(helper.make_node("Relu", [f"{layer}/conv"], [layer]))
        before, channels = layer, 4
    weights["head/kernel"] = random.normal(0, 1, (4, 2)).astype(kind)
    nodes += [
        helper.make_node("GlobalAveragePool", [before], ["pooled"]),
        helper.make_node("Flatten", ["pooled"], ["flat"]),
        helper.make_node("MatMul", ["flat", "head/kernel"], ["logits"]),
        helper.make_node("Cast", ["logits"], ["single"], to=TensorProto.FLOAT),
        helper.make_node("Softmax", ["single"], ["probability"], axis=1),
    ]
    made = model(
        nodes,
        {"one": [1.0]},
        stamps=("stamp", TensorProto.FLOAT, ["N", 32, 32, planes]),
        probabilities=("probability", TensorProto.FLOAT, ["N", 2]),
    )
    made.graph.initializer.extend(numpy_helper.from_array(value, name) for name, value in weights.items())
    return made


def saved(folder: Path, name: str, made: onnx.ModelProto) -> Path:
    onnx.save(made, folder / name)
    return folder / name


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    return saved(tmp_path, "classifier.onnx", network())


def errors(found: Layerwise) -> dict[str, float]:
    return {each.name: each.error for each in found.tensors}


def test_equal_graphs(reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = layerwise(reference, saved(tmp_path, "copy.onnx", network()))
    assert found.precision == "float32"
    assert found.first is None
    assert set(errors(found).values()) == {0.0}
    names = [each.name for each in found.tensors]
    assert names == [name for node in network().graph.node for name in node.output]
    assert (found.tensors[names.index("first")].shape, found.tensors[-1].operator) == ((4, 15, 15), "Softmax")
    assert capsys.readouterr() == ("", "")


def test_the_tensor_where_an_error_begins(reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = layerwise(reference, saved(tmp_path, "other.onnx", network(second=1.1)))
    assert found.first is not None
    assert found.first.name == "second/conv"
    assert found.first.error == pytest.approx(0.1, rel=1e-4)
    assert errors(found)["first"] == 0
    assert errors(found)["third"] == pytest.approx(0.1, rel=1e-4)
    found.show()
    printed = capsys.readouterr().out
    assert "the error jumps at second/conv (Conv): 1.0e-01" in printed
    assert printed.index("second/conv") < printed.index("third/conv") < printed.index("logits")


def test_float16_is_rounding(reference: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = layerwise(reference, saved(tmp_path, "classifier-float16.onnx", network(half=True)))
    assert found.precision == "float16"
    assert found.first is None
    assert 1e-5 < errors(found)["third"] < 1e-2
    found.show()
    assert "no tensor jumps: the error grows as rounding in float16 does" in capsys.readouterr().out


def test_float16_that_overflows(tmp_path: Path) -> None:
    reference = saved(tmp_path, "classifier.onnx", network(first=100, second=3e4))
    found = layerwise(reference, saved(tmp_path, "classifier-float16.onnx", network(half=True, first=100, second=3e4)))
    assert found.first is not None
    assert found.first.name == "second/conv"
    assert not np.isfinite(found.first.error)


class Probes(CalibrationDataReader):
    def __init__(self) -> None:
        self.given = iter([{"stamp": probe_stamps()}])

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self.given, None)


@pytest.mark.filterwarnings("ignore")  # of the library that quantises
def test_int8_tensors_are_compared_under_their_names(reference: Path, tmp_path: Path) -> None:
    product = tmp_path / "classifier-int8.onnx"
    quantize_static(
        reference,
        product,
        Probes(),
        quant_format=QuantFormat.QDQ,
        activation_type=QuantType.QInt8,
        op_types_to_quantize=["Conv"],
    )
    found = layerwise(reference, product)
    assert found.precision == "int8"
    assert {"first/conv", "second/conv", "third/conv", "probability"} <= errors(found).keys()
    assert errors(found)["planes"] == 0
    assert 1e-4 < errors(found)["third/conv"] < 0.2


def test_three_planes(tmp_path: Path) -> None:
    reference = saved(tmp_path, "classifier.onnx", network(planes=len(PLANES)))
    assert layerwise(reference, reference).tensors[0].shape == (1, 1, 3)


def test_the_stamps_that_differ_can_be_given(reference: Path, tmp_path: Path) -> None:
    product = saved(tmp_path, "other.onnx", network(first=2.0))
    dark = np.zeros((2, 32, 32, 1), np.float32)
    assert layerwise(reference, product, dark).first is None  # nothing to multiply
    bright = dark.copy()
    bright[1, 16, 16] = 5000
    assert layerwise(reference, product, np.concatenate([dark, bright])).first is not None


def test_every_tensor_is_written(reference: Path, tmp_path: Path) -> None:
    found = layerwise(reference, saved(tmp_path, "other.onnx", network(third=0.5)))
    found.write(tmp_path / "other.onnx.debug.ecsv")
    table = Table.read(tmp_path / "other.onnx.debug.ecsv")
    assert len(table) == len(found.tensors)
    assert table.meta == {"precision": "float32", "jumps_at": "third/conv", "left_out": 0}
    np.testing.assert_array_equal(table["relative_error"], [each.error for each in found.tensors])


def test_an_error_that_is_carried_on_is_no_jump() -> None:
    def of(*sizes: float, precision: str = "float16") -> str:
        tensors = [Tensor(str(number), "Conv", (4,), size) for number, size in enumerate(sizes)]
        found = Layerwise(precision, tensors, 0).first
        return found.name if found else ""

    assert of(1e-3, 5e-3, 9e-3, 2e-2, 5e-2) == ""
    assert of(1e-3, 5e-3, 9e-3, 3e-2) == "3"
    assert of(1e-3, np.nan, 0.5) == "1"
    assert of(0.1, 0.15, precision="int8") == ""
    assert of(0.0, 2e-4, precision="float32") == "1"
    assert of() == ""


def renamed(made: onnx.ModelProto, pattern: str = "other/{}") -> onnx.ModelProto:
    kept = {"stamp", *(each.name for each in made.graph.initializer)}
    for node in made.graph.node:
        for names in (node.input, node.output):
            names[:] = [name if name in kept else pattern.format(name) for name in names]
    made.graph.output[0].name = pattern.format("probability")
    return made


def test_counters_in_names_do_not_matter(reference: Path, tmp_path: Path) -> None:
    product = saved(tmp_path, "other.onnx", renamed(network(second=1.1), "{}_12_1"))
    found = layerwise(reference, product)
    assert found.left_out == 0
    assert found.first is not None
    assert found.first.name == "second/conv"


def broken(made: onnx.ModelProto) -> onnx.ModelProto:
    made.graph.node[8].input[1] = "nowhere"
    return made


@pytest.mark.parametrize(
    ("change", "message"),
    [(renamed, "has no tensor with a name of classifier.onnx"), (broken, "cannot be run tensor by tensor")],
)
def test_graphs_that_cannot_be_compared(
    reference: Path, tmp_path: Path, change: object, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    product = saved(tmp_path, "other.onnx", change(network()))  # type: ignore[operator]
    with pytest.raises(InputError, match=message):
        layerwise(reference, product)
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("content", [b"not onnx", None])
def test_files_that_cannot_be_read(reference: Path, tmp_path: Path, content: bytes | None) -> None:
    product = tmp_path / "other.onnx"
    if content is not None:
        product.write_bytes(content)
    with pytest.raises(InputError, match=r"other\.onnx: cannot be read"):
        layerwise(reference, product)


def test_stamps_of_another_size(tmp_path: Path) -> None:
    made = network()
    made.graph.input[0].type.tensor_type.shape.dim[1].dim_value = 64
    path = saved(tmp_path, "large.onnx", made)
    with pytest.raises(InputError, match=r"takes \(64, 32, 1\); expected stamps of 32x32"):
        layerwise(path, path)


def test_without_polygraphy(reference: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "polygraphy.backend.onnx", None)
    with pytest.raises(CeresFastError, match="--debug needs polygraphy, which is not installed"):
        layerwise(reference, reference)


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
