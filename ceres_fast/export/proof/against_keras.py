"""What a GPU computes of a product, on a CPU: for the proof, never shipped.

ONNX Runtime on a CPU computes float16 in float32, and reads the activations of int8 as unsigned (`as_unsigned`).
TensorRT and CUDA round each float16 result, and cut int8 off at 127 steps.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import onnxruntime

from ...artifact.classifier import Classifier
from ...artifact.onnx_file import INPUT, OUTPUT
from ...console import say
from ...engines.batches import BatchedEngine
from ...engines.exact_bytes import sum_exactly
from ...engines.onnx_runtime import OnnxRuntimeEngine
from ...model.load import predict
from ...model.onnx_float16 import rounded_at_each_node
from . import Bounds, Stamps, compared, prove

if TYPE_CHECKING:
    import keras

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


def proven_against_keras(
    graph: onnx.ModelProto, model: keras.Model, path: Path, stamps: Stamps | None, bounds: Bounds
) -> dict[str, Any]:
    """Compare a product with Keras as a CPU computes it, and as a GPU does where that is not the same."""
    engine = OnnxRuntimeEngine(path, provider="cpu")
    product = engine.classifier
    pixels = compared(product, stamps)
    say(f"comparing with Keras on {len(pixels):,} stamps …")
    answers = predict(model, pixels)[:, product.classes.index("asteroid")]
    proof = prove(engine, stamps, bounds, answers)
    say(proof.text())
    if product.precision not in FORMS:
        return proof.as_dict()
    on_gpu = prove(OnGpu(path, product, graph), stamps, bounds, answers)
    lost = f", {on_gpu.recall.lost} asteroids lost, {on_gpu.recall.regained} regained" if on_gpu.recall else ""
    say(f"as a GPU computes it: largest difference {on_gpu.largest:.1e}, {on_gpu.changed} decisions changed{lost}")
    return {**proof.as_dict(), "on_gpu": on_gpu.as_dict()}
