"""Which frames there are, by field, CCD and night."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from ..errors import InputError
from .catalogues import find_catalogue, read_catalogue
from .exposures import group_exposures
from .frame_info import FrameInfo
from .frames import celestial, find_frames, info_from, read_header
from .problems import OnError, Problems
from .selection import Where, equal


def survey_fields(
    sources: Sequence[Path], *, where: Where = (), on_error: OnError = "stop"
) -> tuple[list[list[FrameInfo]], Counter[str]]:
    """Return the frames in sources by field, CCD and night, and how many were found, bad or not selected.

    Names of `where` that are no keyword of a header are left to the catalogues.
    """
    infos, counts = read_infos(find_frames(sources), where=where, on_error=on_error)
    fields, copies = grouped(infos, on_error=on_error)
    return fields, counts + copies


def read_infos(
    paths: Sequence[Path], *, where: Where = (), on_error: OnError = "stop"
) -> tuple[list[FrameInfo], Counter[str]]:
    """Return what the headers of frames say, without the frames that are bad or not selected, and counts of both."""
    counts: Counter[str] = Counter()
    problems = Problems(on_error)
    infos = []
    for path in paths:
        counts["frames_found"] += 1
        try:
            header = read_header(path)
            if all(any(equal(header[name], value) for value in allowed) for name, allowed in where if name in header):
                infos.append(info_from(path, header, celestial(header)))
            else:
                counts["frames_not_selected"] += 1
        except InputError as error:
            leave_out(path, error, problems, counts)
    return infos, counts


def grouped(infos: Sequence[FrameInfo], *, on_error: OnError = "stop") -> tuple[list[list[FrameInfo]], Counter[str]]:
    """Group frames as `group_exposures` does; copies of an exposure are bad frames."""
    counts: Counter[str] = Counter()
    problems = Problems(on_error)
    return group_exposures(infos, lambda info, error: leave_out(info.path, error, problems, counts)), counts


def leave_out(path: Path, error: InputError, problems: Problems, counts: Counter[str]) -> None:
    """Report a frame that cannot be used, and count it and the detections in its catalogue, if that can be read."""
    problems.report(error, counts, "bad_frames")
    lost = _rows(path)
    counts["detections"] += lost
    counts["bad_frame_detections"] += lost


def _rows(path: Path) -> int:
    try:
        return 0 if (catalogue := find_catalogue(path)) is None else len(read_catalogue(catalogue).table)
    except InputError:
        return 0
