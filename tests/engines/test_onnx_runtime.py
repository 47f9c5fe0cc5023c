"""The ONNX Runtime engine: the same answer alone and in a crowd, and no answer from what is not a classifier."""

import os
import threading
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper

from ceres_fast.artifact.classifier import ONNX_METADATA_KEY
from ceres_fast.artifact.onnx_file import _metadata, _wants_other_files
from ceres_fast.engines import load
from ceres_fast.engines.batches import BATCH
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.errors import InputError

from ..tiny_models import classifier, model, peak_model, written

SUM_TO_LOGITS = [
    helper.make_node("ReduceMean", ["stamp"], ["mean"], axes=[1, 2], keepdims=0),
    helper.make_node("Mul", ["mean", "w"], ["probability"]),
]


@pytest.fixture
def engine(tmp_path: Path) -> OnnxRuntimeEngine:
    return OnnxRuntimeEngine(written(tmp_path, peak_model()))


def stamps(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(500, 40, (n, 32, 32)).astype(np.float32)


def logarithm_model() -> onnx.ModelProto:
    """A model that shows the last digit of each pixel's logarithm, which depends on how many are taken at a time."""
    nodes = [
        helper.make_node("Log", ["stamp"], ["logarithms"]),
        helper.make_node("Mul", ["logarithms", "large"], ["digits"]),
        helper.make_node("Sin", ["digits"], ["shown"]),
        helper.make_node("ReduceMean", ["shown"], ["mean"], axes=[1, 2], keepdims=0),
        helper.make_node("Mul", ["mean", "w"], ["logits"]),
        helper.make_node("Softmax", ["logits"], ["probability"], axis=1),
    ]
    return model(nodes, {"w": [1, 30], "large": [1e7]})


def expected_of(pixels: np.ndarray) -> np.ndarray:
    contrast = pixels.max((1, 2)) - pixels.mean((1, 2), dtype=np.float64)
    return 1 / (1 + np.exp(-2 * (contrast - 50) / 100))


def test_probabilities(engine: OnnxRuntimeEngine) -> None:
    pixels = stamps(50)
    found = engine.predict(pixels, raw=True)
    assert found.dtype == np.float32
    assert found.shape == (50,)
    np.testing.assert_allclose(found, expected_of(pixels), atol=1e-5)
    assert engine.classifier == classifier()
    assert engine.seconds > 0
    assert engine.runtime.startswith("ONNX Runtime ")
    assert engine.runtime.endswith(f", {engine.provider}")


def test_a_stamp_alone_equals_the_same_stamp_among_others(engine: OnnxRuntimeEngine) -> None:
    pixels = stamps(20)
    together = engine.predict(pixels, raw=True)
    alone = [engine.predict(pixels[i : i + 1], raw=True)[0] for i in range(20)]
    np.testing.assert_allclose(alone, together, atol=1e-6)
    np.testing.assert_allclose(engine.predict(pixels, batch_size=7, raw=True), together, atol=1e-6)


def test_memory_is_bounded_by_the_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = OnnxRuntimeEngine(written(tmp_path, peak_model()), provider="cpu", threads=2)
    run, sizes = engine._run, []
    monkeypatch.setattr(engine, "_run", lambda batch: sizes.append(len(batch)) or run(batch))
    assert engine.predict(stamps(150), raw=True).shape == (150,)
    assert sizes == [BATCH, BATCH, 150 - 2 * BATCH]


@pytest.mark.parametrize(
    ("allowed", "asked", "expected"), [(2, 0, 2), (8, 0, 8), (2, 1, 1), (2, 4, 4)], ids=["bound", "all", "one", "more"]
)
def test_threads_are_no_more_than_the_cores_that_may_be_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: int, asked: int, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(allowed)), raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    engine = OnnxRuntimeEngine(written(tmp_path, peak_model()), threads=asked, provider="cpu")
    part, seen = engine._part, []
    together = threading.Barrier(expected)  # which none passes before all are there

    def running(given: np.ndarray) -> np.ndarray:
        seen.append(len(given))
        together.wait(20)
        return part(given)

    monkeypatch.setattr(engine, "_part", running)
    pixels = stamps(32 * expected)
    np.testing.assert_allclose(engine.predict(pixels, raw=True), expected_of(pixels), atol=1e-5)
    assert seen == [32] * expected


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_an_answer_is_the_same_bytes_in_any_batch_and_on_any_threads(tmp_path: Path, threads: int) -> None:
    pixels = stamps(77)
    one = OnnxRuntimeEngine(written(tmp_path, logarithm_model()), provider="cpu", threads=1)
    expected = one.predict(pixels, raw=True)
    assert len(np.unique(expected)) == 77
    engine = OnnxRuntimeEngine(written(tmp_path, logarithm_model()), provider="cpu", threads=threads)
    for size in (1, 9, 50, 64, None):
        np.testing.assert_array_equal(engine.predict(pixels, size, raw=True), expected)


def test_no_stamps(engine: OnnxRuntimeEngine) -> None:
    assert engine.predict(np.empty((0, 32, 32), np.float32), raw=True).shape == (0,)


@pytest.mark.parametrize("shape", [(3, 31, 32), (3, 32, 32, 3), (32, 32)])
def test_other_shapes_are_refused(engine: OnnxRuntimeEngine, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not \\(n, 32, 32, 1\\)"):
        engine.predict(np.zeros(shape, np.float32), raw=True)


def test_nan_stays_nan_and_touches_no_other_row(engine: OnnxRuntimeEngine) -> None:
    pixels = stamps(6)
    clean = engine.predict(pixels, raw=True)
    pixels[1, 3, 3], pixels[3, 0, 0] = np.nan, np.inf
    pixels[4], pixels[4, 0, 0] = -3e38, 3e38
    found = engine.predict(pixels, raw=True)
    assert np.isnan(found[[1, 3]]).all()
    np.testing.assert_allclose(found[[0, 2, 5]], clean[[0, 2, 5]], atol=1e-6)


REFUSED_MODELS: dict[str, tuple[dict[str, Any], str]] = {
    "no metadata": ({"classifier_json": ""}, "does not say which classifier"),
    "metadata not JSON": ({"classifier_json": "{oops"}, "not valid JSON"),
    "metadata of a newer version": (
        {"classifier_json": classifier().to_json().replace('"format_version": 3', '"format_version": 7')},
        "format version 7",
    ),
    "metadata without a value": (
        {"classifier_json": classifier().to_json().replace('"threshold"', '"limit"')},
        "lacks threshold",
    ),
    "other output name": ({"probabilities": ("dense_1", TensorProto.FLOAT, ["N", 2])}, "output"),
    "other input name": ({"stamps": ("input_1", TensorProto.FLOAT, ["N", 32, 32, 1])}, "input"),
    "other input shape": ({"stamps": ("stamp", TensorProto.FLOAT, ["N", 64, 64, 1])}, "input"),
    "three bands": ({"stamps": ("stamp", TensorProto.FLOAT, ["N", 32, 32, 3])}, "input"),
    "bands first": ({"stamps": ("stamp", TensorProto.FLOAT, ["N", 1, 32, 32])}, "input"),
    "fixed batch": ({"stamps": ("stamp", TensorProto.FLOAT, [8, 32, 32, 1])}, "input"),
    "float64": ({"stamps": ("stamp", TensorProto.DOUBLE, ["N", 32, 32, 1])}, r"cannot be run|input"),
    "three classes": (
        {"weights": [0.1, 0.2, 0.3], "probabilities": ("probability", TensorProto.FLOAT, ["N", 3])},
        "output",
    ),
}


@pytest.mark.parametrize("name", REFUSED_MODELS)
def test_other_models_are_refused(tmp_path: Path, name: str) -> None:
    changed, message = REFUSED_MODELS[name]
    ends = {"stamps": "stamp", "probabilities": "probability"} | {
        end: changed[end][0] for end in ("stamps", "probabilities") if end in changed
    }
    nodes = [
        helper.make_node("Flatten", [ends["stamps"]], ["flat"]),
        helper.make_node("ReduceMean", ["flat"], ["mean"], axes=[1]),
        helper.make_node("Mul", ["mean", "w"], [ends["probabilities"]]),
    ]
    weights = {"w": changed.get("weights", [0.1, 0.9])}
    kept = {key: value for key, value in changed.items() if key != "weights"}
    with pytest.raises(InputError, match=message) as caught:
        OnnxRuntimeEngine(written(tmp_path, model(nodes, weights, **kept)))
    assert str(caught.value).startswith(str(tmp_path / "classifier.onnx"))
    assert "\n" not in str(caught.value)


def test_unknown_operators_are_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    node = helper.make_node("RunShell", ["stamp"], ["probability"], domain="evil.example")
    with pytest.raises(InputError, match="cannot be run by ONNX Runtime"):
        OnnxRuntimeEngine(written(tmp_path, model([node], {}, extra_opsets=("evil.example",))))
    assert capfd.readouterr().err == ""


def test_what_is_no_probability_is_refused(tmp_path: Path) -> None:
    engine = OnnxRuntimeEngine(written(tmp_path, model(SUM_TO_LOGITS, {"w": [0.1, 0.9]})))
    with pytest.raises(InputError, match="as a probability"):
        engine.predict(stamps(2), raw=True)


def test_outputs_of_another_shape_are_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["stamp"], ["flat"]),
        helper.make_node("Cast", ["w"], ["which"], to=TensorProto.BOOL),
        helper.make_node("Compress", ["flat", "which"], ["probability"], axis=1),
    ]
    made = model(nodes, {"w": [1, 1, 1]}, probabilities=("probability", TensorProto.FLOAT, ["N", "M"]))
    with pytest.raises(InputError, match=r"shape \(2, 3\)"):
        OnnxRuntimeEngine(written(tmp_path, made)).predict(stamps(2), raw=True)


def test_an_output_whose_shape_depends_on_the_stamps_is_refused(tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Flatten", ["stamp"], ["flat"]),
        helper.make_node("ReduceMax", ["flat"], ["largest"], axes=[0], keepdims=0),
        helper.make_node("Cast", ["largest"], ["which"], to=TensorProto.BOOL),
        helper.make_node("Compress", ["flat", "which"], ["probability"], axis=1),
    ]
    made = model(nodes, {}, probabilities=("probability", TensorProto.FLOAT, ["N", "M"]))
    engine = OnnxRuntimeEngine(written(tmp_path, made), provider="cpu", threads=2)
    pixels = np.zeros((64, 32, 32), np.float32)
    pixels[:32, 0, :2] = pixels[32:, 0, :3] = 0.5
    with pytest.raises(InputError, match="failed on 64 stamps"):
        engine.predict(pixels, raw=True)


def external(location: str, place: str) -> onnx.ModelProto:
    """A model whose gain is in another file: as an initializer, in a node, or inside a branch."""
    made = peak_model()
    tensor = next(each for each in made.graph.initializer if each.name == "gain")
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value=location)
    if place == "initializer":
        return made
    constant = helper.make_node("Constant", [], ["gain"], value=tensor)
    made.graph.initializer.remove(tensor)
    if place == "node":
        made.graph.node.insert(0, constant)
        return made
    branch = helper.make_graph([constant], "branch", [], [helper.make_tensor_value_info("gain", 1, [2])])
    made.graph.initializer.append(helper.make_tensor("yes", TensorProto.BOOL, [], [True]))
    made.graph.node.insert(0, helper.make_node("If", ["yes"], ["gain"], then_branch=branch, else_branch=branch))
    return made


@pytest.mark.parametrize("place", ["initializer", "node", "branch"])
@pytest.mark.parametrize("location", ["../secret.bin", "/etc/hostname", "beside.bin", "*/_ORT_MEM_ADDR_/*"])
def test_weights_in_other_files_are_refused(tmp_path: Path, location: str, place: str) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for secret in (tmp_path / "secret.bin", folder / "beside.bin"):
        secret.write_bytes(np.asarray([1, -1], np.float32).tobytes())
    with pytest.raises(InputError, match="keeps weights in other files"):
        OnnxRuntimeEngine(written(folder, external(location, place)))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.5, 0.9, 0.999])
def test_truncated_models_are_refused(tmp_path: Path, share: float) -> None:
    with pytest.raises(InputError, match=r"classifier\.onnx"):
        OnnxRuntimeEngine(written(tmp_path, peak_model(), lambda content: content[: int(share * len(content))]))


@given(st.binary(max_size=400))
def test_random_bytes_are_refused(content: bytes) -> None:
    with TemporaryDirectory() as folder, pytest.raises(InputError):
        OnnxRuntimeEngine(written(Path(folder), peak_model(), lambda _: content))


@given(st.integers(0, 10_000), st.integers(1, 255))
def test_a_flipped_byte_never_gives_a_traceback(place: int, flip: int) -> None:
    def flipped(content: bytes) -> bytes:
        at = place % len(content)
        return content[:at] + bytes([content[at] ^ flip]) + content[at + 1 :]

    with TemporaryDirectory() as folder:
        path = written(Path(folder), peak_model(), flipped)
        with suppress(InputError):
            found = OnnxRuntimeEngine(path).predict(stamps(3), raw=True)
            assert ((found >= 0) & (found <= 1) | np.isnan(found)).all()


def test_the_wire_reader_agrees_with_onnx() -> None:
    made = peak_model()
    helper.set_model_props(made, {ONNX_METADATA_KEY: "{}", "ünits": "″", "empty": ""})
    content = memoryview(made.SerializeToString())
    assert _metadata(content) == {ONNX_METADATA_KEY: "{}", "ünits": "″", "empty": ""}
    assert not _wants_other_files(content)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        OnnxRuntimeEngine(tmp_path / "nowhere.onnx")
    (tmp_path / "folder.onnx").mkdir()
    with pytest.raises(InputError, match="cannot be read"):
        OnnxRuntimeEngine(tmp_path / "folder.onnx")
    with pytest.raises(InputError, match="expected a run folder"):
        load(tmp_path / "folder.onnx")
