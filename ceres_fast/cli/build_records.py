"""The command that makes records."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ..settings.option import only
from ..settings.records import RecordsOptions
from ..settings.rules import RuleOptions
from ..settings.shared import Shared
from .from_settings import from_settings
from .options import RECORDS, TRAINING, Columns, RecordsFolder


@from_settings(
    options=RecordsOptions,
    rules=RuleOptions,
    shared=only(
        Shared, "catalogues", "camera", "static", "template", "forced", "needs", "on_error", "seed", "overwrite"
    ),
)
def build_records(
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="SOURCE",
            help="Folders with frames and their catalogues; folders with a folder of FITS stamps per class (asteroid, "
            "non_asteroid); or alert packets: Avro or Parquet files, folders of them, archives of a night (.tar, "
            ".tar.gz).",
        ),
    ] = None,
    records: RecordsFolder = RECORDS,
    *,
    options: RecordsOptions,
    columns: Columns = "",
    planes: Annotated[
        Literal["science", "science,template,difference"],
        typer.Option(
            help="Planes of the stamps. Alert packets have all three; of frames, the template is what the other "
            "exposures of the field show, and --template."
        ),
    ] = "science",
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
            metavar="N,N,N,N",
            help="Shares of the stamps that train, validation, calibration and test get; without it 0.7,0.1,0.1,0.1. "
            "With --hold-out the first three share what is not held out.",
        ),
    ] = None,
    rules: RuleOptions,
    keep_stationary: Annotated[
        bool, typer.Option("--keep-stationary", help="Do not remove stationary detections.")
    ] = False,
    shared: dict[str, Any],
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
        names=Names.parse(columns) if columns else None,
        planes=planes.split(","),
        where=[parse_where(text) for text in where or []],
        hold_out=[parse_where(text, option="--hold-out") for text in hold_out or []],
        fractions=None if fractions is None else parse_fractions(fractions),
        rules=Rules(remove_stationary=not keep_stationary, **asdict(rules)),
        **asdict(options),
        **shared,
    )
