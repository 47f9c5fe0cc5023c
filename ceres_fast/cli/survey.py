"""Commands that make or complete frames and catalogues."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import DATA, INJECTED, TRAINING, OnError, OtherSlowest, Overwrite, Seed

Engine = Annotated[
    Literal["sep", "source-extractor"],
    typer.Option(help="What detects: the library sep, or the program SExtractor (Debian's source-extractor)."),
]
Threshold = Annotated[float, typer.Option(min=0.1, help="Detection threshold, in standard deviations of the sky.")]
MinArea = Annotated[int, typer.Option(min=1, help="Least number of connected pixels above the threshold.")]


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
    from ..synthetic.simulate import simulate_survey

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
        on_error=on_error,
        overwrite=overwrite,
    )


def inject(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FRAME|FOLDER]...", help="FITS frames, or folders with them; they are not changed."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder to make: the frames with synthetic asteroids, their catalogues, asteroids.csv, completeness."
        ),
    ] = INJECTED,
    number: Annotated[int, typer.Option(min=1, help="Asteroids per field, CCD and night.")] = 100,
    magnitude: Annotated[
        tuple[float, float] | None,
        typer.Option(
            metavar="BRIGHTEST FAINTEST",
            help="Drawn uniformly; without it from 3 mag above to 1 mag below the depth (S/N 5) of each field.",
        ),
    ] = None,
    rate: Annotated[
        tuple[float, float],
        typer.Option(metavar="SLOWEST FASTEST", help="arcsec/min, drawn uniformly in the logarithm."),
    ] = (0.2, 10.0),
    position_angle: Annotated[
        tuple[float, float],
        typer.Option(metavar="FROM TO", help="Direction of motion, deg from north through east."),
    ] = (0.0, 360.0),
    truth: Annotated[
        Path | None,
        typer.Option(
            help="Known real asteroids in these frames; handed on, so that records do not call them non-asteroids."
        ),
    ] = None,
    model: Annotated[
        Path | None, typer.Option(help="Classifier (.onnx): also count which detections it calls asteroids.")
    ] = None,
    slowest: OtherSlowest = None,
    engine: Engine = "sep",
    threshold: Threshold = 1.5,
    min_area: MinArea = 5,
    on_error: OnError = "stop",
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Put synthetic asteroids into real frames, and measure which of them are found (default: of data/training)."""
    from ..classify.scorer import scorer, slowest_of
    from ..selection.rules import Rules
    from ..synthetic.inject import inject_frames

    inject_frames(
        sources or [TRAINING],
        out,
        number_per_field=number,
        magnitude=magnitude,
        rate=rate,
        position_angle=position_angle,
        truth=truth,
        scorer=scorer(model, on_error, slowest) if model else None,
        slowest=slowest or (slowest_of(model) if model else None) or Rules.slowest,
        engine=engine,
        threshold=threshold,
        min_area=min_area,
        on_error=on_error,
        seed=seed,
        overwrite=overwrite,
    )
