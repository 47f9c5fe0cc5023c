"""How well real asteroids are told from artefacts: grouped 5-fold cross-validation on ZTF stamps.

    python -m benchmarks.ztf_cross_validation STAMPS --seeds 3

STAMPS is a folder per class of 32x32 FITS stamps. Asteroids are classified against ``LABEL=bogus`` (artefacts) by
Xception, experiment 2, from ImageNet weights (found as `ceres-fast train` finds them) and, as a yardstick, by a small
network trained from scratch; each with both normalisations. Of the five parts one is tested, the next one stops the
training early, three are trained on; no asteroid and no piece of sky is in two parts.

Small, and not free of bias: most asteroids come from two nights, and stamps with missing pixels (filled with the
median) are 1 in 9 of the artefacts but 1 in 28 of the asteroids. The area without such stamps is reported as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.machine import write_result
from ceres_fast.console import say, table
from ceres_fast.evaluation.scores import score
from ceres_fast.model.stem import Normalise
from ceres_fast.records.splits import group_stamps
from ceres_fast.survey.problems import Problems
from ceres_fast.survey.stamp_folders import labelled_files, stamp_files_table
from ceres_fast.tensorflow_quiet import tf
from ceres_fast.training.assemble import class_weights, seeded_model
from ceres_fast.training.losses import build_loss
from ceres_fast.training.optimizer import build_optimizer
from ceres_fast.training.settings import Settings

import keras  # isort: skip  (after TensorFlow has been imported quietly)

FOLDS = 5
WHERE = [("LABEL", ["asteroid", "bogus"])]


def xception(normalise: str, learning_rate: float, seed: int) -> tuple[keras.Model, Settings]:
    settings = Settings("xception", normalise=normalise, learning_rate=learning_rate, batch_size=32, seed=seed)
    model = seeded_model(settings)
    model.compile(build_optimizer(settings, [], steps_per_epoch=1), build_loss(settings))
    return model, settings


def small_network(normalise: str, learning_rate: float, seed: int) -> tuple[keras.Model, Settings]:
    """Three convolutions on the stamp itself, about 24,000 parameters."""
    # Of the settings, only those of the fit are read: this network is none of the backbones.
    settings = Settings("xception", weights="none", batch_size=32, epochs=80, patience=15, seed=seed)
    keras.utils.set_random_seed(seed)
    layers: list[keras.layers.Layer] = [keras.Input((32, 32, 1)), Normalise(normalise)]
    for filters in (16, 32, 64):
        layers += [keras.layers.Conv2D(filters, 3, padding="same", activation="relu"), keras.layers.MaxPooling2D()]
    layers += [
        keras.layers.GlobalMaxPooling2D(),
        keras.layers.Dropout(0.5),
        keras.layers.Dense(2, activation="softmax"),
    ]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(settings.learning_rate), "categorical_crossentropy")
    return model, settings


NETWORKS: dict[str, Callable[[str, float, int], tuple[keras.Model, Settings]]] = {
    "xception, experiment 2": xception,
    "small network from scratch": small_network,
}


def out_of_fold(
    build: Callable[[int], tuple[keras.Model, Settings]], data: dict[str, np.ndarray], seed: int
) -> np.ndarray:
    """Return P(asteroid) of every stamp, each from a network that saw neither it nor its group."""
    folds = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(
        data["stamp"], data["label"], data["group"]
    )
    tests = [test for _, test in folds]
    probabilities = np.full(len(data["label"]), np.nan)
    for number, test in enumerate(tests):
        stop = tests[(number + 1) % FOLDS]
        train = np.setdiff1d(np.arange(len(probabilities)), np.concatenate([test, stop]))
        model, settings = build(seed * FOLDS + number)
        fit(model, settings, data, train, stop)
        probabilities[test] = model.predict(data["stamp"][test], verbose=0)[:, 1]
    return probabilities


def fit(
    model: keras.Model, settings: Settings, data: dict[str, np.ndarray], train: np.ndarray, stop: np.ndarray
) -> None:
    counts = np.bincount(data["label"][train], minlength=2)
    stamps, targets = data["stamp"], np.eye(2, dtype=np.float32)[data["label"]]
    model.fit(
        tf.data.Dataset.from_tensor_slices((stamps[train], targets[train]))
        .shuffle(len(train), seed=settings.seed)
        .batch(settings.batch_size),
        validation_data=tf.data.Dataset.from_tensor_slices((stamps[stop], targets[stop])).batch(256),
        epochs=settings.epochs,
        class_weight=class_weights({"non_asteroid": int(counts[0]), "asteroid": int(counts[1])}),
        callbacks=[keras.callbacks.EarlyStopping(patience=settings.patience, restore_best_weights=True)],
        shuffle=False,
        verbose=0,
    )


def read(folder: Path) -> dict[str, np.ndarray]:
    stamps, _ = stamp_files_table(folder, labelled_files(folder), WHERE, Problems("stop"), "fill")
    columns = {name: np.asarray(stamps[name]) for name in stamps.colnames}
    group = group_stamps(columns)
    return {
        "stamp": columns["stamp"],
        "label": columns["label"],
        "group": group,
        "filled": columns["filled"],
    }


def measure(
    data: dict[str, np.ndarray], network: str, normalise: str, learning_rate: float, seeds: int
) -> dict[str, Any]:
    runs = []
    for seed in range(seeds):
        probabilities = out_of_fold(lambda number: NETWORKS[network](normalise, learning_rate, number), data, seed)
        scores = score(data["label"], probabilities, units=data["group"], seed=seed)
        whole = data["filled"] == 0
        unfilled = score(data["label"][whole], probabilities[whole], units=data["group"][whole], seed=seed)
        runs.append({"seed": seed, **asdict(scores), "roc_auc_without_filled": asdict(unfilled.roc_auc)})
        say(f"{network}, {normalise}, seed {seed}: ROC AUC {scores.roc_auc}")
    areas = [run["roc_auc"]["value"] for run in runs]
    spread = float(np.std(areas, ddof=1)) if seeds > 1 else None
    return {
        "network": network,
        "normalise": normalise,
        "roc_auc_mean": float(np.mean(areas)),
        "roc_auc_spread": spread,
        "runs": runs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stamps", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="repeats with other folds and first weights (default 3)")
    parser.add_argument(
        "--learning-rate", type=float, default=Settings("xception").learning_rate, help="of Xception's head"
    )
    parser.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=NETWORKS)
    parser.add_argument("--output", type=Path, default=Path(__file__).parent / "results" / "ztf_cross_validation.json")
    given = parser.parse_args()
    data = read(given.stamps)
    results = [
        measure(data, network, normalise, given.learning_rate, given.seeds)
        for network in given.networks
        for normalise in ("minmax", "asinh")
    ]
    counts = np.bincount(data["label"])
    write_result(
        given.output,
        {
            "task": "asteroid against bogus, ZTF stamps, grouped 5-fold out of fold",
            "stamps": {"asteroid": int(counts[1]), "bogus": int(counts[0]), "groups": len(np.unique(data["group"]))},
            "learning_rate": given.learning_rate,
            "results": results,
        },
    )
    first = [(result, result["runs"][0]["roc_auc"]) for result in results]
    table(
        "Out-of-fold ROC AUC on real ZTF stamps",
        ("network", "normalise", "seed 0 with 95 % interval", f"mean of {given.seeds} seeds"),
        [
            (
                r["network"],
                r["normalise"],
                f"{auc['value']:.3f} [{auc['low']:.3f}, {auc['high']:.3f}]",
                f"{r['roc_auc_mean']:.3f}",
            )
            for r, auc in first
        ],
    )


if __name__ == "__main__":
    main()
