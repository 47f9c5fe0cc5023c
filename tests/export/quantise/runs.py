"""Run graphs in ONNX Runtime and look at what it made of them."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto

from ceres_fast.artifact.onnx_file import NONNEGATIVE, SIGNED
from ceres_fast.engines.providers import sum_exactly


def answers(model: onnx.ModelProto, stamps: np.ndarray) -> np.ndarray:
    """P(asteroid) of each stamp."""
    return _session(model).run(["probability"], {"stamp": stamps})[0][:, 1]


def values(model: onnx.ModelProto, tensor: str, stamps: np.ndarray) -> np.ndarray:
    """What a tensor inside the graph is."""
    watched = onnx.ModelProto()
    watched.CopyFrom(model)
    watched.graph.output.append(onnx.helper.make_tensor_value_info(tensor, TensorProto.FLOAT, None))
    return _session(watched).run([tensor], {"stamp": stamps})[0]


def operators_run(model: onnx.ModelProto, folder: Path) -> Counter[str]:
    """What ONNX Runtime runs, after its own changes to the graph."""
    path = folder / "optimised.onnx"
    _session(model, path)
    return Counter(node.op_type for node in onnx.load(path).graph.node)


def for_cpu(model: onnx.ModelProto) -> onnx.ModelProto:
    """The model as it is read for a CPU: unsigned activations, by the names of the zero points."""
    made = onnx.ModelProto()
    made.CopyFrom(model)
    for tensor in made.graph.initializer:
        for ending, zero in ((NONNEGATIVE, b"\0"), (SIGNED, b"\x80")):
            if tensor.name.endswith(ending):
                tensor.data_type, tensor.raw_data = TensorProto.UINT8, zero
    return made


def _session(model: onnx.ModelProto, optimised: Path | None = None) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    sum_exactly(options)  # as the engines do: without VNNI the sums of bytes are cut off, and what is compared is that
    if optimised:
        options.optimized_model_filepath = str(optimised)
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
