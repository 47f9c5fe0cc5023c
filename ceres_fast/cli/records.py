"""Commands that make and check records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import RECORDS, TRAINING, OnError, Overwrite, RecordsFolder, Seed


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
    from ..records.build import build_records
    from ..survey.rules import Rules
    from ..survey.selection import parse_where

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
