"""What is asked of TensorRT 10 and 11 (a fake that records it), and what comes of its refusals."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from onnx import TensorProto, helper

from ceres_fast.artifact.onnx_file import INPUT, OUTPUT
from ceres_fast.engines.gpus import Gpu
from ceres_fast.engines.tensorrt.build import build, rebuild
from ceres_fast.engines.tensorrt.options import EngineOptions
from ceres_fast.engines.tensorrt.sidecar import read_sidecar
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.files import sha256_of

from ...tiny_models import classifier, model, peak_model, written
from .conftest import AMPERE
from .fake_tensorrt import NEW, OLD, HostMemory, ILogger

Machine = Callable[..., ModuleType]
TURING = Gpu("Tesla T4", "7.5")


def asked(module: ModuleType) -> dict[str, Any]:
    (plan,) = [argument for method, argument in module.calls if method == "build_serialized_network"]
    return plan


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize(("version", "flags"), [(OLD, 2), (NEW, 0)])
def test_strongly_typed_in_ten_and_eleven(onnx: Path, machine: Machine, version: str, flags: int) -> None:
    module = machine(version=version)
    build(onnx, onnx.with_suffix(".engine"), "tensorrt")
    assert ("create_network", flags) in module.calls
    assert asked(module)["strongly_typed"]
    assert asked(module)["flags"] == []  # no precision, no TF32


def test_what_is_written(onnx: Path, machine: Machine) -> None:
    machine()
    engine = onnx.with_suffix(".engine")
    sidecar = build(onnx, engine, "tensorrt", EngineOptions(batches=(8, 1)))
    assert names(onnx.parent) == ["classifier.engine", "classifier.engine.json", "classifier.engine.log", onnx.name]
    assert read_sidecar(engine) == sidecar
    assert sidecar.engine_sha256 == sha256_of(engine)
    assert sidecar.onnx_sha256 == sha256_of(onnx) == json.loads(engine.read_bytes())["onnx_sha256"]
    assert (sidecar.flavour, sidecar.runtime_version, sidecar.precision) == ("tensorrt", OLD, "float32")
    assert (sidecar.built_on, sidecar.hardware, sidecar.compute_capabilities) == (AMPERE, "none", ())
    assert (sidecar.batches, sidecar.profiles) == ((1, 8), ((1, 8, 8), (1, 1, 1)))
    assert sidecar.described(engine) == classifier()
    assert sidecar.engine_options == EngineOptions(batches=(1, 8))
    assert not sidecar.host_code
    log = engine.with_name(sidecar.log).read_text()
    assert log == "INFO: Engine generation completed. Nothing was generated: this is a fake.\n"
    assert str(onnx.parent) not in engine.with_name(engine.name + ".json").read_text()


def test_a_profile_for_each_batch_size(onnx: Path, machine: Machine) -> None:
    module = machine()
    build(onnx, onnx.with_suffix(".engine"), "tensorrt", EngineOptions(batches=(1, 64)))
    assert asked(module)["profiles"] == [
        [[1, 32, 32, 1], [64, 32, 32, 1], [64, 32, 32, 1]],
        [[1, 32, 32, 1], [1, 32, 32, 1], [1, 32, 32, 1]],
    ]


def test_three_planes(tmp_path: Path, machine: Machine) -> None:
    described = classifier(planes=("science", "template", "difference"))
    onnx = written(tmp_path, peak_model(planes=3, classifier_json=described.to_json()))
    module = machine()
    assert build(onnx, onnx.with_suffix(".engine"), "tensorrt").stamp_shape == (32, 32, 3)
    assert asked(module)["profiles"][0][0] == [1, 32, 32, 3]


@pytest.mark.parametrize(
    ("gpu", "options", "expected"),
    [
        (AMPERE, EngineOptions(workspace_mib=3), {"limits": {"WORKSPACE": 3 * 2**20}, "hardware": "NONE"}),
        (AMPERE, EngineOptions(version_compatible=True), {"flags": ["VERSION_COMPATIBLE"], "limits": {}}),
        (AMPERE, EngineOptions(hardware_compatible=True), {"hardware": "AMPERE_PLUS"}),
        (TURING, EngineOptions(hardware_compatible=True), {"hardware": "SAME_COMPUTE_CAPABILITY"}),
    ],
)
def test_options(onnx: Path, machine: Machine, gpu: Gpu, options: EngineOptions, expected: dict[str, Any]) -> None:
    module = machine(gpu)
    sidecar = build(onnx, onnx.with_suffix(".engine"), "tensorrt", options)
    assert {name: asked(module)[name] for name in expected} == expected
    assert sidecar.hardware == asked(module)["hardware"].lower()
    assert sidecar.host_code == options.version_compatible


def refused(plan: HostMemory, logger: ILogger) -> None:
    logger.log(ILogger.Severity.ERROR, "Error Code 10: no implementation\nfor node conv1")


def out_of_memory(plan: HostMemory, logger: ILogger) -> HostMemory:
    raise MemoryError("std::bad_alloc")


def broken(plan: HostMemory, logger: ILogger) -> HostMemory:
    raise TypeError("pybind11::init(): factory function returned nullptr")


@pytest.mark.parametrize(
    ("what", "options", "said"),
    [
        (
            refused,
            EngineOptions(),
            r"built no engine of it \(Error Code 10: no implementation for node conv1\)\. Nothing",
        ),
        (refused, EngineOptions(workspace_mib=1), "The workspace was limited to 1 MiB: try more"),
        (out_of_memory, EngineOptions(), r"built no engine of it \(the memory is full\)"),
        (broken, EngineOptions(), "returned nullptr"),
        (lambda plan, logger: None, EngineOptions(), "it gave no engine"),
    ],
)
def test_a_build_that_fails_leaves_what_was_there(
    onnx: Path, machine: Machine, what: Callable, options: EngineOptions, said: str
) -> None:
    machine()
    engine = onnx.with_suffix(".engine")
    build(onnx, engine, "tensorrt")
    before = {path.name: path.read_bytes() for path in onnx.parent.iterdir()}
    machine(build=what)
    with pytest.raises(CeresFastError, match=said) as caught:
        build(onnx, engine, "tensorrt", options)
    assert "\n" not in str(caught.value)
    assert {path.name: path.read_bytes() for path in onnx.parent.iterdir()} == before


def test_no_level_of_hardware_compatibility(onnx: Path, machine: Machine) -> None:
    machine(TURING, levels=["NONE", "AMPERE_PLUS"])
    with pytest.raises(CeresFastError, match=f"TensorRT {OLD} has no level for this GPU"):
        build(onnx, onnx.with_suffix(".engine"), "tensorrt", EngineOptions(hardware_compatible=True))


def test_no_gpu(onnx: Path, machine: Machine) -> None:
    module = machine(None)
    with pytest.raises(CeresFastError, match="builds engines on the GPU that they are to run on, and this machine has"):
        build(onnx, onnx.with_suffix(".engine"), "tensorrt")
    assert module.calls == []


ENDS = {
    "another input": model([helper.make_node("Flatten", ["x"], [OUTPUT])], {}, stamps=("x", 1, ["N", 32, 32, 1])),
    "a fixed batch": model([helper.make_node("Flatten", [INPUT], [OUTPUT])], {}, stamps=(INPUT, 1, [64, 32, 32, 1])),
    "other planes": model([helper.make_node("Flatten", [INPUT], [OUTPUT])], {}, stamps=(INPUT, 1, ["N", 32, 32, 3])),
    "another output": model(
        [helper.make_node("Flatten", [INPUT], ["y"])], {}, probabilities=("y", TensorProto.FLOAT, ["N", 2])
    ),
    "float16": model(
        [helper.make_node("Flatten", [INPUT], [OUTPUT])], {}, stamps=(INPUT, TensorProto.FLOAT16, ["N", 32, 32, 1])
    ),
}


@pytest.mark.parametrize("ends", ENDS)
def test_other_ends_are_refused(tmp_path: Path, machine: Machine, ends: str) -> None:
    module = machine()
    onnx = written(tmp_path, ENDS[ends])
    with pytest.raises(InputError, match=rf"has the inputs .* expected {INPUT} \('N', 32, 32, 1\)"):
        build(onnx, onnx.with_suffix(".engine"), "tensorrt")
    assert names(tmp_path) == [onnx.name]
    assert [method for method, _ in module.calls] == ["create_network"]


def test_what_the_parser_says(tmp_path: Path, machine: Machine) -> None:
    machine()
    node = helper.make_node("RunShell", [INPUT], [OUTPUT], domain="evil.example", name="first")
    onnx = written(tmp_path, model([node], {}, extra_opsets=("evil.example",)))
    with pytest.raises(InputError, match=rf"is not read by TensorRT {OLD} \(RunShell first: no such plugin\)"):
        build(onnx, onnx.with_suffix(".engine"), "tensorrt")


def test_what_is_no_classifier(tmp_path: Path, machine: Machine) -> None:
    module = machine()
    for content, said in (
        (b"", "is empty"),
        (b"\x08\x09", "not an ONNX file"),
        (None, "does not say which classifier"),
    ):
        onnx = written(
            tmp_path, peak_model(classifier_json=""), lambda made, content=content: made if content is None else content
        )
        with pytest.raises(InputError, match=said):
            build(onnx, onnx.with_suffix(".engine"), "tensorrt")
    assert module.calls == []


def test_weights_in_other_files_never_reach_the_parser(tmp_path: Path, machine: Machine) -> None:
    module = machine()
    made = peak_model()
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    onnx = written(tmp_path, made)
    with pytest.raises(InputError, match="keeps weights in other files"):
        build(onnx, onnx.with_suffix(".engine"), "tensorrt")
    assert module.calls == []


def test_names(onnx: Path, machine: Machine) -> None:
    machine()
    with pytest.raises(CeresFastError, match=r"ends in \.engine"):
        build(onnx, onnx.with_suffix(".plan"), "tensorrt")
    with pytest.raises(ValueError, match="is not beside"):
        build(onnx, onnx.parent / "elsewhere" / "classifier.engine", "tensorrt")


def test_rebuilt_with_the_same_options(onnx: Path, machine: Machine) -> None:
    machine()
    engine = onnx.with_suffix(".engine")
    options = EngineOptions(batches=(2, 4), workspace_mib=7, version_compatible=True)
    before = build(onnx, engine, "tensorrt", options)
    written(onnx.parent, peak_model(gain=2.0))
    machine(TURING, version=NEW)
    after = rebuild(engine)
    assert after.engine_options == before.engine_options == options
    assert (after.built_on, after.runtime_version, after.onnx_sha256) == (TURING, NEW, sha256_of(onnx))


@pytest.mark.parametrize("spoil", ["no sidecar", "no engine", "not JSON"])
def test_rebuilt_without_a_sidecar_that_can_be_read(onnx: Path, machine: Machine, spoil: str) -> None:
    machine()
    engine = onnx.with_suffix(".engine")
    sidecar = engine.with_name(engine.name + ".json")
    build(onnx, engine, "tensorrt")
    {"no sidecar": sidecar.unlink, "no engine": engine.unlink, "not JSON": lambda: sidecar.write_text("{")}[spoil]()
    assert rebuild(engine) == read_sidecar(engine)


def test_nothing_to_rebuild_from(onnx: Path, machine: Machine) -> None:
    machine()
    engine = onnx.with_suffix(".engine")
    build(onnx, engine, "tensorrt")
    onnx.unlink()
    with pytest.raises(InputError, match=r"classifier\.onnx: does not exist, and classifier\.engine is built from it"):
        rebuild(engine)


def test_rebuilding_never_follows_a_link_to_another_folder(onnx: Path, machine: Machine, tmp_path: Path) -> None:
    machine()
    folder = tmp_path / "run"
    folder.mkdir()
    (folder / onnx.name).symlink_to(onnx)
    with pytest.raises(InputError, match="is a link to another folder"):
        rebuild(folder / "classifier.engine")
