"""Convert a Keras classifier to an ONNX graph with named ends, any batch size, and no shapes computed at run time."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import onnx

from ..artifact.onnx_file import INPUT, OUTPUT
from ..errors import CeresFastError
from ..libraries.tensorflow_quiet import keras, tf
from .onnx_tidy import tidy

OPSET = 17
IR_VERSION = 8
"""Of the ONNX format: the one that came with the opset, which whatever reads the opset reads too."""

BATCH = "N"
"""What the free first size of input and output is called."""


def convert(model: keras.Model) -> onnx.ModelProto:
    """Return the graph of a classifier, in the precisions of its layers.

    Parameters
    ----------
    model : keras.Model
        Stamps (n, 32, 32, planes) float32 to probabilities (n, 2) float32.

    Returns
    -------
    onnx.ModelProto
        Input ``stamp`` (N, 32, 32, planes) float32, output ``probability`` (N, 2) float32, opset `OPSET`. Dropout and
        augmentation are gone, BatchNormalization that follows a convolution is part of it.

    Raises
    ------
    CeresFastError
        When the graph is not valid ONNX.
    """
    signature = [tf.TensorSpec((None, *model.input.shape[1:]), tf.float32, name=INPUT)]
    function = tf.function(
        lambda stamp: {OUTPUT: model(stamp, training=False)}, input_signature=signature, autograph=False
    )
    proto = tidy(_converted(function, signature))
    proto.ir_version = IR_VERSION
    for value in (*proto.graph.input, *proto.graph.output):
        # tf2onnx names the axis by a number that counts the conversions of this process.
        value.type.tensor_type.shape.dim[0].dim_param = BATCH
    check(proto)
    return proto


def check(proto: onnx.ModelProto) -> None:
    """Check a graph with `onnx`: its operators and attributes, and that all types and shapes fit together.

    Raises
    ------
    CeresFastError
        When it is not valid.
    """
    try:
        onnx.checker.check_model(proto, full_check=True)
    except (onnx.checker.ValidationError, onnx.shape_inference.InferenceError) as error:
        raise CeresFastError(
            f"Not exported: the graph is not valid ONNX ({str(error).strip().splitlines()[0]}). "
            "Report it with the versions of tensorflow, tf2onnx and onnx."
        ) from error


def _converted(function: tf.types.experimental.GenericFunction, signature: list[tf.TensorSpec]) -> onnx.ModelProto:
    # tf2onnx logs and warns about things that do not affect the result.
    logging.getLogger("tf2onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tf2onnx

        with _weights_not_copied():
            proto, _ = tf2onnx.convert.from_function(function, signature, opset=OPSET)
    return proto


@contextmanager
def _weights_not_copied() -> Iterator[None]:
    """Prevent tf2onnx from copying all weights, hundreds of megabytes, some fifty times.

    tf2onnx has twelve optimisers, and repeats them until none changes the graph. It copies the weights before each, so
    that it can continue without an optimiser that fails; here such a failure ends the conversion, because a graph that
    is only half optimised is not wanted. And it copies them after each, when it writes constants into protocol buffers,
    from which it takes nothing when it builds the graph at the end.
    """
    from tf2onnx.constants import ENV_TF2ONNX_CATCH_ERRORS
    from tf2onnx.graph import Node

    update = Node.update_proto

    def update_but_constants(node: Any, *arguments: Any, **named: Any) -> None:
        if not node.is_const():
            update(node, *arguments, **named)

    # tf2onnx reads the variable when a conversion starts, so it takes effect even if tf2onnx was imported before.
    with (
        mock.patch.dict(os.environ, {ENV_TF2ONNX_CATCH_ERRORS: "FALSE"}),
        mock.patch.object(Node, "update_proto", update_but_constants),
    ):
        yield
