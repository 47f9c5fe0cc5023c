"""The same records by one worker, two, a cluster's address, and by builds that are killed and go on: same bytes.

python -m benchmarks.build_kill survey/training --fields 8 --kills 10
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.builds import fields_in, finish, hashes, linked, start
from benchmarks.machine import command_line, write_result
from ceres_fast.console import say


def killed(options: dict[str, Any], program: Path, kills: int, longest: float, seed: int) -> list[dict[str, Any]]:
    """Build, kill the whole process group at random moments, and build on until it is done and was killed often enough.

    Returns what was there at each kill. A build that ends before its moment is begun anew, from nothing.
    """
    random = np.random.default_rng(seed)
    out = Path(options["out"])
    partial = out.parent / f".{out.name}.partial"
    seen: list[dict[str, Any]] = []
    while len(seen) < kills:
        moment = float(random.uniform(0, longest))
        process = start(program, options)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(moment)
            continue  # finished: with overwrite, the next one begins from nothing
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        parts, shards = (sorted(partial.glob(pattern)) for pattern in ("parts/[0-9a-f]*", "records/*.tfrecord-*"))
        seen.append({"after_s": round(moment, 2), "parts": len(parts), "shards": len(shards)})
        say(f"killed after {moment:.1f} s: {len(parts)} parts, {len(shards)} shards")
    finish(start(program, options))
    return seen


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("folder", type=Path, help="frames with catalogues and asteroids.csv")
    parser.add_argument("--fields", type=int, default=8, help="how many of its fields (default 8)")
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.output.parent) as name:
        folder = Path(name)
        program = folder / "program.py"
        source = linked(given.folder, fields_in(given.folder)[: given.fields], folder / "source")
        common = {"source": source, "nan": "fill", "seed": given.seed, "overwrite": True}
        seconds = {}

        def build(what: str, **options: Any) -> dict[str, str]:
            options = common | {"out": folder / what.replace(" ", "-")} | options
            seconds[what] = finish(start(program, options)).seconds
            say(f"{what}: {seconds[what]:.1f} s")
            return hashes(Path(options["out"]))

        wanted = build("1 worker", workers=1)
        found = {"2 workers": build("2 workers", workers=2)}
        with cluster() as address:
            found["cluster address"] = build("cluster address", scheduler=address)
        options = common | {"out": folder / "killed", "workers": 2}
        kills = killed(options, program, given.kills, seconds["2 workers"], given.seed)
        found[f"killed {len(kills)} times"] = hashes(folder / "killed")
    same = {what: files == wanted for what, files in found.items()}
    result = {"fields": given.fields, "seed": given.seed, "seconds": seconds, "kills": kills, "same_bytes": same}
    write_result(given.output, result | {"sha256": wanted})
    say(f"same bytes as 1 worker: {same}")
    if not all(same.values()):
        raise SystemExit(1)


@contextlib.contextmanager
def cluster() -> Any:
    """Yield the address of a cluster of two workers."""
    from dask.distributed import LocalCluster

    with LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0", silence_logs=logging.ERROR
    ) as made:
        yield made.scheduler_address


if __name__ == "__main__":
    main()
