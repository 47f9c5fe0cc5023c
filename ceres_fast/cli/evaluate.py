"""The command that evaluates a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..machine.cores import compute_with
from ..settings.option import only
from ..settings.shared import Shared
from .from_settings import from_settings
from .options import LATEST, RECORDS, RecordsFolder, Run, Split


@from_settings(shared=only(Shared, "on_error"), computing=only(Shared, "threads"))
def evaluate(
    run: Run = LATEST,
    records: RecordsFolder = RECORDS,
    split: Split = "test",
    output: Annotated[
        Path | None, typer.Option(help="Folder for the report; without it evaluation-<split> in the run.")
    ] = None,
    *,
    shared: dict[str, Any],
    computing: dict[str, Any],
) -> None:
    """Evaluate a run: the paper's table, confusion matrix, areas under curves with intervals; text, JSON, PNG."""
    compute_with(**computing)
    from ..evaluation.evaluate import evaluate

    evaluate(run, records, split=split, output=output, **shared)
