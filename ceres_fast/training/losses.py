"""What training makes small."""

from __future__ import annotations

from typing import TYPE_CHECKING

import keras

if TYPE_CHECKING:
    from .settings import Settings

FOCUS = 2.0
"""Gamma of the focal loss, as its authors recommend (Lin et al. 2017, arXiv:1708.02002)."""

LOSSES = {
    "crossentropy": keras.losses.CategoricalCrossentropy,
    # Its alpha weighs the classes. So do the class weights, which know how many stamps each has and are the same for
    # every loss; with both, the rarer class would count twice. Keras's default of 0.25 for every class would be a
    # lower learning rate in disguise.
    "focal": lambda: keras.losses.CategoricalFocalCrossentropy(alpha=1.0, gamma=FOCUS),
}


def build_loss(settings: Settings) -> keras.losses.Loss:
    """Return the loss of one-hot labels (n, 2) and probabilities (n, 2), float32, without class weights.

    ``crossentropy`` is −log p of the true class; ``focal`` multiplies it by (1 − p)², so that stamps which are told
    apart already hardly count. `class_weights` multiply either, in training only: with the focal loss they are what its
    paper calls alpha.
    """
    return LOSSES[settings.loss]()
