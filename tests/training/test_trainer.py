"""The trainer trains as Keras's fit does, from any feed, and goes on from a file as if it had never stopped."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model.views import dihedral
from ceres_fast.training import trainer as module
from ceres_fast.training.augment import Augment
from ceres_fast.training.feed.order import epoch_order
from ceres_fast.training.snapshot import assign_variables, values_of

from .feed.held_rows import HeldRows
from .tiny_trainers import CLASS_WEIGHTS, CUT, fit, labels, metrics, stamp_network, stamp_rows, suffix, trainer

TRAIN, VALIDATION = HeldRows(45, CUT), HeldRows(21, CUT)


def taken_apart(rows: HeldRows, order: np.ndarray) -> tuple[tuple[np.ndarray, np.ndarray], np.ndarray]:
    values = rows.values[order]
    return (values[:, :18].reshape(-1, *CUT[0]), values[:, 18:]), np.eye(2, dtype=np.float32)[labels(rows)[order]]


def by_keras(network: keras.Model, epochs: int = 2) -> dict[str, list[float]]:
    network.compile(keras.optimizers.Adam(0.01), "categorical_crossentropy", metrics=metrics())
    history: dict[str, list[float]] = {}
    for epoch in range(epochs):
        data = taken_apart(TRAIN, epoch_order(TRAIN.count, 4, epoch))
        done = network.fit(
            tf.data.Dataset.from_tensor_slices(data).batch(16),
            validation_data=tf.data.Dataset.from_tensor_slices(taken_apart(VALIDATION, np.arange(21))).batch(16),
            class_weight=CLASS_WEIGHTS,
            shuffle=False,
            verbose=0,
        )
        for name, values in done.history.items():
            history.setdefault(name, []).extend(values)
    return history


@pytest.mark.parametrize("on_device", [False, True])
@pytest.mark.parametrize("steps", [1, 2])
def test_it_trains_as_keras_does_with_class_weights(on_device: bool, steps: int) -> None:
    network, plain = suffix(), suffix()
    found = fit(trainer(network, TRAIN, VALIDATION, on_device=on_device, steps_per_execution=steps))
    expected = by_keras(plain)
    assert set(found) == set(expected) == {"loss", "accuracy", "recall", "val_loss", "val_accuracy", "val_recall"}
    for name, values in expected.items():
        assert found[name] == pytest.approx(values, rel=1e-6)
    for one, other in zip(network.get_weights(), plain.get_weights(), strict=True):
        assert one == pytest.approx(other, abs=1e-6)


@pytest.mark.slow
def test_compiled_by_xla_it_trains_the_same() -> None:
    plain = fit(trainer(suffix(0), TRAIN, VALIDATION, on_device=True))
    compiled = fit(trainer(suffix(0), TRAIN, VALIDATION, on_device=True, jit_compile=True, steps_per_execution=2))
    for name, values in plain.items():
        assert compiled[name] == pytest.approx(values, rel=1e-5)


def test_the_training_loss_is_weighted_and_that_of_validation_is_not() -> None:
    network = suffix(0)
    (inputs, truth), (others, other_truth) = (taken_apart(rows, np.arange(rows.count)) for rows in (TRAIN, VALIDATION))
    losses = [
        -np.log((network.predict(list(given), verbose=0) * hot).sum(axis=1))
        for given, hot in ((inputs, truth), (others, other_truth))
    ]
    found = fit(trainer(network, TRAIN, VALIDATION, rate=1e-30), epochs=1)
    weights = np.array([CLASS_WEIGHTS[label] for label in labels(TRAIN)])
    assert found["loss"][0] == pytest.approx((weights * losses[0]).mean(), rel=1e-5)
    assert found["val_loss"][0] == pytest.approx(losses[1].mean(), rel=1e-5)
    unweighted = fit(trainer(network, TRAIN, VALIDATION, rate=1e-30, class_weights=None), epochs=1)
    assert unweighted["loss"][0] == pytest.approx(losses[0].mean(), rel=1e-5)


def test_rows_of_half_precision_fit_a_network_of_float32() -> None:
    halves = HeldRows(45, CUT, np.float16)
    found = fit(trainer(suffix(0), halves, VALIDATION), epochs=1)
    rounded = HeldRows(45, CUT, values=halves.values)
    assert found == fit(trainer(suffix(0), rounded, VALIDATION), epochs=1)


@pytest.mark.parametrize(("policy", "scaled"), [("float32", False), ("mixed_float16", True), ("mixed_bfloat16", False)])
def test_the_loss_is_scaled_where_layers_are_of_half_precision(policy: str, scaled: bool) -> None:
    keras.config.set_dtype_policy(policy)
    try:
        network = suffix()
    finally:
        keras.config.set_dtype_policy("float32")
    made = trainer(network, TRAIN, VALIDATION)
    assert isinstance(made.optimizer, keras.optimizers.LossScaleOptimizer) == scaled
    assert np.isfinite(fit(made, epochs=1)["loss"]).all()


def test_stamps_reach_a_network_of_half_precision_as_they_are() -> None:
    bright = HeldRows(4, ((8, 8, 1),), values=np.full((4, 64), 65535.0))
    stamps = keras.Input((8, 8, 1))
    small = keras.layers.Rescaling(1 / 65535, dtype="float32")(stamps)
    hidden = keras.layers.Dense(2, dtype="mixed_float16")(keras.layers.Flatten(dtype="float32")(small))
    network = keras.Model(stamps, keras.layers.Softmax(dtype="float32")(hidden))
    made = trainer(network, bright, bright)
    tensors, _, _ = made.train_feed.unpack(next(iter(made.train_feed.dataset())))
    assert np.array_equal(np.asarray(made(tensors, training=True)), np.asarray(network(tensors[0], training=True)))


def augmented(rows: HeldRows, names: tuple[str, ...], **options: Any) -> Any:
    augment = Augment(names, 9)
    return trainer(
        stamp_network(), rows, stamp_rows(20), augment=augment, variants=8 if "dihedral" in names else 1, **options
    )


def test_augmentation_is_for_training_only() -> None:
    network, rows = stamp_network(0), stamp_rows(40)
    histories = [
        fit(trainer(network, rows, stamp_rows(20), augment=augment, rate=1e-30), epochs=1)
        for augment in (None, Augment(("noise",), 0))
    ]
    assert histories[0]["val_loss"] == histories[1]["val_loss"]
    assert histories[0]["loss"] != histories[1]["loss"]


@pytest.mark.parametrize("on_device", [False, True])
def test_stored_variants_train_as_those_that_are_made(on_device: bool) -> None:
    rows = stamp_rows(40)
    eight = np.asarray(dihedral(np.repeat(rows.values.reshape(40, 8, 8, 1), 8, axis=0), np.tile(np.arange(8), 40)))
    stored = HeldRows(40, ((8, 8, 1),), variants=8, values=eight.reshape(320, 64))
    made = fit(augmented(rows, ("dihedral",), on_device=on_device))
    assert made == fit(trainer(stamp_network(), stored, stamp_rows(20), variants=8, on_device=on_device))
    assert made != fit(trainer(stamp_network(), rows, stamp_rows(20), on_device=on_device))


@pytest.mark.parametrize("on_device", [False, True])
def test_stopped_and_gone_on_with_is_the_same_to_the_bit(on_device: bool) -> None:
    names = ("dihedral", "shift", "noise")
    whole = augmented(stamp_rows(40), names, on_device=on_device)
    unbroken = fit(whole, epochs=3)

    first = augmented(stamp_rows(40), names, on_device=on_device)
    begun = fit(first, epochs=1)
    values = values_of(first)

    stamp_network()  # names of layers count on, as they do in a process that did something else before
    other = augmented(stamp_rows(40), names, on_device=on_device)
    assign_variables(other, values)
    rest = fit(other, epochs=3, first=1)
    assert {name: begun[name] + rest[name] for name in begun} == unbroken
    for one, another in zip(
        whole.variables + whole.optimizer.variables, other.variables + other.optimizer.variables, strict=True
    ):
        assert np.array_equal(one, another)


def test_the_state_of_everything_that_draws_is_kept() -> None:
    made = augmented(stamp_rows(40), ("shift",))
    fit(made, epochs=1)
    drawn = [
        layer.seed_generator.state for layer in (made.augment, *made.network.layers) if hasattr(layer, "seed_generator")
    ]
    assert len(drawn) == 2
    assert all(state.numpy()[1] > 0 for state in drawn)
    kept = [state.numpy() for state in drawn]
    values = values_of(made)
    for state in drawn:
        state.assign([0, 0])
    assign_variables(made, values)
    assert all(np.array_equal(state, before) for state, before in zip(drawn, kept, strict=True))


def test_what_goes_wrong_in_a_feed_is_raised_by_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    for rows in (TRAIN, VALIDATION):
        with monkeypatch.context() as patched:
            patched.setattr(rows, "read", lambda numbers: (_ for _ in ()).throw(InputError("shard", "is cut", row=3)))
            with pytest.raises(InputError, match="shard, row 3: is cut"):
                fit(trainer(suffix(), TRAIN, VALIDATION))


def test_several_devices_do_one_step_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "replicas", lambda: 2)
    with pytest.raises(CeresFastError, match="2 devices can do only one step per execution"):
        trainer(suffix(), TRAIN, VALIDATION, steps_per_execution=4)


def test_callbacks_see_the_trainer_and_its_epochs() -> None:
    seen: list[tuple[int, int]] = []

    class Look(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            seen.append((epoch, self.model.train_feed.epoch))

    made = trainer(suffix(), TRAIN, VALIDATION)
    made.fit(made.train_feed.dataset(), epochs=5, initial_epoch=3, callbacks=[Look()], verbose=0)
    assert seen == [(3, 3), (4, 4)]
