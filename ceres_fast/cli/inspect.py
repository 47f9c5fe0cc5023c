"""The command that checks records and shows what is in them."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from ..settings.option import only
from ..settings.records import Inspection
from ..settings.shared import Shared
from .from_settings import from_settings
from .options import RECORDS


@from_settings(inspection=Inspection, shared=only(Shared, "seed", "overwrite"))
def inspect(
    records: Annotated[Path, typer.Argument(metavar="RECORDS", help="Folder of the records.")] = RECORDS,
    output: Annotated[
        Path | None, typer.Option(help="Folder for the report; without it RECORDS-inspection beside the records.")
    ] = None,
    *,
    inspection: Inspection,
    shared: dict[str, Any],
) -> None:
    """Prove that no asteroid, field or stamp is in two splits, and show what is in records; a leak is an error."""
    from ..records.inspect import inspect_records

    inspect_records(records, output, **asdict(inspection), **shared)
