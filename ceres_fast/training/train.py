"""Train a classifier on records: read top to bottom, this is what `ceres-fast train` does."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from ..artifact.classifier import Classifier
from ..artifact.latest import name_latest
from ..console import say
from ..errors import InputError, OnError
from ..files import StrPath, write_json
from ..libraries.tensorflow_quiet import keras, tf
from ..model.cut import Cut
from ..records.manifest import MANIFEST, Manifest, load_manifest
from ..records.pipeline import check_records, shard_errors
from ..settings.training import Settings
from .assemble import FITTED_SPLITS, build_trainer, cut_for_cache, refuse_batch, seeded_model, source_of
from .best_epoch import KeepBest, early_stopping
from .checkpoint import Checkpoint
from .config import RunConfig, check_moved, check_provenance, versions, write_provenance
from .devices import describe, strategy
from .optimisation import ValidateAveraged, loss_of_guessing
from .report import Report, TensorBoard, draw_learning_curves, require_tensorboard
from .runs import METRICS, create_run, open_run, stoppable
from .start import starting_classifier, weights_from


def train(records: StrPath, settings: Settings, run: StrPath | None = None, *, on_error: OnError = "stop") -> Path:
    """Train a classifier and leave a run directory.

    Parameters
    ----------
    records : path
        Folder that `build_records` wrote.
    settings : Settings
        What to train and how.
    run : path, optional
        Directory of the run; without it, ``runs/<UTC time>-<backbone>-experiment<n>``.
    on_error : {"stop", "skip"}
        Whether a damaged shard ends the training, or is left out with a warning.

    Returns
    -------
    pathlib.Path
        The run directory: ``config.toml``, ``provenance.json``, ``history.csv``, ``metrics.json``, ``figures/``,
        ``classifier.json`` and its weights. The file ``latest`` in the same folder names the run from the first epoch
        on.

    Raises
    ------
    InputError
        When records are damaged, have an asteroid in two splits or lack a class, or weights cannot be loaded.
    CeresFastError
        When the run exists already, ImageNet weights are not there and cannot be downloaded, or the loss is no longer
        finite.
    Stopped
        When Ctrl-C, SIGTERM or SIGHUP stopped the training, which `resume` continues.

    Examples
    --------
    >>> settings = ceres_fast.Settings.of("stampnet", epochs=3, batch_size=16)
    >>> run = ceres_fast.train("records", settings, "runs/first")
    >>> (run / "classifier.json").is_file()
    True
    """
    records, run = Path(records), None if run is None else Path(run)
    manifest = _checked(records, on_error)
    settings = settings.for_stamps(manifest.count("train"))
    _prepare(settings)
    with strategy().scope():
        model, parts = _network(manifest, settings)
        run = create_run(run, settings.backbone, settings.experiment)
        RunConfig(records, settings, on_error).write(run)
        write_provenance(run, manifest, model)
        return _fit(run, model, parts, manifest, settings)


def resume(run: Path, records: Path | None = None) -> Path:
    """Resume a run that was stopped; its history becomes what it would have been without the stop.

    Parameters
    ----------
    run : pathlib.Path
        Directory of the run, or a link to it.
    records : pathlib.Path, optional
        Where the records that it began with are now, if they were moved.

    Returns
    -------
    pathlib.Path
        The directory.

    Raises
    ------
    InputError
        When `run` is no run or a finished one, its checkpoint is damaged, or its records have changed or are others.
    CeresFastError
        When another process uses it; also as `train`.
    """
    run = open_run(run)
    config = RunConfig.read(run)
    if records is not None:
        check_moved(run, records)
        config = replace(config, records=records)
        config.write(run)
    elif not (config.records / MANIFEST).is_file():
        raise InputError(
            config.records / MANIFEST,
            "does not exist",
            expected=f"the records that {run} began with",
            action=f"where they have been moved, say so: --resume {run} --records FOLDER",
        )
    manifest = _checked(config.records, config.on_error)
    _prepare(config.settings)
    with strategy().scope():
        model, parts = _network(manifest, config.settings)
        check_provenance(run, manifest, model)
        return _fit(run, model, parts, manifest, config.settings)


def _checked(records: Path, on_error: OnError) -> Manifest:
    manifest = check_records(load_manifest(records), on_error=on_error)
    for split in FITTED_SPLITS:
        if missing := [name for name, count in manifest.class_counts(split).items() if not count]:
            raise InputError(
                manifest.folder / MANIFEST,
                f"the {split} split has no {missing[0]} stamp",
                expected="stamps of both classes",
                action="build the records from more fields, or with another --seed",
            )
    return manifest


def _prepare(settings: Settings) -> None:
    if settings.tensorboard:
        require_tensorboard()
    if settings.deterministic:
        tf.config.experimental.enable_op_determinism()


def _network(manifest: Manifest, settings: Settings) -> tuple[keras.Model, Cut | None]:
    """Return the classifier and how it is cut: what is refused here leaves no run directory behind."""
    model = seeded_model(settings, manifest.planes)
    parts = cut_for_cache(model, settings)
    refuse_batch(parts.suffix if parts else model, manifest, settings)
    return model, parts


def _fit(run: Path, model: keras.Model, parts: Cut | None, manifest: Manifest, settings: Settings) -> Path:
    _announce(run, model, manifest)
    report = Report(run, manifest.count("train"), settings.epochs, loss_of_guessing(settings))
    with stoppable(run, report.where):
        source = source_of(model, parts, manifest, settings)
        trainer = build_trainer(model, source, manifest, settings)
        # Called for each better epoch, it names the run `latest` at the first: a run without a classifier is not named,
        # and a run that begins later is not replaced by the next epoch of this one.
        named = cache(partial(name_latest, run))
        best = KeepBest(run, partial(_publish, run, manifest, settings, named), model, settings.monitor)
        stopping = early_stopping(settings.patience, settings.monitor)
        checkpoint = Checkpoint(run, report, best, stopping)
        logs = [TensorBoard(run)] if settings.tensorboard else []
        first = checkpoint.restore(trainer)
        with checkpoint, report.bar, shard_errors(manifest, *FITTED_SPLITS):
            trainer.fit(
                trainer.train_feed.dataset(),
                validation_data=trainer.validation_feed.dataset(),
                initial_epoch=first,
                epochs=settings.epochs,
                callbacks=[ValidateAveraged(), *logs, report, best, stopping, checkpoint],
                verbose=0,
            )
    report.write()
    write_json(run / METRICS, _metrics(report, best.best_epoch, source.prefix_seconds))
    checkpoint.remove()
    draw_learning_curves(report.rows, best.best_epoch, run / "figures" / "learning_curves.png")
    say(f"kept epoch {best.best_epoch} of {len(report.rows)} in {run}  ({report.seconds:.0f} s)")
    return run


def _publish(run: Path, manifest: Manifest, settings: Settings, named: Callable[[], None], weights: Path) -> None:
    _classifier(manifest, settings).with_file("weights", weights).write(run)
    named()


def _classifier(manifest: Manifest, settings: Settings) -> Classifier:
    return Classifier(
        backbone=settings.backbone,
        experiment=settings.experiment,
        weights_from=weights_from(settings, starting_classifier(settings, manifest.planes)),
        normalise=settings.normalise,
        precision=settings.precision,
        head={"kind": settings.head, "dense": settings.dense, "dropout": settings.dropout},
        rules=manifest.rules,
        records={"name": manifest.name, "manifest_sha256": manifest.sha256},
        versions=versions(),
        files={},
        pixel_scale=manifest.pixel_scale,
        stamp_shape=manifest.stamp_shape,
        planes=manifest.planes,
        camera=manifest.camera,
    )


def _announce(run: Path, model: keras.Model, manifest: Manifest) -> None:
    trained = sum(math.prod(variable.shape) for variable in model.trainable_variables)
    say(f"{model.name}: {trained:,} of {model.count_params():,} parameters trained, on {describe()}")
    for split in FITTED_SPLITS:
        counts = manifest.class_counts(split)
        say(f"{split}: {counts['non_asteroid']:,} non-asteroid and {counts['asteroid']:,} asteroid stamps")
    say(f"run directory {run}")


def _metrics(report: Report, best_epoch: int, prefix_seconds: float | None) -> dict[str, Any]:
    rows = report.rows
    rates = sorted(row["stamps_per_second"] for row in rows[1:] or rows)
    return {
        "best_epoch": best_epoch,
        "epochs": len(rows),
        "seconds": round(report.seconds, 3),
        "prefix_seconds": None if prefix_seconds is None else round(prefix_seconds, 3),
        "stamps_per_second": round(rates[len(rates) // 2], 1),
        "best": rows[best_epoch - 1],
    }
