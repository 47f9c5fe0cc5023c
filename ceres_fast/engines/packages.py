"""The packages that run or make engines besides ONNX Runtime: which are here, and what keeps them from working."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import PathFinder
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import NamedTuple

from ..errors import CeresFastError
from .gpus import Driver

LATER_RTX = 12.0
"""TensorRT-RTX also runs on the GPUs of this compute capability and later that its version does not know yet."""

UNTRIED = "ceres-fast has not run on a GPU with it yet; `ceres-fast doctor MODEL` compares its answers with the CPU's"
"""Said of every runtime for GPUs that could be used: until such a run is recorded, it is usable as far as is known."""

NO_GPU = "there is no GPU to run engines on"
CUDA_BINDINGS = "cuda-bindings"
_CUDNN = "libcudnn.so.9"


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    what : str
        Its name.
    usable : bool
        Whether it can be used on this machine.
    found : str
        What there is: a version, a model of GPU; empty where there is nothing.
    why : str
        Why it cannot be used; where it can, what is wrong with it all the same.
    action : str
        What to do about that.
    """

    what: str
    usable: bool
    found: str = ""
    why: str = ""
    action: str = ""


class Tool(NamedTuple):
    """A Python package that only some commands need."""

    distribution: str
    module: str
    purpose: str
    install: str


TOOLS = (
    Tool(CUDA_BINDINGS, "cuda.bindings", "engine files (.engine, .rtx) are run", "cuda-bindings"),
    Tool("onnx", "onnx", "classifiers are exported", "'ceres-fast[train]'"),
    Tool("tf2onnx", "tf2onnx", "classifiers are exported", "'ceres-fast[train]'"),
    Tool("polygraphy", "polygraphy", "exports are compared layer by layer (--debug)", "polygraphy"),
    Tool("tritonclient", "tritonclient", "a Triton server is asked", "'tritonclient[grpc,http]'"),
)


def is_package(module: str) -> bool:
    """Whether there is a top-level module with code in it.

    A folder without any is importable too, as an empty namespace: `tensorrt-stubs` leaves one called ``tensorrt``.
    """
    spec = PathFinder.find_spec(module)
    return spec is not None and spec.origin is not None


def installed(distribution: str) -> str:
    """Return the version of an installed distribution; empty where it is not installed."""
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def loads(library: str) -> bool:
    """Whether the system finds and can load a shared library."""
    with suppress(OSError):
        return bool(ctypes.CDLL(library))
    return False


def packages(driver: Driver) -> Iterator[Finding]:
    """Yield what there is of TensorRT, TensorRT-RTX, TensorFlow and `TOOLS`."""
    from .tensorrt.flavours import FLAVOURS

    for name in FLAVOURS:
        yield _tensorrt(name, driver)
    yield from _tensorflow(driver)
    for tool in TOOLS:
        yield _tool(tool, driver)


def _tensorrt(name: str, driver: Driver) -> Finding:
    from .tensorrt.flavours import FLAVOURS, flavour, version_of

    kind = FLAVOURS[name]
    try:
        module = flavour(name)
    except CeresFastError as error:
        why = str(error).removesuffix(f" Install it: {kind.install}.").rstrip(".")
        return Finding(kind.title, False, why=why, action=kind.install)
    found = version_of(module)
    if not driver.gpus:
        building = "; engines can be built, for the compute capabilities that are named" if kind.portable else ""
        return Finding(kind.title, False, found, f"{NO_GPU} ({driver.problem}){building}")
    known = _known(module) if kind.portable else []
    others = sorted(
        {gpu.compute_capability for gpu in driver.gpus if known and not _runs(gpu.compute_capability, known)}
    )
    if others:
        why = f"compute capability {' and '.join(others)} is not on its list ({', '.join(map(str, known))} and later)"
        usable = any(_runs(gpu.compute_capability, known) for gpu in driver.gpus)
        return Finding(kind.title, usable, found, why, "use TensorRT, or ONNX Runtime with --provider cuda")
    return Finding(kind.title, True, found, UNTRIED)


def _known(module: ModuleType) -> list[float]:
    """Return the compute capabilities that TensorRT-RTX can build for: ``SM86`` is 8.6."""
    names = getattr(getattr(module, "ComputeCapability", None), "__members__", ())
    return sorted(int(found[1]) / 10 for name in names if (found := re.fullmatch(r"SM(\d+)", name)))


def _runs(capability: str, known: list[float]) -> bool:
    return float(capability) in known or float(capability) >= LATER_RTX


def _tensorflow(driver: Driver) -> Iterator[Finding]:
    """Look for TensorFlow without importing it, which takes seconds; a file of the package says how it was built."""
    spec = PathFinder.find_spec("tensorflow")
    if spec is None or spec.origin is None:
        why = "it is not installed; only training, evaluating and exporting need it"
        yield Finding("TensorFlow", False, why=why, action="pip install 'ceres-fast[train]'")
        return
    yield Finding("TensorFlow", True, installed("tensorflow") or "of unknown version")
    cuda = _built_for(Path(spec.origin).with_name("python") / "platform" / "build_info.py")
    yield _tensorflow_gpu(cuda, driver)


def _built_for(build_info: Path) -> str:
    """Return the version of CUDA that TensorFlow was built for; empty where it was built without."""
    with suppress(OSError):
        found = re.search(r"'cuda_version', '([\d.]+)'", build_info.read_text(encoding="utf-8"))
        return found[1] if found else ""
    return ""


def _tensorflow_gpu(cuda: str, driver: Driver) -> Finding:
    what = "TensorFlow on a GPU"
    if not cuda:
        return Finding(what, False, why="it was built without CUDA", action="pip install 'ceres-fast[gpu]'")
    found = f"built for CUDA {cuda}"
    if not driver.gpus:
        return Finding(what, False, found, driver.problem)
    if not (installed(f"nvidia-cudnn-cu{cuda.split('.')[0]}") or loads(_CUDNN)):
        return Finding(what, False, found, f"{_CUDNN} is not here", "pip install 'ceres-fast[gpu]'")
    return Finding(what, True, f"{found}, {len(driver.gpus)} GPUs")


def _tool(tool: Tool, driver: Driver) -> Finding:
    # A module inside a package is looked for by importing the package.
    with suppress(ImportError):
        there = is_package(tool.module) if "." not in tool.module else find_spec(tool.module) is not None
        if there:
            found = installed(tool.distribution)
            return (tool.distribution == CUDA_BINDINGS and _too_new(found, driver)) or Finding(
                tool.distribution, True, found
            )
    why = f"it is not installed; with it {tool.purpose}"
    return Finding(tool.distribution, False, why=why, action=f"pip install {tool.install}")


def _too_new(bindings: str, driver: Driver) -> Finding | None:
    """Return what is wrong with a cuda-bindings of a later major version than the driver; None where it may run."""
    major, runs = bindings.partition(".")[0], driver.cuda.partition(".")[0]
    if not (major.isdigit() and runs.isdigit()) or int(major) <= int(runs):
        return None
    why = f"it is for CUDA {major}, and the driver runs CUDA up to {driver.cuda}: no engine starts"
    return Finding(
        CUDA_BINDINGS, False, bindings, why, f"pip install 'cuda-bindings<{int(runs) + 1}', or a newer driver"
    )
