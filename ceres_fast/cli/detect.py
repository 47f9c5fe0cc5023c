"""The command that makes catalogues of frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import DATA, Engine, MinArea, OnError, Overwrite, Threshold


def detect(
    sources: Annotated[
        list[Path] | None, typer.Argument(metavar="[FRAME|FOLDER]...", help="FITS frames, or folders with them.")
    ] = None,
    engine: Engine = "sep",
    format_: Annotated[
        Literal["ASCII_HEAD", "FITS_LDAC", "FITS_1.0"],
        typer.Option("--format", help="Catalogue format (FITS_1.0 with the program SExtractor only)."),
    ] = "ASCII_HEAD",
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the catalogues; without it beside each frame, or in ../sextractor_cat."),
    ] = None,
    threshold: Threshold = 1.5,
    min_area: MinArea = 5,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; without it one per core. The catalogues are the same.")
    ] = None,
    on_error: OnError = "stop",
    overwrite: Overwrite = False,
) -> None:
    """Detect sources and write a catalogue with SExtractor's column names for every frame (default: of data)."""
    from ..detect import detect_frames

    detect_frames(
        sources or [DATA],
        engine=engine,
        format=format_,
        output=output,
        threshold=threshold,
        min_area=min_area,
        workers=workers,
        on_error=on_error,
        overwrite=overwrite,
    )
