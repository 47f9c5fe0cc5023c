"""The yardstick beside a network: gradient-boosted trees on the side numbers of the same training stamps.

A network sees 1,024 pixels and the trees a handful of numbers that anybody would measure first, mostly brightness over
noise. What a network is worth is what it adds to them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from textwrap import wrap
from typing import Annotated, Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier

from ..artifact.classifier import Classifier
from ..files import read_json
from ..libraries.tensorflow_quiet import keras
from ..machine.cores import one_thread
from ..model.side import SIDE_NUMBERS, side_numbers
from ..records.manifest import Manifest
from ..records.pipeline import shard_errors, stamp_dataset
from ..schema import Count, Mismatch, Number, check, one_of
from ..stamps import CLASSES
from . import scores
from .bootstrap import both_classes, called_leaving, draws, rankings
from .formatting import counted
from .predictions import Predictions
from .scores import Interval, percentiles, wilson

LEFT = {"recall_at_1": 0.01, "recall_at_5": 0.05}
"""Recalls, and the share of the split's non-asteroids that their thresholds leave at most."""

TITLES = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    **{name: f"recall at {share:.0%} left" for name, share in LEFT.items()},
}
"""What the fields of a `Ranking` are called."""

TREES = {
    "max_iter": 150,
    "learning_rate": 0.06,
    "max_leaf_nodes": 8,
    "min_samples_leaf": 10,
    "l2_regularization": 1.0,
    "early_stopping": False,
    "random_state": 0,
}
"""Settings of the trees (`sklearn.ensemble.HistGradientBoostingClassifier`): never tuned to a split or a survey."""

VERDICTS = {1: "beats", 0: "is not told apart from", -1: "does not beat"}
"""What the network does to the trees, by the sign of the difference where its interval is without 0."""

_AT_ONCE = 1024
_SAME = 1e-12
"""Differences that are not more than rounding."""


@dataclass(frozen=True)
class Ranking:
    """How well probabilities rank a split, with intervals as those of `Scores`."""

    roc_auc: Interval
    average_precision: Interval
    recall_at_1: Interval
    recall_at_5: Interval


@dataclass(frozen=True)
class Difference:
    """ROC AUC of the network less that of the trees, with the percentiles of the same on bootstrap samples."""

    value: Number
    low: Number
    high: Number

    @property
    def sign(self) -> int:
        """1 where the network is shown to be better, -1 where the trees are, else 0."""
        return (self.low > _SAME) - (self.high < -_SAME)


@dataclass(frozen=True)
class Yardstick:
    """A network beside gradient-boosted trees.

    Attributes
    ----------
    verdict : str
        One of `VERDICTS`.
    difference : Difference
        It decides the verdict.
    network, trees : Ranking
        Of the same stamps.
    training_stamps, numbers : int
        How many stamps the trees were trained on, and how many numbers of each.
    weights_sha256, manifest_sha256 : str
        Of the network and of the records.
    """

    verdict: Annotated[str, one_of(VERDICTS.values())]
    difference: Difference
    network: Ranking
    trees: Ranking
    training_stamps: Count
    numbers: Count
    weights_sha256: str
    manifest_sha256: str

    def as_dict(self) -> dict[str, Any]:
        """Return plain values that JSON can hold."""
        return asdict(self)


def measured_numbers(stamps: np.ndarray) -> np.ndarray:
    """Return the side numbers of stamps, float32 (n, planes * len(SIDE_NUMBERS)), finite; some stamps at a time."""
    starts = range(0, len(stamps), _AT_ONCE)
    return np.concatenate([_numbers(stamps[start : start + _AT_ONCE]) for start in starts])


def _numbers(stamps: Any) -> np.ndarray:
    return np.asarray(keras.ops.convert_to_numpy(side_numbers(stamps)))


def why_not(classifier: Classifier, manifest: Manifest, split: str) -> str:
    """Return why there can be no trees beside a network on a split of records; "" where there can be."""
    if manifest.sha256 != classifier.records.get("manifest_sha256"):
        return "these are not the records that the network was trained on"
    if split == "train":
        return "they would be scored on the stamps that they were trained on"
    for each in ("train", split):
        counts = manifest.class_counts(each) if each in manifest.splits else dict.fromkeys(CLASSES, 0)
        if lacking := [name.replace("_", "-") for name, count in counts.items() if not count]:
            return f"the {each} split has no {' and no '.join(lacking)}"
    return ""


def trees_probabilities(manifest: Manifest, numbers: np.ndarray) -> np.ndarray:
    """Train the trees on the training split, and let them answer.

    Parameters
    ----------
    manifest : Manifest
        Of records whose training split has both classes.
    numbers : numpy.ndarray
        From `measured_numbers`, (n, k), of the stamps that they answer on.

    Returns
    -------
    numpy.ndarray
        P(asteroid), float64 (n,); the same whenever records and stamps are.

    Raises
    ------
    InputError
        When a shard of the training split is damaged.
    """
    with shard_errors(manifest, "train"):
        parts = [(_numbers(stamps), labels.numpy()) for stamps, labels in stamp_dataset(manifest, "train", _AT_ONCE)]
    known, labels = (np.concatenate(part) for part in zip(*parts, strict=True))
    # One thread: sums are then the same on every machine, and threads of OpenMP and TensorFlow do not wait for cores.
    with one_thread():
        trees = HistGradientBoostingClassifier(**TREES).fit(known, labels)
        return np.asarray(trees.predict_proba(numbers)[:, 1], np.float64)


def beside_trees(found: Predictions, trees: np.ndarray, manifest: Manifest) -> Yardstick:
    """Compare a network with the trees, on the same stamps and the same bootstrap samples of them.

    Parameters
    ----------
    found : Predictions
        Of the network, on stamps of both classes.
    trees : numpy.ndarray
        P(asteroid) of the trees, (n,).
    manifest : Manifest
        Of the records that the trees were trained on.

    Returns
    -------
    Yardstick
    """
    answers = np.stack([found.probabilities, trees])

    def ranked(weights: np.ndarray) -> np.ndarray:
        return np.array([list(rankings(found.labels, each, weights, LEFT).values()) for each in answers])

    values = ranked(np.ones((1, len(trees))))[..., 0]
    # The seed of `scores.score`, so that the network has the same intervals in both.
    blocks = [
        ranked(both_classes(found.labels, each)) for each in draws(found.units, resamples=scores.RESAMPLES, seed=0)
    ]
    samples = np.concatenate(blocks, axis=-1)
    difference = _difference(values[:, 0], samples[:, 0])
    network, of_trees = (_ranking(found, *each) for each in zip(answers, values, samples, strict=True))
    return Yardstick(
        verdict=VERDICTS[difference.sign],
        difference=difference,
        network=network,
        trees=of_trees,
        training_stamps=manifest.count("train"),
        numbers=len(SIDE_NUMBERS) * len(manifest.planes),
        weights_sha256=found.about["weights_sha256"],
        manifest_sha256=manifest.sha256,
    )


def _ranking(found: Predictions, probabilities: np.ndarray, values: np.ndarray, samples: np.ndarray) -> Ranking:
    intervals = {}
    for name, value, some in zip(TITLES, values, samples, strict=True):
        interval = percentiles(float(value), some)
        if interval is None and name in LEFT:
            kept = called_leaving(found.labels, probabilities, LEFT[name])
            asteroids = found.labels == 1
            interval = wilson(kept[asteroids], found.units[asteroids])
        intervals[name] = interval or Interval(float(value))
    return Ranking(**intervals)


def _difference(values: np.ndarray, samples: np.ndarray) -> Difference:
    # Percentiles also where all samples are alike: where they have one sign, they show it.
    low, high = np.quantile(samples[0] - samples[1], [(1 - scores.CONFIDENCE) / 2, (1 + scores.CONFIDENCE) / 2])
    return Difference(float(values[0] - values[1]), float(low), float(high))


def yardstick_text(yardstick: Yardstick) -> str:
    """Return a table of the network and the trees, and what it shows, as plain text, 80 columns."""
    about = (
        f"Beside it, gradient-boosted trees on {yardstick.numbers} side numbers of the "
        f"{counted(yardstick.training_stamps, 'training stamp')}. Recall at 1% left is that at the threshold that "
        "leaves at most 1% of the non-asteroids:"
    )
    rows = [
        f"{title:<20}{getattr(yardstick.network, name)!s:<28}{getattr(yardstick.trees, name)}"
        for name, title in TITLES.items()
    ]
    return (
        "\n".join(
            [
                *wrap(about, 80, break_on_hyphens=False),
                f"{'':<20}{'network':<28}trees",
                *rows,
                *wrap(sentence(yardstick.as_dict()), 80),
            ]
        )
        + "\n"
    )


def sentence(yardstick: Mapping[str, Any]) -> str:
    """Return in words what the dict of a `Yardstick` shows."""
    difference = yardstick["difference"]
    ends = f"[{difference['low']:+.4f}, {difference['high']:+.4f}]"
    return f"The network {yardstick['verdict']} the trees: its ROC AUC differs by {difference['value']:+.4f} {ends}."


def stored_yardstick(path: Path, found: Predictions) -> dict[str, Any] | None:
    """Return the yardstick in ``scores.json``.

    Parameters
    ----------
    path : pathlib.Path
        The file; an earlier version, or an evaluation that was stopped, may have left none.
    found : Predictions
        Those beside it.

    Returns
    -------
    dict or None
        `Yardstick.as_dict`; None where there is none, or it is of another network or other records.

    Raises
    ------
    InputError
        When the file is damaged.
    """
    yardstick = read_json(path, what="the scores of a run").get("yardstick") if path.is_file() else None
    if yardstick is None:
        return None
    try:
        check(yardstick, Yardstick, at="yardstick", more="kept")
    except Mismatch as error:
        raise error.of_file(path, action="evaluate the run again") from error
    same = all(yardstick[name] == found.about.get(name) for name in ("weights_sha256", "manifest_sha256"))
    return dict(yardstick) if same else None
