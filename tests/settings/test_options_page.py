"""docs/options.md is what the commands have."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    tool = [sys.executable, ROOT / "tools" / "options-page", "--check"]
    done = subprocess.run(tool, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_the_page_has_every_option_of_train_with_its_bounds() -> None:
    from ceres_fast.settings.training import OPTIONS

    page = (ROOT / "docs" / "options.md").read_text(encoding="utf-8")
    train = page.partition("\n## train\n")[2].partition("\n## ")[0]
    for each in OPTIONS.values():
        value = each.expected if each.kind is not bool else ""
        assert f"| `{each.flag}`" in train
        assert f"| {value} |" in train
