"""Commands that make or complete frames and catalogues."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import DATA, OnError, Overwrite, Seed


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
    from ..survey.simulate import simulate_survey

    simulate_survey(
        out,
        fields=fields,
        held_out_fields=held_out_fields,
        exposures=exposures,
        small=small,
        seed=seed,
        overwrite=overwrite,
    )


def detect(
    sources: Annotated[
        list[Path] | None, typer.Argument(metavar="[FRAME|FOLDER]...", help="FITS frames, or folders with them.")
    ] = None,
    engine: Annotated[
        Literal["sep", "source-extractor"],
        typer.Option(help="What detects: the library sep, or the program SExtractor (Debian's source-extractor)."),
    ] = "sep",
    format_: Annotated[
        Literal["ASCII_HEAD", "FITS_LDAC", "FITS_1.0"],
        typer.Option("--format", help="Catalogue format (FITS_1.0 with the program SExtractor only)."),
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
    from ..survey.detect import detect_frames

    detect_frames(
        sources or [DATA],
        engine=engine,
        format=format_,
        output=output,
        threshold=threshold,
        min_area=min_area,
        on_error=on_error,
        overwrite=overwrite,
    )
