"""An engine that answers otherwise than its ONNX file is told from one that rounds otherwise."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ceres_fast.engines.agreement import ROUNDING, agreement
from ceres_fast.engines.batches import BatchedEngine
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.errors import InputError

from ..tiny_models import classifier, peak_model, written


class Off(BatchedEngine):
    """Answers as an ONNX file does, but for `by` on the fourth stamp."""

    def __init__(self, onnx: Path, precision: str, by: float) -> None:
        super().__init__(onnx.with_suffix(".engine"), classifier(precision=precision))
        self.like, self.by = OnnxRuntimeEngine(onnx, provider="cpu"), by

    def _run(self, batch: np.ndarray) -> np.ndarray:
        answers = self.like._run(batch).copy()
        answers[3] += np.float32(self.by) * np.array([1, -1] if answers[3, 1] > 0.5 else [-1, 1], np.float32)
        return answers


@pytest.mark.parametrize("precision", ROUNDING)
def test_rounding_is_told_and_more_is_refused(tmp_path: Path, precision: str) -> None:
    onnx, allowed = written(tmp_path, peak_model()), ROUNDING[precision]
    assert agreement(Off(onnx, precision, 0.0), onnx) == 0
    assert agreement(Off(onnx, precision, 0.5 * allowed), onnx) == pytest.approx(0.5 * allowed, rel=0.01)
    with pytest.raises(InputError, match=rf"engine: does not answer as classifier\.onnx.* at most {allowed:g}"):
        agreement(Off(onnx, precision, 1.5 * allowed), onnx)


def test_no_number_is_no_rounding(tmp_path: Path) -> None:
    onnx = written(tmp_path, peak_model())
    with pytest.raises(InputError, match="differs by nan"):
        agreement(Off(onnx, "int8", np.nan), onnx)
