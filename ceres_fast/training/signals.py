"""What is said when a signal ends a training."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from .. import interrupts


def stoppable(run: Path, where: Callable[[], str]) -> AbstractContextManager[None]:
    """Let a signal end the block, as `interrupts.stoppable` does, and print where that was and how to resume.

    Parameters
    ----------
    run : pathlib.Path
        Directory of the run.
    where : callable
        Returns where the training is: "in epoch 3 of 30".
    """
    return interrupts.stoppable(lambda: f"{where()}; go on with: ceres-fast train --resume {shlex.quote(str(run))}")
