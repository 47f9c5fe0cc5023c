"""Train a classifier on records: read top to bottom, this is what `ceres-fast train` does."""

from __future__ import annotations

import math
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras

from .. import __version__
from ..classifier import Classifier
from ..console import say
from ..errors import InputError
from ..files import write_json
from ..model.build import build_model
from ..records.manifest import MANIFEST, Manifest, load_manifest
from ..records.pipeline import check_records, shard_errors, stamp_dataset
from ..survey.problems import OnError
from ..survey.stamp_table import CLASSES, PLANES
from ..tensorflow_quiet import tf
from .callbacks import KeepBest, Report, early_stopping
from .checkpoint import Checkpoint
from .figures import draw_learning_curves
from .optimizer import build_optimizer
from .runs import METRICS, create_run, point_latest
from .settings import Settings
from .signals import stoppable

SPLITS = ("train", "validation")


def train(records: Path, settings: Settings, run: Path | None = None, *, on_error: OnError = "stop") -> Path:
    """Train a classifier and leave a run directory.

    Parameters
    ----------
    records : pathlib.Path
        Folder that `build_records` wrote.
    settings : Settings
        What to train and how.
    run : pathlib.Path, optional
        Directory of the run; without it, ``runs/<UTC time>-<backbone>-experiment<n>``.
    on_error : {"stop", "skip"}
        Whether a damaged shard ends the work, or is left out with a warning.

    Returns
    -------
    pathlib.Path
        The run directory: ``config.json``, ``history.csv``, ``metrics.json``, ``figures/``, ``classifier.json`` and
        its weights. ``latest`` beside it points at it from the first epoch on.

    Raises
    ------
    InputError
        When records are damaged, have an asteroid in two splits or lack a class, or weights cannot be loaded.
    CeresFastError
        When the run exists already, ImageNet weights cannot be had, or the loss is no longer finite.
    """
    manifest = check_records(load_manifest(records), on_error=on_error)
    counts = {split: _class_counts(manifest, split) for split in SPLITS}
    model = compiled_model(settings, manifest.planes)
    run = create_run(run, settings.backbone, settings.experiment)
    write_json(run / "config.json", _config(manifest, settings))
    _announce(run, model, counts)

    def publish(weights: Path) -> None:
        _classifier(manifest, settings).with_file("weights", weights).write(run)
        point_latest(run)

    report = Report(run, sum(counts["train"].values()), settings.epochs)
    best, stopping = KeepBest(run, publish, model), early_stopping(settings.patience)
    checkpoint = Checkpoint(run, report, best, stopping)
    with stoppable(run, report.where), checkpoint, report.bar, shard_errors(manifest, *SPLITS):
        model.fit(
            _batches(manifest, "train", settings),
            validation_data=_batches(manifest, "validation", settings),
            epochs=settings.epochs,
            class_weight=class_weights(counts["train"]),
            callbacks=[report, best, stopping, checkpoint],
            shuffle=False,  # the dataset does it
            verbose=0,
        )
    write_json(run / METRICS, _metrics(report.rows, best.best_epoch, report.seconds))
    checkpoint.remove()
    draw_learning_curves(report.rows, best.best_epoch, run / "figures" / "learning_curves.png")
    say(f"kept epoch {best.best_epoch} of {len(report.rows)} in {run}  ({report.seconds:.0f} s)")
    return run


def compiled_model(settings: Settings, planes: Sequence[str] = PLANES[:1]) -> keras.Model:
    """Return the classifier of stamps of `planes` with its loss, metrics, optimiser and, by the seed, first weights."""
    keras.utils.set_random_seed(settings.seed)
    model = build_model(settings, planes)
    model.compile(
        optimizer=build_optimizer(model, settings),
        loss="categorical_crossentropy",
        metrics=["accuracy", keras.metrics.Recall(class_id=1, name="recall")],
    )
    return model


def class_weights(counts: Mapping[str, int]) -> dict[int, float]:
    """Return the weight of each label that makes both classes count alike and the mean weight of a stamp 1."""
    total = sum(counts.values())
    return {label: total / (len(CLASSES) * counts[name]) for label, name in enumerate(CLASSES)}


def _class_counts(manifest: Manifest, split: str) -> dict[str, int]:
    counts = manifest.class_counts(split)
    if missing := [name for name, count in counts.items() if not count]:
        raise InputError(
            manifest.folder / MANIFEST,
            f"the {split} split has no {missing[0]} stamp",
            expected="stamps of both classes",
            action="build the records from more fields, or with another --seed",
        )
    return counts


def _batches(manifest: Manifest, split: str, settings: Settings) -> tf.data.Dataset:
    dataset = stamp_dataset(manifest, split, settings.batch_size, shuffle=split == "train", seed=settings.seed)
    return dataset.map(lambda stamps, labels: (stamps, tf.one_hot(labels, len(CLASSES))))


def _classifier(manifest: Manifest, settings: Settings) -> Classifier:
    named = settings.weights in ("imagenet", "none")
    return Classifier(
        backbone=settings.backbone,
        experiment=settings.experiment,
        weights_from=settings.weights if named else Path(settings.weights).name,
        normalise=settings.normalise,
        precision=settings.precision,
        head={"dense": settings.dense, "dropout": settings.dropout},
        rules=manifest.rules,
        records={"name": manifest.name, "manifest_sha256": manifest.sha256},
        versions=_versions(),
        files={},
        pixel_scale=manifest.pixel_scale,
        stamp_shape=manifest.stamp_shape,
        planes=manifest.planes,
    )


def _versions() -> dict[str, str]:
    return {
        "ceres_fast": __version__,
        "keras": keras.__version__,
        "tensorflow": tf.__version__,
        "python": platform.python_version(),
    }


def _config(manifest: Manifest, settings: Settings) -> dict[str, Any]:
    return {
        "records": str(manifest.folder),
        "manifest_sha256": manifest.sha256,
        "settings": asdict(settings),
        "versions": _versions(),
        "devices": [device.device_type for device in tf.config.list_physical_devices()],
    }


def _announce(run: Path, model: keras.Model, counts: dict[str, dict[str, int]]) -> None:
    trained = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    devices = ", ".join(device.name.removeprefix("/physical_device:") for device in tf.config.list_physical_devices())
    numbers = "; ".join(
        f"{split} {counted['non_asteroid']:,} non-asteroid + {counted['asteroid']:,} asteroid"
        for split, counted in counts.items()
    )
    say(f"{model.name}: {trained:,} of {model.count_params():,} parameters trained, on {devices}; {numbers}")
    say(f"run directory {run}")


def _metrics(rows: list[dict[str, float]], best_epoch: int, seconds: float) -> dict[str, Any]:
    rates = sorted(row["stamps_per_second"] for row in rows[1:] or rows)
    return {
        "best_epoch": best_epoch,
        "epochs": len(rows),
        "seconds": round(seconds, 3),
        "stamps_per_second": round(rates[len(rates) // 2], 1),
        "best": rows[best_epoch - 1],
    }
