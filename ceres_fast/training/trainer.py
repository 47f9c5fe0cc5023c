"""Trainer: Keras's `fit` for a network whose batches come from a `Feed`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ..errors import CeresFastError
from ..libraries.tensorflow_quiet import keras, tf
from ..stamps import CLASSES
from .augment import Augment
from .devices import replicas
from .feed.feed import Feed, FollowEpochs, feed_errors
from .snapshot import leaves


class Trainer(keras.Model):
    """A network and its feeds, compiled and fitted like any Keras model.

    Parameters
    ----------
    network : keras.Model
        The classifier, or its part behind a cached prefix: it has one input for each tensor of a row.
    train, validation : Feed
        The feeds of the two splits.
    class_weights : mapping of int to float, optional
        Weight of each label in the training loss; all 1 without it. Validation is never weighted.
    augment : Augment, optional
        Augmentation of the training stamps.
    """

    def __init__(
        self,
        network: keras.Model,
        train: Feed,
        validation: Feed,
        class_weights: Mapping[int, float] | None = None,
        augment: Augment | None = None,
    ) -> None:
        # Keras scales the loss where the compiled model, here the trainer, has the policy mixed_float16. Without
        # autocast the stamps stay float32: a saturated pixel of 65535 ADU overflows float16.
        super().__init__(name=network.name, dtype=_policy(network), autocast=False)
        self.network, self.augment = network, augment
        self.train_feed, self.validation_feed = train, validation
        self._of_label = None if class_weights is None else [class_weights[label] for label in range(len(CLASSES))]
        self.built = True

    def call(self, inputs: list[Any], training: bool | None = None) -> Any:
        """Return the probabilities of the classes, (b, 2), from one tensor for each input of the network."""
        return self.network(keras.tree.pack_sequence_as(self.network.input, inputs), training=training)

    def compile(self, *arguments: Any, steps_per_execution: int = 1, **options: Any) -> None:
        """Compile as Keras does.

        Raises
        ------
        CeresFastError
            When several devices are asked for several steps per execution, which Keras cannot do (its issue 19246).
        """
        if steps_per_execution > 1 and replicas() > 1:
            raise CeresFastError(
                f"{replicas()} devices can do only one step per execution: leave --steps-per-execution out."
            )
        super().compile(*arguments, steps_per_execution=steps_per_execution, **options)

    def fit(self, *arguments: Any, callbacks: list[keras.callbacks.Callback] | None = None, **options: Any) -> Any:
        """Fit as Keras does; the training feed follows the epochs, and errors of the feeds are raised unchanged."""
        with feed_errors(self.train_feed, self.validation_feed):
            callbacks = [FollowEpochs(self.train_feed), *(callbacks or [])]
            return super().fit(*arguments, callbacks=callbacks, shuffle=False, **options)

    def train_step(self, batch: tuple[Any, ...]) -> dict[str, Any]:
        """Train on a batch of the training feed."""
        tensors, labels, variants = self.train_feed.unpack(batch)
        if self.augment is not None:
            tensors = [self.augment(tensors[0], variants)]
        weights = None if self._of_label is None else tf.linalg.matvec(labels, self._of_label)
        with tf.GradientTape() as tape:
            predicted = self(tensors, training=True)
            loss = self.compute_loss(tensors, labels, predicted, weights, training=True)
            part = loss * _share(labels)
            scaled = self.optimizer.scale_loss(part)
        variables = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(scaled, variables), variables, strict=True))
        return self._measured(tensors, labels, predicted, weights, loss)

    def test_step(self, batch: tuple[Any, ...]) -> dict[str, Any]:
        """Compute the metrics of a batch of the validation feed."""
        tensors, labels, _ = self.validation_feed.unpack(batch)
        predicted = self(tensors, training=False)
        loss = self.compute_loss(tensors, labels, predicted, None, training=False)
        return self._measured(tensors, labels, predicted, None, loss)

    def _measured(self, tensors: list[Any], labels: Any, predicted: Any, weights: Any, loss: Any) -> dict[str, Any]:
        for metric in self.metrics:
            if metric.name == "loss":  # multiplied, because Keras has divided the loss by the number of replicas
                metric.update_state(loss * replicas(), sample_weight=tf.shape(labels)[0])
        return self.compute_metrics(tensors, labels, predicted, sample_weight=weights)

    def _maybe_symbolic_build(self, iterator: Any = None, data_batch: Any = None) -> None:
        # Under a distribution strategy, Keras would take the shapes of the network's inputs from a batch. A batch of a
        # feed holds rows or their numbers, which `unpack` has to turn into inputs first.
        with self.distribute_strategy.scope():
            tensors = [np.zeros((1, *tensor.shape[1:]), np.float32) for tensor in self.network.inputs]
            self._symbolic_build(data_batch=(tensors, np.zeros((1, len(CLASSES)), np.float32), None))


def _share(labels: Any) -> Any:
    """Return the factor for a replica's mean loss with which the losses of all replicas sum to that of the batch.

    Keras divides by the number of replicas. That is right where all replicas have equally many stamps, which is not so
    in the last batch of an epoch.
    """
    if replicas() == 1:
        return 1.0
    here = tf.cast(tf.shape(labels)[0], tf.float32)
    together = tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, here)
    return here * replicas() / together


def _policy(network: keras.Model) -> str:
    scaled = any(layer.dtype_policy.name == "mixed_float16" for layer in leaves(network))
    return "mixed_float16" if scaled else "float32"
