"""The command that does all of it once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..machine.cores import compute_with
from ..settings.option import only
from ..settings.shared import Shared
from .from_settings import from_settings
from .options import DEMO


@from_settings(shared=only(Shared, "seed", "overwrite"), computing=only(Shared, "threads"))
def demo(
    out: Annotated[Path, typer.Argument(help="Folder to make.")] = DEMO,
    *,
    shared: dict[str, Any],
    computing: dict[str, Any],
) -> None:
    """Do it all on a small simulated survey, without a network, and draw what was found and what was lost."""
    compute_with(**computing)
    from ..demo import run_demo

    run_demo(out, **shared)
