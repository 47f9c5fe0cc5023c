"""A trainer with its feed, put together as a training run does, for what has to be timed step by step."""

from __future__ import annotations

from dataclasses import dataclass

from ceres_fast.model.build import BASE, build_model
from ceres_fast.model.cut import Cut, cut
from ceres_fast.records.manifest import Manifest
from ceres_fast.records.pipeline import read_columns
from ceres_fast.settings.training import Settings
from ceres_fast.training.feed.feed import Feed
from ceres_fast.training.feed.rows import RecordRows
from ceres_fast.training.optimisation import build_loss, build_optimizer
from ceres_fast.training.prefix_cache.cache import cached_rows
from ceres_fast.training.trainer import Trainer

import keras  # isort: skip  (after TensorFlow has been imported quietly)

SPLIT = "train"


@dataclass(frozen=True)
class Source:
    """Where training examples come from.

    Attributes
    ----------
    cached : bool
        Features of the prefix cache, for the suffix; else raw stamps, for the whole classifier.
    on_device : bool
        Held in the memory of the device; else streamed from the disk.
    """

    cached: bool
    on_device: bool


SOURCES = {
    "records, streamed": Source(cached=False, on_device=False),
    "records, on the device": Source(cached=False, on_device=True),
    "features, streamed": Source(cached=True, on_device=False),
    "features, on the device": Source(cached=True, on_device=True),
}


def parts_of(model: keras.Model) -> Cut:
    """Return prefix and suffix of a classifier that has frozen layers: every row of the paper's programme."""
    parts = cut(model)
    if parts is None:
        raise SystemExit(f"{model.name}: nothing is frozen, so nothing can be cached")
    return parts


def trainer_of(manifest: Manifest, settings: Settings, source: Source) -> Trainer:
    """Return a compiled trainer of the training split; features that are not cached are computed."""
    keras.utils.set_random_seed(settings.seed)
    model = build_model(settings, manifest.planes)
    parts = parts_of(model)
    rows = cached_rows(manifest, SPLIT, parts, settings) if source.cached else RecordRows(manifest, SPLIT)
    labels = read_columns(manifest, SPLIT, ["label"])["label"]
    feed = Feed(
        rows,
        labels,
        settings.batch_size,
        seed=settings.seed,
        shuffle=True,
        variants=1,
        on_device=source.on_device,
    )
    trainer = Trainer(parts.suffix if source.cached else model, feed, feed, None, None)
    slow = model.get_layer(BASE).trainable_variables
    trainer.compile(build_optimizer(settings, slow, feed.steps), build_loss(settings), jit_compile=settings.jit)
    trainer.optimizer.build(trainer.trainable_variables)
    return trainer
