"""The command that runs the paper's experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..machine.cores import compute_with
from ..settings.guarantee import Guarantee
from ..settings.option import only, options_of
from ..settings.records import RecordsOptions
from ..settings.shared import Shared
from ..settings.training import OPTIONS
from .from_settings import from_settings, given, in_panel

RUNS, TRAINING = "Runs", "Training, as in `ceres-fast train`"
OPERATING_POINT = "Operating point, as in `ceres-fast calibrate`"
FOR_ALL_RUNS = ("weights", "epochs", "patience", "precision")


@from_settings(
    panels=(RUNS, TRAINING, OPERATING_POINT),
    options=in_panel(RUNS, {"records": OPTIONS["records"]})
    | in_panel(TRAINING, {name: OPTIONS[name] for name in FOR_ALL_RUNS}),
    guarantee=in_panel(OPERATING_POINT, options_of(Guarantee)),
    computing=in_panel(RUNS, only(Shared, "threads")),
    spread=in_panel(RUNS, only(RecordsOptions, "scheduler")),
)
def experiments(
    context: typer.Context,
    options: dict[str, Any],
    guarantee: dict[str, Any],
    computing: dict[str, Any],
    spread: dict[str, Any],
    out: Annotated[
        Path, typer.Option(help="Folder for the runs, the results and the report.", metavar="DIR", rich_help_panel=RUNS)
    ] = Path("experiments"),
    backbones: Annotated[
        str,
        typer.Option(
            help="Some of inceptionv3, xception, inceptionresnetv2, resnet152v2, with commas between (default: all).",
            metavar="NAME[,NAME]",
            rich_help_panel=RUNS,
        ),
    ] = "",
    experiments: Annotated[
        str,
        typer.Option(
            help="Some of 1, 2, 3, with commas between (default: all).", metavar="N[,N]", rich_help_panel=RUNS
        ),
    ] = "",
    seeds: Annotated[
        int | None,
        typer.Option(min=1, help="Runs of each, with so many seeds (default: 1).", metavar="N", rich_help_panel=RUNS),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            help="Options of `ceres-fast train` in TOML, for all runs; the options here override it.",
            metavar="FILE",
            rich_help_panel=TRAINING,
        ),
    ] = None,
    cache_dir: Annotated[
        str | None,
        typer.Option(
            help="Folder of the prefix cache; without it one in --out, emptied when a backbone's experiment is done.",
            metavar="DIR",
            rich_help_panel=TRAINING,
        ),
    ] = None,
) -> None:
    """Run the paper's experiments on records, backbone by backbone, and write one report of them all.

    What was stopped goes on with the same command; runs that have failed are tried again.
    """
    compute_with(**computing)
    from ..paper.plan import planned
    from ..paper.run import run_experiments

    # What is not given here, a configuration file may say.
    named = given(context)
    common = {name: value for name, value in (options | {"cache_dir": cache_dir}).items() if name in named}
    plan = planned(
        out,
        backbones=backbones,
        experiments=experiments,
        seeds=seeds,
        config=config,
        options=common,
        guarantee=Guarantee(**guarantee),
    )
    run_experiments(out, plan, **spread)
