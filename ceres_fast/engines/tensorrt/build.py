"""Build an engine file from an ONNX file."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from ...artifact.classifier import ONNX_METADATA_KEY, Classifier
from ...artifact.onnx_file import read_onnx
from ...errors import CeresFastError, InputError
from ...files import disk_errors, sync
from ..gpus import Gpu, current_gpu
from .checks import beside
from .flavours import FLAVOURS, Flavour, Log, flavour, flavour_of, version_of
from .network import serialized
from .options import CURRENT, EngineOptions, profiles
from .sidecar import Sidecar, log_path, read_sidecar, sidecar_path

_EXPORT = "export it with `ceres-fast export`"

Accept = Callable[[Path], object]
"""Is given an engine file, with its sidecar, that has not got its name yet, and raises where it is not to have it."""


def build(
    onnx: Path,
    target: Path,
    name: str,
    options: EngineOptions | None = None,
    accept: Accept = lambda engine: None,
) -> Sidecar:
    """Build an engine file, its log and its sidecar.

    Parameters
    ----------
    onnx : pathlib.Path
        A classifier that `ceres-fast export` wrote to ONNX, in the folder of `target`.
    target : pathlib.Path
        The engine file; replaced where it exists. It gets its name first and the sidecar last: what a killed build
        leaves has no sidecar that fits, and is not loaded.
    name : str
        Which package builds: a row of `FLAVOURS`.
    options : EngineOptions, optional
        How to build.
    accept : callable, optional
        Looks at the finished engine, in a folder of its own; what it raises is raised here.

    Returns
    -------
    Sidecar
        What was written beside the engine.

    Raises
    ------
    InputError
        When the ONNX file is not an exported classifier, keeps weights in other files, or TensorRT does not read it.
    CeresFastError
        When the package is not installed, lacks an option, needs a GPU, does not build, or the disk refuses; nothing is
        written then.
    """
    options = options or EngineOptions()
    kind = FLAVOURS[name]
    _check_names(onnx, target, kind)
    kind.refuse_unsupported(options)
    module = flavour(name)
    gpu = current_gpu()
    _check_gpu(kind, options, gpu)
    content, metadata = read_onnx(onnx)
    classifier = _classifier(onnx, metadata)
    if classifier.cascade_from is not None:
        raise CeresFastError(
            f"{onnx}: is a cascade. How many stamps its larger network is asked about is known only at run time, which "
            "engines of TensorRT were never proven with. Run the ONNX file, or build engines of its two runs."
        )
    log = Log()
    made = serialized(module, kind, onnx, content, classifier.stamp_shape, options, gpu, log)
    sidecar = Sidecar(
        flavour=kind.name,
        runtime_version=version_of(module),
        onnx=onnx.name,
        onnx_sha256=hashlib.sha256(content).hexdigest(),
        engine_bytes=len(made.plan),
        engine_sha256=hashlib.sha256(made.plan).hexdigest(),
        precision=classifier.precision,
        gpu={"name": gpu.name, "compute_capability": gpu.compute_capability} if gpu else None,
        hardware=made.hardware,
        compute_capabilities=made.compute_capabilities,
        batches=options.batches,
        profiles=profiles(options.batches, per_batch=kind.profile_per_batch),
        options=options.as_dict(),
        built=datetime.now(UTC).isoformat(timespec="seconds"),
        log=log_path(target).name,
        classifier=json.loads(classifier.to_json()),
        stamp_shape=classifier.stamp_shape,
    )
    _write(target, made.plan, log, sidecar, accept)
    return sidecar


def rebuild(engine: Path, accept: Accept = lambda engine: None) -> Sidecar:
    """Build an engine file anew, from the ONNX file beside it and for the GPU of this machine.

    Parameters
    ----------
    engine : pathlib.Path
        The engine file; it need not be there. Where its sidecar can be read, the options are those of the last build.
    accept : callable, optional
        As of `build`.

    Raises
    ------
    InputError
        When there is no ONNX file beside it.
    CeresFastError
        As `build` does.
    """
    kind = flavour_of(engine)
    try:
        before = read_sidecar(engine)
        options, name = before.engine_options, before.onnx
    except InputError:
        options, name = EngineOptions(), engine.stem + ".onnx"
    onnx = beside(engine, name)
    if not onnx.exists():
        problem = f"does not exist, and {engine.name} is built from it"
        raise InputError(onnx, problem, action=f"copy it there, or {_EXPORT}")
    if kind.portable and current_gpu() is not None:
        # Not for the GPUs of another machine, which may be why it is built anew.
        options = replace(options, compute_capabilities=(CURRENT,))
    return build(onnx, engine, kind.name, options, accept)


def _check_names(onnx: Path, target: Path, kind: Flavour) -> None:
    if target.suffix.lower() != kind.suffix:
        raise CeresFastError(f"{target}: choose a name that ends in {kind.suffix}.")
    if onnx.parent.resolve() != target.parent.resolve():
        raise ValueError(f"{onnx} is not beside {target}")


def _check_gpu(kind: Flavour, options: EngineOptions, gpu: Gpu | None) -> None:
    if gpu is None and not kind.portable:
        raise CeresFastError(
            f"{kind.title} builds engines on the GPU that they are to run on, and this machine has none (or no driver)."
            " Export to ONNX, copy that and build there; or export to tensorrt-rtx, which needs no GPU to build."
        )
    if gpu is None and options.compute_capabilities == (CURRENT,):
        raise CeresFastError(
            f"--compute-capability {CURRENT}: this machine has no GPU (or no driver). Name those to build for, as 8.6."
        )


def _classifier(onnx: Path, metadata: dict[str, str]) -> Classifier:
    if ONNX_METADATA_KEY not in metadata:
        expected = f"the metadata {ONNX_METADATA_KEY!r}"
        raise InputError(onnx, "does not say which classifier it is", expected=expected, action=_EXPORT)
    return Classifier.from_json(metadata[ONNX_METADATA_KEY], onnx)


def _write(target: Path, plan: memoryview, log: Log, sidecar: Sidecar, accept: Accept) -> None:
    """Write all three into a folder and then move them out, the engine first.

    What is refused, and a full disk, cost nothing that was there before.
    """
    contents: dict[Path, bytes | memoryview] = {
        target: plan,
        log_path(target): log.text().encode(errors="replace"),
        sidecar_path(target): sidecar.to_json().encode(),
    }
    with disk_errors(target):
        folder = tempfile.TemporaryDirectory(prefix=f".{target.stem}.", dir=target.parent)
    with folder as name:
        for path, content in contents.items():
            with disk_errors(path):
                _put(Path(name) / path.name, content)
        accept(Path(name) / target.name)
        for path in contents:
            with disk_errors(path):
                (Path(name) / path.name).replace(path)
    sync(target.parent)


def _put(path: Path, content: bytes | memoryview) -> None:
    with path.open("wb") as stream:
        stream.write(content)
        stream.flush()
        os.fsync(stream.fileno())  # some file systems say only now that they are full
