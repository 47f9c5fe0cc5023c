"""Classifiers that are fitted again and again on parts of a set, what they answer out of fold, and what that scores."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from benchmarks.ztf_cross_validation import FOLDS, Stamps, parts
from ceres_fast.evaluation import yardstick
from ceres_fast.evaluation.bootstrap import areas, draws
from ceres_fast.libraries.tensorflow_quiet import keras, tf
from ceres_fast.model.build import BASE
from ceres_fast.model.cut import cut
from ceres_fast.model.side import side_numbers
from ceres_fast.model.views import VIEWS, dihedral
from ceres_fast.settings.training import Settings
from ceres_fast.stamps import PLANE_SETS
from ceres_fast.training.assemble import class_weights, seeded_model
from ceres_fast.training.optimisation import ValidateAveraged, averaged, build_loss, build_optimizer

RESAMPLES = 2000
MOST_FALSE = (0.01, 0.05)


@dataclass(frozen=True)
class Learner:
    """What is fitted again and again.

    Attributes
    ----------
    inputs : list of numpy.ndarray
        Of each stamp in each view, (8, n, …); of what has no views, (1, n, …).
    fit : callable
        From seed, rows trained on and rows that choose the epoch to what gives P(asteroid) of inputs.
    """

    inputs: list[np.ndarray]
    fit: Callable[[int, np.ndarray, np.ndarray], Callable[[list[np.ndarray]], np.ndarray]]


class Best(keras.callbacks.Callback):
    """Keep the (averaged) weights of the epoch with the least validation loss, as a run does."""

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.loss, self.weights = np.inf, self.model.get_weights()

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        if logs and logs["val_loss"] < self.loss:
            with averaged(self.model):
                self.loss, self.weights = logs["val_loss"], self.model.get_weights()


def network(stamps: np.ndarray, labels: np.ndarray, settings: Settings) -> Learner:
    """A classifier as `ceres-fast train` fits it; what is frozen of it is computed once for all folds."""
    parts_of = cut(seeded_model(settings)) if settings.pretrained else None
    views = VIEWS if settings.augmentations else 1
    looks = [np.asarray(dihedral(stamps, np.full(len(stamps), view))) for view in range(views)]
    if parts_of is not None:
        made = [keras.tree.flatten(parts_of.prefix.predict(look, batch_size=64, verbose=0)) for look in looks]
        inputs = [np.stack(each) for each in zip(*made, strict=True)]
    else:
        inputs = [np.stack(looks)]
    return Learner(inputs, partial(fitted, settings, parts_of is not None, inputs, labels))


def fitted(
    settings: Settings,
    behind_cut: bool,
    inputs: list[np.ndarray],
    labels: np.ndarray,
    seed: int,
    train: np.ndarray,
    stop: np.ndarray,
) -> Callable[[list[np.ndarray]], np.ndarray]:
    settings = replace(settings, seed=seed).for_stamps(len(train))
    # The planes of stamps decide the network's; only what is behind a cut has other shapes.
    model = seeded_model(settings, PLANE_SETS[-1] if inputs[0].shape[-1] == len(PLANE_SETS[-1]) else PLANE_SETS[0])
    unfrozen = model.get_layer(BASE).trainable_variables if settings.pretrained else []
    if behind_cut:
        parts_of = cut(model)
        assert parts_of is not None
        model = parts_of.suffix
    steps = -(-len(train) // settings.batch_size)
    model.compile(build_optimizer(settings, unfrozen, steps), build_loss(settings))
    targets = np.eye(2, dtype=np.float32)[labels]
    counts = np.bincount(labels[train], minlength=2)
    weights = class_weights({"non_asteroid": int(counts[0]), "asteroid": int(counts[1])})
    best = Best()
    model.fit(
        _batches(inputs, targets, train, settings.batch_size, seed),
        validation_data=tf.data.Dataset.from_tensor_slices(
            (tuple(each[0][stop] for each in inputs), targets[stop])
        ).batch(256),
        epochs=settings.epochs,
        class_weight=weights,
        callbacks=[ValidateAveraged(), best, keras.callbacks.EarlyStopping(patience=settings.patience)],
        shuffle=False,
        verbose=0,
    )
    model.set_weights(best.weights)
    return lambda given: np.asarray(model.predict(given, batch_size=256, verbose=0))[:, 1]


def _batches(
    inputs: Sequence[np.ndarray], targets: np.ndarray, rows: np.ndarray, size: int, seed: int
) -> tf.data.Dataset:
    """Each stamp once per epoch, in one of its views."""
    views = len(inputs[0])
    held = [tf.constant(each[:, rows]) for each in inputs]

    def chosen(numbers: Any) -> Any:
        view = tf.random.uniform(tf.shape(numbers), 0, views, tf.int32, seed=seed)
        places = tf.stack([view, numbers], axis=1)
        return tuple(tf.gather_nd(each, places) for each in held), tf.gather(tf.constant(targets[rows]), numbers)

    return tf.data.Dataset.range(len(rows), output_type=tf.int32).shuffle(len(rows), seed=seed).batch(size).map(chosen)


def on_numbers(
    stamps: np.ndarray, labels: np.ndarray, made: Callable[[int], Any], *, as_networks: bool = False
) -> Learner:
    """A classifier of scikit-learn on the side numbers; on the four parts, or on the three that networks see."""
    numbers = np.asarray(side_numbers(stamps))

    def fit(seed: int, train: np.ndarray, stop: np.ndarray) -> Callable[[list[np.ndarray]], np.ndarray]:
        rows = train if as_networks else np.concatenate([train, stop])
        model = made(seed).fit(numbers[rows], labels[rows])
        return lambda given: np.asarray(model.predict_proba(given[0]))[:, 1]

    return Learner([numbers[None]], fit)


def trees(seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(**{**yardstick.TREES, "random_state": seed})


def out_of_fold(learner: Learner, data: Stamps, seed: int) -> np.ndarray:
    """Return P(asteroid) as it is and over all views, (2, n), each stamp's from what saw neither it nor its group."""
    tests = parts(data, seed)
    found = np.full((2, len(data.labels)), np.nan)
    for number, test in enumerate(tests):
        stop = tests[(number + 1) % FOLDS]
        train = np.setdiff1d(np.arange(len(data.labels)), np.concatenate([test, stop]))
        answers = learner.fit(seed * FOLDS + number, train, stop)
        looks = [answers([each[view][test] for each in learner.inputs]) for view in range(len(learner.inputs[0]))]
        found[:, test] = looks[0], np.mean(looks, axis=0)
        keras.utils.clear_session()
    return found


def scores(data: Stamps, found: np.ndarray, signal: np.ndarray) -> dict[str, Any]:
    """Return what answers (seeds, n) score: the mean and spread over seeds."""
    whole = np.ones((1, len(data.labels)))
    thirds = np.searchsorted(np.quantile(signal, [1 / 3, 2 / 3]), signal)
    area = np.array([areas(data.labels, each, whole)[0][0] for each in found])
    recalls = {
        f"recall at {most:.0%} false": [recall(data.labels, each, most) for each in found] for most in MOST_FALSE
    }
    by_signal = [
        float(
            np.mean(
                [
                    areas(data.labels[thirds == third], each[thirds == third], whole[:, thirds == third])[0][0]
                    for each in found
                ]
            )
        )
        for third in range(3)
    ]
    return {
        "roc_auc": {"mean": float(area.mean()), "std": float(area.std(ddof=1)) if len(area) > 1 else None},
        **{name: float(np.mean(values)) for name, values in recalls.items()},
        "roc_auc_by_thirds_of_signal": by_signal,
    }


def recall(labels: np.ndarray, found: np.ndarray, most: float) -> float:
    return float(np.mean(found[labels == 1] > np.quantile(found[labels == 0], 1 - most)))


def compared(data: Stamps, found: np.ndarray, other: np.ndarray) -> dict[str, float]:
    """Return the difference of ROC AUC, mean over seeds, of answers (seeds, n) to others', with its 95 % interval."""
    differences = []
    for weights in draws(data.group, resamples=RESAMPLES, seed=0):
        pairs = [
            areas(data.labels, mine, weights)[0] - areas(data.labels, theirs, weights)[0]
            for mine, theirs in zip(found, other, strict=True)
        ]
        differences.append(np.mean(pairs, axis=0))
    low, high = np.nanquantile(np.concatenate(differences), [0.025, 0.975])
    whole = np.ones((1, len(data.labels)))
    middle = np.mean(
        [
            areas(data.labels, a, whole)[0][0] - areas(data.labels, b, whole)[0][0]
            for a, b in zip(found, other, strict=True)
        ]
    )
    return {"value": float(middle), "low": float(low), "high": float(high)}


def rows_there(output: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Return the rows that an earlier run of the same task has left in the file of results; they are kept."""
    found = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {}
    return found["results"] if all(found.get(name) == value for name, value in about.items()) else {}
