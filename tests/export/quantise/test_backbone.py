"""The bottleneck of a real backbone, with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest

from ceres_fast.artifact.products import describe
from ceres_fast.export.quantise import Judgement, quantise
from ceres_fast.model.build import Architecture, build_model
from ceres_fast.model.onnx_convert import convert

from ...tiny_models import classifier
from .networks import stamps
from .runs import for_cpu, operators_run


def answers(model: onnx.ModelProto, images: np.ndarray) -> np.ndarray:
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, {session.get_inputs()[0].name: images})[0][:, 1]


@pytest.mark.slow
def test_an_xception(tmp_path: Path) -> None:
    model = describe(convert(build_model(Architecture("xception", 2, "none", dense=64))), classifier())
    before = answers(model, stamps(16))

    def judge(made: onnx.ModelProto) -> Judgement:
        largest = float(np.abs(answers(made, stamps(16)) - before).max())
        return Judgement(0.0, 0.0, largest)

    made = quantise(model, stamps(32), judge)
    assert (made.kept_float, made.weighted, made.weighted_int8) == ([], 13, 13)
    assert min(trial.judgement.difference for trial in made.trials) < 0.05
    assert len(made.model.SerializeToString()) < 0.4 * len(model.SerializeToString())
    operators = operators_run(for_cpu(made.model), tmp_path)
    assert operators["QLinearConv"] == 12
    assert not operators.keys() & {"Conv", "FusedConv"}
    np.testing.assert_allclose(answers(for_cpu(made.model), stamps(16)), before, atol=0.06)
