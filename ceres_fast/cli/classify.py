"""The command that uses a classifier."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ..machine.cores import compute_with
from ..settings.classifier import ClassifyOptions
from ..settings.option import only
from ..settings.shared import Shared
from .from_settings import from_settings
from .options import CLASSIFIED, HELD_OUT, LATEST, Columns


@from_settings(
    options=ClassifyOptions,
    shared=only(Shared, "catalogues", "camera", "static", "template", "forced", "needs", "on_error", "overwrite"),
    computing=only(Shared, "threads"),
)
def classify(
    inputs: Annotated[
        list[Path] | None, typer.Argument(metavar="INPUT", help="FITS stamps or frames, or folders with them.")
    ] = None,
    run: Annotated[Path, typer.Option(help="Run directory whose exported classifier is used.")] = LATEST,
    model: Annotated[
        Path | None,
        typer.Option(
            help="An exported classifier (.onnx, .engine, .rtx) instead of --run, or one on a Triton server: "
            "triton://HOST:PORT/NAME (gRPC), triton+http://HOST:PORT/NAME."
        ),
    ] = None,
    columns: Columns = "",
    output: Annotated[Path, typer.Option(help="A file for one table, a folder for several.")] = CLASSIFIED,
    *,
    options: ClassifyOptions,
    shared: dict[str, Any],
    computing: dict[str, Any],
) -> None:
    """Add PROB_ASTEROID to frames' catalogues, or list it for stamps (default: of data/held-out).

    Give all exposures of a field together: stationary detections are found by comparing them.
    """
    compute_with(**computing)
    from ..catalogues import Names
    from ..classify import classify

    result = classify(
        inputs or [HELD_OUT],
        model or run,
        names=Names.parse(columns) if columns else None,
        output=output,
        **asdict(options),
        **shared,
    )
    if result.status:
        raise typer.Exit(result.status)
