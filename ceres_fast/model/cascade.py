"""A cascade: a fast network answers alone where it is sure that a stamp is no asteroid, and else asks a larger one.

Of a survey's detections most are clearly something else, and a network that is many times as fast sees that too. The
larger one sees the others. Both are in one graph, so that a cascade is exported, proven and calibrated as a network is.
"""

from __future__ import annotations

from typing import Any

from ..libraries.tensorflow_quiet import keras, tf

MARGIN = 2.0
"""The larger network alone answers from so many times the probability from which it is asked."""


class _OfCascade(keras.layers.Layer):
    """A layer between the networks of a cascade, whose larger one is asked from the probability `start` on."""

    def __init__(self, start: float, **options: Any) -> None:
        super().__init__(dtype="float32", **options)
        self.start = start

    def compute_output_shape(self, shapes: Any) -> Any:
        """Return that of the first input: how many there are is free."""
        return shapes[0]


class Asked(_OfCascade):
    """The stamps that the larger network is asked about, after the first stamp of the batch.

    The first stamp goes along whatever is thought of it, and what is answered to it there is not used: no network is
    given an empty batch, which not every kernel of every engine takes.
    """

    def call(self, inputs: tuple[Any, Any]) -> Any:
        """Return (1 + m, side, side, planes) of stamps (n, side, side, planes) and their probabilities (n, 2)."""
        stamps, first = inputs
        return tf.gather_nd(stamps, tf.concat([tf.zeros((1, 1), tf.int64), _asked(first, self.start)], axis=0))


class Answered(_OfCascade):
    """The probabilities of a cascade, of those of the fast network and of what the larger one answered when asked.

    From the probability from which the larger one is asked to `MARGIN` times that, its share grows from 0 to 1. So a
    small difference in what the fast network gives, as between two engines, makes no large one.
    """

    def call(self, inputs: tuple[Any, Any]) -> Any:
        """Return (n, 2) of the probabilities (n, 2) and the answers (1 + m, 2) to what `Asked` chose."""
        first, answers = inputs
        places = _asked(first, self.start)
        before = tf.gather_nd(first, places)
        share = tf.minimum((before[:, 1:] - self.start) / (min(MARGIN * self.start, 1.0) - self.start), 1.0)
        return tf.tensor_scatter_nd_update(first, places, before + share * (answers[1:] - before))


def _asked(first: Any, start: float) -> Any:
    """Return the places (m, 1) of the stamps, in their order, that the larger network is asked about."""
    return tf.where(first[:, 1] >= start)


def cascade(first: keras.Model, larger: keras.Model, start: float) -> keras.Model:
    """Return a network that asks a larger one about the stamps to which the first does not give a low probability.

    Parameters
    ----------
    first, larger : keras.Model
        Stamps (n, 32, 32, planes) float32 in ADU to probabilities (n, 2) float32.
    start : float
        P(asteroid) of the first, between 0 and 1, from which the larger one is asked. From `MARGIN` times that on, the
        answer is the larger one's alone.

    Returns
    -------
    keras.Model
        The same input and output.
    """
    stamps = keras.Input(first.input.shape[1:], dtype="float32", name="stamps")
    # Two networks of a kind have one name, which the layers of a model may not share.
    given = keras.Model(first.input, first.output, name="first")(stamps)
    asked = Asked(start, name="asked")([stamps, given])
    answers = keras.Model(larger.input, larger.output, name="larger")(asked)
    return keras.Model(stamps, Answered(start, name="answered")([given, answers]), name="cascade")
