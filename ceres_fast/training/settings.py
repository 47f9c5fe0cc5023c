"""What a training run is told, in one place: written into its directory, enough to repeat it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import CeresFastError
from ..model.build import Architecture


@dataclass(frozen=True)
class Settings(Architecture):
    """Settings of a training run: what is built, and how it is fitted.

    What the paper does not state is chosen here (docs/paper.md says which): optimiser, rates, batch, epochs, head.

    Attributes
    ----------
    backbone, experiment, weights, normalise, precision, dense, dropout
        As in `Architecture`.
    batch_size : int
        Stamps per step.
    epochs : int
        Passes over the training split, at most.
    patience : int
        Epochs without a lower validation loss after which training stops.
    learning_rate : float
        Adam's, for the head (and for everything when training from scratch).
    unfrozen_learning_rate : float
        Adam's, for the unfrozen layers of a pre-trained base.
    seed : int
        Of the first weights, the shuffling and the dropout.

    Raises
    ------
    CeresFastError
        When a learning rate is not a number above 0.
    """

    batch_size: int = 128
    epochs: int = 30
    patience: int = 5
    learning_rate: float = 1e-3
    unfrozen_learning_rate: float = 1e-5
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("learning_rate", "unfrozen_learning_rate"):
            rate = getattr(self, name)
            if not 0 < rate < math.inf:
                raise CeresFastError(f"{name.replace('_', ' ')} {rate:g}: expected a number above 0.")
