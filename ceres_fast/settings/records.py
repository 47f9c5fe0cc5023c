"""The options of `ceres-fast build-records` and `ceres-fast inspect`."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from ..errors import NanPolicy
from .option import option

SCHEDULER = option("A running Dask scheduler whose workers see the same paths.", metavar="tcp://HOST:PORT")


@dataclass(frozen=True)
class RecordsOptions:
    """What records are built of, and how; the rules by which detections become stamps are `selection.rules.Rules`."""

    truth: Annotated[
        Path | None,
        option(
            "Known asteroids: an MPC 80-column report, ADES PSV or XML, CSV or ECSV; without it asteroids.csv in the "
            "source. The word skybot asks the SkyBoT service (needs a network and --observatory)."
        ),
    ] = None
    observatory: Annotated[
        str | None,
        option("MPC code of the observatory that took the frames, where the truth has those of several."),
    ] = None
    name: Annotated[str, option("First part of the shards' names.")] = "stamps"
    shards: Annotated[int, option("Shards per split.", metavar="N", ge=1, le=99_999)] = 8
    calibration_asteroids: Annotated[
        int | None,
        option(
            "Make the calibration split so large that it holds N asteroids, each seen in --needs exposures: 149 "
            "guarantee a loss of at most 2 %. The other splits keep their proportions.",
            metavar="N",
            ge=1,
        ),
    ] = None
    preset: Annotated[
        str | None,
        option("Draw the class counts of a published set: table1, or an eighth of it, table1/8."),
    ] = None
    nan: Annotated[
        NanPolicy | None,
        option(
            "Missing pixels: an error, or filled with the stamp's median and counted in the record. Without it they "
            "are filled in alerts, and an error elsewhere."
        ),
    ] = None
    workers: Annotated[
        int | None,
        option("Processes; without it one per core. The records are the same.", metavar="N", ge=1, le=4096),
    ] = None
    scheduler: Annotated[str | None, SCHEDULER] = None


@dataclass(frozen=True)
class Inspection:
    """What is shown of records."""

    number: Annotated[int, option("Stamps of each class in the pictures.", metavar="N", ge=1, le=10_000)] = 40
