"""What training makes small."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import keras
from keras import ops

if TYPE_CHECKING:
    from .settings import Settings

FOCUS = 2.0
"""Gamma of the focal loss, as its authors recommend (Lin et al. 2017, arXiv:1708.02002)."""


class FocalCrossentropy(keras.losses.Loss):
    """The focal loss, without the alpha of its paper, which weighs the classes.

    So do the class weights, which know how many stamps each has and are the same for every loss; with both, the rarer
    class would count twice.

    Not `keras.losses.CategoricalFocalCrossentropy`. That clips probabilities at 1e-7, beyond which it has no gradient:
    a network that begins by being very sure and wrong, as one on raw features is, would never learn. The cross-entropy
    takes what goes into the softmax.
    """

    def call(self, y_true: Any, y_pred: Any) -> Any:
        """Return the loss of each stamp, (n,), of one-hot labels and probabilities, (n, 2)."""
        of_true_class = ops.sum(y_true * y_pred, axis=-1)
        return (1 - of_true_class) ** FOCUS * ops.categorical_crossentropy(y_true, y_pred)


LOSSES: dict[str, type[keras.losses.Loss]] = {
    "crossentropy": keras.losses.CategoricalCrossentropy,
    "focal": FocalCrossentropy,
}


def build_loss(settings: Settings) -> keras.losses.Loss:
    """Return the loss of one-hot labels (n, 2) and probabilities (n, 2), float32, without class weights.

    ``crossentropy`` is −log p of the true class; ``focal`` multiplies it by (1 − p)², so that stamps which are told
    apart already hardly count. `class_weights` multiply either, in training only: with the focal loss they are what its
    paper calls alpha.
    """
    return LOSSES[settings.loss]()
