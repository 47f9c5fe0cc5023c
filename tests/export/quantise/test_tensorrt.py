"""TensorRT-RTX parses the int8 product and builds an engine of it, for GPUs that are not here."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from ceres_fast.artifact.onnx_file import SIGNED
from ceres_fast.export.quantise import TrialScores, quantise

from .networks import network, stamps

trt = pytest.importorskip("tensorrt_rtx")


@pytest.fixture(scope="module")
def product() -> onnx.ModelProto:
    return quantise(network(), stamps(), lambda made: TrialScores(0.0, 0.0, 0.0)).model


def parsed(model: onnx.ModelProto) -> tuple[object, object, list[str]]:
    """The builder, the strongly typed network, and what the parser found wrong."""
    logger = trt.Logger(trt.Logger.INTERNAL_ERROR)
    builder = trt.Builder(logger)
    net = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(net, logger)
    parser.parse(model.SerializeToString())
    return builder, net, [parser.get_error(number).desc() for number in range(parser.num_errors)]


def test_an_engine_is_built(product: onnx.ModelProto) -> None:
    builder, net, problems = parsed(product)
    assert not problems
    config = builder.create_builder_config()  # type: ignore[attr-defined]
    profile = builder.create_optimization_profile()  # type: ignore[attr-defined]
    profile.set_shape("stamp", (1, 32, 32, 1), (8, 32, 32, 1), (64, 32, 32, 1))
    config.add_optimization_profile(profile)
    config.num_compute_capabilities = 1
    config.set_compute_capability(trt.ComputeCapability.SM80, 0)
    engine = builder.build_serialized_network(net, config)  # type: ignore[attr-defined]
    assert engine is not None
    assert engine.nbytes > 10_000


def test_it_would_not_take_another_zero_point(product: onnx.ModelProto) -> None:
    changed = onnx.ModelProto()
    changed.CopyFrom(product)
    tensor = next(tensor for tensor in changed.graph.initializer if tensor.name.endswith(SIGNED))
    tensor.CopyFrom(numpy_helper.from_array(np.array(3, np.int8), tensor.name))
    assert "zero" in " ".join(parsed(changed)[2]).lower()
