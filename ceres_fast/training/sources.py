"""What a run trains, and on which rows: all of the classifier on raw stamps, or its suffix on cached features."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import keras

from ..console import say, warn
from ..model.cut import cut
from ..records.manifest import Manifest
from .feed.rows import RecordRows, Rows
from .prefix_cache.cache import cached_rows
from .prefix_cache.entry import NoRoom
from .settings import Settings

FITTED_SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Source:
    """What is fitted, and the rows of both splits.

    Attributes
    ----------
    network : keras.Model
        The classifier, or what of it is after the cut; training it trains the classifier.
    rows : mapping of str to Rows
        ``train`` and ``validation``.
    prefix_seconds : float or None
        What computing the features took, when that was and whoever did it; None where the rows are stamps.
    """

    network: keras.Model
    rows: Mapping[str, Rows]
    prefix_seconds: float | None = None


def source_of(model: keras.Model, manifest: Manifest, settings: Settings) -> Source:
    """Return cached features and the suffix that takes them, where a cache pays and there is room for it.

    Raises
    ------
    InputError
        When a shard of the records is damaged.
    """
    return _cached(model, manifest, settings) or Source(
        model, {split: RecordRows(manifest, split) for split in FITTED_SPLITS}
    )


def _cached(model: keras.Model, manifest: Manifest, settings: Settings) -> Source | None:
    variants = {"train": settings.variants, "validation": 1}
    # Computed once for each variant, or once in each epoch.
    if not settings.cacheable:
        return None
    if settings.epochs <= variants["train"]:
        say(f"without the prefix cache: it pays from {variants['train'] + 1} epochs on")
        return None
    parts = cut(model)
    if parts is None:
        return None
    try:
        rows = {
            split: cached_rows(manifest, split, parts, settings, variants=variants[split]) for split in FITTED_SPLITS
        }
    except NoRoom as error:
        warn(f"{error} This run goes on without the cache: what is frozen is computed again in every epoch.")
        return None
    say(f"features of the frozen layers from {settings.cache_dir}")
    return Source(parts.suffix, rows, sum(features.seconds for features in rows.values()))
