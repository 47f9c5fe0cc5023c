"""The command that writes the page on which a night is reviewed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import CLASSIFIED

NONE = Path("none")
"""What says that nothing is looked up."""


def review(
    night: Annotated[Path, typer.Argument(metavar="OUT", help="Folder that `night` or `watch` wrote.")] = CLASSIFIED,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="The page (default: OUT/review.html).")] = None,
    known: Annotated[
        Path | None,
        typer.Option(
            metavar="skybot|FILE|none",
            help="Name the tracklets that are known objects: ask the SkyBoT service (it gets the places, times and "
            "observatory of the fields), or read a table of places, as build-records --truth does. Without it nothing "
            "is asked, and none is called new.",
        ),
    ] = None,
    observatory: Annotated[
        str | None,
        typer.Option(
            metavar="CODE",
            help="MPC code of the observatory that took the frames, where the headers do not say it (for skybot), or "
            "the table has those of several.",
        ),
    ] = None,
) -> None:
    """Write a page on which a person accepts or rejects the tracklets of a night: it needs no server and no network.

    Open it in a browser. Keys a and r decide, u undoes, s saves what `report --decisions` and `build-records --truth`
    read.
    """
    from ..night.review import review

    review(night, output, known=None if known == NONE else known, observatory=observatory)
