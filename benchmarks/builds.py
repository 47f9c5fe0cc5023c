"""Building records in a process of its own: what the benchmarks of building share."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from ceres_fast.files import sha256_of

SLOWEST = 0.2
"""arcsec/min: the slowest asteroid that four exposures in 18.6 min, as the simulation takes them, tell from a star in a
seeing of up to 4 arcsec. The simulated ones are faster."""

_PROGRAM = """
import json, sys
from pathlib import Path

if __name__ == "__main__":  # the workers import this file too, and need less
    from ceres_fast.records.build import build_records
    from ceres_fast.selection.rules import Rules

    options = json.loads(sys.argv[1])
    options["rules"] = Rules(slowest=options.pop("slowest"))
    build_records([Path(options.pop("source"))], Path(options.pop("out")), **options)
"""


def start(program: Path, options: Mapping[str, Any]) -> subprocess.Popen[str]:
    """Start a build in a process group of its own; `options` are those of `build_records`, and ``source``, ``out``."""
    program.write_text(_PROGRAM, encoding="utf-8")
    command = [sys.executable, str(program), json.dumps({"slowest": SLOWEST, **options}, default=str)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    return subprocess.Popen(command, env=environment, start_new_session=True, stdout=subprocess.DEVNULL, text=True)


@dataclass(frozen=True)
class Cost:
    """What a build took: seconds, and the largest resident memory (MB) of the main process, a worker, and all."""

    seconds: float
    main_mb: float
    worker_mb: float
    total_mb: float


def finish(process: subprocess.Popen[str], every: float = 0.1) -> Cost:
    """Wait for a build and return what it took; memory is looked at every so many seconds."""
    started = time.perf_counter()
    most = [0.0, 0.0, 0.0]
    watched = psutil.Process(process.pid)
    while process.poll() is None:
        main, workers = _resident(watched), [_resident(child) for child in _children(watched)]
        now = (main, max(workers, default=0.0), main + sum(workers))
        most = [max(pair) for pair in zip(most, now, strict=True)]
        time.sleep(every)
    if process.returncode:
        raise SystemExit(f"the build ended with status {process.returncode}")
    return Cost(round(time.perf_counter() - started, 2), *(round(value, 1) for value in most))


def _children(process: psutil.Process) -> list[psutil.Process]:
    try:
        return process.children(recursive=True)
    except psutil.Error:
        return []


def _resident(process: psutil.Process) -> float:
    try:
        return process.memory_info().rss / 2**20
    except psutil.Error:
        return 0.0


def hashes(folder: Path) -> dict[str, str]:
    """Return {name: SHA-256} of the files in a folder."""
    return {file.name: sha256_of(file) for file in sorted(folder.iterdir())}


def fields_in(folder: Path) -> list[Path]:
    """Return the folders of fields in a folder of frames, ``<night>/<field>``; links to them count."""
    return sorted(frames.parent for frames in folder.glob("*/*/resamp"))


def linked(folder: Path, fields: list[Path], into: Path) -> Path:
    """Return a folder with links to some fields of another and to its truth table."""
    for field in fields:
        place = into / field.relative_to(folder)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(field.resolve())
    (into / "asteroids.csv").symlink_to((folder / "asteroids.csv").resolve())
    return into
