"""How long the README's two commands take on a clean clone, and what the demo found.

    python -m benchmarks.clean_clone

Clones the committed state into a temporary folder and runs `make test` and `make demo` there. The set-up that both
share is timed by itself. Data that lie beside the checkout are linked in, so that no test is skipped.
"""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path

from benchmarks.machine import command_line, write_result
from ceres_fast.console import say

ROOT = Path(__file__).parents[1]
STEPS = {"set-up": "make .venv/.ready", "make test": "make test", "make demo": "make demo"}


def timed(command: str, folder: Path) -> tuple[float, str]:
    """Run a command; return its seconds and what it printed last. A failure ends the benchmark with all its output."""
    started = time.perf_counter()
    done = subprocess.run(command.split(), cwd=folder, text=True, capture_output=True, check=False)
    if done.returncode:
        raise SystemExit(f"{command} failed:\n{done.stdout}\n{done.stderr}")
    return round(time.perf_counter() - started, 1), (done.stdout.strip().splitlines() or [""])[-1]


def head(folder: Path) -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=folder, text=True, capture_output=True, check=True).stdout.strip()


def main() -> None:
    parser = command_line(__file__, __doc__)
    given = parser.parse_args()
    seconds, printed = {}, {}
    with tempfile.TemporaryDirectory() as name:
        clone = Path(name) / "ceres-fast"
        subprocess.run(["git", "clone", "--quiet", ROOT, clone], check=True)
        if (data := ROOT.parent / "shared").is_dir():
            (clone.parent / "shared").symlink_to(data)
        for step, command in STEPS.items():
            seconds[step], printed[step] = timed(command, clone)
            say(f"{step}: {seconds[step]:.0f} s  {printed[step]}")
        commit, demo = head(clone), json.loads((clone / "demo" / "summary.json").read_text(encoding="utf-8"))
    tests = printed["make test"].strip("= ")
    result = {"unit": "s", "commit": commit, "seed": 0, "seconds": seconds, "tests": tests, "demo": demo}
    write_result(given.output, result)


if __name__ == "__main__":
    main()
