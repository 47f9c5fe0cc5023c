"""What is put together for a fit: with the prefix cache and without it a run is the same; class weights."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.model.backbones import BACKBONES
from ceres_fast.model.build import BASE
from ceres_fast.model.cut import cut
from ceres_fast.model.weights import load_base
from ceres_fast.records.build import build_records
from ceres_fast.records.manifest import Manifest, load_manifest
from ceres_fast.settings.defaults import PAPER
from ceres_fast.settings.training import Settings
from ceres_fast.training import assemble
from ceres_fast.training.assemble import (
    build_trainer,
    class_weights,
    cut_for_cache,
    least_memory,
    seeded_model,
    source_of,
)
from ceres_fast.training.feed.rows import RecordRows
from ceres_fast.training.prefix_cache import entry
from ceres_fast.training.prefix_cache.shards import FeatureRows

from ..tiny_networks import tiny_network
from ..tiny_records import write_stamps

ROUNDING = dict.fromkeys(BACKBONES, 1e-4) | {"resnet152v2": 2e-3}
"""Relative: TensorFlow folds BatchNormalization into the convolutions of a prefix that is computed once. What that
rounds otherwise depends on the processor, and grows through 152 layers of random weights to 1.5e-4 of a feature."""


ROWS = {"inceptionv3": 1, "xception": 3, "inceptionresnetv2": 2, "resnet152v2": 3}
"""An experiment of each backbone; that of ResNet152V2 is cut in two tensors. In all twelve rows, a step of what is
behind the cut is a step of the whole: tests/model/test_cut.py."""


@pytest.fixture(scope="session")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files of random weights, made when they are asked for."""
    folder = tmp_path_factory.mktemp("weights")

    class Made(dict[str, Path]):
        def __missing__(self, name: str) -> Path:
            keras.utils.set_random_seed(1)
            network, self[name] = load_base(BACKBONES[name], "none"), folder / f"{name}.weights.h5"
            # With statistics of its own, BatchNormalization lets something through to the last layer.
            for layer in network.layers:
                if isinstance(layer, keras.layers.BatchNormalization):
                    layer.momentum = 0.0
            network(np.random.default_rng(1).random((16, *network.input_shape[1:]), np.float32), training=True)
            network.save_weights(self[name])
            return self[name]

    return Made()


@pytest.fixture(scope="module")
def few_stamps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records with two or three batches of training stamps: whole networks of 299x299 pixels are trained on them."""
    folder = tmp_path_factory.mktemp("few")
    shares = {"train": 0.3, "validation": 0.1, "calibration": 0.1, "test": 0.5}
    build_records([write_stamps(folder / "stamps")], folder / "records", shards=2, fractions=shares)
    return folder / "records"


def losses(settings: Settings, model: keras.Model, manifest: Manifest) -> tuple[dict[str, list[float]], type]:
    """Return the losses of two epochs, and the type of the rows they came from; the model is then as it was before."""
    source = source_of(model, cut_for_cache(model, settings), manifest, settings)
    trainer = build_trainer(model, source, manifest, settings)
    # To compile the steps of a whole network takes longer than the few that are done here.
    trainer.run_eagerly, trainer.steps_per_execution = True, 1
    before = [variable.numpy() for variable in model.variables]  # the state of the dropout is among them
    history = trainer.fit(
        trainer.train_feed.dataset(), validation_data=trainer.validation_feed.dataset(), epochs=2, verbose=0
    ).history
    for variable, value in zip(model.variables, before, strict=True):
        variable.assign(value)
    return {name: history[name] for name in ("loss", "val_loss")}, type(source.rows["train"])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backbone", "experiment", "given"), [*((*row, PAPER) for row in ROWS.items()), ("xception", 3, {})]
)
def test_cached_and_uncached_runs_have_equal_losses(
    backbone: str,
    experiment: int,
    given: dict[str, Any],
    random_weights: dict[str, Path],
    few_stamps: Path,
    tmp_path: Path,
) -> None:
    small = {"batch_size": 12, "dense": 32, "cache_dir": str(tmp_path / "cache")}
    settings = Settings(backbone, experiment, str(random_weights[backbone]), **given, **small)  # type: ignore[arg-type]
    manifest = load_manifest(few_stamps)
    model = seeded_model(settings, manifest.planes)
    cached, rows = losses(settings, model, manifest)
    uncached, raw = losses(replace(settings, prefix_cache=False), model, manifest)
    assert (rows, raw) == (FeatureRows, RecordRows)
    for name, values in uncached.items():
        assert cached[name] == pytest.approx(values, rel=ROUNDING[backbone])
    assert uncached["loss"][0] != pytest.approx(uncached["loss"][1], rel=0.001)  # there is something to compare


def frozen(settings: Settings) -> keras.Model:
    """Return a tiny classifier whose base is frozen, which a cache would be made for."""
    model = tiny_network(settings)
    model.get_layer(BASE).trainable = False
    assert cut(model) is not None
    return model


def test_where_the_disk_has_no_room_it_goes_on_without(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(entry.shutil, "disk_usage", lambda folder: SimpleNamespace(free=1000))
    settings = Settings("xception", cache_dir=str(tmp_path / "cache"))
    model, manifest = frozen(settings), load_manifest(tiny_records)
    source = source_of(model, cut_for_cache(model, settings), manifest, settings)
    assert source.network is model
    assert source.prefix_seconds is None
    assert isinstance(source.rows["train"], RecordRows)
    assert "goes on without the cache" in " ".join(capsys.readouterr().err.split())
    monkeypatch.setattr(assemble, "total_memory", lambda: 100.0)
    with pytest.raises(CeresFastError, match=r"training with \d+ stamps per step needs"):
        source_of(model, cut_for_cache(model, settings), manifest, settings)


@pytest.mark.parametrize(
    "changed", [{"epochs": 1}, {"augment": "dihedral", "epochs": 8}, {"augment": "shift"}, {"prefix_cache": False}]
)
def test_where_it_does_not_pay_nothing_is_cached(changed: dict[str, Any], tiny_records: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    settings = Settings("xception", cache_dir=str(cache), **changed)
    model, manifest = frozen(settings), load_manifest(tiny_records)
    assert cut_for_cache(model, settings) is None
    assert source_of(model, None, manifest, settings).network is model
    assert not cache.exists()


def test_class_weights() -> None:
    weights = class_weights({"non_asteroid": 38146, "asteroid": 21733})  # the paper's Table 1
    assert weights[0] * 38146 == pytest.approx(weights[1] * 21733)
    assert (weights[0] * 38146 + weights[1] * 21733) / (38146 + 21733) == pytest.approx(1)
    assert class_weights({"non_asteroid": 5, "asteroid": 5}) == {0: 1, 1: 1}


def network(trainable: bool = True) -> keras.Model:
    """Return a network of 10 numbers, a layer of 20 that may be frozen, and one of 2."""
    numbers = keras.Input((10,))
    hidden = keras.layers.Dense(20, trainable=trainable)(numbers)
    return keras.Model(numbers, keras.layers.Dense(2)(keras.layers.Activation("relu")(hidden)))


def test_weights_and_what_the_gradients_come_from() -> None:
    hidden, last = 10 * 20 + 20, 20 * 2 + 2
    weights = 4 * 4 * (hidden + last)
    assert least_memory(network(), 0) == weights
    # The inputs of both layers, and the largest tensor.
    assert least_memory(network(), 7) == weights + 7 * 4 * (10 + 20 + 20)


def test_frozen_layers_keep_nothing() -> None:
    hidden, last = 10 * 20 + 20, 20 * 2 + 2
    assert least_memory(network(trainable=False), 7) == 4 * (hidden + 4 * last) + 7 * 4 * (20 + 20)


def test_layers_of_a_network_in_a_network_count() -> None:
    numbers = keras.Input((10,))
    outer = keras.Model(numbers, network()(numbers))
    assert least_memory(outer, 7) == least_memory(network(), 7)


def test_half_precision_takes_half_of_it() -> None:
    numbers = keras.Input((10,), dtype="float16")
    half = keras.Model(numbers, keras.layers.Dense(20, dtype="mixed_float16")(numbers))
    assert least_memory(half, 7) - least_memory(half, 0) == 7 * 2 * (10 + 20)


@pytest.mark.parametrize("stamps", [1, 10**12])
def test_sizes_beyond_all_memory_are_numbers_too(stamps: int) -> None:
    assert least_memory(network(), stamps) > stamps
