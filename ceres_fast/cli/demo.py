"""The command that does all of it once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import DEMO, Overwrite, Seed


def demo(
    out: Annotated[Path, typer.Argument(help="Folder to make.")] = DEMO,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Do it all on a small simulated survey, without a network, and draw what was found and what was lost."""
    from ..demo import run_demo

    run_demo(out, seed=seed, overwrite=overwrite)
