"""The name of an entry depends on all that decides its rows, and on nothing else."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from ceres_fast.model.cut import Cut
from ceres_fast.records.manifest import Manifest
from ceres_fast.stamps import PLANES
from ceres_fast.training.prefix_cache import cache
from ceres_fast.training.prefix_cache.cache import key_of, made_from
from ceres_fast.training.prefix_cache.shards import Layout

from .small import CacheOf, small_cut


def made(
    manifest: Manifest,
    parts: Cut,
    settings: CacheOf | None = None,
    split: str = "train",
    variants: int = 1,
    dtype: str = "float32",
) -> str:
    layout = Layout(split, manifest.count(split), variants, parts.shapes, dtype)
    return key_of(made_from(manifest, parts, settings or CacheOf("cache"), layout))


def with_planes(manifest: Manifest) -> Manifest:
    return dataclasses.replace(manifest, stamp=manifest.stamp | {"planes": list(PLANES)})


def with_fewer_shards(manifest: Manifest) -> Manifest:
    train = manifest.splits["train"]
    return dataclasses.replace(manifest, splits={"train": train | {"shards": train["shards"][::-1]}})


OTHERS: dict[str, Callable[[Manifest, Cut], str]] = {
    "the same": made,
    "split": lambda manifest, parts: made(manifest, parts, split="validation"),
    "shards": lambda manifest, parts: made(with_fewer_shards(manifest), parts),
    "planes": lambda manifest, parts: made(with_planes(manifest), parts),
    "variants": lambda manifest, parts: made(manifest, parts, variants=8),
    "stored as": lambda manifest, parts: made(manifest, parts, dtype="float16"),
    "cut elsewhere": lambda manifest, parts: made(manifest, dataclasses.replace(parts, names=("Add 1",))),
    "other weights": lambda manifest, parts: made(manifest, small_cut(seed=1)),
    "precision": lambda manifest, parts: made(manifest, parts, CacheOf("cache", precision="mixed_float16")),
    "normalise": lambda manifest, parts: made(manifest, parts, CacheOf("cache", normalise="asinh")),
    "backbone": lambda manifest, parts: made(manifest, parts, CacheOf("cache", backbone="inceptionv3")),
}


def test_what_decides_the_rows_decides_the_key(manifest: Manifest, parts: Cut) -> None:
    keys = [make(manifest, parts) for make in OTHERS.values()]
    assert len(set(keys)) == len(keys)
    assert all(len(name) == 16 for name in keys)


@pytest.mark.parametrize("name", ["FORMAT_VERSION", "__version__"])
def test_another_version_has_another_key(
    manifest: Manifest, parts: Cut, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    before = made(manifest, parts)
    monkeypatch.setattr(cache, name, "another")
    assert made(manifest, parts) != before


@pytest.mark.parametrize("library", ["keras", "tf"])
def test_another_library_has_another_key(
    manifest: Manifest, parts: Cut, monkeypatch: pytest.MonkeyPatch, library: str
) -> None:
    before = made(manifest, parts)
    monkeypatch.setattr(f"ceres_fast.training.prefix_cache.cache.{library}.__version__", "0")
    assert made(manifest, parts) != before


def test_head_and_place_do_not_matter(manifest: Manifest, parts: Cut) -> None:
    """Seeds and sizes of heads share an entry; so do copies of records, and a network built later in the process."""
    moved: dict[str, Any] = {"folder": manifest.folder / "elsewhere", "name": "renamed", "sha256": "0" * 64}
    assert made(manifest, small_cut(units=3)) == made(manifest, parts)
    assert made(dataclasses.replace(manifest, **moved), parts, CacheOf("elsewhere")) == made(manifest, parts)
