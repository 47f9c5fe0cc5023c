"""The command that simulates a survey."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import DATA, Overwrite, Seed


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
