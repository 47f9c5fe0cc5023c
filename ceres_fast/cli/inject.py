"""The command that puts synthetic asteroids into real frames."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import INJECTED, TRAINING, Engine, MinArea, OnError, OtherSlowest, Overwrite, Seed, Threshold


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
    from ..classify.classify import scorer, slowest_of
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
