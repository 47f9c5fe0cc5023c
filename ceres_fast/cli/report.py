"""The command that writes a night for others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ..console import say, warn
from ..settings.night import OUTPUTS, REPORTS
from ..settings.option import only
from ..settings.shared import Shared
from .from_settings import from_settings
from .options import CLASSIFIED, To


@from_settings(shared=only(Shared, "overwrite"))
def report(
    night: Annotated[Path, typer.Argument(metavar="OUT", help="Folder that `night` or `watch` wrote.")] = CLASSIFIED,
    to: To = None,
    decisions: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="What the page of `review` saved: of tracklets, only those accepted are meant."
        ),
    ] = None,
    observatory: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Who observed, with what and against which stars, in TOML (docs/outputs.md)."
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option(help="Folder for the files (default: OUT/outputs).")] = None,
    *,
    shared: dict[str, bool],
) -> None:
    """Write a classified night for linkers, the Minor Planet Center, DS9 and the Virtual Observatory.

    Nothing is sent. Of tracklets, those that were accepted in the review are meant; without --decisions, those that
    are kept.
    """
    if not to:
        raise typer.BadParameter(f"expected at least one of {', '.join(OUTPUTS)}", param_hint="--to")
    from ..night.detections import read_night
    from ..night.writers import write_outputs

    folder = output or night / "outputs"
    written = write_outputs(read_night(night), to, folder, observatory, decisions, overwrite=shared["overwrite"])
    for name in dict.fromkeys(path.relative_to(folder).parts[0] for path in written):
        say(f"wrote {folder / name}")
    if decisions is None and set(to) & set(REPORTS):
        warn("nobody has looked at these tracklets: review them, and give --decisions, before a report is sent")
    if not written:
        say("nothing was written: no tracklet has three exposures")
