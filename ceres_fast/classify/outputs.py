"""Where `classify` writes its tables, and what it never overwrites."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Literal

from ..errors import CeresFastError
from ..survey.catalogues import SUFFIXES
from ..survey.fits_files import frame_stem

TableFormat = Literal["CSV", "ECSV"]

_BY_SUFFIX: dict[str, TableFormat] = {".csv": "CSV", ".ecsv": "ECSV"}
_FILE_SUFFIXES = (*_BY_SUFFIX, ".cat", ".ldac", ".fits", ".txt")


def is_file(output: Path) -> bool:
    """Tell whether the output is to be a file, by its suffix; a folder that is there is a folder."""
    return output.suffix.lower() in _FILE_SUFFIXES and not output.is_dir()


def format_of(output: Path, wanted: TableFormat | None) -> TableFormat | None:
    """Return the format that was asked for, by name or by the output's suffix; None for the catalogue's own."""
    return wanted or (_BY_SUFFIX.get(output.suffix.lower()) if is_file(output) else None)


def frame_target(
    frame: Path, catalogue: Path, inputs: Sequence[Path], output: Path, wanted: TableFormat | None
) -> Path:
    """Return where a frame's table goes: in a folder, to its catalogue's place relative to the input folder."""
    if is_file(output):
        return output
    place = output / _relative(catalogue, inputs)
    return place if wanted is None else place.with_name(frame_stem(frame) + SUFFIXES[wanted])


def stamps_target(output: Path, wanted: TableFormat | None) -> Path:
    """Return where the table of all stamps goes."""
    return output if is_file(output) else output / f"stamps{SUFFIXES[wanted or 'CSV']}"


def check_targets(targets: Sequence[Path], kept: Iterable[Path], places: Iterable[Path], overwrite: bool) -> None:
    """Make sure, before any work, that tables have names of their own and replace nothing they may not.

    Raises
    ------
    CeresFastError
        When two tables would have one name, one would replace an input (one of `kept`), one would be taken for the
        catalogue of a frame from then on (one of `places`), or one exists and `overwrite` is false.
    """
    inputs, catalogues = ({path.resolve() for path in paths} for paths in (kept, places))
    seen: set[Path] = set()
    for target in targets:
        place = target.resolve()
        if place in seen:
            raise CeresFastError(
                f"{target}: two tables would be written there. Choose a folder as the output, or give the inputs "
                "one folder above, so that they keep their places."
            )
        if place in inputs:
            raise CeresFastError(f"{target}: is an input, which is never overwritten. Choose another output.")
        if place in catalogues:
            raise CeresFastError(
                f"{target}: would be taken for the catalogue of a frame from then on. Choose another output."
            )
        seen.add(place)
    there = [target for target in targets if target.exists()]
    if there and not overwrite:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise CeresFastError(f"{there[0]}{more}: exists already. Choose another output, or pass --overwrite.")


def _relative(path: Path, inputs: Sequence[Path]) -> Path:
    place = path.resolve()
    folders = (source.resolve() for source in inputs if source.is_dir())
    return next((place.relative_to(folder) for folder in folders if place.is_relative_to(folder)), Path(path.name))
