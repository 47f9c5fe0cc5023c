"""Which engine runs which kind of file, or asks a server."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..artifact.classifier import CLASSIFIER_FILE, ONNX_KINDS, read_classifier
from ..artifact.latest import resolve
from ..artifact.refused import refuse_code
from ..errors import CeresFastError, InputError
from .batches import AUTO, Engine
from .triton import TritonEngine, server_address


def _onnx_runtime(model: Path, provider: str, threads: int, rebuild: bool) -> Engine:
    from .onnx_runtime import OnnxRuntimeEngine

    if rebuild:
        raise CeresFastError(f"{model}: is no engine file, so there is nothing to rebuild. Leave out --rebuild.")
    return OnnxRuntimeEngine(model, provider=provider, threads=threads)


def _tensorrt(model: Path, provider: str, threads: int, rebuild: bool) -> Engine:
    from .tensorrt.run import TensorRTEngine

    if provider != AUTO:
        raise CeresFastError(
            f"{model}: is an engine file, which its own runtime runs. Leave out --provider {provider}, or name the "
            "ONNX file."
        )
    return TensorRTEngine(model, rebuild=rebuild)


KINDS: dict[str, Callable[[Path, str, int, bool], Engine]] = {
    ".onnx": _onnx_runtime,
    ".engine": _tensorrt,
    ".rtx": _tensorrt,
}
"""What opens each kind of file, by its suffix."""


def load(path: Path, *, provider: str = AUTO, threads: int = 0, rebuild: bool = False) -> Engine:
    """Open an exported classifier with the engine for its kind of file.

    Parameters
    ----------
    path : pathlib.Path
        The exported file, or a run folder (or its ``classifier.json``): then its ONNX file, in float32 where there is
        one, else in float16, else in int8, after checking its SHA-256. ``runs/latest`` is the run that it names. Or
        the address of a model on a server, as `engines.triton` says it.
    provider : str, default "auto"
        What ONNX Runtime runs an ONNX file on: ``"cpu"``, ``"cuda"``, ``"tensorrt"``, or the best that starts.
    threads : int, default 0
        Threads of one inference on the CPU; 0: as many as the user or the system allows (`machine.cores.threads`).
    rebuild : bool
        Build an engine file that does not belong here (another GPU or version of TensorRT) anew, from the ONNX file
        beside it.

    Returns
    -------
    Engine
        Ready to `predict`; on a GPU the first runs are slow unless `Engine.warm_up` is called.

    Raises
    ------
    InputError
        When the file is missing, of a kind that is not run, or not an exported classifier; when the server does not
        answer.
    CeresFastError
        When the provider does not start here, or the options do not fit the kind of file.
    """
    if address := server_address(path):
        if provider != AUTO or rebuild:
            option = "--rebuild" if rebuild else f"--provider {provider}"
            raise CeresFastError(f"{address}: the server decides what runs it. Leave out {option}.")
        return TritonEngine(address)
    refuse_code(path)
    path = resolve(path)
    if not path.exists() and not (rebuild and path.suffix.lower() in KINDS):
        action = "make one with `ceres-fast train` and `ceres-fast export`"
        raise InputError(path, "does not exist", expected="an exported classifier, or a run folder", action=action)
    if path.is_dir() or path.name == CLASSIFIER_FILE:
        path = exported_model(path)
    opener = KINDS.get(path.suffix.lower())
    if opener is None:
        raise InputError(
            path,
            "is not a file that an engine runs",
            expected=f"a run folder, or a file ending in {' or '.join(KINDS)}",
            action="export the classifier with `ceres-fast export`",
        )
    return opener(path, provider, threads, rebuild)


def exported_model(run: Path) -> Path:
    """Return the ONNX file of a run folder (or of its ``classifier.json``), the first of `ONNX_KINDS` that there is.

    Raises
    ------
    InputError
        When there is no classifier, it was not exported, or the file is not the one that was.
    """
    classifier = read_classifier(run)
    kind = next((kind for kind in ONNX_KINDS.values() if kind in classifier.files), None)
    if kind is None:
        raise InputError(run, "holds a classifier without its ONNX file", action="run `ceres-fast export` on it")
    return classifier.file_path(kind)
