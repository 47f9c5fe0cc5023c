"""Which TensorRT package is there, which is not, and what is kept of what it says."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from ceres_fast.engines.tensorrt.flavours import FLAVOURS, EngineOptions, Log, flavour, flavour_of
from ceres_fast.errors import CeresFastError, InputError

from .fake_tensorrt import NEW, OLD, ILogger, fake_tensorrt


@pytest.fixture
def empty_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is all of Python's path, with no `tensorrt` imported yet."""
    monkeypatch.delitem(sys.modules, "tensorrt", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    return tmp_path


@pytest.mark.parametrize("version", [OLD, NEW])
def test_ten_and_eleven(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    module = fake_tensorrt(version)
    monkeypatch.setitem(sys.modules, "tensorrt", module)
    assert flavour("tensorrt") is module


@pytest.mark.parametrize("version", ["8.6.1", "9.3.0", "12.0.0.1"])
def test_other_versions(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", fake_tensorrt(version))
    with pytest.raises(CeresFastError, match=rf"TensorRT {version} is installed, .* 10.x or 11.x.*pip install"):
        flavour("tensorrt")


@pytest.mark.parametrize("name", FLAVOURS)
def test_not_installed(empty_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delitem(sys.modules, FLAVOURS[name].module, raising=False)
    with pytest.raises(CeresFastError, match=rf"is not installed\. Install it: pip install {name}") as caught:
        flavour(name)
    assert "ceres-fast[" not in str(caught.value)  # the extras would bring onnxruntime beside onnxruntime-gpu


def test_type_stubs_are_no_package(empty_path: Path) -> None:
    (empty_path / "tensorrt").mkdir()
    (empty_path / "tensorrt" / "__init__.pyi").write_text("class Builder: ...\n")
    with pytest.raises(CeresFastError, match="only its type stubs"):
        flavour("tensorrt")


@pytest.mark.parametrize("error", ['ImportError("libnvinfer.so.10:\\n not found")', 'OSError("libcudart.so.13")'])
def test_a_package_without_its_libraries(empty_path: Path, error: str) -> None:
    (empty_path / "tensorrt.py").write_text(f"raise {error}\n")
    with pytest.raises(CeresFastError, match=r"TensorRT cannot be loaded \(lib[^\n]*Install it") as caught:
        flavour("tensorrt")
    assert "\n" not in str(caught.value)


def test_a_package_that_lacks_another(empty_path: Path) -> None:
    (empty_path / "tensorrt.py").write_text("import tensorrt_libs\n")
    with pytest.raises(CeresFastError, match=r"cannot be loaded \(No module named 'tensorrt_libs'\)"):
        flavour("tensorrt")


def test_the_real_one() -> None:
    pytest.importorskip("tensorrt_rtx")
    assert isinstance(flavour("tensorrt-rtx"), ModuleType)


def test_names_of_engine_files() -> None:
    for kind in FLAVOURS.values():
        assert flavour_of(Path("run") / ("classifier" + kind.suffix)) is kind
    with pytest.raises(InputError, match=r"ends in \.engine or \.rtx"):
        flavour_of(Path("classifier.onnx"))


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        (
            "tensorrt",
            EngineOptions(compute_capabilities=("8.6",)),
            "--compute-capability: not for TensorRT; it builds for",
        ),
        ("tensorrt-rtx", EngineOptions(timing_cache=Path("cache")), "--timing-cache: not for TensorRT-RTX"),
        ("tensorrt-rtx", EngineOptions(version_compatible=True), "--version-compatible: not for TensorRT-RTX"),
        ("tensorrt-rtx", EngineOptions(hardware_compatible=True), "--hardware-compatible: not for TensorRT-RTX"),
    ],
)
def test_options_that_a_package_has_not(name: str, options: EngineOptions, said: str) -> None:
    with pytest.raises(CeresFastError, match=said):
        FLAVOURS[name].refuse_unsupported(options)
    for kind in FLAVOURS.values():
        kind.refuse_unsupported(EngineOptions(workspace_mib=64))


def test_each_message_is_a_line() -> None:
    log = Log()
    logger = log.logger(fake_tensorrt())
    logger.log(ILogger.Severity.INFO, "two\nlines \x1b[31mred")
    logger.log(ILogger.Severity.VERBOSE, "by the thousand")
    assert log.text() == "INFO: two lines  [31mred\n"
    assert log.errors() == ""


def test_the_last_errors_are_quoted() -> None:
    log = Log()
    for text in ("first", "second", "third", "third", "x" * 1000):
        log.add("ERROR", text)
    log.add("WARNING", "not this")
    assert log.errors().startswith("third / xxx")
    assert len(log.errors()) == 400
    assert len(log.messages) == 6


def test_the_last_messages_of_many_are_kept() -> None:
    log = Log(2)
    for text in ("first", "second", "third"):
        log.add("ERROR", text)
    assert log.errors() == "second / third"


def test_the_real_package_writes_into_it() -> None:
    trt = pytest.importorskip("tensorrt_rtx")
    log = Log()
    logger = log.logger(trt)
    parser_of = trt.Builder(logger).create_network(0)
    assert not trt.OnnxParser(parser_of, logger).parse(b"no graph")
    assert "Failed to parse the ONNX model" in log.errors()
