"""The command that says what this machine can run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def doctor(
    model: Annotated[
        Path | None,
        typer.Argument(metavar="MODEL", help="An exported classifier or a run folder, to be tried here."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")] = False,
) -> None:
    """List what this machine can run a classifier with, and why it cannot use the rest.

    Exits with status 1 when MODEL does not run here.
    """
    from ..console import say
    from ..engines import doctor

    found = doctor.examine(model)
    if as_json:
        say(doctor.as_json(found))
    else:
        doctor.show(found)
    if model is not None and not found[-1].usable:
        raise typer.Exit(1)
