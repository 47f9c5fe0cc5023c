"""How long `ceres-fast --help` takes, as a whole process.

python -m benchmarks.startup --repeats 20
"""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np

from benchmarks.machine import command_line, write_result
from ceres_fast.console import say

COMMAND = [sys.executable, "-m", "ceres_fast", "--help"]


def seconds() -> float:
    started = time.perf_counter()
    subprocess.run(COMMAND, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("--repeats", type=int, default=20)
    given = parser.parse_args()
    seconds()  # fills the disk cache and compiles the modules
    times = sorted(seconds() for _ in range(given.repeats))
    result = {"least": times[0], "median": float(np.median(times)), "most": times[-1], "target": 0.5}
    write_result(given.output, {"unit": "s, ceres-fast --help as a whole process", "repeats": given.repeats, **result})
    say(f"ceres-fast --help: {result['median']:.2f} s (least {times[0]:.2f}, most {times[-1]:.2f})")


if __name__ == "__main__":
    main()
