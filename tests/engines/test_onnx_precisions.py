"""ONNX files that compute in float16 or int8 are run as those in float32 are; int8 on a CPU with one byte changed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper

from ceres_fast.artifact.onnx_file import NONNEGATIVE, SIGNED, as_unsigned
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine

from ..tiny_models import classifier, model, peak_model, written

RELU, IMAGE, KERNEL = f"relu{NONNEGATIVE}", f"planes{SIGNED}", "kernel_zero_point"
CEILING = 127 * 0.02
"""Of int8 at the scale of the ReLU's output."""


def stamps(n: int, level: float = 1.0) -> np.ndarray:
    return np.random.default_rng(0).uniform(-level, level, (n, 32, 32)).astype(np.float32)


def quantised(relu: str = RELU, image: str = IMAGE) -> onnx.ModelProto:
    """A convolution and its ReLU between Q/DQ pairs, as an int8 classifier has them, and a head in float32."""
    scales = {"in_scale": 0.01, "relu_scale": CEILING / 127, "kernel_scale": 0.01}
    nodes = [
        helper.make_node("Transpose", ["stamp"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("QuantizeLinear", ["planes", "in_scale", image], ["q_in"]),
        helper.make_node("DequantizeLinear", ["q_in", "in_scale", image], ["d_in"]),
        helper.make_node("DequantizeLinear", ["q_kernel", "kernel_scale", KERNEL], ["kernel"]),
        helper.make_node("Conv", ["d_in", "kernel"], ["conv"], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["conv"], ["relu"]),
        helper.make_node("QuantizeLinear", ["relu", "relu_scale", relu], ["q_relu"]),
        helper.make_node("DequantizeLinear", ["q_relu", "relu_scale", relu], ["d_relu"]),
        helper.make_node("ReduceMax", ["d_relu"], ["brightest"], axes=[2, 3], keepdims=0),
        helper.make_node("MatMul", ["brightest", "dense"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probability"], axis=1),
    ]
    random = np.random.default_rng(1)
    made = model(
        nodes, {name: [value] for name, value in scales.items()}, classifier_json=classifier(precision="int8").to_json()
    )
    for scale in made.graph.initializer:
        scale.ClearField("dims")  # one value, no axis
    weights = {
        image: np.int8(0),
        relu: np.int8(0),
        KERNEL: np.int8(0),
        "q_kernel": random.integers(-60, 60, (4, 1, 3, 3), np.int8),
        "dense": random.uniform(-0.3, 0.3, (4, 2)).astype(np.float32),
    }
    made.graph.initializer.extend(numpy_helper.from_array(np.asarray(value), name) for name, value in weights.items())
    onnx.checker.check_model(made, full_check=True)
    return made


def as_it_is(made: onnx.ModelProto, pixels: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(made.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {"stamp": pixels[..., None]})[0][:, 1]


def types(content: bytes) -> dict[str, int]:
    return {each.name: each.data_type for each in onnx.load_model_from_string(content).graph.initializer}


def zeros(content: bytes) -> dict[str, int]:
    tensors = {each.name: each for each in onnx.load_model_from_string(content).graph.initializer}
    return {name: int(numpy_helper.to_array(tensors[name])) for name in (RELU, IMAGE, KERNEL)}


def test_three_bytes_make_the_activations_unsigned() -> None:
    content = quantised().SerializeToString()
    changed = as_unsigned(content)
    assert sum(a != b for a, b in zip(content, changed, strict=True)) == 3
    assert types(changed) == types(content) | {RELU: TensorProto.UINT8, IMAGE: TensorProto.UINT8}
    assert types(content)[RELU] == types(content)[IMAGE] == TensorProto.INT8
    assert zeros(content) == {RELU: 0, IMAGE: 0, KERNEL: 0}
    assert zeros(changed) == {RELU: 0, IMAGE: 128, KERNEL: 0}
    onnx.checker.check_model(onnx.load_model_from_string(changed), full_check=True)


@pytest.mark.parametrize("made", [peak_model(), quantised("relu_zero_point", "in_zero_point")])
def test_other_models_stay_as_they_are(made: onnx.ModelProto) -> None:
    content = made.SerializeToString()
    assert as_unsigned(content) is content


def test_only_an_int8_initializer_of_that_name_is_changed() -> None:
    made = quantised()
    made.graph.initializer.append(helper.make_tensor(f"offsets{NONNEGATIVE}", TensorProto.INT32, [1], [3]))
    made.graph.node[0].name = f"node{NONNEGATIVE}"
    before = made.SerializeToString()
    assert types(as_unsigned(before)) == types(before) | {RELU: TensorProto.UINT8, IMAGE: TensorProto.UINT8}


def test_int8_gives_the_same_answers_on_the_cpu_as_it_is(tmp_path: Path) -> None:
    made, pixels = quantised(), stamps(40, level=0.7)
    engine = OnnxRuntimeEngine(written(tmp_path, made), provider="cpu")
    assert engine.classifier.precision == "int8"
    found = engine.predict(pixels, raw=True)
    assert np.ptp(found) > 0.01
    np.testing.assert_allclose(found, as_it_is(made, pixels), atol=1e-6)


def test_what_is_above_the_ceiling_of_int8_is_kept(tmp_path: Path) -> None:
    """Else the byte was not changed: the same answers, but slowly."""
    made, pixels = quantised(), stamps(40, level=1.27)
    found = OnnxRuntimeEngine(written(tmp_path, made), provider="cpu").predict(pixels, raw=True)
    clipped = as_it_is(made, pixels)
    assert np.abs(found - clipped).max() > 1e-3


def test_float16(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("ReduceMean", ["stamp"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Cast", ["mean"], ["half"], to=TensorProto.FLOAT16),
        helper.make_node("Cast", ["gain"], ["half_gain"], to=TensorProto.FLOAT16),
        helper.make_node("Mul", ["half", "half_gain"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["half_probability"], axis=1),
        helper.make_node("Cast", ["half_probability"], ["probability"], to=TensorProto.FLOAT),
    ]
    made = model(nodes, {"gain": [-9, 9]}, classifier_json=classifier(precision="float16").to_json())
    engine = OnnxRuntimeEngine(written(tmp_path, made), provider="cpu")
    pixels = stamps(30) + np.linspace(-0.3, 0.3, 30, dtype=np.float32)[:, None, None]
    found = engine.predict(pixels, 7, raw=True)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-18 * pixels.mean((1, 2), np.float64))), atol=5e-3)
