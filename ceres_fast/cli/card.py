"""The command that writes a model card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..settings.option import only
from ..settings.shared import Shared
from .from_settings import from_settings
from .options import LATEST, Run


@from_settings(shared=only(Shared, "overwrite"))
def card(
    run: Run = LATEST,
    records: Annotated[
        Path | None,
        typer.Option(help="Folder of the records it was trained on (default: the one that the run names)."),
    ] = None,
    *,
    shared: dict[str, Any],
) -> None:
    """Write a model card, README.md in the run: data, results with intervals, operating point, limits, hashes."""
    from ..console import say
    from ..evaluation.model_card import write_card

    say(f"written to {write_card(run, records, **shared)}")
