"""A run's classifier as an ONNX graph that has been checked and says what it is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import onnx

from ..artifact.classifier import Classifier
from ..artifact.products import as_product, describe
from ..model.load import load_model
from ..model.onnx_convert import check, convert
from ..model.onnx_float16 import halved

if TYPE_CHECKING:
    import keras

_MADE_BY: dict[str, Callable[[onnx.ModelProto], onnx.ModelProto]] = {"float32": lambda graph: graph, "float16": halved}
"""What makes a graph in each precision of the float32 one."""


def keras_graph(classifier: Classifier, precision: str) -> tuple[onnx.ModelProto, keras.Model]:
    """Convert a run's classifier.

    Parameters
    ----------
    classifier : Classifier
        Read from the run (``folder``).
    precision : {'float32', 'float16'}
        What the graph computes in. The stem, the last layer, input and output are float32 in both.

    Returns
    -------
    onnx.ModelProto
        Input ``stamp`` (N, 32, 32, planes) float32 in ADU, axes (stamp, y, x, plane); output ``probability`` (N, 2)
        float32 in the order of the classes; the classifier in its properties.
    keras.Model
        The model that was trained, in the precision it was trained in: what the graph is to equal.

    Raises
    ------
    InputError
        When the weights are missing, or not those that the classifier names.
    CeresFastError
        When the graph is not valid ONNX, or a weight is too large for float16.
    """
    made_of = _MADE_BY[precision]
    model = load_model(classifier)
    exact = model if classifier.precision == "float32" else load_model(replace(classifier, precision="float32"))
    graph = made_of(convert(exact))
    check(graph)
    return describe(graph, as_product(classifier, precision)), model
