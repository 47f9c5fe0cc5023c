"""What is said to be needed is what the caches take."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from ceres_fast.paper import machine
from ceres_fast.paper.machine import FEATURES, cache_bytes, say_disk
from ceres_fast.paper.plan import Plan

from ..model.test_cut import SHAPES

Made = Callable[..., Plan]


def test_the_table_is_what_the_cut_gives() -> None:
    assert {key: sum(map(math.prod, shapes)) for key, shapes in SHAPES.items()} == FEATURES


def test_the_largest_is_there_at_a_time(plan: Made) -> None:
    made = plan()
    rows = made.manifest.count("train") + made.manifest.count("validation")
    assert cache_bytes(made, kept=False) == rows * 20736 * 4
    assert cache_bytes(made, kept=True) == rows * (18432 + 20736 + 2048 + 2048) * 4
    assert cache_bytes(plan(told={"precision": "mixed_float16"}), kept=False) == rows * 20736 * 2
    assert cache_bytes(plan(told={"cache_half": True}), kept=False) == rows * 20736 * 2


def test_variants_are_of_the_training_split(plan: Made) -> None:
    made = plan(told={"augment": "dihedral", "epochs": 9})
    rows = 8 * made.manifest.count("train") + made.manifest.count("validation")
    assert cache_bytes(made, kept=False) == rows * 20736 * 4


@pytest.mark.parametrize(
    "told", [{"weights": "none"}, {"prefix_cache": False}, {"augment": "shift"}, {"epochs": 1}, {"augment": "dihedral"}]
)
def test_without_a_cache_nothing_is_said(
    plan: Made, tmp_path: Path, capsys: pytest.CaptureFixture[str], told: dict[str, object]
) -> None:
    say_disk(plan(told=told), tmp_path / "out")
    assert capsys.readouterr() == ("", "")


def test_too_little_is_warned_of(
    plan: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[Path] = []
    monkeypatch.setattr(
        machine.shutil, "disk_usage", lambda folder: asked.append(Path(folder)) or SimpleNamespace(free=10**6)
    )
    say_disk(plan(told={"cache_dir": str(tmp_path / "far" / "away")}), tmp_path / "out")
    said = capsys.readouterr()
    assert f"in {tmp_path / 'far' / 'away'}" in said.out
    assert "1.0 MB are free, and up to" in " ".join(said.err.split())
    assert asked == [tmp_path]  # where the cache will be
    monkeypatch.setattr(machine.shutil, "disk_usage", lambda folder: SimpleNamespace(free=10**15))
    say_disk(plan(), tmp_path / "out")
    assert capsys.readouterr().err == ""
