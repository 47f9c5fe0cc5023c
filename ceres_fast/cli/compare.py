"""The command that compares classifiers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..settings.guarantee import Guarantee
from ..settings.option import only
from ..settings.shared import Shared
from .from_settings import from_settings
from .options import Split


@from_settings(needs=only(Guarantee, "needs"), shared=only(Shared, "seed"))
def compare(
    runs: Annotated[
        list[Path],
        typer.Argument(
            metavar="RUN RUN...",
            help="Run directories that `ceres-fast evaluate` has evaluated on the same records, two or more.",
        ),
    ],
    split: Split = "test",
    output: Annotated[
        Path | None, typer.Option(help="Folder for compare.txt, compare.json and compare.png.", metavar="DIR")
    ] = None,
    *,
    needs: dict[str, Any],
    shared: dict[str, Any],
) -> None:
    """Tell whether one classifier is better than another: paired differences with intervals, exact tests, a verdict."""
    from ..evaluation.compare.compare import compare

    compare(runs, split=split, output=output, **needs, **shared)
