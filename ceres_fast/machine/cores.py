"""How many cores this process may use, and with how many threads it computes: counted here, and nowhere else.

A machine's number of cores says little in a container or a batch job. What counts is the smallest of three: the cores
that the process may run on (its affinity), its share of the time of all cores (the quota of its control groups), and
the cores that there are. With more threads than that, all of them are stopped until the next period whenever the quota
is used up. How many threads a process computes with may also be said by the user, in `THREADS`.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path, PurePosixPath
from typing import Any

THREADS = "OMP_NUM_THREADS"
"""The environment variable that numerical libraries read; a process that is started by this one inherits it."""

TENSORFLOW = ("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
"""Those that TensorFlow reads, which does not read the other: threads of one operation, operations at a time."""

_USUAL = ("", "cpu", "cpu,cpuacct", "cpuacct,cpu")
"""Folders of ``/sys/fs/cgroup`` in which a quota may stand where the mounts do not say it, as in some sandboxes."""


def cores() -> int:
    """Return how many cores this process may use: so many processes of one thread keep all of them busy."""
    return min(_allowed(), _as_count(cpu_quota()))


def threads() -> int:
    """Return with how many threads this process computes: what the user says in `THREADS`, else `cores`."""
    return _said() or cores()


def thread_limit() -> int:
    """Return `threads` where the user or the system limits them, else 0: a library then chooses by itself."""
    return _said() or (cores() if cores() < _of_machine() else 0)


def compute_with(threads: int | None) -> None:
    """Have this process, and those that it starts, compute with so many threads; None changes nothing.

    To be called before a library that computes is imported: most of them read the environment only then.
    """
    if threads is not None:
        os.environ.update(dict.fromkeys((THREADS, *TENSORFLOW), str(threads)))


def described() -> str:
    """Return the number of cores and of threads as a person reads them, with what makes them fewer than there are."""
    there, allowed, quota, number = os.cpu_count() or 1, _allowed(), cpu_quota(), cores()
    limits = [
        f"the affinity allows {allowed}" if allowed < there else "",
        f"a CPU quota allows {quota:g}" if _as_count(quota) < there else "",
    ]
    found = _counted(number, "core")
    if why := " and ".join(filter(None, limits)):
        found += f" of {there} ({why})"
    return found if threads() == number else f"{found}; computes with {_counted(threads(), 'thread')} ({THREADS})"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _allowed() -> int:
    """Return the cores that this process may run on."""
    there = os.cpu_count() or 1  # from Python 3.13 on what PYTHON_CPU_COUNT says, where it is set
    if hasattr(os, "sched_getaffinity"):  # macOS has none
        with suppress(OSError, NotImplementedError):
            return min(there, len(os.sched_getaffinity(0)))
    return there


def _of_machine() -> int:
    """Return the cores of the machine, which a library that chooses by itself counts; it reads no PYTHON_CPU_COUNT."""
    with suppress(AttributeError, ValueError, OSError):  # the system has no such call, or not this number
        if (there := os.sysconf("SC_NPROCESSORS_ONLN")) > 0:
            return there
    return os.cpu_count() or 1


def _said() -> int | None:
    """Return what the user says in `THREADS`: a number, or one for each level of parallel regions in each other."""
    first = os.environ.get(THREADS, "").split(",")[0].strip()
    return int(first) if first.isascii() and first.isdecimal() and int(first) > 0 else None


def _as_count(quota: float) -> int:
    """Return a share of the cores' time as a number of cores: a part of one is kept busy by a thread too."""
    return max(1, math.ceil(quota)) if math.isfinite(quota) else 2**31


def cpu_quota(root: Path = Path("/")) -> float:
    """Return the share of the time of all cores that the control groups of this process may use, in cores.

    Groups stand in each other, and each limits all in it: the smallest quota counts, of both versions of the kernel's
    interface (https://docs.kernel.org/admin-guide/cgroup-v2.html, https://docs.kernel.org/scheduler/sched-bwc.html).

    Parameters
    ----------
    root : pathlib.Path
        Folder that holds ``proc`` and ``sys``.

    Returns
    -------
    float
        Infinity where there is no quota, or none can be read.
    """
    usual = [root / "sys/fs/cgroup" / name for name in _USUAL]
    return min((_quota_of(folder) for folder in [*control_groups("cpu", root), *usual]), default=math.inf)


def control_groups(controller: str, root: Path = Path("/")) -> Iterator[Path]:
    """Yield the folders of the control groups that this process is in, and of those around them, as far as seen.

    Parameters
    ----------
    controller : str
        What the groups limit: ``cpu``, ``memory``.
    root : pathlib.Path
        Folder that holds ``proc`` and ``sys``.
    """
    with suppress(OSError, ValueError):  # the system has none of these files, or other ones
        own = {}
        for line in (root / "proc/self/cgroup").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            _, controllers, path = line.split(":", 2)
            if not controllers or controller in controllers.split(","):
                own["cgroup" if controllers else "cgroup2"] = PurePosixPath(path)
        for mount in (root / "proc/self/mountinfo").read_text(encoding="utf-8", errors="surrogateescape").splitlines():
            before, _, after = mount.partition(" - ")
            kind, _, options = after.split(" ", 2)
            if kind not in own or (kind == "cgroup" and controller not in options.split(",")):
                continue
            top, place = (_unescaped(word) for word in before.split(" ")[3:5])
            folder = root / place.lstrip("/")
            yield folder
            # A container often sees only the tree below its own group, and the names that all groups have outside.
            if own[kind].is_relative_to(top) and ".." not in own[kind].parts:
                for part in own[kind].relative_to(top).parts:
                    folder /= part
                    yield folder


def _quota_of(group: Path) -> float:
    """Return the quota of one control group, in cores; infinity where it has none."""
    with suppress(OSError, ValueError, ZeroDivisionError):
        if (group / "cpu.max").is_file():
            quota, period = (group / "cpu.max").read_text(encoding="utf-8").split()
        else:
            quota, period = ((group / f"cpu.cfs_{name}_us").read_text(encoding="utf-8") for name in ("quota", "period"))
        share = int(quota) / int(period)  # "max" is no number, and version 1 says -1
        return share if share > 0 else math.inf
    return math.inf


def _unescaped(text: str) -> str:
    """Return a path as mountinfo stands for it: blanks are octal numbers there."""
    for escaped, character in (("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")):
        text = text.replace(escaped, character)
    return text


@contextmanager
def one_thread() -> Iterator[None]:
    """Let BLAS and OpenMP compute with one thread, so that sums are the same on every machine.

    Where nobody can say which of them are loaded (Linux without /proc), nothing is changed.
    """
    from threadpoolctl import threadpool_limits  # of the extra train

    try:
        limits: AbstractContextManager[Any] = threadpool_limits(1)
    except OSError:
        limits = nullcontext()
    with limits:
        yield
