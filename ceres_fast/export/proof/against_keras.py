"""Compare an ONNX file with the Keras model it was made of: as a CPU computes it, and as a GPU does.

ONNX Runtime on a CPU computes float16 in float32, and reads the activations of int8 as unsigned (`as_unsigned`).
TensorRT and CUDA round each float16 result, and cut int8 off at 127 steps. Both must be within the tolerances, and
a GPU is not needed for that: a CPU can follow its arithmetic, slowly. That graph is for the proof, and never shipped.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx

from ...artifact.classifier import Classifier
from ...artifact.onnx_file import INPUT, OUTPUT
from ...console import say
from ...engines.batches import BatchedEngine
from ...engines.onnx_runtime import OnnxRuntimeEngine
from ...engines.providers import cpu_session
from ...model.load import predict
from ...model.onnx_float16 import rounded_at_each_node
from . import Stamps, Tolerances, comparison_pixels, prove

if TYPE_CHECKING:
    import keras

GPU_GRAPHS: dict[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {
    "float16": rounded_at_each_node,
    "int8": lambda graph: graph,
}
"""The graph as a GPU computes it, for each precision in which that is not what a CPU computes."""


class GpuArithmetic(BatchedEngine):
    """A product computed on a CPU with the arithmetic of a GPU.

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
        self._session = cpu_session(GPU_GRAPHS[classifier.precision](graph).SerializeToString())

    def _run(self, batch: np.ndarray) -> np.ndarray:
        return self._session.run([OUTPUT], {INPUT: batch})[0]


def prove_against_keras(
    graph: onnx.ModelProto, model: keras.Model, path: Path, stamps: Stamps | None, tolerances: Tolerances
) -> dict[str, Any]:
    """Compare a product with Keras as a CPU computes it, and as a GPU does where that is not the same; print both.

    Parameters
    ----------
    graph : onnx.ModelProto
        The product's graph.
    model : keras.Model
        What was trained.
    path : pathlib.Path
        The product, as it was written.
    stamps : Stamps or None
        As in `prove`.
    tolerances : Tolerances
        Of the product.

    Returns
    -------
    dict
        The proof for JSON; that of the arithmetic of a GPU, where there is one, under ``on_gpu``.

    Raises
    ------
    NotProven
        As `prove` does.
    """
    engine = OnnxRuntimeEngine(path, provider="cpu")
    product = engine.classifier
    pixels = comparison_pixels(product, stamps)
    say(f"comparing with Keras on {len(pixels):,} stamps …")
    answers = predict(model, pixels)[:, product.classes.index("asteroid")]
    proof = prove(engine, stamps, tolerances, answers)
    say(proof.text())
    if product.precision not in GPU_GRAPHS:
        return proof.as_dict()
    on_gpu = prove(GpuArithmetic(path, product, graph), stamps, tolerances, answers)
    lost = f", {on_gpu.recall.lost} asteroids lost, {on_gpu.recall.regained} regained" if on_gpu.recall else ""
    say(f"as a GPU computes it: largest difference {on_gpu.largest:.1e}, {on_gpu.changed} decisions changed{lost}")
    return {**proof.as_dict(), "on_gpu": on_gpu.as_dict()}
