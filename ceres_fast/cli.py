"""The command line: one thin function per command, no work in it, and no heavy import before a command runs."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from . import __version__
from .errors import CeresFastError

DATA, TRAINING, HELD_OUT = Path("data"), Path("data/training"), Path("data/held-out")
RECORDS, LATEST, CLASSIFIED, DEMO = Path("records"), Path("runs/latest"), Path("classified"), Path("demo")
TRAIN_EXTRA = {"tensorflow", "keras", "tf2onnx", "onnx", "sklearn", "matplotlib", "dask", "scipy"}

app = typer.Typer(
    name="ceres-fast",
    help="Tell asteroids from everything else in telescope frames. In an empty folder, these work one after another: "
    "simulate, detect, build-records, train, evaluate, export, classify. Or all at once: demo.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Backbone = Literal["inceptionv3", "xception", "inceptionresnetv2", "resnet152v2"]
Experiment = Literal["1", "2", "3"]
OnError = Annotated[
    Literal["stop", "skip"],
    typer.Option(help="A file that cannot be used: stop with its name, or skip it and say how many were skipped."),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random; the same seed gives the same result.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there already.")]
RecordsFolder = Annotated[Path, typer.Option(help="Folder of the records.")]
Run = Annotated[Path, typer.Argument(metavar="[RUN]", help="Run directory.")]


@app.command()
def simulate(
    out: Annotated[Path, typer.Argument(help="Folder to make.")] = DATA,
    fields: Annotated[int, typer.Option(min=1, help="Pointings in the training nights.")] = 8,
    held_out_fields: Annotated[int, typer.Option(min=0, help="Pointings in the held-out night.")] = 2,
    exposures: Annotated[int, typer.Option(min=1, max=8, help="Exposures of each pointing.")] = 4,
    small: Annotated[bool, typer.Option("--small", help="Frames of 1024x1024 pixels instead of 2048x4100.")] = False,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Simulate a survey: frames with asteroids and all that looks like them, and the list of validated asteroids."""
    from .survey.simulate import simulate_survey

    simulate_survey(
        out,
        fields=fields,
        held_out_fields=held_out_fields,
        exposures=exposures,
        small=small,
        seed=seed,
        overwrite=overwrite,
    )


@app.command()
def detect(
    sources: Annotated[
        list[Path] | None, typer.Argument(metavar="[FRAME|FOLDER]...", help="FITS frames, or folders with them.")
    ] = None,
    format_: Annotated[
        Literal["ASCII_HEAD", "FITS_LDAC"], typer.Option("--format", help="Catalogue format.")
    ] = "ASCII_HEAD",
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the catalogues; without it beside each frame, or in ../sextractor_cat."),
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0.1, help="Detection threshold, in standard deviations of the sky.")
    ] = 1.5,
    min_area: Annotated[int, typer.Option(min=1, help="Least number of connected pixels above the threshold.")] = 5,
    on_error: OnError = "stop",
    overwrite: Overwrite = False,
) -> None:
    """Detect sources and write a catalogue with SExtractor's column names for every frame (default: of data)."""
    from .survey.detect import detect_frames

    detect_frames(
        sources or [DATA],
        format=format_,
        output=output,
        threshold=threshold,
        min_area=min_area,
        on_error=on_error,
        overwrite=overwrite,
    )


@app.command()
def build_records(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="A folder with a folder of FITS stamps per class (asteroid, non_asteroid), or folders with frames and "
            "their catalogues.",
        ),
    ] = None,
    records: RecordsFolder = RECORDS,
    truth: Annotated[
        Path | None, typer.Option(help="Table of validated asteroids; without it asteroids.csv in the source.")
    ] = None,
    name: Annotated[str, typer.Option(help="First part of the shards' names.")] = "stamps",
    shards: Annotated[int, typer.Option(min=1, help="Shards per split.")] = 8,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE[,VALUE]", help="Only stamps whose header or column NAME has one of the values."
        ),
    ] = None,
    keep_stationary: Annotated[
        bool, typer.Option("--keep-stationary", help="Do not remove detections that stay in place between exposures.")
    ] = False,
    nan: Annotated[
        Literal["error", "fill"],
        typer.Option(help="Missing pixels: an error, or filled with the stamp's median and counted in the record."),
    ] = "error",
    on_error: OnError = "stop",
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Compile labelled stamps into TFRecord shards and a manifest (default: of data/training)."""
    from .records.build import build_records
    from .survey.rules import Rules
    from .survey.selection import parse_where

    build_records(
        sources or [TRAINING],
        records,
        truth=truth,
        name=name,
        shards=shards,
        where=[parse_where(text) for text in where or []],
        rules=Rules(remove_stationary=not keep_stationary),
        nan=nan,
        on_error=on_error,
        seed=seed,
        overwrite=overwrite,
    )


@app.command()
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
    from .evaluation.evaluate import evaluate
    from .training.settings import Settings
    from .training.train import train

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


@app.command()
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
    from .evaluation.evaluate import evaluate

    evaluate(run, records, split=split, output=output, on_error=on_error)


@app.command()
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
    from .export import EXPORTERS, validation_stamps

    chosen = records or (RECORDS if RECORDS.is_dir() else None)
    stamps = validation_stamps(chosen) if chosen else None
    EXPORTERS[to](run, output, stamps=stamps, overwrite=overwrite)


@app.command()
def classify(
    inputs: Annotated[
        list[Path] | None, typer.Argument(metavar="[INPUT]...", help="FITS stamps or frames, or folders with them.")
    ] = None,
    run: Annotated[Path, typer.Option(help="Run directory whose exported classifier is used.")] = LATEST,
    model: Annotated[Path | None, typer.Option(help="An exported classifier (.onnx), instead of --run.")] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="Catalogue of the one frame given; without it looked for beside the frame.")
    ] = None,
    output: Annotated[Path, typer.Option(help="A file for one table, a folder for several.")] = CLASSIFIED,
    format_: Annotated[
        Literal["CSV", "ECSV"] | None,
        typer.Option("--format", help="Format of the output; without it the catalogue's own (CSV for stamps)."),
    ] = None,
    keep_above: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Drop rows below this probability, and those that stay in place; without it every row is kept.",
        ),
    ] = None,
    on_error: OnError = "stop",
    overwrite: Overwrite = False,
) -> None:
    """Add PROB_ASTEROID to frames' catalogues, or list it for stamps (default: of data/held-out).

    Give all exposures of a field together: what stays in place is told from them.
    """
    from .classify import classify

    result = classify(
        inputs or [HELD_OUT],
        model or run,
        catalogue=catalogue,
        output=output,
        format=format_,
        keep_above=keep_above,
        on_error=on_error,
        overwrite=overwrite,
    )
    if result.failed:
        raise typer.Exit(3)


@app.command()
def demo(
    out: Annotated[Path, typer.Argument(help="Folder to make.")] = DEMO,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Do it all on a small simulated survey, without a network, and draw what was found and what was lost."""
    from .demo import run_demo

    run_demo(out, seed=seed, overwrite=overwrite)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ceres-fast {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", is_eager=True, callback=_version)
    ] = False,
) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")


def main() -> None:
    """Run the command line; a user's problem becomes one line on standard error and exit status 1."""
    try:
        app()
    except CeresFastError as error:
        typer.secho(f"error: {error}", fg="red", err=True)
        sys.exit(1)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in TRAIN_EXTRA:
            raise
        message = f"error: this command needs {error.name}. Install it with: pip install 'ceres-fast[train]'"
        typer.secho(message, fg="red", err=True)
        sys.exit(1)
