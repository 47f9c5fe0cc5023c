"""Engine files on a real GPU give what ONNX Runtime gives on the CPU; skipped where there is none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ceres_fast.engines import load
from ceres_fast.engines.gpus import current_gpu
from ceres_fast.engines.tensorrt.build import build
from ceres_fast.engines.tensorrt.flavours import FLAVOURS, flavour
from ceres_fast.engines.tensorrt.options import CURRENT, EngineOptions
from ceres_fast.errors import CeresFastError

from ...tiny_models import peak_model, written

ROUNDING = 1e-4


@pytest.fixture(params=FLAVOURS)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    kind = FLAVOURS[request.param]
    if current_gpu() is None:
        pytest.skip("there is no GPU")
    pytest.importorskip("cuda.bindings.runtime")
    try:
        flavour(kind.name)
    except CeresFastError as error:
        pytest.skip(str(error))
    path = written(tmp_path, peak_model()).with_suffix(kind.suffix)
    capabilities = (CURRENT,) if kind.portable else ()
    build(path.with_suffix(".onnx"), path, kind.name, EngineOptions((1, 8, 64), compute_capabilities=capabilities))
    return path


def test_any_number_of_stamps(engine: Path) -> None:
    found, expected = load(engine), load(engine.with_suffix(".onnx"), provider="cpu")
    found.warm_up()
    for n in (0, 1, 2, 8, 9, 64, 65, 300):
        pixels = np.random.default_rng(n).normal(500, 40, (n, 32, 32)).astype(np.float32)
        for _ in range(3):
            np.testing.assert_allclose(
                found.predict(pixels, raw=True), expected.predict(pixels, raw=True), atol=ROUNDING
            )
