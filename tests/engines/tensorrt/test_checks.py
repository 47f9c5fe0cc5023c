"""Nothing is loaded that is not what its sidecar says, from the ONNX file beside it, for this version and GPU."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ceres_fast.engines.tensorrt.build import build
from ceres_fast.engines.tensorrt.checks import check, checked, refuse_invalid
from ceres_fast.engines.tensorrt.gpu import Gpu
from ceres_fast.engines.tensorrt.options import EngineOptions
from ceres_fast.engines.tensorrt.sidecar import read_sidecar, sidecar_path
from ceres_fast.errors import InputError

from ...tiny_models import classifier, peak_model, written
from .conftest import AMPERE
from .fake_tensorrt import NEW, OLD

Machine = Callable[..., ModuleType]


@pytest.fixture
def engine(onnx: Path, machine: Machine) -> Path:
    machine()
    path = onnx.with_suffix(".engine")
    build(onnx, path, "tensorrt")
    return path


def change(engine: Path, **values: Any) -> None:
    path = sidecar_path(engine)
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_what_was_checked_is_what_is_given(engine: Path, machine: Machine) -> None:
    module = machine()
    assert checked(engine) == (engine.read_bytes(), read_sidecar(engine), module)


def test_without_the_onnx_file(engine: Path, onnx: Path) -> None:
    onnx.unlink()
    assert checked(engine)[0] == engine.read_bytes()


@pytest.mark.parametrize("place", [0, 100, -1])
def test_a_tampered_byte(engine: Path, place: int) -> None:
    content = bytearray(engine.read_bytes())
    content[place] ^= 1
    engine.write_bytes(content)
    with pytest.raises(InputError, match=r"engine: has SHA-256 .*that classifier.engine.json describes.*`--rebuild`"):
        checked(engine)


@pytest.mark.parametrize("spoil", [lambda content: content[:-1], lambda content: content + b"\0", lambda content: b""])
def test_another_size(engine: Path, spoil: Callable[[bytes], bytes]) -> None:
    engine.write_bytes(spoil(engine.read_bytes()))
    with pytest.raises(InputError, match=r"has [0-9,]+ bytes; expected [0-9,]+ bytes, the engine that .*`--rebuild`"):
        checked(engine)


def test_an_engine_larger_than_the_memory(engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> bytes:
        raise MemoryError

    monkeypatch.setattr(Path, "read_bytes", full)
    with pytest.raises(InputError, match="larger than the memory that is free"):
        check(read_sidecar(engine), engine, None, OLD, AMPERE)


def test_a_terabyte_of_nothing_is_not_read(engine: Path) -> None:
    with engine.open("r+b") as stream:
        stream.truncate(2**40)
    with pytest.raises(InputError, match="has 1,099,511,627,776 bytes"):
        checked(engine)


@pytest.mark.parametrize("name", ["engine_sha256", "onnx_sha256"])
def test_a_tampered_hash(engine: Path, name: str) -> None:
    change(engine, **{name: "0" * 64})
    with pytest.raises(InputError, match=r"expected SHA-256 000000000000….*`--rebuild`"):
        checked(engine)


def test_a_tampered_threshold(engine: Path) -> None:
    change(engine, classifier=json.loads(classifier(threshold=0.9).to_json()))
    with pytest.raises(InputError, match=r"engine.json: describes another classifier than classifier.onnx"):
        checked(engine)


def test_an_onnx_file_exported_anew(engine: Path, onnx: Path) -> None:
    written(onnx.parent, peak_model(gain=2.0))
    with pytest.raises(InputError, match=r"was not built from the classifier.onnx that is beside it.*`--rebuild`"):
        checked(engine)


def test_an_onnx_file_that_is_none(engine: Path, onnx: Path) -> None:
    onnx.write_bytes(b"")
    with pytest.raises(InputError, match=r"classifier.onnx: is empty"):
        checked(engine)


def test_no_engine(engine: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        checked(engine.with_name("other.engine"))
    with pytest.raises(InputError, match="is not the name of an engine file"):
        checked(engine.with_suffix(".onnx"))
    sidecar_path(engine).unlink()
    with pytest.raises(InputError, match=r"engine.json: does not exist"):
        checked(engine)


def test_a_folder(engine: Path) -> None:
    change(engine, engine_bytes=(engine.parent / "classifier.engine").parent.stat().st_size)
    engine.unlink()
    engine.mkdir()
    change(engine, engine_bytes=engine.stat().st_size)
    with pytest.raises(InputError, match="cannot be read"):
        checked(engine)


@pytest.mark.parametrize("name", ["classifier.engine", "classifier.engine.json", "classifier.onnx"])
def test_links_out_of_the_folder(engine: Path, tmp_path: Path, name: str) -> None:
    (tmp_path / "elsewhere").mkdir()
    moved = engine.with_name(name).rename(tmp_path / "elsewhere" / name)
    engine.with_name(name).symlink_to(moved)
    with pytest.raises(InputError, match=rf"{name}: is a link to another folder"):
        checked(engine)


def test_links_inside_the_folder(engine: Path) -> None:
    moved = engine.rename(engine.with_name("v1.engine"))
    engine.symlink_to(moved.name)
    assert checked(engine)


def test_the_other_package_s_engine(engine: Path) -> None:
    other = engine.with_suffix(".rtx")
    engine.rename(other)
    sidecar_path(engine).rename(sidecar_path(other))
    with pytest.raises(InputError, match=r"is an engine of TensorRT by its sidecar, and not by its name.*\.engine"):
        check(read_sidecar(other), other, None, OLD, None)


VERSIONS = [
    (OLD, False, OLD, True),
    (OLD, False, "10.13.0.36", False),
    (OLD, False, NEW, False),
    (OLD, True, "10.13.0.36", True),
    (OLD, True, "10.13.0.34", False),
    (OLD, True, "10.9.0.34", False),
    (OLD, True, NEW, True),
    (NEW, True, OLD, False),
    (NEW, True, "12.0.0.1", False),
]


@pytest.mark.parametrize(("built", "compatible", "here", "runs"), VERSIONS)
def test_versions(onnx: Path, machine: Machine, built: str, compatible: bool, here: str, runs: bool) -> None:
    machine(version=built)
    engine = onnx.with_suffix(".engine")
    sidecar = build(onnx, engine, "tensorrt", EngineOptions(version_compatible=compatible))
    if runs:
        assert check(sidecar, engine, onnx, here, AMPERE)
        return
    with pytest.raises(InputError, match=rf"was built by TensorRT {built}, and {here} is installed.*`--rebuild`"):
        check(sidecar, engine, onnx, here, AMPERE)


GPUS = [
    (AMPERE, False, AMPERE, True),
    (AMPERE, False, None, True),
    (AMPERE, False, Gpu("NVIDIA A10", "8.6"), False),
    (AMPERE, False, Gpu(AMPERE.name, "8.9"), False),
    (AMPERE, True, Gpu("NVIDIA A10", "8.6"), True),
    (AMPERE, True, Gpu("NVIDIA H100", "9.0"), True),
    (AMPERE, True, Gpu("NVIDIA B200", "10.0"), True),
    (AMPERE, True, Gpu("Tesla T4", "7.5"), False),
    (Gpu("Tesla T4", "7.5"), True, Gpu("NVIDIA RTX 2080", "7.5"), True),
    (Gpu("Tesla T4", "7.5"), True, AMPERE, False),
]


@pytest.mark.parametrize(("built_on", "compatible", "here", "runs"), GPUS)
def test_gpus(onnx: Path, machine: Machine, built_on: Gpu, compatible: bool, here: Gpu | None, runs: bool) -> None:
    machine(built_on)
    engine = onnx.with_suffix(".engine")
    sidecar = build(onnx, engine, "tensorrt", EngineOptions(hardware_compatible=compatible))
    if runs:
        assert check(sidecar, engine, onnx, OLD, here)
        return
    with pytest.raises(InputError, match=rf"was built for {built_on.name} .*, and this machine has .*`--rebuild`"):
        check(sidecar, engine, onnx, OLD, here)


@pytest.mark.parametrize(("built_for", "runs"), [((), True), (("8.6", "12.0"), True), (("8.9", "12.0"), False)])
def test_gpus_of_a_portable_engine(engine: Path, built_for: tuple[str, ...], runs: bool) -> None:
    change(engine, flavour="tensorrt-rtx", hardware="portable", gpu=None, compute_capabilities=built_for)
    sidecar = read_sidecar(engine)
    renamed = engine.rename(engine.with_suffix(".rtx"))
    if runs:
        assert check(sidecar, renamed, None, OLD, AMPERE)
        return
    with pytest.raises(InputError, match=r"was built for compute capability 8.9, 12.0, and .*GPUs of its compute"):
        check(sidecar, renamed, None, OLD, AMPERE)


def test_a_runtime_that_cannot_be_asked(engine: Path) -> None:
    refuse_invalid(ModuleType("tensorrt"), object(), b"", engine)


@pytest.mark.parametrize(("flags", "said"), [(3, "version mismatch, unsupported cc"), (0, "no reason given")])
def test_what_the_runtime_says(engine: Path, flags: int, said: str) -> None:
    trt = pytest.importorskip("tensorrt_rtx")

    class Runtime:
        validity = trt.EngineValidity.INVALID

        def get_engine_validity(self, content: bytes) -> tuple[Any, int]:
            return self.validity, flags

    with pytest.raises(InputError, match=said):
        refuse_invalid(trt, Runtime(), b"", engine)
    Runtime.validity = trt.EngineValidity.SUBOPTIMAL
    refuse_invalid(trt, Runtime(), b"", engine)
