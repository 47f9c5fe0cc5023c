"""What export makes of a classifier: precisions, names of files, and what a file says of the classifier."""

from __future__ import annotations

from dataclasses import replace

from .classifier import ONNX_KINDS, Classifier

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


def carried(classifier: Classifier, precision: str) -> Classifier:
    """Return what a product in this precision says of the classifier of a run."""
    # Without exports that may be there already: the file would speak of its predecessor.
    return replace(classifier.without_onnx(), precision=precision)
