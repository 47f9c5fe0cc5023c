"""The command that shows how frames are understood."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ..settings.option import only
from ..settings.shared import Shared
from .from_settings import from_settings
from .options import DATA


@from_settings(shared=only(Shared, "camera", "catalogues"))
def look(
    sources: Annotated[
        list[Path] | None, typer.Argument(metavar="FRAME|FOLDER", help="FITS frames, or folders with them.")
    ] = None,
    png: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE|FOLDER",
            help="Draw each frame with the positions of its catalogue: one into a file, several into a folder.",
        ),
    ] = None,
    *,
    shared: dict[str, Any],
) -> None:
    """Show how frames are understood: the first thing to try with a new camera.

    What is known of each, from which keywords and in which units, what is doubted, and what it costs where something is
    not known; coordinates, pixels, masks, catalogue, and whether stationary detections can be found. Of a folder, or of
    more than three frames, one is shown in full, and what differs in the others (default: of data).
    """
    from ..look import look

    look(sources or [DATA], png=png, **shared)
