"""How much disk experiments need: what frozen layers make of the stamps is most of it."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..console import bytes_text, say, warn
from ..training.config import RunConfig
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
