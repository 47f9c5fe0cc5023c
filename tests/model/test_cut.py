"""A classifier that is cut gives and learns the same as the whole."""

from __future__ import annotations

from collections.abc import Callable

import keras
import numpy as np
import pytest

from ceres_fast.engines.agreement import probe_stamps
from ceres_fast.model import build
from ceres_fast.model.backbones import EXPERIMENTS, IMAGENET
from ceres_fast.model.build import BASE, Base, build_model
from ceres_fast.model.cut import Cut, cut
from ceres_fast.model.weights import load_base
from ceres_fast.settings.architecture import PRECISIONS, Architecture
from ceres_fast.settings.defaults import PAPER_NETWORK
from ceres_fast.stamps import PLANES

ROWS = [(backbone, experiment) for backbone in IMAGENET for experiment in EXPERIMENTS]

# Values of each tensor at the cut, by hand from the published layers (sizes of the images: model/backbones.py).
SHAPES = {
    ("inceptionv3", 1): [(1, 1, 2048)],
    ("inceptionv3", 2): [(7, 7, 288)],
    ("inceptionv3", 3): [(7, 7, 256)],
    ("xception", 1): [(3, 3, 2048)],
    ("xception", 2): [(9, 9, 256)],
    ("xception", 3): [(17, 17, 128)],  # the sum alone: its activation and itself are what is cut
    ("inceptionresnetv2", 1): [(1, 1, 1536)],
    ("inceptionresnetv2", 2): [(7, 7, 128)],
    ("inceptionresnetv2", 3): [(7, 7, 320)],
    ("resnet152v2", 1): [(1, 1, 2048)],
    ("resnet152v2", 2): [(4, 4, 128)],
    ("resnet152v2", 3): [(8, 8, 64), (4, 4, 256)],  # before the padding of the convolution; the shortcut
}

LABELS = np.eye(2, dtype=np.float32)[[0, 1, 0, 1]]


def stamps(planes: int = 1) -> np.ndarray:
    """Four stamps of one source on noise, not two alike."""
    chosen = probe_stamps()[::6][:4]
    return np.concatenate([np.roll(chosen, plane, axis=0) for plane in range(planes)], axis=-1)


def made(backbone: str, experiment: int, **changed: object) -> tuple[keras.Model, Cut]:
    keras.utils.set_random_seed(7)
    model = build_model(Architecture(backbone, experiment, dense=64, **{**PAPER_NETWORK, **changed}))  # type: ignore[arg-type]
    parts = cut(model)
    assert parts is not None
    return model, parts


def numpy(tensors: object) -> list[np.ndarray]:
    return [keras.ops.convert_to_numpy(tensor) for tensor in keras.tree.flatten(tensors)]


@pytest.fixture
def frozen_random(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let "imagenet" weights be random ones, in networks built under the policy of the classifier."""
    monkeypatch.setattr(build, "load_base", lambda backbone, weights: load_base(backbone, "none"))


@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize(("backbone", "experiment"), ROWS)
def test_the_parts_give_what_the_whole_gives(backbone: str, experiment: int) -> None:
    model, parts = made(backbone, experiment)
    tensors = numpy(parts.prefix(stamps()))
    assert [tensor.shape[1:] for tensor in tensors] == list(parts.shapes) == SHAPES[backbone, experiment]
    assert {str(tensor.dtype) for tensor in tensors} == {parts.dtype} == {"float32"}
    assert min(tensor.std(axis=0).max() for tensor in tensors) > 0  # no two stamps give the same
    np.testing.assert_allclose(*numpy([parts.suffix(tensors), model(stamps())]), rtol=0, atol=1e-6)


@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize(("backbone", "experiment"), ROWS)
def test_all_that_is_trained_is_in_the_suffix_and_nothing_else_is_before(backbone: str, experiment: int) -> None:
    model, parts = made(backbone, experiment)
    assert parts.prefix.trainable_variables == []
    assert len(model.trainable_variables) == len(parts.suffix.trainable_variables) > 0
    for whole, part in zip(model.trainable_variables, parts.suffix.trainable_variables, strict=True):
        assert whole is part
    # No weight is in both: what never changes is computed once.
    here, there = ({id(weight) for weight in part.weights} for part in (parts.prefix, parts.suffix))
    assert here
    assert not here & there
    assert here | there == {id(weight) for weight in model.weights}


@pytest.mark.slow
@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize(("backbone", "experiment"), ROWS)
def test_a_step_of_the_suffix_is_a_step_of_the_whole(backbone: str, experiment: int) -> None:
    model, parts = made(backbone, experiment)
    inputs = {"whole": (model, stamps()), "suffix": (parts.suffix, numpy(parts.prefix(stamps())))}
    before = [variable.numpy() for variable in model.variables]
    after = {}
    for name, (part, values) in inputs.items():
        # The state of the dropout is among the variables, so both drop the same.
        for variable, value in zip(model.variables, before, strict=True):
            variable.assign(value)
        part.compile("sgd", "categorical_crossentropy", run_eagerly=True)
        part.optimizer.learning_rate = 1.0
        part.train_on_batch(values, LABELS)
        after[name] = [variable.numpy() for variable in model.variables]
    for variable, value in zip(model.variables, before, strict=True):
        variable.assign(value)  # other tests are given the same network
    trained = {id(variable) for variable in model.trainable_variables}
    moved = 0
    for variable, old, whole, suffix in zip(model.variables, before, after["whole"], after["suffix"], strict=True):
        if id(variable) in trained:
            step = np.abs(whole - old).max()
            np.testing.assert_allclose(suffix, whole, rtol=0, atol=1e-5 * step + 1e-7, err_msg=variable.path)
            moved += step > 1e-6
        else:
            np.testing.assert_array_equal(suffix, whole, err_msg=variable.path)
    assert moved > len(trained) / 2


@pytest.mark.usefixtures("frozen_random")
@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("precision", PRECISIONS[1:])
def test_half_precision(precision: str, experiment: int) -> None:
    model, parts = made("xception", experiment, precision=precision)
    tensors = parts.prefix(stamps())
    assert keras.backend.standardize_dtype(tensors.dtype) == parts.dtype == precision.removeprefix("mixed_")
    np.testing.assert_allclose(*numpy([parts.suffix(tensors), model(stamps())]), rtol=0, atol=1e-6)
    # The policy is put back once the model is built; the loss is scaled all the same.
    scaled = []
    for part in (model, parts.suffix):
        part.compile("sgd", "categorical_crossentropy")
        scaled.append(isinstance(part.optimizer, keras.optimizers.LossScaleOptimizer))
    assert scaled == [precision == "mixed_float16"] * 2
    assert {layer.compute_dtype for layer in parts.suffix.layers[1:-1]} == {parts.dtype}


@pytest.mark.usefixtures("reuse_networks")
def test_normalisation_keeps_its_moving_statistics_in_training() -> None:
    model, parts = made("xception", 3, dropout=0.0)
    tensors = parts.prefix(stamps(), training=True)
    np.testing.assert_array_equal(*numpy([tensors, parts.prefix(stamps(), training=False)]))
    np.testing.assert_array_equal(*numpy([parts.suffix(tensors, training=flag) for flag in (True, False)]))
    assert isinstance(parts.suffix.get_layer(BASE), Base)
    # The test would see it: by the statistics of the batch, the outputs are others.
    parts.suffix.get_layer(BASE).by_moving_statistics = False
    values = [variable.numpy() for variable in model.variables]
    first, second = numpy([parts.suffix(tensors, training=flag) for flag in (True, False)])
    for variable, value in zip(model.variables, values, strict=True):
        variable.assign(value)
    assert np.abs(first - second).max() > 1e-4


@pytest.mark.usefixtures("frozen_random")
def test_three_planes() -> None:
    keras.utils.set_random_seed(7)
    model = build_model(Architecture("resnet152v2", 3, dense=8, **PAPER_NETWORK), PLANES)
    parts = cut(model)
    assert parts is not None
    assert parts.prefix.input_shape == (None, 32, 32, 3)
    outputs = parts.suffix(parts.prefix(stamps(3))), model(stamps(3))
    np.testing.assert_allclose(*numpy(outputs), rtol=0, atol=1e-6)


@pytest.mark.usefixtures("frozen_random")
def test_a_second_network_in_the_process_has_the_same_names() -> None:
    (_, first), (_, second) = made("xception", 3), made("xception", 3)
    assert first.names == second.names == ("Add 0",)
    weights = [[weight.shape for weight in parts.prefix.weights] for parts in (first, second)]
    assert weights[0] == weights[1]
    for one, other in zip(first.prefix.weights, second.prefix.weights, strict=True):
        np.testing.assert_array_equal(one, other)  # made from one seed, so the order is the same too


@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_from_scratch_there_is_nothing_to_cut(experiment: int) -> None:
    assert cut(build_model(Architecture("resnet152v2", experiment, "none", dense=8, **PAPER_NETWORK))) is None


def small(build_base: Callable[[keras.KerasTensor], keras.KerasTensor], trainable: tuple[str, ...]) -> keras.Model:
    """Return a classifier on a base of a few layers, those named being trained."""
    images = keras.Input((32, 32, 1))
    base = Base(images, build_base(images), name=BASE)
    for layer in base.layers:
        layer.trainable = layer.name in trainable
    stamps = keras.Input((32, 32, 1))
    return keras.Model(stamps, keras.layers.Dense(2)(keras.layers.Flatten()(base(stamps))))


def chain(images: keras.KerasTensor) -> keras.KerasTensor:
    values = keras.layers.Conv2D(2, 4, strides=4, name="frozen")(images)
    values = keras.layers.ZeroPadding2D()(values)
    return keras.layers.Conv2D(2, 3, name="trained")(keras.layers.Activation("relu")(values))


def with_dropout(images: keras.KerasTensor) -> keras.KerasTensor:
    values = keras.layers.Conv2D(2, 4, strides=4, name="frozen")(images)
    values = keras.layers.Dropout(0.5)(values)
    return keras.layers.Conv2D(1, 1, name="also frozen")(values)


@pytest.mark.parametrize(
    ("base", "trained", "names", "shapes"),
    [
        (chain, ("trained",), ("Conv2D 0",), ((8, 8, 2),)),  # back over an activation of the same size and a padding
        (chain, (), ("Conv2D 1",), ((8, 8, 2),)),
        (with_dropout, (), ("Conv2D 0",), ((8, 8, 2),)),  # what is random is not before the cut
    ],
)
def test_where_a_chain_is_cut(
    base: Callable[[keras.KerasTensor], keras.KerasTensor],
    trained: tuple[str, ...],
    names: tuple[str, ...],
    shapes: tuple[tuple[int, ...], ...],
) -> None:
    model = small(base, trained)
    parts = cut(model)
    assert parts is not None
    assert (parts.names, parts.shapes) == (names, shapes)
    np.testing.assert_allclose(*numpy([parts.suffix(parts.prefix(stamps())), model(stamps())]), rtol=1e-5)


@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize(
    ("experiment", "shapes", "names"),
    [(2, ((2 * 256 + 7,),), ("Concatenate 0",)), (3, ((17, 17, 128), (7,)), ("Add 0", "InputLayer 1"))],
)
def test_side_numbers_are_cut_too(experiment: int, shapes: tuple[tuple[int, ...], ...], names: tuple[str, ...]) -> None:
    model, parts = made("xception", experiment, head="pooled", normalise="noise")
    assert (parts.shapes, parts.names, parts.dtype) == (shapes, names, "float32")
    tensors = parts.prefix(stamps())
    np.testing.assert_allclose(*numpy([parts.suffix(tensors), model(stamps())]), rtol=0, atol=1e-6)
