"""The options of the commands that classify a night as a whole, night and watch, and what a night is written for."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, get_args

from .option import option
from .records import SCHEDULER

Output = Literal["crossobject", "heliolinx", "thor", "difi", "ades-psv", "ades-xml", "mpc80", "ds9", "votable"]
OUTPUTS: tuple[Output, ...] = get_args(Output)
"""The names that `--to` takes."""

REPORTS: tuple[Output, ...] = ("ades-psv", "ades-xml", "mpc80")
"""What can be sent to the Minor Planet Center, once somebody has looked at it."""


@dataclass(frozen=True)
class NightOptions:
    """Where fields are classified, what is said meanwhile, and what is written beside the tables."""

    workers: Annotated[
        int, option("Processes, each of which classifies a field at a time; with several GPUs, one for each.", ge=1)
    ] = 1
    scheduler: Annotated[str | None, SCHEDULER] = None
    log: Annotated[Literal["text", "json"], option("Sentences, or a JSON object per line.")] = "text"
    metrics: Annotated[
        str | None,
        option("Numbers for Prometheus, at a port of this machine or in a text file.", metavar="PORT|HOST:PORT|FILE"),
    ] = None
    observatory: Annotated[Path | None, option("What reports say of who observed, for --to.", metavar="FILE.toml")] = (
        None
    )


@dataclass(frozen=True)
class WatchOptions:
    """How a folder is watched."""

    settle: Annotated[
        float,
        option("Seconds for which a file must be unchanged until it is whole.", metavar="SECONDS", unit="s", ge=0),
    ] = 1.0
    every: Annotated[
        float,
        option(
            "Seconds after which the folder is looked at in any case: network disks do not tell what changes.",
            metavar="SECONDS",
            unit="s",
            gt=0,
        ),
    ] = 5.0
