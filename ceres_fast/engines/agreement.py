"""Built-in stamps, on which what should answer alike is compared where there are no records; and an engine on them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..stamps import PLANES, STAMP_SIZE
from .batches import Engine

ROUNDING = {"float32": 1e-4, "float16": 2e-2, "int8": 0.25}
"""Largest difference of P(asteroid) that the arithmetic of each precision explains. An int8 engine joins other layers
than ONNX Runtime, and cuts off values that are kept on a CPU; what is wrong in it is another classifier altogether."""


def probe_stamps(planes: Sequence[str] = PLANES[:1]) -> np.ndarray:
    """Return stamps at the edges of what a detector delivers, (n, 32, 32, planes) float32, always the same.

    Noise on faint and bright sky, point sources from faint to saturated, constant, negative, huge and tiny values; each
    plane of a stamp is another one of these.
    """
    random = np.random.default_rng(0)
    y, x = np.mgrid[:STAMP_SIZE, :STAMP_SIZE] - STAMP_SIZE / 2
    source = np.exp(-(x**2 + y**2) / 8)
    sky = random.normal(0, 1, (24, STAMP_SIZE, STAMP_SIZE))
    peaks = np.geomspace(1, 65000, 24)[:, None, None]
    level = np.geomspace(10, 50000, 24)[:, None, None]
    detected = np.minimum(level + np.sqrt(level) * sky + peaks * source, 65535)
    extreme = [
        np.zeros_like(x),
        np.full_like(x, 65535),
        source - 100,
        source * 1e9,
        source * 1e-6,
        65535 * (source > 0.5),
    ]
    images = np.concatenate([detected, np.stack(extreme)]).astype(np.float32)
    return np.stack([np.roll(images, 7 * plane, axis=0) for plane in range(len(planes))], axis=-1)


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
    # Here, not at the top: doctor also looks at machines on which ONNX Runtime cannot be imported.
    from .onnx_runtime import OnnxRuntimeEngine

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
