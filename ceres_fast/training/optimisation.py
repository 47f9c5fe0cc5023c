"""How the weights of a run are fitted: loss, optimiser, learning rates, and moving averages of the weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ..libraries.tensorflow_quiet import keras, tf

ops = keras.ops

if TYPE_CHECKING:
    from ..settings.training import Settings

FOCUS = 2.0
"""Gamma of the focal loss, as its authors recommend (Lin et al. 2017, arXiv:1708.02002)."""


class FocalCrossentropy(keras.losses.Loss):
    """The focal loss without the class weight alpha of its paper.

    The class weights of the run, which are the same for every loss, weigh the classes already. With alpha as well, the
    rarer class would be weighted twice.

    `keras.losses.CategoricalFocalCrossentropy` is not used: it clips probabilities at 1e-7, and the gradient is zero
    beyond. A network that starts out certain and wrong, as one on raw features does, would never learn. Keras computes
    the cross-entropy used here from the logits, so its gradient never vanishes.
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

    ``crossentropy`` is −log p of the true class. ``focal`` multiplies that by (1 − p)², so that stamps which are
    classified well already hardly count. The class weights multiply either loss, in training only; with the focal loss
    they are what its paper calls alpha.
    """
    return LOSSES[settings.loss]()


def loss_of_guessing(settings: Settings) -> float:
    """Return the loss of a stamp for which both classes are equally probable: ln 2, and a quarter of it if focal."""
    half = [[0.5, 0.5]]
    return float(build_loss(settings)(ops.convert_to_tensor([[1.0, 0.0]]), ops.convert_to_tensor(half)))


class FusedAdam(keras.optimizers.Adam):
    """Adam computed by TensorFlow's fused kernel; after 100 steps, weights differ from Keras's by 1e-5 of their path.

    A head has millions of weights, and the memory bandwidth limits their update. Keras composes the update of several
    operations, each of which reads and writes all weights (benchmarks/step.py: 2.8 times the duration of the kernel).

    In both, epsilon is what Kingma and Ba call ε̂: it is added to the root of the velocity, before the correction of the
    bias. One difference is left: the kernel computes 1 - beta_2 in float32, which gives 0.001 less 1.3e-5 of it, and
    makes steps longer by half of that.

    The update is Keras's own where the kernel cannot be used: with another backend than TensorFlow, sparse gradients, a
    variable that is not float32, or AMSGrad.
    """

    def update_step(self, gradient: Any, variable: Any, learning_rate: Any) -> None:
        """Update one variable."""
        if not self._fits(gradient, variable):
            super().update_step(gradient, variable, learning_rate)
            return
        # Keras counts from 0; the correction of the bias needs the number of this step, from 1. Under a distribution
        # strategy, `.value.handle` is the copy on the device that is being updated.
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
    """Mix-in for an optimiser: a lower learning rate for some variables, and weight decay at the rate of each.

    Parameters
    ----------
    slow : iterable of keras.Variable
        Variables whose learning rate is `factor` times that of the others.
    factor : float
        Dimensionless.
    decay : float
        Share of a weight that is subtracted per step, times the variable's own learning rate (Loshchilov & Hutter
        2019, arXiv:1711.05101). Only variables of two axes or more decay: not biases, nor BatchNormalization's gamma
        and beta. Keras's `weight_decay` would let all of them decay, and the slow ones at the full rate.
    **options
        Options of the optimiser.
    """

    def __init__(self, slow: Iterable[keras.Variable], factor: float, decay: float = 0.0, **options: Any) -> None:
        super().__init__(**options)
        # By key and not by identity: `update_step` gets TensorFlow's variable, not the Keras variable around it.
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
    """`TwoRates` of Keras's LAMB (You et al. 2019, arXiv:1904.00962); the decay is not part of the trust ratio."""


OPTIMIZERS: dict[str, tuple[type[TwoRates], bool]] = {
    "adam": (TwoRateAdam, False),
    "adamw": (TwoRateAdam, True),
    "lamb": (TwoRateLamb, True),
}
"""Class of each optimiser, and whether weights decay."""

FLOORS = {"constant": 1.0, "cosine": 0.0}
"""For each schedule, the fraction of the learning rate that is left at the end of the last epoch."""


def build_optimizer(
    settings: Settings, slow: Iterable[keras.Variable], steps_per_epoch: int
) -> keras.optimizers.Optimizer:
    """Return the optimiser of a run.

    Parameters
    ----------
    settings : Settings
        Used are `optimizer`, `learning_rate`, `unfrozen_learning_rate`, `weight_decay`, `schedule`, `warmup_epochs`,
        `epochs` and `average`.
    slow : iterable of keras.Variable
        Unfrozen variables of a pre-trained base, possibly none. Their rate is `unfrozen_learning_rate`, and follows the
        same schedule as the other one.
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
    """Give the model its averaged weights within the block; without averaging, change nothing.

    Parameters
    ----------
    model : keras.Model
        Compiled with an optimiser of `build_optimizer`. Before the first step there are no averages, and the weights
        stay.
    """
    _swap(model)
    try:
        yield
    finally:
        _swap(model)


class ValidateAveraged(keras.callbacks.Callback):
    """Validate the averaged weights; without averaging, change nothing.

    Keras's `SwapEMAWeights` is not used, for two reasons. It swaps by adding and subtracting, so that each validation
    changes the weights by a rounding error. And at the end of an epoch it leaves either the plain weights, so that the
    weights kept are not those that were validated, or the averages, so that a checkpoint has the two exchanged, and
    that of the last epoch has no plain weights at all.
    """

    def on_test_begin(self, logs: dict[str, Any] | None = None) -> None:
        """Put the averages in."""
        _swap(self.model)

    def on_test_end(self, logs: dict[str, Any] | None = None) -> None:
        """Put the weights back."""
        _swap(self.model)


def _swap(model: keras.Model) -> None:
    # Under mixed_float16 a LossScaleOptimizer is put around the optimiser that keeps the averages.
    optimizer = getattr(model.optimizer, "inner_optimizer", model.optimizer)
    if not (optimizer.use_ema and int(ops.convert_to_numpy(optimizer.iterations))):
        return  # before the first step all averages are 0, and would wipe out the weights
    for weight, average in zip(optimizer._trainable_variables, optimizer._model_variables_moving_average, strict=True):
        before = ops.convert_to_numpy(weight)
        weight.assign(average)
        average.assign(before)
