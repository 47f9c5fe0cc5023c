"""The command that puts synthetic asteroids into real frames."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ..machine.cores import compute_with
from ..settings.classifier import ClassifyOptions
from ..settings.option import only
from ..settings.shared import Shared
from ..settings.survey import Detection, Injection
from .from_settings import from_settings
from .options import INJECTED, TRAINING


@from_settings(
    injection=Injection,
    detection=Detection,
    rule=only(ClassifyOptions, "slowest"),
    shared=only(Shared, "camera", "on_error", "seed", "overwrite"),
    computing=only(Shared, "threads"),
)
def inject(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FRAME|FOLDER", help="FITS frames, or folders with them; they are not changed."),
    ] = None,
    out: Annotated[
        Path,
        typer.Option(
            help="Folder to make: the frames with synthetic asteroids, their catalogues, asteroids.csv, completeness."
        ),
    ] = INJECTED,
    model: Annotated[
        Path | None, typer.Option(help="Classifier (.onnx): also count which detections it calls asteroids.")
    ] = None,
    *,
    injection: Injection,
    detection: Detection,
    rule: dict[str, Any],
    shared: dict[str, Any],
    computing: dict[str, Any],
) -> None:
    """Put synthetic asteroids into real frames, and measure which of them are found (default: of data/training)."""
    compute_with(**computing)
    from ..classify.classify import scorer, slowest_of
    from ..selection.rules import Rules
    from ..synthetic.inject import inject_frames

    slowest = rule["slowest"]
    inject_frames(
        sources or [TRAINING],
        out,
        scorer=scorer(model, shared["on_error"], slowest, shared["camera"]) if model else None,
        slowest=slowest or (slowest_of(model) if model else None) or Rules.slowest,
        **asdict(injection),
        **asdict(detection),
        **shared,
    )
