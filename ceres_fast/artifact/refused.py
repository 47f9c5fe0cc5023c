"""Model files that can run code when they are loaded, and are refused by their names."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from . import CLASSIFIER_FILE

_RUNS_CODE = "loading such a file can run code that was put into it"
REFUSED_SUFFIXES = {
    ".keras": f"is a whole Keras model; {_RUNS_CODE}",
    ".h5": f"is a whole Keras model in the legacy HDF5 format; {_RUNS_CODE}",
    ".hdf5": f"is a whole Keras model in the legacy HDF5 format; {_RUNS_CODE}",
    ".pb": f"is a TensorFlow graph; {_RUNS_CODE}",
    **dict.fromkeys((".pkl", ".pickle", ".joblib", ".pt", ".pth"), f"is a Python pickle; {_RUNS_CODE}"),
    ".npy": f"can hold a Python pickle; {_RUNS_CODE}",
}
SAFE_SUFFIXES = (".weights.h5", ".onnx")
"""Bare weights, and graphs of operations that are known: reading them runs nothing of theirs."""


def refuse_code(path: Path) -> None:
    """Refuse a model file of a kind that can run code when it is loaded.

    Raises
    ------
    InputError
        When the suffix of `path` is one of `REFUSED_SUFFIXES`; ``*.weights.h5`` (bare weights) is not.
    """
    problem = REFUSED_SUFFIXES.get(path.suffix.lower())
    if problem and not path.name.lower().endswith(SAFE_SUFFIXES):
        raise InputError(
            path,
            problem,
            expected=f"a run folder with {CLASSIFIER_FILE}, or its .onnx file",
            action="train again, or convert the file to ONNX where you trust it",
        )
