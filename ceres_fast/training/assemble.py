"""Put together what is fitted: the first weights, the rows of both splits, the feeds, loss, metrics and optimiser."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod

from ..console import say, warn
from ..libraries.tensorflow_quiet import keras
from ..machine.memory import refuse_larger
from ..model.build import BASE, build_model
from ..model.cut import Cut, cut
from ..records.manifest import Manifest
from ..records.pipeline import read_columns
from ..settings.training import Settings
from ..stamps import CLASSES, PLANES
from .augment import Augment
from .devices import replicas, total_memory
from .feed.feed import Feed, fits_on_device
from .feed.rows import RecordRows, Rows
from .optimisation import build_loss, build_optimizer
from .prefix_cache.cache import cached_rows
from .prefix_cache.entry import NoRoom
from .snapshot import leaves
from .start import starting_classifier, starting_model
from .trainer import Trainer

FITTED_SPLITS = ("train", "validation")


@dataclass(frozen=True)
class Source:
    """The model that is fitted, and the rows of both splits.

    Attributes
    ----------
    network : keras.Model
        The classifier, or its part after the cut. The two share their layers: training the part trains the classifier.
    rows : mapping of str to Rows
        ``train`` and ``validation``.
    prefix_seconds : float or None
        Duration of computing the features, in this run or an earlier one; None where the rows are stamps.
    """

    network: keras.Model
    rows: Mapping[str, Rows]
    prefix_seconds: float | None = None


def cut_for_cache(model: keras.Model, settings: Settings) -> Cut | None:
    """Return the classifier in two parts where a cache of the output of the first pays, else None."""
    if not settings.cacheable:
        return None
    # With the cache, the prefix processes each stamp once per variant; without it, once per epoch. So the cache pays
    # where there are more epochs than variants.
    if settings.epochs <= settings.variants:
        say(f"without the prefix cache: it pays from {settings.variants + 1} epochs on")
        return None
    return cut(model)


def refuse_batch(network: keras.Model, manifest: Manifest, settings: Settings) -> None:
    """Check, before anything is made, that a step of training a network may fit on the device.

    Raises
    ------
    CeresFastError
        When a step needs more memory than the device has.
    """
    stamps = min(settings.batch_size, max(manifest.count(split) for split in FITTED_SPLITS))
    what = f"training with {stamps:,} stamps per step"
    action = "Choose a smaller --batch-size, or a smaller head (--dense)."
    refuse_larger(least_memory(network, -(-stamps // replicas())), total_memory(), what, action)


_COPIES = 4
"""Of each trained weight: itself, its gradient, and the two moments of the optimiser; all optimisers here have two."""

_BYTES = {"float16": 2, "bfloat16": 2}
"""Of a number, where not 4."""


def least_memory(network: keras.Model, stamps: int) -> float:
    """Return the bytes that one training step of a network surely needs.

    These are the weights, and of each stamp what the gradients are computed from: the input of every layer whose
    weights are trained. Of all else that a step computes only the largest tensor is counted, because frozen layers give
    free what they have used. So it may need several times as much, but never less.

    Parameters
    ----------
    network : keras.Model
        What is fitted.
    stamps : int
        Stamps per step, on one device.
    """
    weights = sum(_size(weight.shape) * (_COPIES if weight.trainable else 1) for weight in network.weights)
    kept = [_of_stamp(layer, "input") for layer in leaves(network) if layer.trainable_weights]
    largest = max((_of_stamp(layer, "output") for layer in leaves(network)), default=0)
    return weights + stamps * (sum(kept) + largest)


def _size(shape: tuple[int, ...]) -> int:
    return 4 * prod(shape)


def _of_stamp(layer: keras.Layer, side: str) -> int:
    """Return the bytes of what goes into a layer, or comes out, of one stamp; 0 where its shape is not known."""
    try:
        tensors = keras.tree.flatten(getattr(layer, side))
    except (AttributeError, ValueError):  # a layer that was never called on a symbolic tensor
        return 0
    bytes_each = _BYTES.get(layer.compute_dtype, 4)
    return sum(bytes_each * prod(size or 1 for size in tensor.shape[1:]) for tensor in tensors)


def source_of(model: keras.Model, parts: Cut | None, manifest: Manifest, settings: Settings) -> Source:
    """Return the suffix and its cached features where there is a cut and room on the disk, else the model and stamps.

    Raises
    ------
    InputError
        When a shard of the records is damaged.
    CeresFastError
        When there is no room, and a step without the cache needs more memory than the device has.
    """
    if parts and (source := _cached(parts, manifest, settings)):
        return source
    if parts:
        refuse_batch(model, manifest, settings)  # it needs more than the suffix, which has been checked
    return Source(model, {split: RecordRows(manifest, split) for split in FITTED_SPLITS})


def _cached(parts: Cut, manifest: Manifest, settings: Settings) -> Source | None:
    variants = {"train": settings.variants, "validation": 1}
    try:
        rows = {
            split: cached_rows(manifest, split, parts, settings, variants=variants[split]) for split in FITTED_SPLITS
        }
    except NoRoom as error:
        warn(f"{error} This run goes on without the cache: what is frozen is computed again in every epoch.")
        return None
    say(f"features of the frozen layers from {settings.cache_dir}")
    return Source(parts.suffix, rows, sum(features.seconds for features in rows.values()))


STEPS_AT_ONCE = 16
"""Steps in one call to the device: the Python code of Keras's `fit` between two calls is as slow as a small step."""


def seeded_model(settings: Settings, planes: Sequence[str] = PLANES[:1]) -> keras.Model:
    """Return the classifier of stamps of `planes` with its first weights, which the seed decides.

    Raises
    ------
    InputError
        When weights cannot be loaded, or the run to start from does not fit.
    CeresFastError
        When ImageNet weights are not there and cannot be downloaded.
    """
    keras.utils.set_random_seed(settings.seed)
    classifier = starting_classifier(settings, planes)
    return build_model(settings, planes) if classifier is None else starting_model(settings, classifier)


def build_trainer(model: keras.Model, source: Source, manifest: Manifest, settings: Settings) -> Trainer:
    """Return the compiled trainer of a classifier.

    Parameters
    ----------
    model : keras.Model
        The whole classifier.
    source : Source
        The part of it that is fitted, and its rows.
    manifest : Manifest
        The manifest of the records.
    settings : Settings
        The settings of the run.
    """
    feeds = _feeds(source, manifest, settings)
    weights = class_weights(manifest.class_counts("train")) if settings.class_weights else None
    # Of cached features, the feed has chosen the flip and rotation, and there is nothing else to be done.
    of_stamps = source.network is model
    augment = Augment(settings.augmentations, settings.seed) if settings.augmentations and of_stamps else None
    trainer = Trainer(source.network, feeds["train"], feeds["validation"], weights, augment)
    unfrozen = model.get_layer(BASE).trainable_variables if settings.pretrained else []
    trainer.compile(
        optimizer=build_optimizer(settings, unfrozen, feeds["train"].steps),
        loss=build_loss(settings),
        metrics=_metrics(settings),
        jit_compile=settings.jit,
        steps_per_execution=settings.steps_per_execution or (STEPS_AT_ONCE if replicas() == 1 else 1),
    )
    return trainer


def class_weights(counts: Mapping[str, int]) -> dict[int, float]:
    """Return the weight of each label: both classes have the same total weight, and the mean weight of a stamp is 1."""
    total = sum(counts.values())
    return {label: total / (len(CLASSES) * counts[name]) for label, name in enumerate(CLASSES)}


def _feeds(source: Source, manifest: Manifest, settings: Settings) -> dict[str, Feed]:
    on_device = fits_on_device(*source.rows.values())
    return {
        split: Feed(
            source.rows[split],
            read_columns(manifest, split, ("label",))["label"],
            settings.batch_size,
            seed=settings.seed,
            shuffle=split == "train",
            variants=settings.variants if split == "train" else 1,
            on_device=on_device,
        )
        for split in FITTED_SPLITS
    }


def _metrics(settings: Settings) -> list[str | keras.metrics.Metric]:
    metrics: list[str | keras.metrics.Metric] = ["accuracy", keras.metrics.Recall(class_id=1, name="recall")]
    if settings.monitor == "val_auc":  # only on demand: its 200 thresholds are as slow as the step of a small head
        metrics.append(keras.metrics.AUC(name="auc", multi_label=True, num_labels=len(CLASSES), label_weights=[0, 1]))
    return metrics
