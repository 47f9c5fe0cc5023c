"""Engines: an exported classifier on any runtime, with no TensorFlow."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import numpy as np

from ..classifier import CLASSIFIER_FILE, Classifier, read_classifier, refuse_code
from ..errors import InputError

__all__ = ["Engine", "exported_model", "open_engine"]


class Engine(Protocol):
    """What every engine offers."""

    classifier: Classifier
    """What the model says of itself."""

    seconds: float
    """Time spent in the runtime so far."""

    def predict(self, stamps: np.ndarray, batch_size: int = 64) -> np.ndarray:
        """Return P(asteroid), float32 (n,), of raw stamps, float32 (n, 32, 32, planes), axes (y, x, plane), in ADU.

        Where the classifier takes one plane, (n, 32, 32) will do.
        """


def _onnx_runtime(model: Path, threads: int) -> Engine:
    from .onnx_runtime import OnnxRuntimeEngine

    return OnnxRuntimeEngine(model, threads=threads)


_ENGINES: dict[str, Callable[[Path, int], Engine]] = {".onnx": _onnx_runtime}


def open_engine(model: Path, *, threads: int = 0) -> Engine:
    """Open an exported classifier with the engine for its kind of file.

    Parameters
    ----------
    model : pathlib.Path
        The exported file, or a run folder (or its ``classifier.json``), whose ``onnx`` file is then taken
        after checking its SHA-256.
    threads : int, default 0
        Threads of one inference; 0 takes all cores.

    Raises
    ------
    InputError
        When the file is missing, of a kind that is not run, or not an exported classifier.
    """
    refuse_code(model)
    if not model.exists():
        action = "make one with `ceres-fast train` and `ceres-fast export`"
        raise InputError(model, "does not exist", expected="an exported classifier, or a run folder", action=action)
    if model.is_dir() or model.name == CLASSIFIER_FILE:
        model = exported_model(model)
    if model.suffix.lower() not in _ENGINES:
        raise InputError(
            model,
            "is not a file that an engine runs",
            expected=f"a run folder, or a file ending in {' or '.join(_ENGINES)}",
            action="export the classifier with `ceres-fast export`",
        )
    return _ENGINES[model.suffix.lower()](model, threads)


def exported_model(run: Path) -> Path:
    """Return the exported classifier of a run folder (or of its ``classifier.json``), after checking its SHA-256.

    Raises
    ------
    InputError
        When there is no classifier, it was not exported, or the file is not the one that was.
    """
    classifier = read_classifier(run)
    if "onnx" not in classifier.files:
        raise InputError(run, "holds a classifier without its ONNX file", action="run `ceres-fast export` on it")
    return classifier.file_path("onnx")
