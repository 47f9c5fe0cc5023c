"""Whether an engine that was just built answers as its ONNX file: asked where there are no records."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from ..errors import InputError
from .batches import Engine
from .onnx_runtime import OnnxRuntimeEngine
from .probes import probe_stamps

ROUNDING = {"float32": 1e-4, "float16": 2e-2, "int8": 0.25}
"""Largest difference of P(asteroid) that the arithmetic of each precision explains. An int8 engine joins other layers
than ONNX Runtime, and cuts off values that are kept on a CPU; what is wrong in it is another classifier altogether."""


def agreement(engine: Engine, onnx: Path) -> float:
    """Compare an engine with its ONNX file, computed by ONNX Runtime on the CPU, on the built-in stamps.

    Parameters
    ----------
    engine : Engine
        The engine.
    onnx : pathlib.Path
        What it was built from.

    Returns
    -------
    float
        Largest difference of P(asteroid), as the network gives it.

    Raises
    ------
    InputError
        When it is larger than rounding is, or the engine has no number for a stamp.
    """
    stamps = probe_stamps(engine.classifier.planes)
    expected = OnnxRuntimeEngine(onnx, provider="cpu").predict(stamps, raw=True).astype(np.float64)
    found, allowed = engine.predict(stamps, raw=True), ROUNDING[engine.classifier.precision]
    difference = float(np.max(np.abs(found - expected)))
    if not difference <= allowed:  # nor NaN
        raise InputError(
            onnx.with_name(engine.path.name),  # a new engine has not got that name yet
            f"does not answer as {onnx.name}: P(asteroid) differs by {difference:.2g} on a built-in stamp",
            expected=f"at most {allowed:g}, the rounding of {engine.classifier.precision}",
            action=f"classify with {onnx.name}, and report this with the log of the build",
        )
    return difference
