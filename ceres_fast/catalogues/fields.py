"""Which frames there are, by field, CCD and night."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from astropy.io import fits

from ..errors import InputError, OnError, Problems
from ..frames.camera import GENERIC, Camera
from ..frames.exposures import group_exposures, without_no_sky
from ..frames.headers.cards import say_doubts
from ..frames.info import FrameInfo
from ..frames.reading import find_frames, read_headers
from ..frames.where import Where, equal
from . import find_catalogue, read_catalogue, rows_of


def survey_fields(
    sources: Sequence[Path],
    *,
    where: Where = (),
    on_error: OnError = "stop",
    catalogues: Path | None = None,
    camera: Camera = GENERIC,
) -> tuple[list[list[FrameInfo]], Counter[str]]:
    """Return the frames in sources by field, CCD and night, and how many were found, bad or not selected.

    Names of `where` that are no keyword of a header are left to the catalogues, which are looked for in `catalogues`
    where such a folder is given (`find_catalogue`).
    """
    frames = find_frames(sources, camera)
    infos, counts = read_infos(frames, where=where, on_error=on_error, catalogues=catalogues, camera=camera)
    fields, copies = grouped(infos, on_error=on_error, catalogues=catalogues)
    return fields, counts + copies


def read_infos(
    paths: Sequence[Path],
    *,
    where: Where = (),
    on_error: OnError = "stop",
    catalogues: Path | None = None,
    camera: Camera = GENERIC,
) -> tuple[list[FrameInfo], Counter[str]]:
    """Return what the headers of frames say, without the frames that are bad or not selected, and counts of both."""
    counts: Counter[str] = Counter()
    problems = Problems(on_error)
    infos = []
    for path in paths:
        try:
            heads = read_headers(path, camera)
            find_catalogue(path, catalogues)  # of several in a folder that is named, none can be preferred
        except InputError as error:
            counts["frames_found"] += 1
            leave_out(path, error, problems, counts, catalogues)
            continue
        counts["frames_found"] += len(heads)
        chosen = [info for info, header, _ in heads if _is_chosen(header, where)]
        counts["frames_not_selected"] += len(heads) - len(chosen)
        infos += chosen
    return infos, +counts


def _is_chosen(header: fits.Header, where: Where) -> bool:
    return all(any(equal(header[name], value) for value in allowed) for name, allowed in where if name in header)


def grouped(
    infos: Sequence[FrameInfo], *, on_error: OnError = "stop", catalogues: Path | None = None
) -> tuple[list[list[FrameInfo]], Counter[str]]:
    """Group the exposures of the sky as `group_exposures` does; copies of an exposure are bad frames.

    What is left out, and what is odd in the headers of the others, is said.
    """
    infos, others = without_no_sky(infos)
    say_doubts((info.place, info.doubts) for info in infos)
    counts = Counter(frames_of_no_sky=others)
    problems = Problems(on_error)
    groups = group_exposures(infos, lambda info, error: leave_out(info, error, problems, counts, catalogues))
    return groups, +counts


def leave_out(
    frame: FrameInfo | Path,
    error: InputError,
    problems: Problems,
    counts: Counter[str],
    catalogues: Path | None = None,
) -> None:
    """Report a CCD (or a whole file) that cannot be used; count it and its detections, if these can be read."""
    problems.report(error, counts, "bad_frames")
    lost = _rows(frame, catalogues)
    counts["detections"] += lost
    counts["bad_frame_detections"] += lost


def _rows(frame: FrameInfo | Path, catalogues: Path | None) -> int:
    try:
        path = find_catalogue(frame if isinstance(frame, Path) else frame.path, catalogues)
        if path is None:
            return 0
        catalogue = read_catalogue(path)
        return len(catalogue.table) if isinstance(frame, Path) else len(rows_of(catalogue, frame))
    except InputError:
        return 0
