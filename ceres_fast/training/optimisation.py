"""How the weights of a run are fitted: the loss, the optimiser with its rates, and the moving averages it keeps."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import keras
from keras import ops

from ..tensorflow_quiet import tf

if TYPE_CHECKING:
    from ..settings.training import Settings

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


class FusedAdam(keras.optimizers.Adam):
    """Adam of Keras by TensorFlow's fused kernel, within 1e-5 of how far a weight has moved after 100 steps.

    A head has millions of weights, and an update of them is bound by memory. Keras composes it of operations that each
    read and write all of them (benchmarks/step.py: about 2.8 times the kernel). Both take epsilon for the one that
    Kingma and Ba call ε̂, which is added to the root of the velocity before any correction of bias. What is left is that
    the kernel takes 1 - beta_2 in float32: 1.3e-5 less than 0.001, and steps longer by half of that.

    Where the kernel does not fit, the update is that of Keras: another backend than TensorFlow, sparse gradients,
    a variable that is not float32, AMSGrad.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        if not self._fits(gradient, variable):
            super().update_step(gradient, variable, learning_rate)
            return
        # Within a strategy's update, handles are those of the device that is updated.
        index = self._get_variable_index(variable)
        step = tf.cast(self.iterations + 1, tf.float32)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(self.beta_1, step),
            beta2_power=tf.pow(self.beta_2, step),
            lr=tf.cast(learning_rate, tf.float32),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=tf.cast(gradient, tf.float32),
        )

    def _fits(self, gradient: Any, variable: Any) -> bool:
        return (
            keras.backend.backend() == "tensorflow"
            and not self.amsgrad
            and isinstance(gradient, tf.Tensor)
            and hasattr(variable, "handle")
            and variable.dtype == tf.float32
        )


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
        With `average`, it keeps the moving averages of the weights that `ValidateAveraged` validates.
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


@contextmanager
def averaged(model: keras.Model) -> Iterator[None]:
    """Let the model have its averaged weights meanwhile; without averaging, change nothing.

    Parameters
    ----------
    model : keras.Model
        Compiled, its optimiser from `build_optimizer`. Before the first step it has no averages, and keeps its weights.
    """
    _swap(model)
    try:
        yield
    finally:
        _swap(model)


class ValidateAveraged(keras.callbacks.Callback):
    """Validate the averaged weights; without averaging, change nothing.

    Not Keras's `SwapEMAWeights`. That swaps by adding and subtracting, so that each validation moves the weights by a
    rounding error, and at the end of an epoch it leaves them either without the averages (what is kept is not what was
    validated) or only with them (a checkpoint holds them the wrong way round, that of the last epoch not at all).
    """

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the averages in."""
        _swap(self.model)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the weights back."""
        _swap(self.model)


def _swap(model: keras.Model) -> None:
    # With float16, a LossScaleOptimizer holds the one that averages.
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not (optimizer.use_ema and int(ops.convert_to_numpy(optimizer.iterations))):
        return  # before the first step, all averages are 0
    for weight, average in zip(optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True):
        before = ops.convert_to_numpy(weight)
        weight.assign(average)
        average.assign(before)
