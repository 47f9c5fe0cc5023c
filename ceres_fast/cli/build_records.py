"""The command that makes records."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import (
    RECORDS,
    TRAINING,
    Catalogues,
    Chance,
    Columns,
    Needs,
    OnError,
    Overwrite,
    RecordsFolder,
    Seed,
    Slowest,
    Static,
)


def build_records(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[SOURCE]...",
            help="Folders with frames and their catalogues; folders with a folder of FITS stamps per class (asteroid, "
            "non_asteroid); or alert packets: Avro files, folders of them, archives of a night (.tar, .tar.gz).",
        ),
    ] = None,
    records: RecordsFolder = RECORDS,
    truth: Annotated[
        Path | None,
        typer.Option(
            help="Known asteroids: an MPC 80-column report, ADES PSV or XML, CSV or ECSV; without it asteroids.csv in "
            "the source. The word skybot asks the SkyBoT service (needs a network and --observatory).",
        ),
    ] = None,
    observatory: Annotated[
        str | None,
        typer.Option(help="MPC code of the observatory that took the frames, where the truth has those of several."),
    ] = None,
    columns: Columns = "",
    catalogues: Catalogues = None,
    planes: Annotated[
        Literal["science", "science,template,difference"],
        typer.Option(help="Planes of the stamps. Only alert packets have all three."),
    ] = "science",
    name: Annotated[str, typer.Option(help="First part of the shards' names.")] = "stamps",
    shards: Annotated[int, typer.Option(min=1, help="Shards per split.")] = 8,
    where: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE[,VALUE]",
            help="Only stamps whose header, catalogue column or alert field NAME has one of the values.",
        ),
    ] = None,
    hold_out: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WHAT=VALUE[,VALUE]",
            help="Make up the test split of a night (night=20191026: the UTC date of the noon before), field, ccd or "
            "filter; what is linked to it elsewhere is in no split.",
        ),
    ] = None,
    fractions: Annotated[
        str | None,
        typer.Option(
            metavar="TRAIN,VALIDATION,CALIBRATION,TEST",
            help="Share of the stamps that each split gets; without it 0.7,0.1,0.1,0.1. With --hold-out the first "
            "three share what is not held out.",
        ),
    ] = None,
    calibration_asteroids: Annotated[
        int | None,
        typer.Option(
            metavar="N",
            min=1,
            help="Make the calibration split so large that it holds N asteroids, each seen in --needs exposures: 149 "
            "guarantee a loss of at most 2 %. The other splits keep their proportions.",
        ),
    ] = None,
    preset: Annotated[
        str | None,
        typer.Option(help="Draw the class counts of a published set: table1, or an eighth of it, table1/8."),
    ] = None,
    reject_flags: Annotated[
        int,
        typer.Option(
            min=0,
            max=65535,
            help="Leave out detections with any of these bits of SExtractor's FLAGS (sum of 1 neighbours, 2 deblended, "
            "4 saturated, 8 cut off at the edge, 16 and more: measurement incomplete). Such are not scored either.",
        ),
    ] = 0,
    keep_stationary: Annotated[
        bool, typer.Option("--keep-stationary", help="Do not remove stationary detections.")
    ] = False,
    slowest: Slowest = 0.1,
    chance: Chance = 0.005,
    static: Static = None,
    needs: Needs = 3,
    nan: Annotated[
        Literal["error", "fill"] | None,
        typer.Option(
            help="Missing pixels: an error, or filled with the stamp's median and counted in the record. Without it "
            "they are filled in alerts, and an error elsewhere.",
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; without it one per core. The records are the same.")
    ] = None,
    scheduler: Annotated[
        str | None,
        typer.Option(metavar="tcp://HOST:PORT", help="A running Dask scheduler whose workers see the same paths."),
    ] = None,
    on_error: OnError = "stop",
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Compile labelled stamps into TFRecord shards and a manifest (default: of data/training)."""
    from ..catalogues import Names
    from ..frames.where import parse_where
    from ..records.build import build_records
    from ..records.splits import parse_fractions
    from ..selection.rules import Rules

    build_records(
        sources or [TRAINING],
        records,
        truth=truth,
        observatory=observatory,
        names=Names.parse(columns) if columns else None,
        catalogues=catalogues,
        planes=planes.split(","),
        name=name,
        shards=shards,
        where=[parse_where(text) for text in where or []],
        hold_out=[parse_where(text, option="--hold-out") for text in hold_out or []],
        fractions=parse_fractions(fractions) if fractions else None,
        calibration_asteroids=calibration_asteroids,
        preset=preset,
        rules=Rules(remove_stationary=not keep_stationary, slowest=slowest, chance=chance, reject_flags=reject_flags),
        static=static,
        needs=needs,
        nan=nan,
        workers=workers,
        scheduler=scheduler,
        on_error=on_error,
        seed=seed,
        overwrite=overwrite,
    )
