"""A small classifier that is cut, and shards of few rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from ceres_fast.model.cut import Cut
from ceres_fast.records.manifest import Manifest, load_manifest
from ceres_fast.training.prefix_cache import shards

from .small import BATCH, ROWS, CacheOf, small_cut


@pytest.fixture(scope="session")
def parts() -> Cut:
    """Give a cut of float32."""
    return small_cut()


@pytest.fixture
def manifest(tiny_records: Path) -> Manifest:
    """The manifest of the tiny records."""
    return load_manifest(tiny_records)


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a shard hold `ROWS` rows of a small cut, and a batch `BATCH`."""
    monkeypatch.setattr(shards, "BATCH", BATCH)
    monkeypatch.setattr(shards, "SHARD_BYTES", ROWS * 4**3 * 4)


@pytest.fixture
def settings(tmp_path: Path) -> CacheOf:
    """Settings with a cache of their own."""
    return CacheOf(str(tmp_path / "cache"))
