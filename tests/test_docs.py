"""The pages: what is generated is up to date, and lines can be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = [
    *(ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "export").rglob("*.md")),
    ROOT / "benchmarks" / "README.md",
]
LONGEST, LONGEST_README = 120, 100
"""Characters of a line; lines of the README."""


def test_results_are_those_of_the_benchmarks() -> None:
    done = subprocess.run([sys.executable, ROOT / "tools" / "results-page", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_lines_fit_a_screen(page: Path) -> None:
    lines = page.read_text(encoding="utf-8").splitlines()
    # A row of a table cannot be broken, nor can what is to be copied into a shell.
    long = [f"line {number}: {len(line)} characters" for number, line in enumerate(lines, 1) if _breaks(line)]
    assert not long, "\n".join(long)


def _breaks(line: str) -> bool:
    return len(line) > LONGEST and not line.startswith(("|", "    "))


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").splitlines()) <= LONGEST_README
