"""What was saved is loaded, to the last bit; what is not whole, or not ours, is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from ceres_fast.artifact.classifier import CLASSIFIER_FILE, read_classifier
from ceres_fast.engines.agreement import probe_stamps
from ceres_fast.errors import InputError
from ceres_fast.model.build import build_model
from ceres_fast.model.load import load_model, predict
from ceres_fast.settings.architecture import Architecture
from ceres_fast.settings.defaults import PAPER_NETWORK
from ceres_fast.settings.training import Settings

from ..tiny_models import classifier
from ..tiny_networks import WEIGHTS, tiny_network, write_run

STAMPS = probe_stamps()[::5, ..., None]


def scramble(model: keras.Model) -> None:
    """Move every weight and moving statistic away from what a new model has."""
    random = np.random.default_rng(6)
    for variable in model.weights:
        if variable.dtype == "float32":
            variable.assign(variable * random.uniform(0.7, 1.3, variable.shape) + 0.01 * random.random(variable.shape))


def save(folder: Path, model: keras.Model, architecture: Architecture) -> Path:
    model.save_weights(folder / WEIGHTS)
    described = classifier(
        backbone=architecture.backbone,
        experiment=architecture.experiment,
        normalise=architecture.normalise,
        precision=architecture.precision,
        head={"kind": architecture.head, "dense": architecture.dense, "dropout": architecture.dropout},
    )
    described.with_file("weights", folder / WEIGHTS).write(folder)
    return folder


@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize(
    "architecture",
    [
        Architecture("xception", 1, dense=16, **PAPER_NETWORK),
        Architecture("xception", 2, normalise="asinh"),
        Settings.of("stampnet"),
        Architecture("xception", 3, **PAPER_NETWORK),
        Architecture("xception", 2, "none", dropout=0.0, **PAPER_NETWORK),
        Architecture("xception", 2, precision="mixed_float16", dense=16, **PAPER_NETWORK),
        Architecture("inceptionv3", 3, dense=16, **PAPER_NETWORK),
        Architecture("inceptionresnetv2", 3, dense=16, **PAPER_NETWORK),
        Architecture("resnet152v2", 3, dense=16, **PAPER_NETWORK),
    ],
    ids=lambda row: f"{row.backbone}-{row.experiment}-{row.weights}-{row.normalise}-{row.precision}",
)
def test_round_trip(tmp_path: Path, architecture: Architecture) -> None:
    model = build_model(architecture)
    fresh = keras.ops.convert_to_numpy(model(STAMPS))
    scramble(model)
    expected = keras.ops.convert_to_numpy(model(STAMPS))
    assert np.abs(expected - fresh).max() > 1e-3
    save(tmp_path, model, architecture)
    scramble(model)  # `load_model` gets the same backbone object here: what is in it must not matter
    loaded = load_model(read_classifier(tmp_path))
    assert loaded.count_params() == model.count_params()
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(loaded(STAMPS)), expected)


def test_nothing_is_read_from_another_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither ImageNet weights nor a network are needed to load."""
    architecture = Architecture("xception", 2, "none", dense=4, **PAPER_NETWORK)
    model = build_model(architecture)
    monkeypatch.setattr("ceres_fast.model.weights.find_imagenet", lambda backbone: pytest.fail("it was looked for"))
    loaded = load_model(read_classifier(save(tmp_path, model, architecture)))
    np.testing.assert_array_equal(predict(loaded, STAMPS), predict(model, STAMPS))


@pytest.fixture
def tiny(tmp_path: Path, tiny_classifier: None) -> Path:
    return write_run(tmp_path)


def change(folder: Path, **values: object) -> None:
    stored = json.loads((folder / CLASSIFIER_FILE).read_text())
    (folder / CLASSIFIER_FILE).write_text(json.dumps(stored | values))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("backbone", "vgg16"),
        ("backbone", "Xception"),
        ("experiment", 4),
        ("experiment", "2"),
        ("normalise", "zscale"),
        ("precision", "int8"),
        ("head", {"kind": "attention", "dense": 4, "dropout": 0.5}),
    ],
)
def test_what_this_version_cannot_build_is_named(tiny: Path, name: str, value: object) -> None:
    change(tiny, **{name: value})
    shown = value["kind"] if isinstance(value, dict) else value
    with pytest.raises(InputError, match=rf"{CLASSIFIER_FILE}: unknown {name} {shown!r}; expected one of"):
        load_model(read_classifier(tiny))


def test_weights_that_changed_are_refused(tiny: Path) -> None:
    content = bytearray((tiny / WEIGHTS).read_bytes())
    content[-10] ^= 1
    (tiny / WEIGHTS).write_bytes(content)
    with pytest.raises(InputError, match=f"{WEIGHTS}: is not the weights file"):
        load_model(read_classifier(tiny))


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1000])


def of_a_wider_network(path: Path) -> None:
    tiny_network(Architecture("xception", **PAPER_NETWORK), filters=9).save_weights(path, overwrite=True)


def without_base(path: Path) -> None:
    with h5py.File(path, "a") as file:
        names: list[str] = []
        file.visit(names.append)
        group = next(name for name in names if name.startswith("layers/base"))
        del file["/".join(group.split("/")[:2])]


def text(path: Path) -> None:
    path.write_text("not HDF5", encoding="utf-8")


@pytest.mark.parametrize("damage", [cut, of_a_wider_network, without_base, text])
def test_weights_that_do_not_fit_are_refused_even_with_the_right_hash(
    tiny: Path, damage: Callable[[Path], None]
) -> None:
    damage(tiny / WEIGHTS)
    read_classifier(tiny).with_file("weights", tiny / WEIGHTS).write(tiny)
    with pytest.raises(InputError, match=rf"{WEIGHTS}: cannot be loaded .*expected weights of "):
        load_model(read_classifier(tiny))


def test_predictions_of_arrays_and_datasets_are_those_of_the_model() -> None:
    from ceres_fast.libraries.tensorflow_quiet import tf

    model = tiny_network(Architecture("xception", **PAPER_NETWORK))
    expected = keras.ops.convert_to_numpy(model(STAMPS))
    dataset = tf.data.Dataset.from_tensor_slices((STAMPS, np.zeros(len(STAMPS)))).batch(4)
    for found in (predict(model, STAMPS), predict(model, STAMPS, batch_size=3), predict(model, dataset)):
        assert (found.shape, found.dtype) == ((len(STAMPS), 2), np.float32)
        np.testing.assert_allclose(found, expected, atol=1e-6)
