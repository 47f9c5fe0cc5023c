"""The least time that a way of training can take on a machine, from the operations it must do."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from benchmarks.operations import Operations
from benchmarks.peaks import Peaks


@dataclass(frozen=True)
class Work:
    """How much a run goes through.

    Attributes
    ----------
    stamps, validation : int
        Stamps per epoch of training and of validation.
    epochs : int
        Epochs.
    batch_size : int
        Stamps per step.
    """

    stamps: int
    validation: int
    epochs: int
    batch_size: int = 128

    @property
    def steps(self) -> int:
        """Steps of the optimiser."""
        return self.epochs * math.ceil(self.stamps / self.batch_size)


def flop(counted: Operations, work: Work, cache: str) -> int:
    """Return the operations (two per multiply-add) of a run.

    `cache` is ``none`` (every epoch from raw stamps), ``cold`` (the prefix is computed once, in the run) or ``warm``
    (it was computed before).
    """
    prefix_passes = {"none": work.epochs, "cold": 1, "warm": 0}[cache]
    prefix = prefix_passes * (work.stamps + work.validation) * counted.prefix
    suffix = work.epochs * (work.stamps * counted.suffix_step + work.validation * counted.suffix)
    return 2 * (prefix + suffix)


def bound(counted: Operations, work: Work, cache: str, peaks: Peaks, dtype: str = "float32") -> dict[str, Any]:
    """Return the bound of a run's time.

    Returns
    -------
    dict
        ``gflop`` (10^9 operations), ``flop_seconds`` at the peak of the matrix product, ``optimiser_seconds`` at the
        bandwidth of memory, and ``seconds``, their sum: the optimiser can begin only when the gradients are there.
        On a GPU, bandwidth and peak are the GPU's.
    """
    operations = flop(counted, work, cache)
    flop_seconds = operations / peaks.gflops[dtype] / 1e9
    optimiser_seconds = work.steps * counted.optimiser_bytes / peaks.bandwidth / 1e9
    return {
        "gflop": round(operations / 1e9, 1),
        "flop_seconds": round(flop_seconds, 3),
        "optimiser_seconds": round(optimiser_seconds, 3),
        "seconds": round(flop_seconds + optimiser_seconds, 3),
    }
