"""An exported classifier, and machines to build engines on: with a fake TensorRT, or the real TensorRT-RTX."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from ceres_fast.engines.tensorrt.gpu import Gpu

from ...tiny_models import peak_model, written
from .fake_tensorrt import fake_tensorrt

AMPERE = Gpu("NVIDIA RTX A4000", "8.6")


@pytest.fixture
def onnx(tmp_path: Path) -> Path:
    """A classifier that was exported, as ``classifier.onnx``."""
    return written(tmp_path, peak_model())


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ModuleType]:
    """Install a fake `tensorrt` on a machine with this GPU; return it."""

    def made(gpu: Gpu | None = AMPERE, **fake: Any) -> ModuleType:
        module = fake_tensorrt(**fake)
        monkeypatch.setitem(sys.modules, "tensorrt", module)
        for user in ("build", "checks"):
            monkeypatch.setattr(f"ceres_fast.engines.tensorrt.{user}.current_gpu", lambda: gpu)
        return module

    return made


@pytest.fixture
def no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever this machine has."""
    for user in ("build", "checks"):
        monkeypatch.setattr(f"ceres_fast.engines.tensorrt.{user}.current_gpu", lambda: None)
