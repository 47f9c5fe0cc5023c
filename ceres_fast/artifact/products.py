"""What export makes of a classifier: precisions, names of files, and what a file says of the classifier."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from .classifier import ONNX_KINDS, ONNX_METADATA_KEY, Classifier
from .scaling import network_threshold

if TYPE_CHECKING:
    import onnx

PRECISIONS = tuple(ONNX_KINDS)
"""What a product computes in, the finest first."""

DEFAULT_PRECISION = {"float32": "float32", "mixed_float16": "float16", "mixed_bfloat16": "float32"}
"""Precision of a product for each one of training. Weights are float32 in all of them; ONNX Runtime has no bfloat16
kernels for most operators on the CPU."""


PROOF = ".proof.json"
"""What the name of a proof ends in; it holds the SHA-256 of the ONNX file that was proven."""


def default_precision(classifier: Classifier) -> str:
    """Return the precision that a run is exported in when none is asked for."""
    return DEFAULT_PRECISION.get(classifier.precision, PRECISIONS[0])


def onnx_name(precision: str) -> str:
    """Return the name of a run's ONNX file in a precision: ``classifier.onnx``, ``classifier-float16.onnx`` …"""
    return "classifier.onnx" if precision == PRECISIONS[0] else f"classifier-{precision}.onnx"


def in_words(classifier: Classifier) -> str:
    """Return what a classifier is: "xception, experiment 2", of what its answers are the mean, and what it asks."""
    networks = [f"{classifier.backbone}, experiment {classifier.experiment}"]
    networks += [f"{each['backbone']}, experiment {each['experiment']}" for each in classifier.members]
    if classifier.cascade_from is not None:
        return f"{networks[0]}, which from {classifier.cascade_from:.3g} on asks {networks[1]}"
    kinds = Counter(networks)
    named = " and ".join(kind if count == 1 else f"{count} of {kind}" for kind, count in kinds.items())
    of = [f"{len(networks)} networks"] * (len(networks) > 1) + [f"{classifier.views} views"] * (classifier.views > 1)
    return f"{named} (mean over {' and '.join(of)})" if of else named


def as_product(classifier: Classifier, precision: str) -> Classifier:
    """Return the classifier of a run as a product in this precision describes it."""
    # Without exports that may be there already: the file would speak of its predecessor.
    return replace(classifier.without_onnx(), precision=precision)


def metadata(product: Classifier, opset: int) -> dict[str, str]:
    """Return what an ONNX file says of its classifier (``metadata_props``).

    Parameters
    ----------
    product : Classifier
        From `as_product`: with the precision of the file.
    opset : int
        Version of ONNX's operators that the file uses.

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
    weights = product.files.get("weights")
    return {
        ONNX_METADATA_KEY: product.to_json(),
        "classes": ",".join(product.classes),
        "threshold": str(product.threshold),
        "network_threshold": str(network_threshold(product.scaling, product.threshold)),
        "precision": product.precision,
        "opset": str(opset),
        "weights_sha256": weights["sha256"] if weights else "",
        "records_sha256": str(product.records.get("manifest_sha256", "")),
        "versions": json.dumps(dict(product.versions)),
    }


def describe(graph: onnx.ModelProto, product: Classifier) -> onnx.ModelProto:
    """Return the graph itself, with `metadata` of the classifier in its properties, instead of what was there."""
    opset = next(operators.version for operators in graph.opset_import if operators.domain in ("", "ai.onnx"))
    del graph.metadata_props[:]
    for key, value in metadata(product, opset).items():
        graph.metadata_props.add(key=key, value=value)
    return graph
