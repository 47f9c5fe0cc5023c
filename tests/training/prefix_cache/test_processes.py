"""Processes that are killed, and processes that want the same."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from ceres_fast.model.cut import Cut
from ceres_fast.records.manifest import Manifest
from ceres_fast.training.prefix_cache.cache import cached_rows
from ceres_fast.training.prefix_cache.listing import clear

from .small import CacheOf

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("small_shards")]

ROOT = Path(__file__).parents[3]

COMPUTING = """
import os, signal, sys, time
from pathlib import Path
from ceres_fast.records.manifest import load_manifest
from ceres_fast.training.prefix_cache import entry, shards
from ceres_fast.training.prefix_cache.cache import cached_rows
from tests.training.prefix_cache.small import BATCH, ROWS, CacheOf, small_cut

shards.BATCH, shards.SHARD_BYTES = BATCH, ROWS * 4**3 * 4
records, cache, how = sys.argv[1:]
save, saved = entry.np.save, []

def slowly(path, rows):
    saved.append(path)
    if how == "killed" and len(saved) == 3:
        path.write_bytes(b"half a shard")
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.2)
    save(path, rows)

entry.np.save = slowly
parts = small_cut()
manifest = load_manifest(Path(records))
print("ready", flush=True)
sys.stdin.readline()
rows = cached_rows(manifest, "train", parts, CacheOf(cache))
print("shards written:", len(saved), flush=True)
sys.stdin.readline()
"""


def start(records: Path, settings: CacheOf, how: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", COMPUTING, str(records), settings.cache_dir, how]
    environment = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": "3"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def shards(settings: CacheOf) -> dict[str, bytes]:
    """Entry and name of each shard, and its bytes."""
    return {
        f"{path.parent.name}/{path.name}": path.read_bytes() for path in Path(settings.cache_dir).glob("*/train-*.npy")
    }


def test_killed_and_continued_it_gives_the_same_bytes(
    manifest: Manifest, parts: Cut, settings: CacheOf, tmp_path: Path
) -> None:
    with start(manifest.folder, settings, "killed") as process:
        process.communicate("\n")
    assert process.returncode == -signal.SIGKILL
    left = shards(settings)
    assert sorted(name.partition("/")[2] for name in left) == ["train-00000.npy", "train-00001.npy"]
    assert len(list(Path(settings.cache_dir).glob("*/.train-00002.*.npy"))) == 1
    cached_rows(manifest, "train", parts, settings)
    unbroken = CacheOf(str(tmp_path / "unbroken"))
    cached_rows(manifest, "train", parts, unbroken)
    # The same folder: the key does not depend on the process.
    assert shards(settings) == shards(unbroken)
    assert left.items() <= shards(settings).items()
    assert not list(Path(settings.cache_dir).glob("*/.*"))


def test_two_processes_at_once_compute_once(manifest: Manifest, settings: CacheOf) -> None:
    processes = [start(manifest.folder, settings, "slowly") for _ in range(2)]
    outputs = []
    try:
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("\n")
            process.stdin.flush()
        for process in processes:
            assert process.stdout is not None
            lines = []
            while not (lines and lines[-1].startswith("shards written")):
                lines.append(process.stdout.readline())
            outputs.append(lines)
        assert clear(Path(settings.cache_dir)) == []  # both use it
    finally:
        for process in processes:
            process.communicate("\n")
    written = [lines[-1].strip() for lines in outputs]
    assert sorted(written) == ["shards written: 0", f"shards written: {len(shards(settings))}"]
    waited = outputs[written.index("shards written: 0")]
    assert any("another process computes these features; waiting for it" in line for line in waited)
    assert len(clear(Path(settings.cache_dir))) == 1
