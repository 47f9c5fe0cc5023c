"""What the tests of evaluations share."""

from __future__ import annotations

from typing import Any

import pytest
from matplotlib.figure import Figure


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    """Every figure that is saved."""
    kept: list[Figure] = []
    save = Figure.savefig

    def keep(figure: Figure, *where: Any, **options: Any) -> None:
        kept.append(figure)
        save(figure, *where, **options)

    monkeypatch.setattr(Figure, "savefig", keep)
    return kept
