"""The table of `benchmarks.training`: kept on disk way by way, with bounds and ratios."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bounds import Work, bound
from benchmarks.machine import write_result
from benchmarks.measured import Measured
from benchmarks.operations import Operations
from benchmarks.peaks import Peaks, best_of
from benchmarks.weights import NOTE
from ceres_fast.console import table
from ceres_fast.settings.training import Settings

DTYPES = {"float32": "float32", "mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}


@dataclass(frozen=True)
class Way:
    """A way of training.

    Attributes
    ----------
    cache : str
        ``none``, ``cold`` or ``warm``, as `bounds.flop` has them.
    may_be_short : bool
        Whether a slow run is cut short; what its losses are compared with is not.
    reads_files : bool
        Whether it reads FITS stamps, in float32.
    """

    cache: str
    may_be_short: bool = True
    reads_files: bool = False


WAYS = {
    "a paper": Way("none", reads_files=True),
    "b uncached": Way("none"),
    "c cold": Way("cold", may_be_short=False),
    "c warm": Way("warm"),
}
REFERENCE = "c cold"

_USUAL = Peaks("CPU", {"float32": 250.0}, {}, 10.0)
_USUAL_FILES = 3000
_FIXED = 10.0
"""For estimates alone: half of the peaks of two cores, FITS files/s, and seconds that a run takes without stamps."""


def estimate(counted: Operations, work: Work, way: str) -> float:
    """Return about how many seconds a run takes, from the operations."""
    files = work.epochs * (work.stamps + work.validation) / _USUAL_FILES if WAYS[way].reads_files else 0.0
    return bound(counted, work, WAYS[way].cache, _USUAL)["seconds"] + files + _FIXED


class Results:
    """What has been measured; on disk after each way, and read from there by the next process.

    Parameters
    ----------
    path : pathlib.Path
        The result file.
    work : Work
        Stamps and epochs of every row.
    options : dict
        Of the command; a file made with others is refused.
    """

    def __init__(self, path: Path, work: Work, options: dict[str, Any]) -> None:
        self.path, self.work = path, work
        self.options = _compared({name: value for name, value in options.items() if not isinstance(value, Path)})
        self.rows: dict[str, dict[str, Any]] = {}
        if path.is_file():
            before = json.loads(path.read_text(encoding="utf-8"))
            if _compared(before["options"]) != self.options:
                raise SystemExit(f"{path}: holds a result of other options; choose another --output")
            self.rows = before["rows"]

    def lacks(self, name: str, epochs: Mapping[str, int]) -> bool:
        """Return whether one of these ways has not been measured, or for fewer epochs than these."""
        ways = self.rows.get(name, {}).get("ways", {})
        return any(way not in ways or ways[way]["epochs_run"] < wanted for way, wanted in epochs.items())

    def start(self, name: str, counted: Operations, settings: Settings, peaks: Peaks) -> None:
        """Begin a row, or go on with it: the better peaks are kept."""
        row = self.rows.setdefault(name, {"ways": {}})
        row["weights"] = "imagenet" if settings.weights == "imagenet" else "random"
        row["precision"] = settings.precision
        row["operations"] = asdict(counted)
        row["peaks"] = asdict(best_of([peaks, *([Peaks(**row["peaks"])] if "peaks" in row else [])]))

    def add(self, name: str, way: str, run: Measured) -> None:
        """Keep what a way took, and write the file."""
        self.rows[name]["ways"][way] = {
            "epochs_run": len(run.epoch_seconds),
            "extrapolated": len(run.epoch_seconds) < self.work.epochs,
            "seconds": round(run.of_epochs(self.work.epochs), 2),
            "seconds_run": round(run.seconds, 2),
            "seconds_at_fastest": round(run.at_fastest(self.work.epochs), 2),
            "epoch_seconds": [round(seconds, 3) for seconds in run.epoch_seconds],
            "validation_losses": [row["val_loss"] for row in run.history],
        }
        self._complete()
        what = {
            "unit": "seconds of wall time",
            "stamps": self.work.stamps,
            "validation_stamps": self.work.validation,
            "epochs": self.work.epochs,
            "batch_size": self.work.batch_size,
            "note": NOTE,
            "options": self.options,
        }
        write_result(self.path, what | {"rows": self.rows})

    def _complete(self) -> None:
        """Compute bounds, with the best peaks of all rows, shares and ratios."""
        peaks = best_of([Peaks(**row["peaks"]) for row in self.rows.values()])
        for row in self.rows.values():
            for way, figures in row["ways"].items():
                figures.update(self._bounded(row, way, figures, peaks))
            row.update(compared(row["ways"]))

    def _bounded(self, row: dict[str, Any], way: str, figures: dict[str, Any], peaks: Peaks) -> dict[str, Any]:
        counted, kind = Operations(**row["operations"]), WAYS[way]
        dtype = "float32" if kind.reads_files else DTYPES[row["precision"]]
        of_all = bound(counted, self.work, kind.cache, peaks, dtype)
        one = replace(self.work, epochs=1)
        of_epoch = bound(counted, one, "none" if kind.cache == "none" else "warm", peaks, dtype)
        epoch = float(np.median(figures["epoch_seconds"][1:] or figures["epoch_seconds"]))
        return {
            "stamps_per_second": round(self.work.epochs * self.work.stamps / figures["seconds"], 1),
            "epoch_stamps_per_second": round(self.work.stamps / epoch, 1),
            "gflops": round(of_all["gflop"] / figures["seconds"], 1),
            "bound": of_all,
            "share": round(of_all["seconds"] / figures["seconds"], 4),
            "flop_share": round(of_all["flop_seconds"] / figures["seconds"], 4),
            "epoch_share": round(of_epoch["seconds"] / epoch, 4),
            "peak_gflops": peaks.gflops[dtype],
        }

    def show(self) -> None:
        """Print the table."""
        lines = []
        for name, row in self.rows.items():
            for way, figures in row["ways"].items():
                about = "about " if figures["extrapolated"] else ""
                last = figures["validation_losses"][-1]
                lines.append(
                    (
                        f"{name} {way}",
                        f"{about}{figures['seconds']:,.1f}",
                        f"{last:.4f} after {figures['epochs_run']}",
                        f"{figures['stamps_per_second']:,.0f}",
                        f"{figures['bound']['seconds']:,.1f}",
                        f"{figures['share']:.0%}",
                        f"{figures['epoch_share']:.0%}",
                        f"{row['over_c_cold'].get(way, float('nan')):.1f}",
                    )
                )
        columns = ("way", "s", "validation loss", "stamps/s", "bound s", "share", "of an epoch", "/ c cold")
        table(f"{self.work.epochs} epochs of {self.work.stamps:,} stamps", columns, lines)


def compared(ways: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return how much longer each way takes than `REFERENCE`, and by how much its validation loss is higher.

    ``over_c_cold_at_fastest`` compares the way at its fastest epoch with all that the reference took. The losses are
    those after the last epoch that both have run.
    """
    if REFERENCE not in ways:
        return {"over_c_cold": {}, "over_c_cold_at_fastest": {}, "loss_over_c_cold": {}}
    reference = ways[REFERENCE]
    losses = {}
    for way, figures in ways.items():
        epoch = min(figures["epochs_run"], reference["epochs_run"])
        first, second = (each["validation_losses"][epoch - 1] for each in (figures, reference))
        losses[way] = {"epoch": epoch, "loss": first, "loss_of_c_cold": second, "difference": first - second}
    return {
        "over_c_cold": {way: round(figures["seconds"] / reference["seconds"], 2) for way, figures in ways.items()},
        "over_c_cold_at_fastest": {
            way: round(figures["seconds_at_fastest"] / reference["seconds"], 2) for way, figures in ways.items()
        },
        "loss_over_c_cold": losses,
    }


_NOT_COMPARED = ("rows", "ways", "slow", "measured_epochs")
"""What a command does, not how; the epochs of each way are in the result."""


def _compared(options: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in options.items() if name not in _NOT_COMPARED}
