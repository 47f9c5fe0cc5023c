"""What the demo keeps and leaves, pooled over seeds: each is another survey, another training, another held-out night.

    python -m benchmarks.demo_kept

An asteroid counts where it is detected in three exposures or more with a certain label, which is what the threshold's
promise is about; it is kept where three or more are left by `classify --drop`. The interval of the share that is kept
is that of Clopper and Pearson, 95 %. Others are rows that are left and no asteroids, per 1,000 rows of the catalogues.
Seconds are of the whole command, also on the processor (all processes, user and system): on a machine that others use,
only these can be compared.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from scipy.stats import binomtest

from benchmarks.machine import command_line, processor_seconds, write_result
from benchmarks.steps import command
from ceres_fast.console import say

CONFIDENCE = 0.95


def run(seed: int, folder: Path) -> dict[str, Any]:
    """Run the demo with a seed; return its summary, and the seconds that it took. A failure ends the benchmark."""
    before, started = processor_seconds(), time.perf_counter()
    done = subprocess.run(command("demo", folder, "--seed", seed), text=True, capture_output=True, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise SystemExit(f"the demo with seed {seed} failed:\n{done.stdout}\n{done.stderr}")
    summary = json.loads((folder / "summary.json").read_text(encoding="utf-8"))
    processor = processor_seconds() - before
    return {"seed": seed, "seconds": round(seconds, 1), "processor_seconds": round(processor, 1), **summary}


def pooled(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return what all runs together kept and left."""
    kept, could = (sum(each["asteroids"][name] for each in runs) for name in ("kept", "could be kept"))
    rows, left, others = (
        sum(each["left"][name] for each in runs)
        for name in ("rows of the catalogues", "left to look at", "non-asteroids")
    )
    interval = binomtest(kept, could).proportion_ci(CONFIDENCE, method="exact")
    return {
        "could_be_kept": could,
        "kept": kept,
        "share": kept / could,
        "low": float(interval.low),
        "high": float(interval.high),
        "rows": rows,
        "left_per_1000": 1000 * left / rows,
        "others": others,
        "others_per_1000": 1000 * others / rows,
    }


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("--seeds", type=int, default=4)
    given = parser.parse_args()
    runs = []
    for seed in range(given.seeds):
        with tempfile.TemporaryDirectory() as name:
            runs.append(run(seed, Path(name) / "demo"))
        say(f"seed {seed}: {runs[-1]['asteroids']}, {runs[-1]['left']}, {runs[-1]['processor_seconds']} s of processor")
        write_result(given.output, {"confidence": CONFIDENCE, "pooled": pooled(runs), "runs": runs})


if __name__ == "__main__":
    main()
