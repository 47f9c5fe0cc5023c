"""Reading frames and folders of them: what was found, and which exposures can be compared."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from ..catalogues.detections import read_detections
from ..console import track
from ..errors import LOUD, CeresFastError, InputError
from ..frames.camera import GENERIC, Camera
from ..frames.exposures import group_exposures
from ..frames.fits_files import is_fits_name
from ..frames.info import FrameInfo
from ..frames.reading import FrameHeader, list_frames, read_headers
from ..selection.apart import minutes_needed
from ..selection.rules import Rules
from .frame import FrameLook, Kind, kind_of, look_at


@dataclass(frozen=True)
class Exposures:
    """The exposures of one field and CCD in one night.

    Attributes
    ----------
    infos : tuple of FrameInfo
        In the order of time.
    minutes : tuple of float
        From each to the next; empty for a single one.
    needed : float
        How far apart two must be for stationary detections to be found, min: the most that any two of them need. NaN
        for a single one.
    compared : int
        How many of them have another that is far enough away in time.
    """

    infos: tuple[FrameInfo, ...]
    minutes: tuple[float, ...]
    needed: float
    compared: int


def exposures_of(infos: Sequence[FrameInfo], rules: Rules) -> Exposures:
    """Say of the exposures of a field which can be compared by the rule for stationary detections."""
    minutes = np.array([info.mjd for info in infos]) * 1440
    needed = minutes_needed(infos, rules)
    apart = np.abs(minutes[:, None] - minutes) >= needed
    np.fill_diagonal(apart, False)
    others = ~np.eye(len(infos), dtype=bool)
    return Exposures(
        infos=tuple(infos),
        minutes=tuple(float(later - earlier) for earlier, later in pairwise(minutes)),
        needed=float(needed[others].max()) if len(infos) > 1 else float("nan"),
        compared=int(apart.any(axis=1).sum()),
    )


MOST_IN_FULL = 3
"""Files that are named are each shown in full, but for more than these: ``night/*.fits`` is as good as a folder."""


@dataclass(frozen=True)
class Looked:
    """How frames are understood.

    Attributes
    ----------
    shown : tuple of FrameLook
        Those that were looked at in full: of each file that was named the first CCD of each kind; of folders, or of
        more than `MOST_IN_FULL` files, the first CCD of the usual kind.
    infos : tuple of FrameInfo
        All that show the sky, in the order of their files.
    no_sky : tuple of FrameInfo
        All that do not (dark, bias, flat …).
    broken : dict of pathlib.Path to str
        Files that could not be read, and why.
    passed_over : collections.Counter
        Files in folders that are no frames, by what they are.
    exposures : tuple of Exposures
        The frames, and for a file that was named also its neighbours in its folder, by field, CCD and night.
    copies : tuple of str
        Frames that seem to be given twice.
    """

    shown: tuple[FrameLook, ...]
    infos: tuple[FrameInfo, ...]
    no_sky: tuple[FrameInfo, ...]
    broken: dict[Path, str]
    passed_over: Counter[str]
    exposures: tuple[Exposures, ...]
    copies: tuple[str, ...]

    def kinds(self) -> dict[Kind, list[FrameInfo]]:
        """Return the frames of the sky by how they are understood, in the order in which they come."""
        found: dict[Kind, list[FrameInfo]] = {}
        for info in self.infos:
            found.setdefault(kind_of(info), []).append(info)
        return found


def examine(
    sources: Sequence[Path], *, camera: Camera = GENERIC, catalogues: Path | None = None
) -> tuple[Looked, dict[Path, list[FrameHeader]]]:
    """Look at frames without a word; returns what was found, and the headers of all files that could be read.

    Raises
    ------
    CeresFastError
        As `look`.
    """
    named = [source for source in sources if not source.is_dir()]
    named = named if len(named) <= MOST_IN_FULL else []
    listing = list_frames(sources, camera=camera)
    heads: dict[Path, list[FrameHeader]] = {}
    broken: dict[Path, str] = {}
    for path in track(listing.frames, "headers"):
        try:
            heads[path] = read_headers(path, camera)
        except InputError as error:
            broken[path] = str(error)
    if not heads:
        more = [f"{len(broken) - LOUD} more files cannot be read."] if len(broken) > LOUD else []
        raise CeresFastError("\n".join([*list(broken.values())[:LOUD], *more]))
    everything = [head.info for each in heads.values() for head in each]
    sky = [info for info in everything if not info.no_sky]
    copies: list[str] = []
    together = [*sky, *_neighbours(named, heads, camera)]
    groups = group_exposures(together, lambda info, error: copies.append(str(error)))
    shown = tuple(look_at(head, camera, catalogues=catalogues) for head in _in_full(heads, named))
    # Catalogues are read where headers do not give the seeing, or that of a frame is not believed beside its catalogue.
    doubtful = any(frame.seeing_of_catalogue > 0 for frame in shown)
    groups = [
        [_with_seeing(info, catalogues) if doubtful or math.isnan(info.seeing) else info for info in group]
        for group in groups
        if any(info.path in heads for info in group)
    ]
    looked = Looked(
        shown=shown,
        infos=tuple(sky),
        no_sky=tuple(info for info in everything if info.no_sky),
        broken=broken,
        passed_over=Counter(listing.passed_over.values()),
        exposures=tuple(exposures_of(group, Rules()) for group in groups),
        copies=tuple(copies),
    )
    return looked, heads


def _in_full(heads: dict[Path, list[FrameHeader]], named: Sequence[Path]) -> list[FrameHeader]:
    """Return what is shown in full: the first CCD of each kind of the named files, and one of the folders' frames."""
    found: list[FrameHeader] = []
    in_folders = [head for path, each in heads.items() if path not in named for head in each]
    if in_folders:
        of_sky = [head for head in in_folders if not head.info.no_sky] or in_folders
        usual, _ = Counter(kind_of(head.info) for head in of_sky).most_common(1)[0]
        found.append(next(head for head in of_sky if kind_of(head.info) == usual))
    for path in named:
        kinds = {kind_of(head.info): head for head in reversed(heads.get(path, []))}
        found += reversed(kinds.values())
    return found


def _neighbours(named: Sequence[Path], heads: dict[Path, list[FrameHeader]], camera: Camera) -> Iterable[FrameInfo]:
    """Yield the frames of the sky beside files that were named; those that cannot be read are not spoken of."""
    for folder in dict.fromkeys(path.parent for path in named):
        try:
            # A link to what is no longer there is no file; a file may be named that is the only frame here.
            beside = [
                file for file in folder.iterdir() if is_fits_name(file) and file.is_file() and file.name[0] != "."
            ]
            frames = list_frames(beside, camera=camera).frames
        except (OSError, CeresFastError):
            continue
        for file in frames:
            if any(file.samefile(path) for path in heads):
                continue
            try:
                yield from (head.info for head in read_headers(file, camera) if not head.info.no_sky)
            except InputError:
                continue


def _with_seeing(info: FrameInfo, catalogues: Path | None) -> FrameInfo:
    """Return a frame with the seeing that is used for it beside its catalogue, if it has one."""
    try:
        return replace(info, seeing=read_detections(info, catalogues=catalogues).info.seeing)
    except InputError:  # it has no catalogue, or one that is spoken of elsewhere
        return info
