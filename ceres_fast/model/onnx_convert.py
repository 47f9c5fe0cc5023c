"""A Keras classifier as an ONNX graph."""

from __future__ import annotations

import logging
import warnings

import keras
import onnx

from ..classifier import ONNX_METADATA_KEY, Classifier
from ..tensorflow_quiet import tf

OPSET = 17
INPUT, OUTPUT, BATCH = "stamps", "probabilities", "n"


def convert(model: keras.Model, classifier: Classifier) -> onnx.ModelProto:
    """Return the ONNX graph of `model`, with the classifier's JSON in its metadata."""
    signature = [tf.TensorSpec((None, *classifier.stamp_shape), tf.float32, name=INPUT)]
    function = tf.function(lambda stamps: {OUTPUT: model(stamps, training=False)}, input_signature=signature)
    proto = _converted(function, signature)
    for value in (*proto.graph.input, *proto.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = BATCH  # else a number that counts what was converted before
    onnx.helper.set_model_props(proto, {ONNX_METADATA_KEY: classifier.to_json()})
    return proto


def _converted(function: tf.types.experimental.GenericFunction, signature: list[tf.TensorSpec]) -> onnx.ModelProto:
    # tf2onnx warns through both channels about things that do not concern the result.
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tf2onnx

        proto, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET)
    return proto
