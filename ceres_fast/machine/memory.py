"""How much memory there is for this process: of the machine, or of the container or batch job that it runs in.

Where more is taken, the system ends the process without a word. So what would need more than there ever is, is refused
before it is begun, and said in words.
"""

from __future__ import annotations

import math
import resource
from contextlib import suppress
from pathlib import Path

from ..errors import CeresFastError
from .cores import control_groups

GB = 1e9

_LIMITS = ("memory.max", "memory.limit_in_bytes")
"""Files of a control group with its limit, in versions 2 and 1 of the kernel's interface."""

_USED = ("memory.current", "memory.usage_in_bytes")
_INACTIVE = ("inactive_file", "total_inactive_file")
"""Lines of its ``memory.stat``: what it has read from files and the kernel may forget, which counts as used."""

_NO_LIMIT = 1 << 62
"""Version 1 says no limit by a number near 2**63."""


def installed(root: Path = Path("/")) -> float:
    """Return the bytes that this process can have at most, with swap; infinity where that is not known.

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds ``proc`` and ``sys``.
    """
    told = _meminfo(root)
    machine = told["MemTotal"] + told.get("SwapTotal", 0) if "MemTotal" in told else math.inf
    address_space, _ = resource.getrlimit(resource.RLIMIT_AS)
    allowed = math.inf if address_space == resource.RLIM_INFINITY else address_space
    return min(machine, allowed, *(limit for limit, _ in _groups(root)), math.inf)


def available(root: Path = Path("/")) -> float | None:
    """Return the bytes that are free now, without swap; None where that is not known. `root` as in `installed`."""
    told = _meminfo(root)
    if "MemAvailable" not in told:
        return None
    return min(told["MemAvailable"], *(max(limit - used, 0.0) for limit, used in _groups(root)), math.inf)


def refuse_larger(need: float, there: float, what: str, action: str) -> None:
    """Raise a CeresFastError when something needs more bytes than there are; `what` it is, and what to do, in words."""
    if need > there:
        raise CeresFastError(f"{what} needs {need / GB:,.1f} GB of memory, and there are {there / GB:,.1f}. {action}")


def _meminfo(root: Path) -> dict[str, float]:
    with suppress(OSError, ValueError):
        lines = (line.split() for line in (root / "proc/meminfo").read_text(encoding="utf-8").splitlines())
        return {words[0].rstrip(":"): float(words[1]) * 1024 for words in lines if words[2:] == ["kB"]}
    return {}


def _groups(root: Path) -> list[tuple[float, float]]:
    """Return the limit of each control group around this process that has one, and what is used of it, in bytes."""
    found = []
    for group in control_groups("memory", root):
        limit = _number(group, _LIMITS)
        if limit is not None and limit < _NO_LIMIT:
            found.append((limit, max((_number(group, _USED) or 0.0) - _forgettable(group), 0.0)))
    return found


def _number(group: Path, names: tuple[str, ...]) -> float | None:
    for name in names:
        with suppress(OSError, ValueError):  # "max" is no number
            return float(int((group / name).read_text(encoding="utf-8")))
    return None


def _forgettable(group: Path) -> float:
    with suppress(OSError, ValueError):
        lines = [line.split() for line in (group / "memory.stat").read_text(encoding="utf-8").splitlines()]
        told = {name: float(value) for name, value in lines}
        return max(told.get(name, 0.0) for name in _INACTIVE)
    return 0.0
