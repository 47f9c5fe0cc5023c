"""The command that runs the paper's experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

RUNS, TRAINING, PROMISE = "Runs", "Training, as in `ceres-fast train`", "Operating point, as in `ceres-fast calibrate`"


def experiments(
    records: Annotated[
        Path | None,
        typer.Option(help="Folder of the records (default: records).", metavar="DIR", rich_help_panel=RUNS),
    ] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for the runs, the results and the report.", metavar="DIR", rich_help_panel=RUNS)
    ] = Path("experiments"),
    backbones: Annotated[
        str,
        typer.Option(
            help="Some of inceptionv3, xception, inceptionresnetv2, resnet152v2, with commas between (default: all).",
            metavar="NAME[,NAME]",
            rich_help_panel=RUNS,
        ),
    ] = "",
    experiments: Annotated[
        str,
        typer.Option(
            help="Some of 1, 2, 3, with commas between (default: all).", metavar="N[,N]", rich_help_panel=RUNS
        ),
    ] = "",
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Runs of each, with so many seeds (default: 1).", metavar="N", rich_help_panel=RUNS),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Options of `ceres-fast train` in TOML, for all runs; the options here override it.",
            metavar="FILE",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            help="First weights: imagenet (default), none (random), or a file where there is one backbone.",
            metavar="FROM",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    epochs: Annotated[
        int | None,
        typer.Option(min=1, help="Passes over the training split, at most.", metavar="N", rich_help_panel=TRAINING),
    ] = None,
    patience: Annotated[
        int | None,
        typer.Option(min=1, help="Epochs without a better one before stopping.", metavar="N", rich_help_panel=TRAINING),
    ] = None,
    precision: Annotated[
        Literal["float32", "mixed_float16", "mixed_bfloat16"] | None,
        typer.Option(help="Arithmetic of the networks.", metavar="NAME", rich_help_panel=TRAINING),
    ] = None,
    cache_dir: Annotated[
        str | None,
        typer.Option(
            help="Folder of the prefix cache; without it one in --out, emptied when a backbone's experiment is done.",
            metavar="DIR",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    max_loss: Annotated[
        float,
        typer.Option(
            help="Share of the asteroids that may be lost, at most.", metavar="SHARE", rich_help_panel=PROMISE
        ),
    ] = 0.02,
    confidence: Annotated[
        float,
        typer.Option(help="Confidence with which no more than that is lost.", metavar="P", rich_help_panel=PROMISE),
    ] = 0.95,
    needs: Annotated[
        int,
        typer.Option(
            min=1,
            help="An asteroid is lost when fewer of its exposures than these are left.",
            metavar="N",
            rich_help_panel=PROMISE,
        ),
    ] = 3,
) -> None:
    """Run the paper's experiments on records, backbone by backbone, and write one report of them all.

    What was stopped goes on with the same command; runs that have failed are tried again.
    """
    from ..paper.plan import Promise, planned
    from ..paper.run import run_experiments

    told = {
        "records": None if records is None else str(records),
        "weights": weights,
        "epochs": epochs,
        "patience": patience,
        "precision": precision,
        "cache_dir": cache_dir,
    }
    plan = planned(
        out,
        backbones=backbones,
        experiments=experiments,
        seeds=seeds,
        config=config,
        told=told,
        promise=Promise(max_loss, confidence, needs),
    )
    run_experiments(out, plan)
