"""How the weights of a run move: which optimiser, at which rates, and how these change over the epochs."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from .fused_adam import FusedAdam

if TYPE_CHECKING:
    from .settings import Settings


class TwoRates(keras.optimizers.Optimizer):
    """Gives an optimiser a lower rate for some variables, and lets weights decay at the rate of each.

    Parameters
    ----------
    slow : iterable of keras.Variable
        Variables that move by `factor` times the learning rate.
    factor : float
        Dimensionless.
    decay : float
        Share of a weight that is taken away per step, times the variable's own learning rate (Loshchilov & Hutter 2019,
        arXiv:1711.05101). Weights are the variables of two axes or more; biases, and BatchNormalization's gamma and
        beta, do not decay. Keras's `weight_decay` would let all of them decay, and slow ones at the full rate.
    **options
        Of the optimiser.
    """

    def __init__(self, slow: Iterable[keras.Variable], factor: float, decay: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        # Not by identity: TensorFlow's own variable comes to `update_step`, not the one of Keras that holds it.
        self._slow = {self._var_key(variable) for variable in slow}
        self._factor = factor
        self._decay = decay

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        rate = learning_rate * self._factor if self._var_key(variable) in self._slow else learning_rate
        if self._decay and len(variable.shape) > 1:
            self.assign_sub(variable, variable * ops.cast(rate * self._decay, variable.dtype))
        super().update_step(gradient, variable, rate)


class TwoRateAdam(TwoRates, FusedAdam):
    """`TwoRates` of `FusedAdam`; with decay it is AdamW."""


class TwoRateLamb(TwoRates, keras.optimizers.Lamb):
    """`TwoRates` of LAMB (You et al. 2019, arXiv:1904.00962) as Keras has it: the decay is no part of the ratio."""


OPTIMIZERS: dict[str, tuple[type[TwoRates], bool]] = {
    "adam": (TwoRateAdam, False),
    "adamw": (TwoRateAdam, True),
    "lamb": (TwoRateLamb, True),
}
"""Class of each optimiser, and whether weights decay."""

FLOORS = {"constant": 1.0, "cosine": 0.0}
"""Part of the rate that is left at the end of the last epoch."""


def build_optimizer(
    settings: Settings, slow: Iterable[keras.Variable], steps_per_epoch: int
) -> keras.optimizers.Optimizer:
    """Return the optimiser of a run.

    Parameters
    ----------
    settings : Settings
        Read are `optimizer`, `learning_rate`, `unfrozen_learning_rate`, `weight_decay`, `schedule`, `warmup_epochs`,
        `epochs` and `average`.
    slow : iterable of keras.Variable
        Unfrozen variables of a pre-trained base, which move at `unfrozen_learning_rate`; their rate rises and falls
        with the other one. They may be none.
    steps_per_epoch : int
        Batches in an epoch.

    Returns
    -------
    keras.optimizers.Optimizer
        With `average`, it keeps the moving averages of the weights that `averaging` validates.
    """
    kind, decays = OPTIMIZERS[settings.optimizer]
    averaging = {"use_ema": True, "ema_momentum": settings.average} if settings.average else {}
    return kind(
        slow,
        settings.unfrozen_learning_rate / settings.learning_rate,
        settings.weight_decay if decays else 0.0,
        learning_rate=_rate(settings, steps_per_epoch),
        **averaging,
    )


def _rate(settings: Settings, steps_per_epoch: int) -> float | keras.optimizers.schedules.LearningRateSchedule:
    if settings.schedule == "constant" and not settings.warmup_epochs:
        return settings.learning_rate
    warmup = settings.warmup_epochs * steps_per_epoch
    return keras.optimizers.schedules.CosineDecay(
        0.0 if warmup else settings.learning_rate,
        settings.epochs * steps_per_epoch - warmup,
        FLOORS[settings.schedule],
        warmup_target=settings.learning_rate if warmup else None,
        warmup_steps=warmup,
    )
