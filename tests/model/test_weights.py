"""Where first weights are looked for, in which order, and how files of weights are read and written."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from keras.src.legacy.saving import legacy_h5_format

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.machine.network import OFFLINE
from ceres_fast.model import weights as weights_module
from ceres_fast.model.backbones import BACKBONES
from ceres_fast.model.imagenet import WEIGHTS_FOLDER, file_names, find_imagenet
from ceres_fast.model.weights import fill, load_base, save_weights
from ceres_fast.settings.architecture import Architecture

from ..full_disk import files_of_at_most
from ..tiny_networks import tiny_network

XCEPTION = BACKBONES["xception"]
PUBLISHED, OURS = file_names(XCEPTION)


def small(include_top: bool, weights: str | None, input_shape: tuple[int, int, int]) -> keras.Model:
    """A network as the applications of Keras are called, of two layers."""
    assert (include_top, weights) == (False, None)
    images = keras.Input(input_shape)
    features = keras.layers.Conv2D(4, 3, strides=8, name="block1_conv1")(images)
    return keras.Model(images, keras.layers.BatchNormalization(name="block1_bn")(features), name="small")


SMALL = replace(XCEPTION, application=small)


def save(path: Path, value: float, network: keras.Model | None = None) -> Path:
    """Save a small network's weights, all of one value: in the published (legacy) format, or Keras's own."""
    network = network or small(False, None, (71, 71, 3))
    network.set_weights([np.full(weight.shape, value) for weight in network.get_weights()])
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.name.endswith(".weights.h5"):
        network.save_weights(path)
    else:
        with h5py.File(path, "w") as file:
            legacy_h5_format.save_weights_to_hdf5_group(file, network)
    return path


def value_of(network: keras.Model) -> float:
    values = {value for weight in network.get_weights() for value in np.unique(weight)}
    assert len(values) == 1
    return float(values.pop())


@pytest.fixture(autouse=True)
def nothing_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No weights on this machine, and no network."""
    monkeypatch.delenv(WEIGHTS_FOLDER, raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv(OFFLINE, "1")


@pytest.fixture
def places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The four places of ImageNet weights, first to last."""
    monkeypatch.setenv(WEIGHTS_FOLDER, str(tmp_path / "own"))
    folders = tmp_path / "own", tmp_path / "keras" / "models"
    return [folder / name for folder in folders for name in (PUBLISHED, OURS)]


def test_order(places: list[Path]) -> None:
    assert find_imagenet(SMALL) is None
    for number, path in reversed(list(enumerate(places))):
        save(path, number + 1)
        assert find_imagenet(SMALL) == path
        assert value_of(load_base(SMALL, "imagenet")) == number + 1


def test_only_files_count(places: list[Path]) -> None:
    places[0].mkdir(parents=True)
    save(places[3], 7)
    assert find_imagenet(SMALL) == places[3]


def test_without_the_variable_the_cache_is_looked_at(places: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for number, path in enumerate(places):
        save(path, number)
    for value in (None, ""):
        monkeypatch.delenv(WEIGHTS_FOLDER) if value is None else monkeypatch.setenv(WEIGHTS_FOLDER, value)
        assert find_imagenet(SMALL) == places[2]


def test_a_named_file_is_used_before_all_others(places: list[Path], tmp_path: Path) -> None:
    save(places[0], 1)
    for name in ("mine.weights.h5", "mine.h5"):
        assert value_of(load_base(SMALL, str(save(tmp_path / name, 5)))) == 5


def test_none_is_random(places: list[Path]) -> None:
    save(places[0], 1)
    first, second = (load_base(SMALL, "none").get_weights()[0] for _ in range(2))
    assert np.std(first) > 0
    assert not np.array_equal(first, second)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.weights.h5", None, "no such file"),
        ("a.npz", b"PK", "is not a .h5 weights file"),
        ("a.weights.h5", b"", "cannot be loaded"),
        ("a.h5", b"", "cannot be loaded"),
        ("a.weights.h5", b"<html>404 Not Found</html>", "cannot be loaded"),
        ("a.h5", b"<html>404 Not Found</html>", "cannot be loaded"),
    ],
)
def test_what_is_no_weights_file_is_named(tmp_path: Path, name: str, content: bytes | None, problem: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=problem) as caught:
        load_base(SMALL, str(path))
    assert str(caught.value).startswith(f"{path}: ")
    assert "expected Keras weights of small without its top" in str(caught.value)


@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_a_cut_file(tmp_path: Path, name: str, kept: float) -> None:
    path = save(tmp_path / name, 1)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * kept)])
    with pytest.raises(InputError, match=r"cannot be loaded.*Fetch the file again"):
        load_base(SMALL, str(path))


@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5"])
def test_weights_of_another_network(tmp_path: Path, name: str) -> None:
    images = keras.Input((71, 71, 3))
    others = {
        "fewer": keras.layers.Conv2D(4, 3, strides=8)(images),
        "of another shape": keras.layers.BatchNormalization()(keras.layers.Conv2D(5, 3, strides=8)(images)),
        "of other kinds": keras.layers.LayerNormalization()(keras.layers.Dense(4)(images)),
        "nothing": images,
    }
    for features in others.values():
        path = save(tmp_path / name, 1, keras.Model(images, features))
        with pytest.raises(InputError, match="cannot be loaded"):
            load_base(SMALL, str(path))
        path.unlink()


def layer_names_not_a_list(file: h5py.File) -> None:
    file.attrs["layer_names"] = 3


def layer_without_weights(file: h5py.File) -> None:
    file.attrs["layer_names"] = [b"block1_conv1", b"block1_bn"]


def text_as_weights(file: h5py.File) -> None:
    file["layers/conv2d/vars/0"] = "abc"


@pytest.mark.parametrize("write", [layer_names_not_a_list, layer_without_weights, text_as_weights, lambda file: None])
@pytest.mark.parametrize("name", ["a.weights.h5", "a.h5"])
def test_hdf5_of_something_else(tmp_path: Path, write: Callable[[h5py.File], None], name: str) -> None:
    with h5py.File(tmp_path / name, "w") as file:
        write(file)
    with pytest.raises(InputError, match="cannot be loaded") as caught:
        load_base(SMALL, str(tmp_path / name))
    assert "\n" not in str(caught.value)


def test_weights_that_keras_would_only_warn_of_are_refused(tmp_path: Path) -> None:
    class Incomplete:
        def load_weights(self, path: Path) -> None:
            warnings.warn("Skipping nested container at 'layers/base': no matching group found", stacklevel=1)

    with pytest.raises(InputError, match=r"a: cannot be loaded \(Skipping nested container .*expected weights"):
        fill(Incomplete(), tmp_path / "a", expected="weights")


def test_what_is_saved_is_read_and_nothing_of_the_optimiser(tmp_path: Path) -> None:
    model, other = (tiny_network(Architecture("xception"), filters=64) for _ in range(2))
    model.compile("adam", "categorical_crossentropy")
    model.train_on_batch(np.random.default_rng(0).random((2, 32, 32, 1)), np.eye(2))
    path = tmp_path / "run" / "epoch-001.weights.h5"
    save_weights(model, path)
    fill(other, path, expected="weights")
    for mine, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    with h5py.File(path) as file:
        stored: list[int] = []
        file.visititems(lambda name, item: stored.append(item.size) if isinstance(item, h5py.Dataset) else None)
    assert sum(stored) == model.count_params()
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_the_space_asked_for_is_enough_for_a_deep_network(
    network: Callable[[str], keras.Model], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    monkeypatch.setattr(weights_module, "reserve", lambda path, size: asked.append(size))
    for name in ("inceptionresnetv2", "xception"):
        save_weights(network(name), tmp_path / "a.weights.h5")
        size = (tmp_path / "a.weights.h5").stat().st_size
        assert size < asked.pop() < 1.1 * size


@pytest.mark.parametrize("size", [100, 10_000, 1_000_000])
def test_a_full_disk_is_one_clear_line_and_hdf5_is_not_started(
    tmp_path: Path, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.weights.h5"
    path.write_text("old")
    monkeypatch.setattr(keras.Model, "save_weights", lambda *arguments, **options: pytest.fail("it was started"))
    model = tiny_network(Architecture("xception"))
    problem = r"a\.weights\.h5: cannot be written \(File too large\)\. Make room"
    with files_of_at_most(size), pytest.raises(CeresFastError, match=problem):
        save_weights(model, path)
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_the_real_weights_are_loaded_value_by_value(shared_weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEIGHTS_FOLDER, str(shared_weights))
    path = find_imagenet(XCEPTION)
    assert path == shared_weights / OURS
    base, random = (load_base(XCEPTION, weights) for weights in ("imagenet", "none"))
    with h5py.File(path) as file:
        stored = file["layers/conv2d/vars/0"][:]
        count = sum(len(group["vars"]) for group in file["layers"].values())
    np.testing.assert_array_equal(base.get_layer("block1_conv1").kernel.numpy(), stored)
    assert count == len(base.weights)
    pairs = zip(base.weights, random.weights, strict=True)
    # Google trained Xception without scale: gamma is 1 in both.
    same = [ours.path for ours, theirs in pairs if np.array_equal(ours.numpy(), theirs.numpy())]
    assert all(path.endswith("/gamma") for path in same)
