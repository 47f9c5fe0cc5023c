"""A run's classifier as an ONNX graph that has been checked and says what it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

import onnx

from ..artifact.classifier import ONNX_METADATA_KEY, Classifier
from ..artifact.products import carried
from ..artifact.scaling import network_threshold
from ..model.load import load_model
from ..model.onnx_convert import OPSET, check, convert
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
        float32 in the order of the classes; what `metadata` says in its properties.
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
    return describe(graph, carried(classifier, precision)), model


def describe(graph: onnx.ModelProto, product: Classifier) -> onnx.ModelProto:
    """Return the graph itself, with `metadata` of the classifier in its properties in the place of what was there."""
    onnx.helper.set_model_props(graph, metadata(product))
    return graph


def metadata(product: Classifier) -> dict[str, str]:
    """Return what an ONNX file says of itself (``metadata_props``).

    Parameters
    ----------
    product : Classifier
        As `carried` gives it: with the precision of the file.

    Returns
    -------
    dict of str to str
        ``ceres_fast.classifier``: the JSON of the classifier, from which this package reads everything. The others are
        for readers that do not know it: ``classes`` in the order of the output, ``threshold`` (which probabilities are
        compared with after the classifier's scaling), ``network_threshold`` (which the output itself is compared with,
        for the same decisions; ``inf`` where it keeps nothing), ``precision``, ``opset``, ``weights_sha256``,
        ``records_sha256`` (of the manifest of the training records) and ``versions`` (JSON: what it was trained with).
        An empty text is something that is not known.
    """
    return {
        ONNX_METADATA_KEY: product.to_json(),
        "classes": ",".join(product.classes),
        "threshold": str(product.threshold),
        "network_threshold": str(network_threshold(product.scaling, product.threshold)),
        "precision": product.precision,
        "opset": str(OPSET),
        "weights_sha256": product.files.get("weights", {}).get("sha256", ""),
        "records_sha256": str(product.records.get("manifest_sha256", "")),
        "versions": json.dumps(dict(product.versions)),
    }
