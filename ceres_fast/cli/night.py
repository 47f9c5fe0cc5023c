"""The commands that classify a night as a whole: all that is there, or as it comes."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ..errors import CeresFastError
from ..machine.cores import compute_with
from ..settings.classifier import ClassifyOptions
from ..settings.night import NightOptions, WatchOptions
from ..settings.option import only
from ..settings.shared import Shared
from .from_settings import from_settings
from .options import CLASSIFIED, LATEST, Columns, To

_CLASSIFY = only(
    ClassifyOptions,
    "format",
    "drop",
    "keep_above",
    "linked_only",
    "discard",
    "provider",
    "rebuild",
    "slowest",
    "forced_limit",
)
_SHARED = only(Shared, "catalogues", "camera", "static", "template", "forced", "needs", "overwrite")
Folder = Annotated[Path, typer.Option(help="Folder for the tables.")]
Run = Annotated[Path, typer.Option(help="Run directory whose exported classifier is used.")]
Model = Annotated[
    str | None,
    typer.Option(help="An exported classifier (.onnx, .engine, .rtx) or a server's, instead of --run."),
]


@from_settings(options=_CLASSIFY, shared=_SHARED, of_night=NightOptions, computing=only(Shared, "threads"))
def night(
    folder: Annotated[Path, typer.Argument(metavar="NIGHT", help="Folder with frames and catalogues.")],
    run: Run = LATEST,
    model: Model = None,
    columns: Columns = "",
    output: Folder = CLASSIFIED,
    to: To = None,
    *,
    options: dict[str, Any],
    shared: dict[str, Any],
    of_night: NightOptions,
    computing: dict[str, Any],
) -> None:
    """Classify a night that is there, field by field: what watch would have made of it.

    What is done is not done again; a night that was ended in the middle goes on.
    """
    compute_with(**computing)
    from ..night.run import night

    result = night(folder, model or run, output=output, columns=columns, to=to, **asdict(of_night), **options, **shared)
    if result.status:
        raise typer.Exit(result.status)


@from_settings(
    options=_CLASSIFY,
    shared=_SHARED,
    of_night=NightOptions,
    watching=WatchOptions,
    computing=only(Shared, "threads"),
)
def watch(
    folder: Annotated[
        Path | None, typer.Argument(metavar="NIGHT", help="Folder in which frames and catalogues appear.")
    ] = None,
    run: Run = LATEST,
    model: Model = None,
    columns: Columns = "",
    output: Folder = CLASSIFIED,
    to: To = None,
    status: Annotated[bool, typer.Option("--status", help="Say how the night in --output stands, and end.")] = False,
    *,
    options: dict[str, Any],
    shared: dict[str, Any],
    of_night: NightOptions,
    watching: WatchOptions,
    computing: dict[str, Any],
) -> None:
    """Classify exposures as they appear: each at once, and again with its field when more have come.

    It runs until it is stopped (Ctrl-C, SIGTERM), may be killed at any moment, and goes on where it was.
    """
    from ..night.run import watch
    from ..night.status import status as print_status

    if status:
        raise typer.Exit(print_status(output))
    if folder is None:
        raise CeresFastError("watch which folder? Expected ceres-fast watch NIGHT --output OUT.")
    compute_with(**computing)
    watch(
        folder,
        model or run,
        output=output,
        columns=columns,
        to=to,
        **asdict(of_night),
        **asdict(watching),
        **options,
        **shared,
    )
