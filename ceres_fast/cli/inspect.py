"""The command that checks records and shows what is in them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import RECORDS, Overwrite, Seed


def inspect(
    records: Annotated[Path, typer.Argument(metavar="[RECORDS]", help="Folder of the records.")] = RECORDS,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the report; without it RECORDS-inspection beside the records.")
    ] = None,
    number: Annotated[int, typer.Option(min=1, help="Stamps of each class in the pictures.")] = 40,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Prove that no asteroid, field or stamp is in two splits, and show what is in records; a leak is an error."""
    from ..records.inspect import inspect_records

    inspect_records(records, output, seed=seed, number=number, overwrite=overwrite)
