"""How much memory there is: what the machine has, or the container, whichever is less."""

from __future__ import annotations

import math
import resource
from pathlib import Path

import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.machine.memory import available, installed, refuse_larger

GIB = 1 << 30
MEMINFO = "MemTotal: {total} kB\nMemFree: 5 kB\nMemAvailable: {free} kB\nSwapTotal: {swap} kB\nHugePages_Total: 0\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A machine of 64 GiB, half of them free, with 2 GiB of swap."""
    (tmp_path / "proc" / "self").mkdir(parents=True)
    told = {"total": 64 << 20, "free": 32 << 20, "swap": 2 << 20}
    (tmp_path / "proc" / "meminfo").write_text(MEMINFO.format(**told))
    return tmp_path


def in_groups(root: Path, version: int, **files: str) -> None:
    """Put this process into a control group ``job`` with these files, in one without any."""
    name, kind, options = ("", "cgroup2", "rw") if version == 2 else ("memory", "cgroup", "rw,memory")
    (root / "proc/self/cgroup").write_text(f"4:{name}:/job\n3:cpu:/other\n")
    (root / "proc/self/mountinfo").write_text(f"31 20 0:27 / /sys/fs/cgroup/m rw - {kind} cgroup {options}\n")
    folder = root / "sys/fs/cgroup/m/job"
    folder.mkdir(parents=True)
    for name, text in files.items():
        (folder / f"memory.{name}").write_text(text)


def test_this_machine() -> None:
    free = available()
    assert free is not None
    assert 1 << 20 < free <= installed() <= math.inf


def test_of_the_machine(root: Path) -> None:
    assert installed(root) == 66 * GIB
    assert available(root) == 32 * GIB


@pytest.mark.parametrize(
    ("version", "files"),
    [
        (2, {"max": f"{8 * GIB}\n", "current": f"{6 * GIB}\n", "stat": f"anon 1\ninactive_file {GIB}\n"}),
        (
            1,
            {
                "limit_in_bytes": f"{8 * GIB}\n",
                "usage_in_bytes": f"{6 * GIB}\n",
                "stat": f"inactive_file 0\ntotal_inactive_file {GIB}\n",
            },
        ),
    ],
)
def test_of_a_container(root: Path, version: int, files: dict[str, str]) -> None:
    in_groups(root, version, **files)
    assert installed(root) == 8 * GIB
    assert available(root) == 3 * GIB


@pytest.mark.parametrize(
    ("version", "files"),
    [
        (2, {}),
        (2, {"max": "max\n", "current": "1\n"}),
        (2, {"max": "many\n"}),
        (2, {"max": ""}),
        (2, {"max": f"{10**15}\n", "current": "0\n"}),
        (1, {"limit_in_bytes": f"{2**63 - 4096}\n", "usage_in_bytes": "1\n"}),
    ],
)
def test_groups_that_do_not_limit(root: Path, version: int, files: dict[str, str]) -> None:
    in_groups(root, version, **files)
    assert installed(root) == 66 * GIB
    assert available(root) == 32 * GIB


def test_a_group_that_is_full_leaves_nothing(root: Path) -> None:
    in_groups(root, 2, max=f"{GIB}\n", current=f"{GIB + 5}\n", stat="nonsense\n")
    assert available(root) == 0


@pytest.mark.parametrize("text", [None, "", "MemTotal:\n", "nonsense"])
def test_where_nothing_is_told(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "proc").mkdir()
        (tmp_path / "proc/meminfo").write_text(text)
    assert available(tmp_path) is None
    soft, _ = resource.getrlimit(resource.RLIMIT_AS)
    assert installed(tmp_path) == (math.inf if soft == resource.RLIM_INFINITY else soft)


def test_a_limit_of_the_shell(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (4 * GIB, resource.RLIM_INFINITY))
    assert installed(root) == 4 * GIB


def test_what_does_not_fit_is_said_with_both_numbers() -> None:
    refuse_larger(5e9, math.inf, "a head", "")
    refuse_larger(5e9, 5e9, "a head", "")
    with pytest.raises(
        CeresFastError, match=r"^a head needs 82,944\.0 GB of memory, and there are 25\.3\. Choose less\.$"
    ):
        refuse_larger(82.944e12, 25.3e9, "a head", "Choose less.")
