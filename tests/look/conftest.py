"""What the tests of `look` share."""

import pytest

from ceres_fast.console import console


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let tables break no words, whatever width the terminal of the tests had when the console was made."""
    monkeypatch.setattr(console, "_width", 200)
