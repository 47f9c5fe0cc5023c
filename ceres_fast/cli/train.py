"""The command that trains a classifier."""

from __future__ import annotations

from pathlib import Path

import typer

from . import train_options as option
from .options import RECORDS


def train(
    context: typer.Context,
    records: option.RecordsFolder = RECORDS,
    run: option.RunFolder = None,
    on_error: option.OnError = "stop",
    seed: option.Seed = 0,
    tensorboard: option.TensorBoard = False,
    backbone: option.Backbone = "xception",
    experiment: option.Experiment = "2",
    weights: option.Weights = "imagenet",
    normalise: option.Normalise = "minmax",
    dense: option.Dense = 256,
    dropout: option.Dropout = 0.5,
    epochs: option.Epochs = 30,
    monitor: option.Monitor = "val_loss",
    patience: option.Patience = 5,
    loss: option.Loss = "crossentropy",
    class_weights: option.ClassWeights = True,
    augment: option.Augment = "none",
    batch_size: option.BatchSize = 128,
    optimizer: option.Optimizer = "adam",
    learning_rate: option.LearningRate = 1e-3,
    unfrozen_learning_rate: option.UnfrozenLearningRate = 1e-5,
    schedule: option.Schedule = "constant",
    warmup_epochs: option.WarmupEpochs = 0,
    weight_decay: option.WeightDecay = 0.004,
    average: option.Average = 0.0,
    precision: option.Precision = "float32",
    prefix_cache: option.PrefixCache = True,
    cache_dir: option.CacheDir = "cache",
    cache_half: option.CacheHalf = False,
    jit: option.Jit = False,
    steps_per_execution: option.StepsPerExecution = 0,
    deterministic: option.Deterministic = False,
    seeds: option.Seeds = 1,
    start_from: option.StartFrom = None,
    config: option.Config = None,
    resume: option.Resume = None,
) -> None:
    """Train a classifier on records and leave a run directory; then evaluate it on the validation split."""
    from ..evaluation.evaluate import evaluate
    from ..training.config import OPTIONS, RunConfig
    from ..training.series import is_series, train_series
    from ..training.start import taken_over
    from ..training.train import train

    given = _given(context)
    if resume is not None:
        _resume(resume, given)
        return
    options = taken_over({name: context.params[name] for name in OPTIONS} | {"experiment": int(experiment)}, given)
    if is_series(options):
        train_series(options, run)
        return
    told = RunConfig.of(options)
    made = train(told.records, told.settings, run, on_error=told.on_error)
    evaluate(made, told.records, split="validation", on_error=told.on_error)


def _given(context: typer.Context) -> set[str]:
    """Return the names of the options that the command line or a configuration file gives."""
    sources = {name: context.get_parameter_source(name) for name in context.params}
    return {name for name, source in sources.items() if source is not None and source.name != "DEFAULT"}


def _resume(run: Path, given: set[str]) -> None:
    from ..evaluation.evaluate import evaluate
    from ..training.config import RunConfig, is_of_series
    from ..training.series import resume_series
    from ..training.setting_checks import option as setting_option
    from ..training.train import resume

    if others := given - {"resume"}:
        raise typer.BadParameter(
            f"a run goes on as it began: leave out {', '.join(map(setting_option, sorted(others)))}.",
            param_hint="--resume",
        )
    if is_of_series(run):
        resume_series(run)
        return
    told = RunConfig.read(run)
    evaluate(resume(run), told.records, split="validation", on_error=told.on_error)
