"""What a training run is told, in one place: written into its directory, enough to repeat it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from ..errors import CeresFastError


@dataclass(frozen=True)
class Settings:
    """Settings of a training run.

    What the paper does not state is chosen here (docs/paper.md says which): optimiser, rates, batch, epochs, head.

    Attributes
    ----------
    backbone : str
        Row of `ceres_fast.model.backbones.BACKBONES`.
    experiment : int
        1, 2 or 3, as in the paper.
    weights : str
        ``imagenet``, ``none`` (from scratch, nothing frozen) or the path of a weights file.
    normalise : str
        ``minmax`` or ``asinh``.
    precision : str
        ``float32``, ``mixed_float16`` or ``mixed_bfloat16``.
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
    dense : int
        Units of the head's hidden layer.
    dropout : float
        Share of the head's hidden layer dropped in training.
    seed : int
        Of the first weights, the shuffling and the dropout.

    Raises
    ------
    CeresFastError
        When a learning rate is not a number above 0.
    """

    backbone: str
    experiment: int = 2
    weights: str = "imagenet"
    normalise: str = "minmax"
    precision: str = "float32"
    batch_size: int = 128
    epochs: int = 30
    patience: int = 5
    learning_rate: float = 1e-3
    unfrozen_learning_rate: float = 1e-5
    dense: int = 256
    dropout: float = 0.5
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("learning_rate", "unfrozen_learning_rate"):
            rate = getattr(self, name)
            if not 0 < rate < math.inf:
                raise CeresFastError(f"{name.replace('_', ' ')} {rate:g}: expected a number above 0.")
