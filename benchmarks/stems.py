"""What a network sees, and whether it beats numbers that anybody can measure: grouped 5-fold on real ZTF stamps.

    python -m benchmarks.stems STAMPS --seeds 3
    python -m benchmarks.stems STAMPS --against stationary --rows "stampnet, noise, pooled" "trees, side numbers"

Rows are stem x network x head, gradient-boosted trees and logistic regression on the side numbers of the stem, and the
paper's experiments as they are. Of the five parts one is tested; of a network, the next one chooses the epoch and three
are trained on; trees and regression, which choose nothing, are trained on four (trees once more on three, as networks).
No asteroid and no piece of sky is in two parts. Each row is tested once as it is and once as the mean over the eight
views of each stamp.

Every row is compared with the trees: the difference of ROC AUC, mean over seeds, with the 95 % interval of bootstrap
samples of groups. Within thirds of the stamps by S/N (inner flux), areas show whether more than brightness was learnt.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.machine import command_line, write_result
from benchmarks.ztf_cross_validation import FOLDS, Stamps, parts, read
from ceres_fast.console import say, table
from ceres_fast.evaluation import yardstick
from ceres_fast.evaluation.bootstrap import areas, draws
from ceres_fast.libraries.tensorflow_quiet import keras, tf
from ceres_fast.model.backbones import BACKBONES, LayerSpec, Nth
from ceres_fast.model.build import BASE
from ceres_fast.model.cut import cut
from ceres_fast.model.side import SIDE_NUMBERS, side_numbers
from ceres_fast.model.views import VIEWS, dihedral
from ceres_fast.settings.defaults import PAPER
from ceres_fast.settings.training import Settings
from ceres_fast.stamps import PLANE_SETS
from ceres_fast.training.assemble import class_weights, seeded_model
from ceres_fast.training.optimisation import ValidateAveraged, averaged, build_loss, build_optimizer

BATCH = 32
TREES = "trees, side numbers"
RESAMPLES = 2000
MOST_FALSE = (0.01, 0.05)

BLOCKS = (2, 5)
"""Of Xception, on which the head is put too: the paper's bottleneck is the end of the third."""


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


def cut_at(stamps: np.ndarray, labels: np.ndarray, settings: Settings, bottleneck: LayerSpec) -> Learner:
    """As `network`, with the head on another layer of the backbone."""
    there = replace(BACKBONES[settings.backbone], bottleneck=bottleneck)
    with patch.dict(BACKBONES, {settings.backbone: there}):
        learner = network(stamps, labels, settings)

    def fit(*rows: Any) -> Callable[[list[np.ndarray]], np.ndarray]:
        with patch.dict(BACKBONES, {settings.backbone: there}):
            return learner.fit(*rows)

    return Learner(learner.inputs, fit)


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


def regression(seed: int) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression())


def _settings(backbone: Any, weights: str, **given: Any) -> Settings:
    first = {} if backbone.startswith("stampnet") else {"weights": weights}
    return Settings.of(backbone, **{"batch_size": BATCH, **first, **given})


def rows(weights: str) -> dict[str, Callable[[np.ndarray, np.ndarray], Learner]]:
    """Return what is compared, by name."""
    networks = {
        "stampnet, noise, pooled": _settings("stampnet", weights),
        "stampnet, minmax, pooled": _settings("stampnet", weights, normalise="minmax"),
        "stampnet, asinh, pooled": _settings("stampnet", weights, normalise="asinh"),
        "stampnet, noise, paper's head": _settings("stampnet", weights, head="paper"),
        "stampnet, minmax, paper's head": _settings("stampnet", weights, head="paper", normalise="minmax"),
        "stampnet-m, noise, pooled": _settings("stampnet-m", weights),
        "xception 2, noise, pooled": _settings("xception", weights),
        "xception 2, minmax, pooled": _settings("xception", weights, normalise="minmax"),
        **{
            f"xception {number}, minmax, paper's head": _settings("xception", weights, experiment=number, **PAPER)
            for number in (1, 2, 3)
        },
    }
    return {
        TREES: lambda stamps, labels: on_numbers(stamps, labels, trees),
        "trees, side numbers, of three parts": lambda stamps, labels: on_numbers(
            stamps, labels, trees, as_networks=True
        ),
        "logistic regression, side numbers": lambda stamps, labels: on_numbers(stamps, labels, regression),
        **{name: partial(network, settings=settings) for name, settings in networks.items()},
        **{
            f"xception 2 to block {block}, {stem}, pooled": partial(
                cut_at,
                settings=_settings("xception", weights, normalise=stem),
                bottleneck=Nth(keras.layers.Add, block - 2),  # blocks 2 to 12 end in one each
            )
            for block in BLOCKS
            for stem in ("noise", "minmax")
        },
    }


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


def main() -> None:
    given = parser().parse_args()
    data = read(given.stamps, given.against)
    counts = np.bincount(data.labels, minlength=2)
    signal = np.asarray(side_numbers(data.stamps))[:, list(SIDE_NUMBERS).index("inner_flux")]
    about = {
        "task": f"asteroid against {given.against}, ZTF stamps, grouped 5-fold out of fold",
        "stamps": {"asteroid": int(counts[1]), given.against: int(counts[0]), "groups": len(np.unique(data.group))},
        "seeds": given.seeds,
        "weights": given.weights if given.weights in ("imagenet", "none") else Path(given.weights).name,
    }
    chosen = {name: make for name, make in rows(given.weights).items() if name in (TREES, *given.rows)}
    answers: dict[str, np.ndarray] = {}
    results = rows_there(given.output, about)
    for name, make in chosen.items():
        began = time.process_time()
        learner = make(data.stamps, data.labels)
        found = np.stack([out_of_fold(learner, data, seed) for seed in range(given.seeds)], axis=1)
        answers[name] = found
        results[name] = {
            "cpu_seconds_per_fit": round((time.process_time() - began) / (given.seeds * FOLDS), 1),
            **scores(data, found[0], signal),
            "less_trees": compared(data, found[0], answers[TREES][0]),
        }
        if len(learner.inputs[0]) > 1:
            results[name]["views"] = {
                **scores(data, found[1], signal),
                "less_trees": compared(data, found[1], answers[TREES][0]),
            }
        say(f"{name}: {results[name]}")
        write_result(given.output, {**about, "results": results})
    show(results)


def rows_there(output: Path, about: dict[str, Any]) -> dict[str, Any]:
    """Return the rows that an earlier run of the same task has left in the file of results; they are kept."""
    found = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {}
    return found["results"] if all(found.get(name) == value for name, value in about.items()) else {}


def parser() -> argparse.ArgumentParser:
    made = command_line(__file__, __doc__)
    made.add_argument("stamps", type=Path)
    made.add_argument("--against", choices=["bogus", "stationary"], default="bogus")
    made.add_argument("--seeds", type=int, default=3, help="repeats with other folds and first weights (default 3)")
    made.add_argument("--weights", default="imagenet", help="first weights of Xception (default imagenet)")
    made.add_argument("--rows", nargs="*", default=list(rows("none")), help="all, where none are named")
    return made


def show(results: dict[str, Any]) -> None:
    table(
        "Out of fold on real ZTF stamps, ROC AUC: as it is, over eight views, less the trees'",
        ("", "one view", "eight views", "less trees", "to"),
        [
            (
                name,
                f"{each['roc_auc']['mean']:.3f}",
                f"{each['views']['roc_auc']['mean']:.3f}" if "views" in each else "",
                f"{each['less_trees']['low']:+.3f}",
                f"{each['less_trees']['high']:+.3f}",
            )
            for name, each in results.items()
        ],
    )


if __name__ == "__main__":
    main()
