"""Run directories: one per training, never written to twice, `latest` pointing at the newest."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from ..errors import CeresFastError

RUNS = Path("runs")
LATEST = "latest"


def create_run(run: Path | None, backbone: str, experiment: int) -> Path:
    """Create the directory of a new run; without a name, `RUNS`/<UTC time>-<backbone>-experiment<n>.

    Raises
    ------
    CeresFastError
        When it exists already (a run is never overwritten, and two processes never share one) or cannot be made.
    """
    named = run or RUNS / f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{backbone}-experiment{experiment}"
    try:
        named.mkdir(parents=True)
    except FileExistsError as error:
        raise CeresFastError(
            f"{named}: exists already, and a run is never overwritten. Choose another --run, or remove it first."
        ) from error
    except OSError as error:
        raise CeresFastError(f"{named}: cannot be made ({error.strerror}). Choose another --run.") from error
    return named


def point_latest(run: Path) -> None:
    """Make the link ``latest`` beside `run` point at it, in one step; a real file of that name is left alone."""
    link = run.parent / LATEST
    if link.exists() and not link.is_symlink():
        return
    temporary = run.parent / f".{LATEST}.{os.getpid()}"
    temporary.unlink(missing_ok=True)
    temporary.symlink_to(run.name, target_is_directory=True)
    temporary.replace(link)
