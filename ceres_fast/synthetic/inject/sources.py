"""Which frames are injected together, and what the copies are called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ...errors import InputError, Problems
from ...frames.exposures import group_exposures
from ...frames.info import FrameInfo
from ...frames.reading import find_frames, read_headers, relative_to_sources
from .conditions import check
from .write import KEYWORD


def find_fields(
    sources: Sequence[Path], problems: Problems, counts: Counter[str]
) -> tuple[list[list[list[FrameInfo]]], dict[Path, Path]]:
    """Return the frames by field, CCD and night, fields that share files together, and each file's relative name.

    Raises
    ------
    InputError
        For a bad frame, one whose header lacks what is needed (`conditions.check`), one that holds synthetic
        asteroids already, or two files that would have one name.
    """
    infos: list[FrameInfo] = []
    for path in find_frames(sources):
        with problems.skipping(counts, "frames left out"):
            found = read_headers(path)
            if any(KEYWORD in head.header for head in found):
                raise InputError(
                    path,
                    f"holds synthetic asteroids already ({KEYWORD} in its header)",
                    expected="frames as the camera took them",
                    action="name the folder of the originals",
                )
            for head in found:
                check(head.info, head.wcs)
            infos += [head.info for head in found]
    groups = group_exposures(infos, lambda _, error: problems.report(error, counts, "frames left out"))
    names: dict[Path, Path] = {}
    taken: dict[Path, Path] = {}
    for path in dict.fromkeys(info.path for group in groups for info in group):
        names[path] = relative_to_sources(path, sources)
        if (other := taken.setdefault(names[path], path)) != path:
            problem = f"would be written to {names[path]}, as {other} would"
            raise InputError(path, problem, expected="a name per frame", action="name the folder above both")
    return _batches(groups), names


def _batches(groups: Sequence[list[FrameInfo]]) -> list[list[list[FrameInfo]]]:
    """Put together the groups that share files: the CCDs of mosaics, whose files are written once."""
    batches: dict[int, list[list[FrameInfo]]] = {}
    of_path: dict[Path, int] = {}
    for number, group in enumerate(groups):
        shared = {of_path[info.path] for info in group if info.path in of_path}
        batches[number] = [*(part for other in sorted(shared) for part in batches.pop(other)), group]
        of_path.update({info.path: number for part in batches[number] for info in part})
    return list(batches.values())
