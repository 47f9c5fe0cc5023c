"""The command that simulates a survey."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ..settings.option import only
from ..settings.shared import Shared
from ..settings.survey import Simulation
from .from_settings import from_settings
from .options import DATA


@from_settings(simulation=Simulation, shared=only(Shared, "camera", "seed", "overwrite"))
def simulate(
    out: Annotated[Path, typer.Argument(help="Folder to make.")] = DATA,
    *,
    simulation: Simulation,
    shared: dict[str, Any],
) -> None:
    """Simulate a survey: frames with asteroids and all that looks like them, and the list of validated asteroids."""
    from ..synthetic.simulate import simulate_survey

    simulate_survey(out, **asdict(simulation), **shared)
