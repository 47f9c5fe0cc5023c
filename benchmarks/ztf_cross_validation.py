"""How well real asteroids are told from artefacts: grouped 5-fold cross-validation on ZTF stamps.

    python -m benchmarks.ztf_cross_validation STAMPS --seeds 3

STAMPS is a folder per class of 32x32 FITS stamps. Asteroids are classified against ``LABEL=bogus`` (artefacts) by
Xception, experiments 1, 2 and 3, from ImageNet weights (found as `ceres-fast train` finds them) and, as a yardstick, by
a small network trained from scratch; each with both normalisations. Of the five parts one is tested, the next one stops
the training early, three are trained on; no asteroid and no piece of sky is in two parts.

*Operating point*: an illustration of ``--max-loss 0.1``. The threshold for each part is chosen on the out-of-fold
answers to the other four, and its losses are counted on that part. The promise of `ceres-fast calibrate` is of one
network; here each part is answered by another, which has seen stamps on which the threshold was chosen for it.

Small, and not free of bias: most asteroids come from two nights, and stamps with missing pixels (filled with the
median) are 1 in 9 of the artefacts but 1 in 28 of the asteroids. The area without such stamps is reported as well.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binomtest
from sklearn.model_selection import StratifiedGroupKFold

from benchmarks.machine import command_line, write_result
from benchmarks.ztf_networks import NETWORKS, Prepared
from ceres_fast.console import say, table, warnings_kept
from ceres_fast.errors import Problems
from ceres_fast.evaluation.operating_point import TooFewAsteroids, choose, measured
from ceres_fast.evaluation.predictions import Predictions
from ceres_fast.evaluation.scores import score
from ceres_fast.frames.stamp_folders import labelled_files, stamp_files_table
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model.stem import NORMALISATIONS
from ceres_fast.records.splits import group_stamps
from ceres_fast.settings.training import Settings
from ceres_fast.training.assemble import class_weights

import keras  # isort: skip  (after TensorFlow has been imported quietly)

FOLDS = 5
MAX_LOSS, NEEDS = 0.1, 1
"""Of the operating point: few of these asteroids have more than one exposure in a night."""

METRICS = ("roc_auc", "average_precision", "recall", "precision")


@dataclass(frozen=True)
class Stamps:
    """Stamps (n, 32, 32, 1) in ADU; what is known of each; and its group, of which no two parts have stamps."""

    stamps: np.ndarray
    known: dict[str, np.ndarray]
    group: np.ndarray

    @property
    def labels(self) -> np.ndarray:
        return self.known["label"]


def read(folder: Path, against: str = "bogus") -> Stamps:
    where = [("LABEL", ["asteroid", against])]
    found, _ = stamp_files_table(folder, labelled_files(folder), where, Problems("stop"), "fill")
    known = {name: np.asarray(found[name]) for name in found.colnames}
    return Stamps(known.pop("stamp"), known, group_stamps(known))


def parts(data: Stamps, seed: int) -> list[np.ndarray]:
    """Return the numbers of the stamps of each part."""
    split = StratifiedGroupKFold(FOLDS, shuffle=True, random_state=seed).split(data.stamps, data.labels, data.group)
    return [test for _, test in split]


def out_of_fold(network: Prepared, data: Stamps, seed: int) -> np.ndarray:
    """Return P(asteroid) of every stamp, each from a network that saw neither it nor its group."""
    tests = parts(data, seed)
    probabilities = np.full(len(data.labels), np.nan)
    for number, test in enumerate(tests):
        stop = tests[(number + 1) % FOLDS]
        train = np.setdiff1d(np.arange(len(probabilities)), np.concatenate([test, stop]))
        first = seed * FOLDS + number
        model = network.build(first)
        fit(model, network, data.labels, train, stop, first)
        probabilities[test] = model.predict(network.inputs[test], verbose=0)[:, 1]
        keras.utils.clear_session()
    return probabilities


def fit(
    model: keras.Model, network: Prepared, labels: np.ndarray, train: np.ndarray, stop: np.ndarray, seed: int
) -> None:
    counts, settings = np.bincount(labels[train], minlength=2), network.settings
    inputs, targets = network.inputs, np.eye(2, dtype=np.float32)[labels]
    model.fit(
        tf.data.Dataset.from_tensor_slices((inputs[train], targets[train]))
        .shuffle(len(train), seed=seed)
        .batch(settings.batch_size),
        validation_data=tf.data.Dataset.from_tensor_slices((inputs[stop], targets[stop])).batch(256),
        epochs=settings.epochs,
        class_weight=class_weights({"non_asteroid": int(counts[0]), "asteroid": int(counts[1])}),
        callbacks=[keras.callbacks.EarlyStopping(patience=settings.patience, restore_best_weights=True)],
        shuffle=False,
        verbose=0,
    )


def at_operating_point(data: Stamps, probabilities: np.ndarray, tests: Sequence[np.ndarray]) -> dict[str, Any]:
    """Return what the threshold of `MAX_LOSS` does, each part's being chosen on the answers to the others."""
    everything = np.arange(len(probabilities))
    found, thresholds = [], []
    for test in tests:
        try:
            with warnings_kept():  # of the few fields: the text above says that
                point = choose(
                    _some(data, probabilities, np.setdiff1d(everything, test)), max_loss=MAX_LOSS, needs=NEEDS
                )
        except TooFewAsteroids as error:
            return {"max_loss": MAX_LOSS, "needs": NEEDS, "problem": str(error)}
        thresholds.append(point.threshold)
        found.append(measured(_some(data, probabilities, test), point))
    total = {name: sum(part[name] for part in found) for name in ("asteroids", "lost", "detections", "left")}
    between = binomtest(total["lost"], total["asteroids"]).proportion_ci(0.95, method="exact")
    return {
        "max_loss": MAX_LOSS,
        "needs": NEEDS,
        "confidence": point.confidence,
        "thresholds": thresholds,
        "lost_by_part": [part["lost"] for part in found],
        "asteroids_by_part": [part["asteroids"] for part in found],
        **total,
        "share_lost": {"value": total["lost"] / total["asteroids"], "low": between.low, "high": between.high},
        "left_per_1000": 1000 * total["left"] / total["detections"],
    }


def _some(data: Stamps, probabilities: np.ndarray, rows: np.ndarray) -> Predictions:
    return Predictions({name: column[rows] for name, column in data.known.items()}, probabilities[rows], {})


def measure(data: Stamps, name: str, normalise: str, given: argparse.Namespace) -> dict[str, Any]:
    network = NETWORKS[name](data.stamps, normalise, given.learning_rate, given.weights)
    runs = []
    for seed in range(given.seeds):
        probabilities = out_of_fold(network, data, seed)
        scores = score(data.labels, probabilities, units=data.group, seed=seed)
        whole = data.known["filled"] == 0
        unfilled = score(data.labels[whole], probabilities[whole], units=data.group[whole], seed=seed)
        runs.append(
            {
                "seed": seed,
                **asdict(scores),
                "roc_auc_without_filled": asdict(unfilled.roc_auc),
                "operating_point": at_operating_point(data, probabilities, parts(data, seed)),
            }
        )
        say(f"{name}, {normalise}, seed {seed}: ROC AUC {scores.roc_auc}")
    return {"network": name, "normalise": normalise, "over_seeds": over_seeds(runs), "runs": runs}


def over_seeds(runs: Sequence[dict[str, Any]]) -> dict[str, dict[str, float | None]]:
    """Return mean and sample standard deviation (None of one run) of each metric."""
    values = {name: [run[name]["value"] for run in runs] for name in METRICS}
    points = [run["operating_point"] for run in runs]
    if all("share_lost" in point for point in points):
        values["share_lost"] = [point["share_lost"]["value"] for point in points]
        values["left_per_1000"] = [point["left_per_1000"] for point in points]
    return {
        name: {"mean": float(np.mean(each)), "std": float(np.std(each, ddof=1)) if len(each) > 1 else None}
        for name, each in values.items()
    }


def main() -> None:
    given = parser().parse_args()
    data = read(given.stamps)
    counts = np.bincount(data.labels, minlength=2)
    about = {
        "task": "asteroid against bogus, ZTF stamps, grouped 5-fold out of fold",
        "stamps": {"asteroid": int(counts[1]), "bogus": int(counts[0]), "groups": len(np.unique(data.group))},
        "weights": given.weights if given.weights in ("imagenet", "none") else Path(given.weights).name,
        "learning_rate": given.learning_rate,
    }
    results = []
    for name in given.networks:
        for normalise in given.normalise:
            results.append(measure(data, name, normalise, given))
            write_result(given.output, {**about, "results": results})
    show(results)


def parser() -> argparse.ArgumentParser:
    made = command_line(__file__, __doc__)
    made.add_argument("stamps", type=Path)
    made.add_argument("--seeds", type=int, default=3, help="repeats with other folds and first weights (default 3)")
    made.add_argument(
        "--learning-rate", type=float, default=Settings("xception").learning_rate, help="of Xception's head"
    )
    made.add_argument("--weights", default="imagenet", help="first weights of Xception (default imagenet)")
    made.add_argument("--networks", nargs="*", default=list(NETWORKS), choices=NETWORKS)
    made.add_argument("--normalise", nargs="*", default=list(NORMALISATIONS), choices=NORMALISATIONS)
    return made


def show(results: Sequence[dict[str, Any]]) -> None:
    names = list(results[0]["over_seeds"])
    table(
        f"Out of fold on real ZTF stamps: mean ± spread of {len(results[0]['runs'])} seeds; the seeds' intervals are "
        "in the file",
        ("network", "normalise", *names),
        [
            (each["network"], each["normalise"], *(_shown(each["over_seeds"].get(name)) for name in names))
            for each in results
        ],
    )


def _shown(found: dict[str, float | None] | None) -> str:
    return " ± ".join(f"{value:.3f}" for value in (found or {}).values() if value is not None)


if __name__ == "__main__":
    main()
