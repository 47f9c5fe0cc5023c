"""What is said of TensorRT, TensorFlow and the tools, whatever of them is installed where the test runs."""

from __future__ import annotations

import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from ceres_fast.engines import packages as module
from ceres_fast.engines.gpus import Driver, Gpu
from ceres_fast.engines.packages import NO_GPU, UNTRIED, Finding, Tool, installed, is_package, packages
from ceres_fast.errors import CeresFastError

NOTHING = Driver(problem="it sees no GPU")
RTX = SimpleNamespace(
    version="1.7.1",
    ComputeCapability=SimpleNamespace(__members__=dict.fromkeys(("NONE", "CURRENT", "SM75", "SM89", "SM120"))),
)


def with_gpus(*capabilities: str) -> Driver:
    return Driver("13.0", tuple(Gpu("a GPU", each, 2**34) for each in capabilities))


@pytest.fixture
def tensorrt(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What is installed: the modules by the names of their flavours."""
    modules: dict[str, Any] = {}

    def flavour(name: str) -> Any:
        if name not in modules:
            raise CeresFastError(f"{name} is not installed. Install it: pip install {name}.")
        return modules[name]

    api = ModuleType("ceres_fast.engines.tensorrt.flavours")
    api.FLAVOURS = {  # type: ignore[attr-defined]
        name: SimpleNamespace(title=name, install=f"pip install {name}", portable=name == "tensorrt-rtx")
        for name in ("tensorrt", "tensorrt-rtx")
    }
    api.flavour, api.version_of = flavour, lambda module: module.version  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "ceres_fast.engines.tensorrt", ModuleType("ceres_fast.engines.tensorrt"))
    monkeypatch.setitem(sys.modules, api.__name__, api)
    return modules


def found(what: str, driver: Driver) -> Finding:
    (finding,) = (each for each in packages(driver) if each.what == what)
    return finding


@pytest.mark.parametrize("name", ["tensorrt", "tensorrt-rtx"])
def test_tensorrt_that_is_not_there(tensorrt: dict[str, Any], name: str) -> None:
    expected = Finding(name, False, why=f"{name} is not installed", action=f"pip install {name}")
    assert found(name, with_gpus("8.9")) == expected


def test_tensorrt_without_a_gpu(tensorrt: dict[str, Any]) -> None:
    tensorrt.update({"tensorrt": SimpleNamespace(version="10.13.0"), "tensorrt-rtx": RTX})
    why = f"{NO_GPU} (it sees no GPU)"
    assert found("tensorrt", NOTHING) == Finding("tensorrt", False, "10.13.0", why)
    finding = found("tensorrt-rtx", NOTHING)
    assert not finding.usable
    assert finding.why.startswith(f"{why}; engines can be built")


@pytest.mark.parametrize("capability", ["7.5", "8.9", "9.0", "12.0"])
def test_tensorrt_on_a_gpu(tensorrt: dict[str, Any], capability: str) -> None:
    tensorrt["tensorrt"] = SimpleNamespace(version="11.1.0")
    assert found("tensorrt", with_gpus(capability)) == Finding("tensorrt", True, "11.1.0", UNTRIED)


@pytest.mark.parametrize("capabilities", [["7.5"], ["8.9"], ["12.0", "8.9"], ["12.1"], ["13.0"]])
def test_gpus_on_the_list_of_tensorrt_rtx(tensorrt: dict[str, Any], capabilities: list[str]) -> None:
    tensorrt["tensorrt-rtx"] = RTX
    assert found("tensorrt-rtx", with_gpus(*capabilities)) == Finding("tensorrt-rtx", True, "1.7.1", UNTRIED)


@pytest.mark.parametrize(
    ("capabilities", "usable", "others"),
    [(["9.0"], False, "9.0"), (["9.0", "8.9"], True, "9.0"), (["10.0", "8.0", "9.0"], False, "10.0 and 8.0 and 9.0")],
)
def test_gpus_that_are_not_on_it(tensorrt: dict[str, Any], capabilities: list[str], usable: bool, others: str) -> None:
    tensorrt["tensorrt-rtx"] = RTX
    finding = found("tensorrt-rtx", with_gpus(*capabilities))
    assert finding.usable is usable
    assert finding.why == f"compute capability {others} is not on its list (7.5, 8.9, 12.0 and later)"
    assert finding.action


def put_tensorflow(monkeypatch: pytest.MonkeyPatch, folder: Path, build_info: str | None) -> None:
    platform = folder / "tensorflow" / "python" / "platform"
    platform.mkdir(parents=True)
    if build_info is not None:
        (platform / "build_info.py").write_text(build_info)
    spec = ModuleSpec("tensorflow", None, origin=str(folder / "tensorflow" / "__init__.py"))
    finder = SimpleNamespace(find_spec=lambda name: spec)
    monkeypatch.setattr(module, "PathFinder", finder)
    monkeypatch.setattr(module, "installed", lambda name: {"tensorflow": "2.21.0"}.get(name, ""))


CUDA_BUILD = "build_info = collections.OrderedDict([('cuda_version', '12.5.1'), ('is_cuda_build', True)])"


@pytest.mark.parametrize("build_info", [None, "", "build_info = {'is_cuda_build': False}"])
def test_tensorflow_without_cuda(
    tensorrt: dict[str, Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, build_info: str | None
) -> None:
    put_tensorflow(monkeypatch, tmp_path, build_info)
    assert found("TensorFlow", with_gpus("8.9")) == Finding("TensorFlow", True, "2.21.0")
    assert found("TensorFlow on a GPU", with_gpus("8.9")).why == "it was built without CUDA"


@pytest.mark.parametrize(
    ("driver", "cudnn", "expected"),
    [
        (NOTHING, True, Finding("TensorFlow on a GPU", False, "built for CUDA 12.5.1", "it sees no GPU")),
        (with_gpus("9.0", "9.0"), True, Finding("TensorFlow on a GPU", True, "built for CUDA 12.5.1, 2 GPUs")),
        (
            with_gpus("9.0"),
            False,
            Finding(
                "TensorFlow on a GPU",
                False,
                "built for CUDA 12.5.1",
                "libcudnn.so.9 is not here",
                "pip install 'ceres-fast[gpu]'",
            ),
        ),
    ],
)
def test_tensorflow_with_cuda(
    tensorrt: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    driver: Driver,
    cudnn: bool,
    expected: Finding,
) -> None:
    put_tensorflow(monkeypatch, tmp_path, CUDA_BUILD)
    monkeypatch.setattr(module, "loads", lambda library: cudnn)
    assert found("TensorFlow on a GPU", driver) == expected


def test_no_tensorflow(tensorrt: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PathFinder", SimpleNamespace(find_spec=lambda name: None))
    finding = found("TensorFlow", NOTHING)
    assert not finding.usable
    assert finding.action == "pip install 'ceres-fast[train]'"
    assert not any(each.what == "TensorFlow on a GPU" for each in packages(NOTHING))


def test_tools(tensorrt: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    tools = (
        Tool("pytest", "pytest", "tests are run", "pytest"),
        Tool("no-such", "no_such_module", "nothing is done", "no-such"),
        Tool("no-such-part", "pytest.no_such_part", "nothing is done", "no-such-part"),
        Tool("no-such-whole", "no_such.part", "nothing is done", "no-such-whole"),
    )
    monkeypatch.setattr(module, "TOOLS", tools)
    there, *missing = list(packages(NOTHING))[-4:]
    assert there == Finding("pytest", True, pytest.__version__)
    for tool, finding in zip(tools[1:], missing, strict=True):
        why = "it is not installed; with it nothing is done"
        assert finding == Finding(tool.distribution, False, why=why, action=f"pip install {tool.install}")


@pytest.mark.parametrize(
    ("bindings", "cuda", "usable"),
    [("13.5.0", "12.4", False), ("12.9.1", "12.4", True), ("12.9.1", "13.0", True), ("13.5.0", "", True)],
)
def test_cuda_bindings_newer_than_the_driver(
    tensorrt: dict[str, Any], monkeypatch: pytest.MonkeyPatch, bindings: str, cuda: str, usable: bool
) -> None:
    tool = Tool(module.CUDA_BINDINGS, "pytest", "engines are run", "cuda-bindings")
    monkeypatch.setattr(module, "TOOLS", (tool,))
    monkeypatch.setattr(module, "installed", lambda name: bindings)
    finding = found("cuda-bindings", Driver(cuda))
    assert (finding.usable, finding.found) == (usable, bindings)
    assert (finding.why, finding.action) == (
        ("", "")
        if usable
        else (
            "it is for CUDA 13, and the driver runs CUDA up to 12.4: no engine starts",
            "pip install 'cuda-bindings<13', or a newer driver",
        )
    )


def test_stubs_are_not_a_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "only_stubs").mkdir()
    (tmp_path / "only_stubs" / "__init__.pyi").touch()
    (tmp_path / "with_code.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    assert not is_package("only_stubs")
    assert is_package("with_code")
    assert not is_package("no_such_module")
    assert installed("no-such-distribution") == ""
    assert installed("pytest") == pytest.__version__
