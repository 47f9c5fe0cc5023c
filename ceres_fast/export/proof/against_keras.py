"""What a GPU computes of a product, on a CPU: for the proof, never shipped.

ONNX Runtime on a CPU computes float16 in float32, and reads the activations of int8 as unsigned (`as_unsigned`).
TensorRT and CUDA round each float16 result, and cut int8 off at 127 steps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

from ...artifact.classifier import Classifier
from ...artifact.onnx_file import INPUT, OUTPUT
from ...engines.batches import BatchedEngine
from ...engines.exact_bytes import sum_exactly
from ...model.onnx_float16 import rounded_at_each_node

FORMS: dict[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "float16": rounded_at_each_node,
    "int8": lambda graph: graph,
}
"""The graph as a GPU computes it, for each precision in which that is not what a CPU computes."""


class OnGpu(BatchedEngine):
    """A product computed as on a GPU.

    Parameters
    ----------
    path : pathlib.Path
        The product; errors name it.
    classifier : Classifier
        What it says of itself.
    graph : onnx.ModelProto
        The product's graph.
    """

    def __init__(self, path: Path, classifier: Classifier, graph: onnx.ModelProto) -> None:
        super().__init__(path, classifier, runtime="ONNX Runtime, as a GPU computes")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        sum_exactly(options)
        content = FORMS[classifier.precision](graph).SerializeToString()
        self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])

    def _run(self, batch: np.ndarray) -> np.ndarray:
        return self._session.run([OUTPUT], {INPUT: batch})[0]
