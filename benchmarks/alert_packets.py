"""Records from alert packets, with one and with three planes: labels, accounts, size and time.

python -m benchmarks.alert_packets ALERTS
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import command_line, write_result
from ceres_fast.console import say, table
from ceres_fast.records.build import build_records
from ceres_fast.records.manifest import Manifest
from ceres_fast.records.pipeline import read_stamps
from ceres_fast.stamps import PLANE_SETS


def science(manifest: Manifest) -> np.ndarray:
    """Return the science planes of all splits, (n, 32, 32)."""
    return np.concatenate([read_stamps(manifest, split)[0][..., 0] for split in manifest.splits])


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("alerts", type=Path, help="Avro files: a folder, a file or an archive")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    results: list[dict[str, Any]] = []
    pixels = []
    for planes in PLANE_SETS:
        seconds = []
        for _ in range(given.repeats):
            with tempfile.TemporaryDirectory() as folder:
                out = Path(folder) / "records"
                started = time.perf_counter()
                manifest = build_records([given.alerts], out, planes=planes, nan="fill", seed=given.seed, shards=1)
                seconds.append(time.perf_counter() - started)
                pixels.append(science(manifest))
                size = sum(file.stat().st_size for file in out.iterdir())
        results.append(
            {
                "planes": list(planes),
                "splits": {split: manifest.class_counts(split) for split in manifest.splits},
                "reconciliation": manifest.reconciliation,
                "counts": manifest.counts,
                "kilobytes": round(size / 1000, 1),
                "seconds": {"least": min(seconds), "median": float(np.median(seconds)), "most": max(seconds)},
            }
        )
    same = all(np.array_equal(first, pixels[0]) for first in pixels)
    write_result(
        given.output,
        {"seed": given.seed, "repeats": given.repeats, "science_planes_equal": same, "records": results},
    )
    rows = [
        (len(each["planes"]), each["counts"]["asteroid"], each["counts"]["non_asteroid"], each["kilobytes"])
        for each in results
    ]
    table("Records from alert packets", ("planes", "asteroid", "non-asteroid", "kB"), rows)
    say(f"science planes equal in all builds: {same}")


if __name__ == "__main__":
    main()
