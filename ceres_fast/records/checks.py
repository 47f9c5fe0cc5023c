"""What a build of records refuses: before the work, and when nothing can be learnt from what is found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ..errors import CeresFastError
from ..folders import PARTIAL, contents, refuse_occupied
from ..stamps import CLASSES, PLANES
from .manifest import LOST_FILE, MANIFEST, valid_name

SOURCES_FILE = "sources.sha256"
"""The list of the sources' files, in a folder of records."""

_OURS = re.compile(rf"{'|'.join(map(re.escape, (MANIFEST, SOURCES_FILE, LOST_FILE)))}|.+\.tfrecord-\d{{5}}-of-\d{{5}}")


def check_names(name: str, shards: int) -> None:
    """Refuse names of shards that files cannot have."""
    if not valid_name(name):
        raise CeresFastError(
            f"name {name!r}: expected letters, digits, '.', '_' and '-', as it becomes part of file names."
        )
    if not 1 <= shards <= 99999:
        raise CeresFastError(f"{shards} shards: expected 1 to 99999.")


def check_out(out: Path, overwrite: bool) -> None:
    """Refuse now what would be refused after the work, and never replace anything but records."""
    refuse_occupied(out, overwrite)
    if others := [file for file in contents(out, PARTIAL) if not _OURS.fullmatch(file.name)]:
        raise CeresFastError(
            f"{others[0]}: is no part of records, so it is not deleted. Choose another name than {out}."
        )


def remove_others(records: Path) -> None:
    """Remove what a worker left that ended while it wrote."""
    for file in records.iterdir():
        if not _OURS.fullmatch(file.name):
            file.unlink()


_REMOVED = {
    "lost_stationary": (
        "were removed as stationary",
        "Give exposures that are farther apart in time, look for faster asteroids only (--slowest), or keep all "
        "detections (--keep-stationary)",
    ),
    "lost_elsewhere": (
        "were removed because the other exposures show them, too",
        "Give exposures that are farther apart in time, or a larger --forced-limit",
    ),
    "lost_no_template": (
        "have no template",
        f"Give exposures that are farther apart in time, a --template that shows them, or --planes {PLANES[0]}",
    ),
}
"""How validated asteroids are lost that were detected and are sure: what happened to them, and what to do."""


def check_stamps(columns: Mapping[str, np.ndarray], counts: Mapping[str, int]) -> None:
    """Refuse stamps without one of the classes, and say where those of asteroids went."""
    removed = max(_REMOVED, key=lambda reason: counts.get(reason, 0))
    if not (columns["label"] == 1).any() and (lost := counts.get(removed, 0)):
        detected = counts["validated"] - counts.get("lost_not_detected", 0)
        why, action = _REMOVED[removed]
        raise CeresFastError(
            f"no stamp is asteroid: of {detected} detections of validated asteroids {lost} {why}. {action}."
        )
    if not len(columns["label"]):
        left_out = ", ".join(f"{reason} {count}" for reason, count in sorted(counts.items())) or "nothing found"
        raise CeresFastError(f"no stamp is left ({left_out}). Look at --where and at the sources.")
    missing = [name for label, name in enumerate(CLASSES) if not (columns["label"] == label).any()]
    if missing:
        raise CeresFastError(
            f"no stamp is {missing[0]}; a classifier needs both classes. Add sources, or change --where."
        )
