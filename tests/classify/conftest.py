"""Where tests of classifying put a night and its tables."""

from pathlib import Path

import pytest


@pytest.fixture
def night(tmp_path: Path) -> Path:
    return tmp_path / "night"


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "classified"
