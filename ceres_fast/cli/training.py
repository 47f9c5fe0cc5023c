"""Commands that make a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import LATEST, RECORDS, OnError, Overwrite, RecordsFolder, Run, Seed

Backbone = Literal["inceptionv3", "xception", "inceptionresnetv2", "resnet152v2"]
Experiment = Literal["1", "2", "3"]


def train(
    backbone: Annotated[Backbone, typer.Option(help="ImageNet network to build on.")] = "xception",
    experiment: Annotated[
        Experiment,
        typer.Option(
            help="The paper's: 1 head on the whole frozen base; 2 head on its bottleneck layer; 3 as 2 with some base "
            "layers trained."
        ),
    ] = "2",
    weights: Annotated[
        str,
        typer.Option(
            metavar="imagenet|none|PATH",
            help="First weights: ImageNet's (looked for in $CERES_FAST_WEIGHTS, in Keras's cache, then downloaded), "
            "none (from scratch, nothing is frozen), or a Keras weights file of the backbone without its top.",
        ),
    ] = "imagenet",
    records: RecordsFolder = RECORDS,
    run: Annotated[
        Path | None, typer.Option(help="Directory of the run; without it runs/<time>-<backbone>-experiment<n>.")
    ] = None,
    normalise: Annotated[
        Literal["minmax", "asinh"],
        typer.Option(help="Each stamp to [0, 1], or asinh((x - median) / MAD)."),
    ] = "minmax",
    precision: Annotated[
        Literal["float32", "mixed_float16", "mixed_bfloat16"], typer.Option(help="Arithmetic of the network.")
    ] = "float32",
    batch_size: Annotated[int, typer.Option(min=1, help="Stamps per step.")] = 128,
    epochs: Annotated[int, typer.Option(min=1, help="Passes over the training split, at most.")] = 30,
    patience: Annotated[int, typer.Option(min=1, help="Epochs without a lower validation loss before stopping.")] = 5,
    learning_rate: Annotated[float, typer.Option(min=0, help="Adam's rate for the head.")] = 1e-3,
    unfrozen_learning_rate: Annotated[float, typer.Option(min=0, help="Adam's rate for unfrozen base layers.")] = 1e-5,
    dense: Annotated[int, typer.Option(min=1, help="Units of the head's hidden layer.")] = 256,
    dropout: Annotated[float, typer.Option(min=0, max=0.99, help="Share of the hidden layer dropped.")] = 0.5,
    on_error: OnError = "stop",
    seed: Seed = 0,
) -> None:
    """Train a classifier on records and leave a run directory; then evaluate it on the validation split."""
    from ..evaluation.evaluate import evaluate
    from ..training.settings import Settings
    from ..training.train import train

    settings = Settings(
        backbone=backbone,
        experiment=int(experiment),
        weights=weights,
        normalise=normalise,
        precision=precision,
        batch_size=batch_size,
        epochs=epochs,
        patience=patience,
        learning_rate=learning_rate,
        unfrozen_learning_rate=unfrozen_learning_rate,
        dense=dense,
        dropout=dropout,
        seed=seed,
    )
    evaluate(train(records, settings, run, on_error=on_error), records, split="validation", on_error=on_error)


def evaluate(
    run: Run = LATEST,
    records: RecordsFolder = RECORDS,
    split: Annotated[
        Literal["test", "validation", "calibration", "train"], typer.Option(help="Split of the records.")
    ] = "test",
    output: Annotated[
        Path | None, typer.Option(help="Folder for the report; without it evaluation-<split> in the run.")
    ] = None,
    on_error: OnError = "stop",
) -> None:
    """Evaluate a run: the paper's table, confusion matrix, areas under curves with intervals; text, JSON, PNG."""
    from ..evaluation.evaluate import evaluate

    evaluate(run, records, split=split, output=output, on_error=on_error)


def export(
    run: Run = LATEST,
    to: Annotated[Literal["onnx"], typer.Option(help="Format.")] = "onnx",
    records: Annotated[
        Path | None,
        typer.Option(
            help="Records whose validation stamps must also give the same answers (default: records, where it exists)."
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="The file; without it classifier.onnx in the run.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """Export a run's classifier to ONNX; fails where ONNX Runtime and Keras differ."""
    from ..export import EXPORTERS, validation_stamps

    chosen = records or (RECORDS if RECORDS.is_dir() else None)
    stamps = validation_stamps(chosen) if chosen else None
    EXPORTERS[to](run, output, stamps=stamps, overwrite=overwrite)
