"""The machine of the experiments: what it is, without which times say nothing, and how much disk they need on it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..console import bytes_text, say, warn
from ..errors import CeresFastError
from ..files import read_json
from ..machine.cores import cores
from ..training.config import PROVENANCE, RunConfig
from .plan import CACHE, Plan

FEATURES = {
    ("inceptionv3", 1): 2048,
    ("inceptionv3", 2): 14112,
    ("inceptionv3", 3): 12544,
    ("xception", 1): 18432,
    ("xception", 2): 20736,
    ("xception", 3): 36992,
    ("inceptionresnetv2", 1): 1536,
    ("inceptionresnetv2", 2): 6272,
    ("inceptionresnetv2", 3): 15680,
    ("resnet152v2", 1): 2048,
    ("resnet152v2", 2): 2048,
    ("resnet152v2", 3): 8192,
}
"""Values that `ceres_fast.model.cut` keeps of a stamp, by backbone and experiment; to build the networks only to count
them would take minutes."""


def machine(runs: Iterable[Path]) -> dict[str, Any]:
    """Return processor, cores, memory (GiB), and the devices that trained, as the runs say.

    Parameters
    ----------
    runs : iterable of pathlib.Path
        Run directories. They are asked because a process that looks for GPUs takes their memory.
    """
    return {
        "processor": _processor(Path("/proc/cpuinfo")),
        "cores": cores(),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "devices": sorted({device for run in runs if (device := _trained_on(run))}),
    }


def _processor(cpuinfo: Path) -> str:
    with suppress(OSError):
        for line in cpuinfo.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _trained_on(run: Path) -> str | None:
    with suppress(CeresFastError):
        device = read_json(run / PROVENANCE, what="where a run comes from").get("trained_on")
        return device if isinstance(device, str) else None
    return None


def say_disk(plan: Plan, out: Path) -> None:
    """Say how much disk the caches of the runs take at most at a time, and warn where there is not as much."""
    cache = Path(plan.options["cache_dir"])
    needed = cache_bytes(plan, kept=not is_own_cache(plan, out))
    free = shutil.disk_usage(next(folder for folder in (cache, *cache.absolute().parents) if folder.is_dir())).free
    if needed:
        say(f"features of frozen layers take up to {bytes_text(needed)} in {cache}")
    if needed > free:
        warn(
            f"{cache}: {bytes_text(free)} are free, and up to {bytes_text(needed)} are needed. Runs for which there is "
            "no room go on without the cache, and take longer; make room, or choose another --cache-dir"
        )


def is_own_cache(plan: Plan, out: Path) -> bool:
    """Return whether the cache is in the folder of the experiments, so that it serves nobody else."""
    return Path(plan.options["cache_dir"]) == out / CACHE


def cache_bytes(plan: Plan, *, kept: bool) -> int:
    """Return the bytes of all caches together, where they are kept, else of the largest; 0 where there are none."""
    settings = RunConfig.of({**plan.options, "backbone": plan.backbones[0]}).settings
    if not settings.cacheable or settings.epochs <= settings.variants:
        return 0
    rows = plan.manifest.count("train") * settings.variants + plan.manifest.count("validation")
    value_bytes = 2 if settings.cache_half or settings.precision != "float32" else 4
    chosen = [FEATURES[backbone, experiment] for backbone in plan.backbones for experiment in plan.experiments]
    return rows * value_bytes * (sum(chosen) if kept else max(chosen))
