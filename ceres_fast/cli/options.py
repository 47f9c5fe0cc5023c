"""What the commands share: the app, the names of folders, and options that mean the same everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from ..settings.night import OUTPUTS

DATA, TRAINING, HELD_OUT = Path("data"), Path("data/training"), Path("data/held-out")
RECORDS, LATEST, CLASSIFIED, DEMO = Path("records"), Path("runs/latest"), Path("classified"), Path("demo")
INJECTED = Path("injected")

RecordsFolder = Annotated[Path, typer.Option(help="Folder of the records.")]
Split = Annotated[Literal["test", "validation", "calibration", "train"], typer.Option(help="Split of the records.")]
Run = Annotated[Path, typer.Argument(metavar="RUN", help="Run directory.")]
Columns = Annotated[
    str,
    typer.Option(
        metavar="WHAT=NAME[,WHAT=NAME]",
        help="What your catalogues call their columns, where it is not as SExtractor does: "
        "x=XPOS,y=YPOS,ra=RA,dec=DEC,magnitude=MAG,flags=FLAGS,width=FWHM. Positions are in pixels from 1.",
    ),
]


def _known(to: list[str] | None) -> list[str] | None:
    for name in to or []:
        if name not in OUTPUTS:
            raise typer.BadParameter(f"{name!r} is not one of {', '.join(OUTPUTS)}.")
    return to


To = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME", help=f"For whom: {', '.join(OUTPUTS)}. May be repeated.", callback=_known),
]
