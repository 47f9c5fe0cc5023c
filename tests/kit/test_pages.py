"""What the pages tell to type exists, and so does what they link to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from .command_lines import ROOT, commands, problem, shell_lines

DEPLOY = sorted((ROOT / "docs" / "deploy").glob("*.md"))
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
    *DEPLOY,
    *sorted((ROOT / "export").rglob("*.md")),
]
TARGETS = ("workstation", "gpu", "rtx", "jetson", "triton", "cluster", "edge", "lsst")


def shown(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_every_command_is_one(page: Path) -> None:
    wrong = [
        f"line {number}: {' '.join(words)}: {found}"
        for number, line in shell_lines(page)
        for words in commands(line)
        if (found := problem([word for word in words if word != "..."]))
    ]
    assert not wrong, "\n".join(wrong)


def test_commands_are_found_and_wrong_ones_seen() -> None:
    line = "ls ceres-fast && ceres-fast classify NIGHT --model x.onnx > log ; ceres-fast export --to nowhere # why"
    found = list(commands(line))
    assert found == [
        ["ceres-fast", "classify", "NIGHT", "--model", "x.onnx"],
        ["ceres-fast", "export", "--to", "nowhere"],
    ]
    assert problem(found[0]) is None
    assert "nowhere" in (problem(found[1]) or "")
    for words in (["classify", "--modell", "x"], ["clasify"], ["cache", "burn"]):
        assert problem(["ceres-fast", *words])
    assert problem(["ls"]) is None


@pytest.mark.parametrize("page", PAGES, ids=shown)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    for link in links:
        if not link.startswith(("http:", "https:")):
            assert (page.parent / link).exists(), link


@pytest.mark.parametrize("name", TARGETS)
def test_every_target_has_a_page_that_says_what_was_run(name: str) -> None:
    text = (ROOT / "docs" / "deploy" / f"{name}.md").read_text(encoding="utf-8")
    assert "## What has been run where" in text
    assert f"({name}.md)" in (ROOT / "docs" / "deploy" / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [*DEPLOY, ROOT / "export" / "README.md"], ids=shown)
def test_files_of_the_kit_that_a_page_names_are_there(page: Path) -> None:
    named = set(re.findall(r"\bexport/[\w./-]+\w", page.read_text(encoding="utf-8")))
    for name in named - {"export/README"}:
        assert (ROOT / name).exists(), name
