"""The command that evaluates a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import LATEST, RECORDS, OnError, RecordsFolder, Run


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
