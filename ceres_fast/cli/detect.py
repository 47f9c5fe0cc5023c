"""The command that makes catalogues of frames."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..settings.option import only
from ..settings.shared import Shared
from ..settings.survey import Detection
from .from_settings import from_settings
from .options import DATA


@from_settings(detection=Detection, shared=only(Shared, "camera", "on_error", "overwrite"))
def detect(
    sources: Annotated[
        list[Path] | None, typer.Argument(metavar="FRAME|FOLDER", help="FITS frames, or folders with them.")
    ] = None,
    format_: Annotated[
        Literal["ASCII_HEAD", "FITS_LDAC", "FITS_1.0"],
        typer.Option("--format", help="Catalogue format (FITS_1.0 with the program SExtractor only)."),
    ] = "ASCII_HEAD",
    output: Annotated[
        Path | None,
        typer.Option(help="Folder for the catalogues; without it beside each frame, or in ../sextractor_cat."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; without it one per core. The catalogues are the same.")
    ] = None,
    *,
    detection: Detection,
    shared: dict[str, Any],
) -> None:
    """Detect sources and write a catalogue with SExtractor's column names for every frame (default: of data)."""
    from ..detect import detect_frames

    detect_frames(sources or [DATA], format=format_, output=output, workers=workers, **asdict(detection), **shared)
