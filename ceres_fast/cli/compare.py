"""Compare classifiers that were trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import Seed


def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN...",
            help="Run directories that `ceres-fast evaluate` has evaluated on the same records, two or more.",
        ),
    ],
    split: Annotated[
        Literal["test", "validation", "calibration", "train"], typer.Option(help="Split of the records.")
    ] = "test",
    needs: Annotated[
        int, typer.Option(min=1, help="Exposures of an asteroid in a night that must be found, or else it is lost.")
    ] = 3,
    output: Annotated[
        Path | None, typer.Option(help="Folder for compare.txt, compare.json and compare.png.", metavar="DIR")
    ] = None,
    seed: Seed = 0,
) -> None:
    """Tell whether one classifier is better than another: paired differences with intervals, exact tests, a verdict."""
    from ..evaluation.compare.compare import compare

    compare(runs, split=split, needs=needs, output=output, seed=seed)
