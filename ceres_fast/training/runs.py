"""Run directories: one per training, never written to twice, `latest` pointing at the newest."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from ..errors import CeresFastError

RUNS = Path("runs")
LATEST = "latest"


def create_run(run: Path | None, backbone: str, experiment: int) -> Path:
    """Create the directory of a new run; without a name, `RUNS`/<UTC time>-<backbone>-experiment<n>.

    Of runs that start in the same second, as when a script tries several seeds, the second gets ``-2`` after its name.

    Raises
    ------
    CeresFastError
        When it exists already (a run is never overwritten, and two processes never share one) or cannot be made.
    """
    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{backbone}-experiment{experiment}"
    names = [run] if run else (RUNS / f"{stem}{f'-{number}' if number > 1 else ''}" for number in count(1))
    for name in names:
        try:
            name.mkdir(parents=True)
        except OSError as error:
            # FileExistsError may also be about a folder on the way that is none.
            if not os.path.lexists(name):
                raise CeresFastError(f"{name}: cannot be made ({error.strerror}). Choose another --run.") from error
        else:
            return name
    raise CeresFastError(
        f"{run}: exists already, and a run is never overwritten. Choose another --run, or remove it first."
    )


def point_latest(run: Path) -> None:
    """Make the link ``latest`` beside `run` point at it, in one step; a real file of that name is left alone."""
    link = run.parent / LATEST
    if link.exists() and not link.is_symlink():
        return
    temporary = run.parent / f".{LATEST}.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(run.name, target_is_directory=True)
    temporary.replace(link)
