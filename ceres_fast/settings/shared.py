"""Options that mean the same in every command that has them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..errors import OnError
from .guarantee import NEEDS
from .option import option


@dataclass(frozen=True)
class Shared:
    """Each command has those of these options that it needs (`option.only`)."""

    catalogues: Annotated[
        Path | None,
        option(
            "Folder with the catalogues of all frames, as `detect --output` writes it; without it they are looked for "
            "beside each frame and in ../sextractor_cat.",
            metavar="FOLDER",
        ),
    ] = None
    camera: Annotated[
        str | None,
        option(
            "Profile of the camera: decam, int-wfc, lco, nina, rubin, ztf, or a TOML file. Without it frames are read "
            "as from any camera.",
            metavar="NAME|FILE",
        ),
    ] = None
    static: Annotated[
        Path | None,
        option(
            "Fixed sources from other nights or a survey: any table with ra and dec (deg).",
            metavar="CATALOGUE",
        ),
    ] = None
    template: Annotated[
        Path | None,
        option(
            "A frame of the same sky from another time, or a folder of them: shows what is always there, also where a "
            "field has one exposure only.",
            metavar="FRAME",
        ),
    ] = None
    forced: Annotated[
        bool,
        option(
            "Measure the flux at the place of each detection in the other exposures of its field.",
            alone=True,
        ),
    ] = False
    needs: Annotated[
        int,
        option(
            "Exposures of a night in which an asteroid must be left; what the rule for stationary detections costs is "
            "measured by it.",
            metavar="N",
            ge=1,
        ),
    ] = NEEDS
    on_error: Annotated[
        OnError,
        option("A file that cannot be used: stop with its name, or skip it and say how many were skipped."),
    ] = "stop"
    seed: Annotated[
        int, option("Seed of everything random; the same seed gives the same result.", metavar="N", ge=0)
    ] = 0
    threads: Annotated[
        int | None,
        option(
            "Threads on the CPU; without it $OMP_NUM_THREADS, else as many as there are cores that it may use, by "
            "affinity and CPU quota.",
            metavar="N",
            ge=1,
            le=4096,
        ),
    ] = None
    overwrite: Annotated[bool, option("Replace what is there already.", alone=True)] = False
