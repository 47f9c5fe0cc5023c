"""What the commands share: the app, the names of folders, and options that mean the same everywhere."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated, Literal

import typer

DATA, TRAINING, HELD_OUT = Path("data"), Path("data/training"), Path("data/held-out")
RECORDS, LATEST, CLASSIFIED, DEMO = Path("records"), Path("runs/latest"), Path("classified"), Path("demo")
INJECTED = Path("injected")

OnError = Annotated[
    Literal["stop", "skip"],
    typer.Option(help="A file that cannot be used: stop with its name, or skip it and say how many were skipped."),
]
Seed = Annotated[int, typer.Option(min=0, help="Seed of everything random; the same seed gives the same result.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what is there already.")]
RecordsFolder = Annotated[Path, typer.Option(help="Folder of the records.")]
Run = Annotated[Path, typer.Argument(metavar="[RUN]", help="Run directory.")]


def _positive(value: float | None) -> float | None:
    """Refuse what is no number above 0."""
    if value is not None and not 0 < value < math.inf:
        raise typer.BadParameter(f"{value:g} is not a number above 0")
    return value


OtherSlowest = Annotated[
    float | None,
    typer.Option(
        metavar="RATE",
        callback=_positive,
        help="Slowest asteroid that is wanted, arcsec/min; without it that of the classifier's rules, else 0.1.",
    ),
]
Slowest = Annotated[
    float,
    typer.Option(
        metavar="RATE",
        callback=_positive,
        help="Slowest asteroid that is wanted, arcsec/min. Exposures are compared where it has left its place between "
        "them; what is seen there in both is stationary.",
    ),
]
Chance = Annotated[
    float,
    typer.Option(
        metavar="SHARE",
        callback=_positive,
        max=1,
        help="Share of random places that may be called stationary by chance, at most.",
    ),
]
Static = Annotated[
    Path | None,
    typer.Option(
        metavar="CATALOGUE", help="Fixed sources from other nights or a survey: any table with ra and dec (deg)."
    ),
]
Needs = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=1,
        help="Exposures of a night in which an asteroid must be left; what the rule for stationary detections costs is "
        "measured by it.",
    ),
]
Catalogues = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="Folder with the catalogues of all frames, as `detect --output` writes it; without it they are looked for "
        "beside each frame and in ../sextractor_cat.",
    ),
]
Columns = Annotated[
    str,
    typer.Option(
        metavar="WHAT=NAME[,WHAT=NAME]",
        help="What your catalogues call their columns, where it is not as SExtractor does: "
        "x=XPOS,y=YPOS,ra=RA,dec=DEC,magnitude=MAG,flags=FLAGS,width=FWHM. Positions are in pixels from 1.",
    ),
]
Engine = Annotated[
    Literal["sep", "source-extractor"],
    typer.Option(help="What detects: the library sep, or the program SExtractor (Debian's source-extractor)."),
]
Threshold = Annotated[float, typer.Option(min=0.1, help="Detection threshold, in standard deviations of the sky.")]
MinArea = Annotated[int, typer.Option(min=1, help="Least number of connected pixels above the threshold.")]
