"""The cores that may be used, from affinity and quotas of control groups, and the threads that the user asks for."""

from __future__ import annotations

import contextlib
import math
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ceres_fast.machine import cores
from ceres_fast.machine.cores import TENSORFLOW, THREADS, compute_with, cpu_quota, described, thread_limit, threads

V2_MOUNT = "30 23 0:26 {top} /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate"
V1_MOUNT = "36 25 0:31 {top} /sys/fs/cgroup/cpu,cpuacct rw shared:15 - cgroup cgroup rw,cpu,cpuacct"
OTHER_MOUNTS = (
    "22 1 8:1 / / rw,relatime - ext4 /dev/sda1 rw\n35 25 0:30 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory"
)


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine of eight cores, all of which may be used, and a user who has said nothing."""
    monkeypatch.setattr(os, "cpu_count", lambda: 8)
    monkeypatch.setattr(os, "sysconf", {"SC_NPROCESSORS_ONLN": 8}.__getitem__, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "cpu_quota", lambda: math.inf)
    for name in (THREADS, *TENSORFLOW):
        monkeypatch.delenv(name, raising=False)


def limit(monkeypatch: pytest.MonkeyPatch, affinity: int = 8, quota: float = math.inf) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(affinity)), raising=False)
    monkeypatch.setattr(cores, "cpu_quota", lambda: quota)


def system(root: Path, groups: str, mounts: str, files: dict[str, str]) -> Path:
    """Write what a process sees of its control groups below a folder."""
    written = {"proc/self/cgroup": groups, "proc/self/mountinfo": f"{OTHER_MOUNTS}\n{mounts}\n"}
    for name, content in (written | {f"sys/fs/cgroup/{name}": text for name, text in files.items()}).items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


@pytest.mark.parametrize(
    ("groups", "mounts", "files", "expected"),
    [
        ("0::/\n", V2_MOUNT.format(top="/"), {"cpu.max": "150000 100000\n"}, 1.5),
        ("0::/\n", V2_MOUNT.format(top="/"), {"cpu.max": "max 100000\n"}, math.inf),
        ("0::/\n", V2_MOUNT.format(top="/"), {}, math.inf),
        ("0::/a/b\n", V2_MOUNT.format(top="/"), {"a/b/cpu.max": "400000 100000\n"}, 4),
        ("0::/a/b\n", V2_MOUNT.format(top="/"), {"a/b/cpu.max": "max 100000\n", "a/cpu.max": "200000 100000\n"}, 2),
        (
            "0::/a/b\n",
            V2_MOUNT.format(top="/"),
            {"a/b/cpu.max": "300000 100000\n", "a/cpu.max": "50000 100000\n", "c/cpu.max": "1000 100000\n"},
            0.5,
        ),
        ("0::/docker/x\n", V2_MOUNT.format(top="/docker/x"), {"cpu.max": "250000 100000\n"}, 2.5),
        ("0::/docker/x/y\n", V2_MOUNT.format(top="/docker/x"), {"y/cpu.max": "250000 100000\n"}, 2.5),
        ("0::/../other\n", V2_MOUNT.format(top="/.."), {"cpu.max": "250000 100000\n"}, 2.5),
        ("0::/a b\n", V2_MOUNT.format(top="/a\\040b"), {"cpu.max": "250000 100000\n"}, 2.5),
        (
            "4:cpu,cpuacct:/job\n3:memory:/\n0::/\n",
            V1_MOUNT.format(top="/"),
            {"cpu,cpuacct/job/cpu.cfs_quota_us": "350000\n", "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n"},
            3.5,
        ),
        (
            "4:cpu,cpuacct:/docker/x\n",
            V1_MOUNT.format(top="/docker/x"),
            {"cpu,cpuacct/cpu.cfs_quota_us": "100000\n", "cpu,cpuacct/cpu.cfs_period_us": "50000\n"},
            2,
        ),
        (
            "4:cpu,cpuacct:/\n",
            V1_MOUNT.format(top="/"),
            {"cpu,cpuacct/cpu.cfs_quota_us": "-1\n", "cpu,cpuacct/cpu.cfs_period_us": "100000\n"},
            math.inf,
        ),
        ("", "", {"cpu.max": "100000 100000\n"}, 1),  # where a sandbox shows nothing but the file
        ("nonsense", "nonsense", {"cpu.max": "100000 100000\n"}, 1),
        ("0::/\n", V2_MOUNT.format(top="/"), {"cpu.max": ""}, math.inf),
        ("0::/\n", V2_MOUNT.format(top="/"), {"cpu.max": "100000\n"}, math.inf),
        ("0::/\n", V2_MOUNT.format(top="/"), {"cpu.max": "100000 0\n"}, math.inf),
        ("0::/\n", V2_MOUNT.format(top="/"), {"cpu.max": "0 100000\n"}, math.inf),
    ],
)
def test_the_smallest_quota_on_the_path_counts(
    tmp_path: Path, groups: str, mounts: str, files: dict[str, str], expected: float
) -> None:
    assert cpu_quota(system(tmp_path, groups, mounts, files)) == expected


def test_a_system_without_control_groups(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path) == math.inf


@pytest.mark.parametrize(
    ("affinity", "quota", "expected"),
    [(8, math.inf, 8), (3, math.inf, 3), (8, 2.0, 2), (8, 1.1, 2), (8, 0.05, 1), (3, 2.5, 3), (2, 16, 2), (8, 100, 8)],
)
def test_the_smallest_limit_counts_and_a_part_of_a_core_is_one(
    monkeypatch: pytest.MonkeyPatch, affinity: int, quota: float, expected: int
) -> None:
    limit(monkeypatch, affinity, quota)
    assert (cores.cores(), threads()) == (expected, expected)
    assert thread_limit() == (0 if expected == 8 else expected)


def test_a_system_that_has_no_affinity(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(process: int) -> set[int]:
        raise OSError

    monkeypatch.setattr(os, "sched_getaffinity", refused)
    assert cores.cores() == 8
    monkeypatch.delattr(os, "sched_getaffinity")
    assert cores.cores() == 8
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores.cores() == 1


@pytest.mark.parametrize(
    ("said", "expected"),
    [("3", 3), (" 3 ", 3), ("4,2", 4), ("16", 16), ("0", 8), ("-1", 8), ("", 8), ("many", 8), ("²", 8)],
)
def test_what_the_user_says_decides_the_threads_and_not_the_cores(
    monkeypatch: pytest.MonkeyPatch, said: str, expected: int
) -> None:
    monkeypatch.setenv(THREADS, said)
    assert (threads(), cores.cores()) == (expected, 8)
    assert thread_limit() == (0 if expected == 8 else expected)


def test_an_option_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (THREADS, *TENSORFLOW):
        monkeypatch.setenv(name, "7")
    compute_with(None)
    assert threads() == 7
    compute_with(2)
    assert threads() == thread_limit() == 2
    assert [os.environ[name] for name in TENSORFLOW] == ["2", "2"]


def test_what_is_said_to_python_alone_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """From Python 3.13 on, `os.cpu_count` is what PYTHON_CPU_COUNT says; no library reads that."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    assert thread_limit() == threads() == 2
    monkeypatch.setattr(os, "sysconf", lambda name: -1, raising=False)
    assert thread_limit() == 0
    monkeypatch.delattr(os, "sysconf")
    assert thread_limit() == 0


def test_it_is_said_why_there_are_fewer(monkeypatch: pytest.MonkeyPatch) -> None:
    assert described() == "8 cores"
    limit(monkeypatch, affinity=4, quota=0.5)
    assert described() == "1 core of 8 (the affinity allows 4 and a CPU quota allows 0.5)"
    limit(monkeypatch, quota=2.5)
    monkeypatch.setenv(THREADS, "1")
    assert described() == f"3 cores of 8 (a CPU quota allows 2.5); computes with 1 thread ({THREADS})"


@pytest.fixture
def group() -> Iterator[Path]:
    """A control group with a quota of 0.75 cores around another one, of this machine; the inner one."""
    for tree, quota, content in (
        (Path("/sys/fs/cgroup/cpu"), "cpu.cfs_quota_us", "75000"),
        (Path("/sys/fs/cgroup"), "cpu.max", "75000 100000"),
    ):
        inner = tree / f"ceres-fast-test-{os.getpid()}" / "inner"
        try:
            inner.mkdir(parents=True)
            (inner.parent / quota).write_text(content)
            break
        except OSError:
            _remove(inner)
    else:
        pytest.skip("this machine lets nobody make a control group with a CPU quota")
    yield inner
    _remove(inner)


def _remove(inner: Path) -> None:
    for folder in (inner, inner.parent):
        with contextlib.suppress(OSError):
            folder.rmdir()


def test_a_quota_of_this_machine(group: Path) -> None:
    enter = f"open({str(group / 'cgroup.procs')!r}, 'w').write('0')"
    code = f"{enter}\nfrom ceres_fast.machine.cores import *\nprint(cores(), cpu_quota())"
    environment = {name: value for name, value in os.environ.items() if name != THREADS}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True)
    if "cgroup.procs" in done.stderr or "OSError" in done.stderr:
        pytest.skip(f"a process cannot enter a control group here: {done.stderr.splitlines()[-1]}")
    assert done.stdout.split() == ["1", "0.75"]


def test_one_thread_needs_no_list_of_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*arguments: object) -> None:
        raise FileNotFoundError(2, "No such file or directory", "/proc/self/maps")

    monkeypatch.setattr("threadpoolctl.threadpool_limits", unknown)
    with cores.one_thread():
        assert sum(range(3)) == 3
