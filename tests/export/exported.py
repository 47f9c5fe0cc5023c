"""What a run is looked at for after an export."""

from __future__ import annotations

from pathlib import Path

import pytest

from ceres_fast.artifact.classifier import ONNX_KINDS, read_classifier
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.export import onnx_file
from ceres_fast.export.proof.tolerances import Tolerances
from ceres_fast.training.runs import LOCK

from ..tiny_networks import WEIGHTS

FILES = {"classifier.json", WEIGHTS, "classifier.onnx", "classifier.proof.json"}
"""What is in the directory of a run that was exported."""


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of the files in a folder, but for the lock."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name != LOCK}


def engine_of(run: Path, precision: str = "float32") -> OnnxRuntimeEngine:
    """Open the file that the run names, after checking its hash."""
    return OnnxRuntimeEngine(read_classifier(run).file_path(ONNX_KINDS[precision]))


def no_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "tolerances_for", lambda *precisions: Tolerances(-1.0, 0.0, 0.0, 1.0))
