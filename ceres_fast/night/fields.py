"""Which exposures are classified together: those of a field and night, with all its CCDs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..classify.catalogue_job import field_of
from ..frames.exposures import group_exposures
from ..frames.info import FrameInfo
from .arrivals import Exposure


@dataclass(frozen=True)
class Field:
    """Exposures that are classified together.

    Parameters
    ----------
    name : str
        Field and night, as tables of the night call it.
    exposures : tuple of Exposure
        In the order of their names.
    """

    name: str
    exposures: tuple[Exposure, ...]

    @property
    def arrived(self) -> float:
        """When the last of them came."""
        return max(each.arrived for each in self.exposures)


def fields_of(exposures: Sequence[Exposure]) -> list[Field]:
    """Put the exposures of a field and night together, and those of all fields that a file shows.

    Parameters
    ----------
    exposures : sequence of Exposure
        In any order. One that cannot be read, or does not say its field or time, is a field of its own.

    Returns
    -------
    list of Field
        By name.
    """
    by_frame = {each.frame: each for each in exposures}
    infos = [info for each in exposures for info in each.infos]
    copies: list[FrameInfo] = []
    groups = group_exposures(infos, lambda info, error: copies.append(info))
    # A copy of an exposure is classified with it, which says so: by itself nobody would know that it is one.
    together = [(field_of(group[0]), {info.path for info in group}) for group in groups]
    together += [(field_of(info), {info.path}) for info in copies]
    together += [(each.frame.name, {each.frame}) for each in exposures if not each.infos]
    return [
        Field(name, tuple(by_frame[frame] for frame in sorted(frames))) for name, frames in sorted(_joined(together))
    ]


def _joined(together: Iterable[tuple[str, set[Path]]]) -> list[tuple[str, set[Path]]]:
    """Join what has one name or shares a file; of several names the first in the alphabet stays."""
    joined: list[tuple[set[str], set[Path]]] = []
    for name, frames in together:
        names, files = {name}, set(frames)
        apart = []
        for other, theirs in joined:
            if other & names or theirs & files:
                names, files = names | other, files | theirs
            else:
                apart.append((other, theirs))
        joined = [*apart, (names, files)]
    return [(min(names), files) for names, files in joined]
