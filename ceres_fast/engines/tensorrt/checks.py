"""Whether an engine file may be loaded here: asked before anything of it reaches TensorRT.

What is checked guards against mistakes: an engine of another machine or version, half a copy, an ONNX file exported
anew. It is not a signature: whoever can write the engine can write its sidecar too. An engine is executable code, so
accept only the ONNX file from other people, and build the engine from it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ...artifact.classifier import ONNX_METADATA_KEY, Classifier
from ...artifact.onnx_file import INPUT, OUTPUT, read_onnx
from ...errors import InputError
from ..gpus import Gpu, capability_of, current_gpu
from .flavours import FLAVOURS, flavour, flavour_of, version_of
from .sidecar import HARDWARE, REBUILD, Sidecar, read_sidecar, sidecar_path

if TYPE_CHECKING:
    import tensorrt as trt

LATER_MAJOR = {"10": "11"}
"""Engines of which major version the next one runs too, where they were built to be version compatible.

Source: NVIDIA TensorRT 11 documentation, "Engine Compatibility".
"""

AMPERE = (8, 0)


def checked(engine: Path) -> tuple[bytes, Sidecar, ModuleType]:
    """Read an engine file that may be loaded here.

    Returns
    -------
    bytes, Sidecar, module
        The engine (the very bytes that were checked: the file may be another one a moment later), its sidecar, and the
        package that runs it.

    Raises
    ------
    InputError
        As `check` and `read_sidecar` do.
    CeresFastError
        When the package is not installed.
    """
    kind = flavour_of(engine)
    if not engine.exists():
        action = "make one with `ceres-fast export`"
        raise InputError(engine, "does not exist", expected="an engine file", action=action)
    beside(engine, engine.name)
    beside(engine, sidecar_path(engine).name)
    sidecar = read_sidecar(engine)
    onnx = beside(engine, sidecar.onnx)
    module = flavour(kind.name)
    content = check(sidecar, engine, onnx if onnx.exists() else None, version_of(module), current_gpu())
    return content, sidecar, module


def check(sidecar: Sidecar, engine: Path, onnx: Path | None, version: str, gpu: Gpu | None) -> bytes:
    """Read an engine file that is the one which its sidecar describes, and may run here.

    Parameters
    ----------
    sidecar : Sidecar
        Its sidecar.
    engine : pathlib.Path
        The engine file.
    onnx : pathlib.Path or None
        The ONNX file beside it; None where it is not there, and then not checked.
    version : str
        Version of the package that is to run it.
    gpu : Gpu or None
        The GPU that is to run it; None where there is none, and then not checked (nor can the engine be loaded).

    Returns
    -------
    bytes
        The engine.

    Raises
    ------
    InputError
        When something differs; it says what, and that `--rebuild` helps.
    """
    for problem, expected in _differences(sidecar, engine, version, gpu):
        raise InputError(engine, problem, expected=expected, action=REBUILD)
    content = _engine_bytes(sidecar, engine)
    if onnx is not None:
        _check_onnx(sidecar, engine, onnx)
    return content


def beside(engine: Path, name: str) -> Path:
    """Return the path of the file of this name beside an engine file.

    Raises
    ------
    InputError
        When it is a link to another folder.
    """
    path = engine.with_name(name)
    if path.resolve().parent != engine.parent.resolve():
        raise InputError(
            path,
            "is a link to another folder",
            expected="an engine and all that belongs to it side by side",
            action="put the file itself there, or name the engine in the other folder",
        )
    return path


def refuse_invalid(module: ModuleType, runtime: Any, content: bytes, engine: Path) -> None:
    """Ask TensorRT-RTX, which knows without loading it, whether an engine will run here.

    Parameters
    ----------
    module : module
        What `flavour` gave.
    runtime
        A ``Runtime`` of it. One that has no ``get_engine_validity``, as TensorRT's, is not asked.
    content : bytes
        The engine, after `check`.
    engine : pathlib.Path
        The file that errors name.

    Raises
    ------
    InputError
        When it will not; it says why.
    """
    if not hasattr(runtime, "get_engine_validity"):
        return
    validity, reasons = runtime.get_engine_validity(content)
    if validity == module.EngineValidity.INVALID:
        members = module.EngineInvalidityDiagnostics.__members__.items()
        named = [name.lower().replace("_", " ") for name, value in members if int(value) & int(reasons)]
        reason = ", ".join(named) or "no reason given, as where there is no GPU or no driver"
        raise InputError(engine, f"will not run on this machine, says TensorRT-RTX ({reason})", action=REBUILD)


def refuse_other_tensors(module: ModuleType, engine: trt.ICudaEngine, classifier: Classifier, path: Path) -> None:
    """Make sure that an engine has one input and one output, float32, of the shapes that its classifier says.

    Raises
    ------
    InputError
        When it has not; it names `path`, the engine's file.
    """
    names = [engine.get_tensor_name(number) for number in range(engine.num_io_tensors)]
    found = [
        (name, engine.get_tensor_mode(name).name, engine.get_tensor_dtype(name), sizes(engine.get_tensor_shape(name)))
        for name in names
    ]
    expected = [
        (INPUT, "INPUT", module.float32, (-1, *classifier.stamp_shape)),
        (OUTPUT, "OUTPUT", module.float32, (-1, len(classifier.classes))),
    ]
    if sorted(found, key=lambda each: each[1]) != expected:
        raise InputError(
            path,
            f"has the tensors {', '.join(_tensor(*each) for each in found)}",
            expected=", ".join(_tensor(*each) for each in expected),
            action="export the classifier again with `ceres-fast export`",
        )


def _tensor(name: str, mode: str, dtype: trt.DataType, shape: tuple[int, ...]) -> str:
    return f"{name} {list(shape)} {dtype.name.lower()}"


def sizes(shape: Any) -> tuple[int, ...]:
    """Return TensorRT's Dims as a tuple: they are a sequence, which its type stubs do not know."""
    return tuple(shape)


def _differences(sidecar: Sidecar, engine: Path, version: str, gpu: Gpu | None) -> Iterator[tuple[str, str]]:
    """Yield (what is wrong, what was expected), the most telling first."""
    kind = FLAVOURS[sidecar.flavour]
    if engine.suffix.lower() != kind.suffix:
        yield f"is an engine of {kind.title} by its sidecar, and not by its name", f"a name ending in {kind.suffix}"
    built_by = sidecar.runtime_version
    if not _runs_on(sidecar, version):
        later = " or later" if sidecar.options["version_compatible"] else ""
        yield f"was built by {kind.title} {built_by}, and {version} is installed", f"{kind.title} {built_by}{later}"
    if gpu is not None and not _runs_with(sidecar, gpu):
        yield (
            f"was built for {_wanted(sidecar)}, and this machine has {_shown(gpu)}",
            f"{HARDWARE[sidecar.hardware]}",
        )


def _runs_on(sidecar: Sidecar, version: str) -> bool:
    if version == sidecar.runtime_version:
        return True
    if not sidecar.options["version_compatible"] or _numbers(version) < _numbers(sidecar.runtime_version):
        return False
    built, here = (each.partition(".")[0] for each in (sidecar.runtime_version, version))
    return built == here or LATER_MAJOR.get(built) == here


def _numbers(version: str) -> list[int]:
    return [int(part) if part.isdecimal() else 0 for part in version.split(".")]


def _runs_with(sidecar: Sidecar, gpu: Gpu) -> bool:
    built_on = sidecar.built_on
    if sidecar.hardware == "portable":
        # For the package's own choice of GPUs it answers itself: `refuse_invalid`.
        return not sidecar.compute_capabilities or gpu.compute_capability in sidecar.compute_capabilities
    if built_on is None:
        return False
    if sidecar.hardware == "ampere_plus":
        return gpu.capability >= AMPERE
    same = gpu.compute_capability == built_on.compute_capability
    return same and (sidecar.hardware == "same_compute_capability" or gpu.name == built_on.name)


def _wanted(sidecar: Sidecar) -> str:
    if sidecar.hardware == "portable":
        listed = sorted(sidecar.compute_capabilities, key=capability_of)
        return f"compute capability {', '.join(listed)}"
    return _shown(sidecar.built_on) if sidecar.built_on else "no GPU"


def _shown(gpu: Gpu) -> str:
    return f"{gpu.name} (compute capability {gpu.compute_capability})"


def _engine_bytes(sidecar: Sidecar, engine: Path) -> bytes:
    described = f"the engine that {sidecar_path(engine).name} describes"
    try:
        size = engine.stat().st_size
        if size != sidecar.engine_bytes:
            expected = f"{sidecar.engine_bytes:,} bytes, {described}"
            raise InputError(engine, f"has {size:,} bytes", expected=expected, action=REBUILD)
        content = engine.read_bytes()
    except OSError as error:
        raise InputError(engine, f"cannot be read ({error.strerror})", expected=described, action=REBUILD) from error
    except MemoryError as error:
        raise InputError(engine, "is larger than the memory that is free", expected=f"{size:,} bytes of it") from error
    found = hashlib.sha256(content).hexdigest()
    if found != sidecar.engine_sha256:
        expected = f"SHA-256 {sidecar.engine_sha256[:12]}…, {described}"
        raise InputError(engine, f"has SHA-256 {found[:12]}…", expected=expected, action=REBUILD)
    return content


def _check_onnx(sidecar: Sidecar, engine: Path, onnx: Path) -> None:
    content, metadata = read_onnx(onnx)
    found = hashlib.sha256(content).hexdigest()
    if found != sidecar.onnx_sha256:
        raise InputError(
            engine,
            f"was not built from the {onnx.name} that is beside it (SHA-256 {found[:12]}…)",
            expected=f"SHA-256 {sidecar.onnx_sha256[:12]}…",
            action=REBUILD,
        )
    if Classifier.from_json(metadata.get(ONNX_METADATA_KEY, ""), onnx) != sidecar.described(engine):
        raise InputError(
            sidecar_path(engine), f"describes another classifier than {onnx.name}, of the same hash", action=REBUILD
        )
