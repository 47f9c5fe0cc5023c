"""On what the experiments were run: without that, their times say nothing."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..errors import CeresFastError
from ..files import read_json
from ..training.config import PROVENANCE


def machine(runs: Iterable[Path]) -> dict[str, Any]:
    """Return processor, cores, memory (GiB), and the devices that trained, as the runs say.

    Parameters
    ----------
    runs : iterable of pathlib.Path
        Run directories. They are asked because a process that looks for GPUs takes their memory.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": _processor(Path("/proc/cpuinfo")),
        "cores": cores,
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "devices": sorted({device for run in runs if (device := _trained_on(run))}),
    }


def _processor(cpuinfo: Path) -> str:
    with suppress(OSError):
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _trained_on(run: Path) -> str | None:
    with suppress(CeresFastError):
        device = read_json(run / PROVENANCE, what="where a run comes from").get("trained_on")
        return device if isinstance(device, str) else None
    return None
