"""The command that uses a classifier."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import CLASSIFIED, HELD_OUT, LATEST, Catalogues, Columns, Needs, OnError, OtherSlowest, Overwrite, Static


def classify(
    inputs: Annotated[
        list[Path] | None, typer.Argument(metavar="[INPUT]...", help="FITS stamps or frames, or folders with them.")
    ] = None,
    run: Annotated[Path, typer.Option(help="Run directory whose exported classifier is used.")] = LATEST,
    model: Annotated[
        Path | None, typer.Option(help="An exported classifier (.onnx, .engine, .rtx), instead of --run.")
    ] = None,
    catalogue: Annotated[
        Path | None, typer.Option(help="Catalogue of the one frame given; without it looked for beside the frame.")
    ] = None,
    catalogues: Catalogues = None,
    columns: Columns = "",
    output: Annotated[Path, typer.Option(help="A file for one table, a folder for several.")] = CLASSIFIED,
    format_: Annotated[
        Literal["CSV", "ECSV"] | None,
        typer.Option("--format", help="Format of the output; without it the catalogue's own (CSV for stamps)."),
    ] = None,
    drop: Annotated[
        bool,
        typer.Option(
            "--drop",
            help="Drop rows below the operating point that ceres-fast calibrate chose, and stationary ones; without it "
            "every row is kept. Rows that may be stationary, which nobody can tell, are always kept.",
        ),
    ] = False,
    keep_above: Annotated[
        float | None,
        typer.Option(min=0, max=1, help="As --drop, but rows below this probability, of which nothing is promised."),
    ] = None,
    discard: Annotated[
        bool,
        typer.Option("--discard", help="Do not keep rows that are dropped; else they are beside the table."),
    ] = False,
    provider: Annotated[
        Literal["auto", "cpu", "cuda", "tensorrt"],
        typer.Option(help="What ONNX Runtime runs an ONNX file on; auto: the best that starts."),
    ] = "auto",
    rebuild: Annotated[
        bool,
        typer.Option(
            "--rebuild", help="Build an engine file that does not fit this machine anew, from the ONNX file beside it."
        ),
    ] = False,
    slowest: OtherSlowest = None,
    static: Static = None,
    needs: Needs = 3,
    on_error: OnError = "stop",
    overwrite: Overwrite = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Write nothing; say for each field what would be dropped, and why.")
    ] = False,
) -> None:
    """Add PROB_ASTEROID to frames' catalogues, or list it for stamps (default: of data/held-out).

    Give all exposures of a field together: stationary detections are found by comparing them.
    """
    from ..catalogues import Names
    from ..classify import classify

    result = classify(
        inputs or [HELD_OUT],
        model or run,
        catalogue=catalogue,
        catalogues=catalogues,
        names=Names.parse(columns) if columns else None,
        output=output,
        format=format_,
        drop=drop,
        keep_above=keep_above,
        discard=discard,
        on_error=on_error,
        overwrite=overwrite,
        dry_run=dry_run,
        provider=provider,
        rebuild=rebuild,
        slowest=slowest,
        static=static,
        needs=needs,
    )
    if result.status:
        raise typer.Exit(result.status)
