"""The ranges of the activations, measured batch by batch."""

from __future__ import annotations

import contextlib
import io
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod
from onnxruntime.quantization.calibrate import TensorsData, create_calibrator

from ...errors import CeresFastError
from .nodes import OPERATORS

METHODS: dict[str, tuple[CalibrationMethod, dict[str, Any]]] = {
    "minmax": (CalibrationMethod.MinMax, {}),
    "percentile": (CalibrationMethod.Percentile, {"percentile": 99.99, "symmetric": True, "num_bins": 2048}),
}
"""How a range is found: the largest value seen, or what 99.99 % of the values are below. Which one serves better is
measured (`ceres_fast.export.quantise.choice`)."""

BATCH = 8
"""Stamps at a time. The percentile looks at all activations of a batch at once: 8 of a network with 5 million of them
are 160 MB, and ONNX Runtime's own loop over the batches would keep all of them to the end."""


def ranges_of(model: onnx.ModelProto, stamps: np.ndarray, method: str) -> TensorsData:
    """Return the range of each activation that may become int8.

    Parameters
    ----------
    model : onnx.ModelProto
        From `prepared`.
    stamps : numpy.ndarray
        float32, (n, 32, 32, planes), in ADU.
    method : {'minmax', 'percentile'}
        Row of `METHODS`.

    Raises
    ------
    CeresFastError
        When an activation is not finite for some stamp.
    """
    kind, options = METHODS[method]
    (name,) = (value.name for value in model.graph.input)
    with tempfile.TemporaryDirectory(prefix="ceres-fast-") as folder, contextlib.redirect_stdout(io.StringIO()):
        path = Path(folder) / "float.onnx"
        onnx.save(model, path)
        calibrator = create_calibrator(
            path, list(OPERATORS), (Path(folder) / "watched.onnx").as_posix(), kind, extra_options=options
        )
        for start in range(0, len(stamps), BATCH):
            calibrator.collect_data(_Batch({name: stamps[start : start + BATCH]}))
        ranges = calibrator.compute_data()
    for tensor, values in ranges.items():
        if not np.isfinite(values.range_value).all():
            raise CeresFastError(f"Not exported: {tensor} is not finite for some of the training stamps.")
    return ranges


class _Batch(CalibrationDataReader):
    def __init__(self, inputs: dict[str, np.ndarray]) -> None:
        self._waiting = [inputs]

    def get_next(self) -> dict[str, np.ndarray] | None:
        """Return the batch, and None after it."""
        return self._waiting.pop() if self._waiting else None
