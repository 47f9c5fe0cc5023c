"""A classifier's layers: what each experiment trains, in which precision; and no stamp sees its neighbours."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import keras
import numpy as np
import pytest

from ceres_fast.engines.agreement import probe_stamps
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model import build
from ceres_fast.model.backbones import BACKBONES, EXPERIMENTS, IMAGENET, find_layer
from ceres_fast.model.build import BASE, Joined, build_model
from ceres_fast.model.load import predict
from ceres_fast.model.side import SIDE_NUMBERS
from ceres_fast.settings.architecture import PRECISIONS, Architecture
from ceres_fast.settings.defaults import PAPER_NETWORK
from ceres_fast.settings.training import Settings
from ceres_fast.stamps import PLANE_SETS

HEAD = ["hidden/kernel", "hidden/bias", "probabilities/kernel", "probabilities/bias"]

# Trainable weights of the base in experiment 3, counted by hand from the published layers: a convolution without bias
# is 1, a BatchNormalization 2 (1 without scale), a separable convolution 2.
UNFROZEN = {
    "inceptionv3": 2 * 7 * 2,  # mixed1 and mixed2: 7 convolutions with normalisation each
    "xception": 2 * (2 + 2) + 1 + 2,  # block3: two separable convolutions and a shortcut
    "inceptionresnetv2": 9 * (6 * 2 + 2) + 6 * 2,  # block35 ten times, the last one up to its concatenation
    "resnet152v2": (1 + 2 + 2) + (10 + 2) + 6 * 10 + (2 + 1 + 2),  # conv2_block3, conv3_block1 with shortcut, 2-7, 8
}


def stamps(count: int = 6) -> np.ndarray:
    """Stamps of one source on noise, not two alike."""
    return probe_stamps()[:: 24 // count][:count, ..., None]


def trained(model: keras.Model) -> list[str]:
    return [variable.path for variable in model.trainable_variables]


def inputs_of(layer: keras.Layer) -> set[str]:
    tensors = layer.input if isinstance(layer.input, list) else [layer.input]
    return {tensor._keras_history.operation.name for tensor in tensors}


def moving(model: keras.Model) -> list[np.ndarray]:
    variables = model.get_layer(BASE).non_trainable_variables
    return [variable.numpy() for variable in variables if "moving" in variable.path]


def equal(first: list[np.ndarray], second: list[np.ndarray]) -> list[bool]:
    return [np.array_equal(*pair) for pair in zip(first, second, strict=True)]


@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize("experiment", EXPERIMENTS)
@pytest.mark.parametrize("backbone", IMAGENET)
def test_layers(backbone: str, experiment: int) -> None:
    model = build_model(Architecture(backbone, experiment, dense=24, dropout=0.25, **PAPER_NETWORK))
    names = [layer.name for layer in model.layers]
    assert names == ["stamps", "normalise", "upscale", BASE, "flatten", "hidden", "dropout", "probabilities"]
    assert (model.get_layer("hidden").units, model.get_layer("dropout").rate) == (24, 0.25)
    assert model.input_shape == (None, 32, 32, 1)
    assert model.output_shape == (None, 2)
    base = model.get_layer(BASE)
    bottleneck = find_layer(base, BACKBONES[backbone].bottleneck)
    assert (base.layers[-1] is bottleneck) == (experiment != 1)
    if experiment < 3:
        assert trained(model) == HEAD
    else:
        assert len(trained(model)) == UNFROZEN[backbone] + len(HEAD)
        assert trained(model)[-4:] == HEAD


@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize("backbone", IMAGENET)
def test_experiment_3_trains_from_its_first_layer_to_the_bottleneck(backbone: str) -> None:
    layers = build_model(Architecture(backbone, 3, **PAPER_NETWORK)).get_layer(BASE).layers
    first = BACKBONES[backbone].unfrozen_from
    assert next(layer.name for layer in layers if layer.trainable) == first
    behind = {first}
    for layer in layers[1:]:
        if inputs_of(layer) & behind:
            behind.add(layer.name)
    assert layers[-1].name in behind
    assert all(layer.trainable for layer in layers if layer.name in behind)
    beside = [layer for layer in layers if layer.trainable_variables and layer.name not in behind]
    shortcut = ["Conv2D", "BatchNormalization"] if backbone == "xception" else []
    assert [type(layer).__name__ for layer in beside] == shortcut


@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_from_scratch_everything_is_trained(experiment: int) -> None:
    model = build_model(Architecture("xception", experiment, "none", **PAPER_NETWORK))
    frozen = [variable.path for variable in model.non_trainable_variables]
    assert all(layer.trainable for layer in model.get_layer(BASE).layers)
    assert all("moving" in path or "seed" in path for path in frozen)


@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize("experiment", EXPERIMENTS)
def test_weights_that_are_filled_in_later_freeze_what_the_experiment_freezes(experiment: int) -> None:
    expected = trained(build_model(Architecture("xception", experiment, "imagenet", **PAPER_NETWORK)))
    filled = build_model(Architecture("xception", experiment, "none", **PAPER_NETWORK), pretrained=True)
    assert trained(filled) == expected
    assert filled.get_layer(BASE).by_moving_statistics


@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize("backbone", IMAGENET)
def test_pre_trained_normalisation_stays_in_inference_mode(backbone: str) -> None:
    model = build_model(Architecture(backbone, 3, dropout=0.0, **PAPER_NETWORK))
    before = moving(model)
    outputs = [keras.ops.convert_to_numpy(model(stamps(), training=training)) for training in (True, False)]
    np.testing.assert_array_equal(*outputs)
    assert before
    assert all(equal(before, moving(model)))


@pytest.mark.usefixtures("reuse_networks")
def test_a_training_step_of_experiment_3_moves_only_what_is_unfrozen() -> None:
    model = build_model(Architecture("xception", 3, dense=8, **PAPER_NETWORK))
    model.compile("sgd", "categorical_crossentropy")
    names = [variable.path for variable in model.variables if "seed" not in variable.path]
    before = {variable.path: variable.numpy() for variable in model.variables}
    model.train_on_batch(stamps(), np.eye(2)[[0, 1, 0, 1, 0, 1]])
    now = {variable.path: variable.numpy() for variable in model.variables}
    moved = {path for path, value in before.items() if not np.array_equal(value, now[path])}
    assert moved & set(names) == set(trained(model))
    assert len(moved & set(names)) == UNFROZEN["xception"] + len(HEAD)


@pytest.mark.usefixtures("reuse_networks")
def test_from_scratch_normalisation_is_trained_and_follows_quickly() -> None:
    keras.utils.set_random_seed(0)
    model = build_model(Architecture("xception", 2, "none", dropout=0.0, **PAPER_NETWORK))
    before = moving(model)
    outputs = [keras.ops.convert_to_numpy(model(stamps(), training=training)) for training in (False, True)]
    assert np.abs(outputs[0] - outputs[1]).max() > 1e-4
    assert not any(equal(before, moving(model)))
    kinds = [layer for layer in model.get_layer(BASE).layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert {layer.momentum for layer in kinds} == {0.9}


@pytest.mark.slow
@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize("backbone", IMAGENET)
def test_a_stamp_alone_is_answered_as_among_others(backbone: str) -> None:
    keras.utils.set_random_seed(0)
    model = build_model(Architecture(backbone, 1, "none", dropout=0.0, **PAPER_NETWORK))

    def difference(answer: Callable[[np.ndarray], np.ndarray]) -> float:
        alone = np.concatenate([keras.ops.convert_to_numpy(answer(stamp[None])) for stamp in stamps(3)])
        return float(np.abs(keras.ops.convert_to_numpy(answer(stamps(3))) - alone).max())

    assert difference(lambda batch: model(batch)) < 1e-5
    assert difference(lambda batch: model(batch, training=False)) < 1e-5
    # The check would see a leak: by batch statistics, a stamp's answer depends on the others.
    before = [variable.numpy() for variable in model.non_trainable_variables]
    leak = difference(lambda batch: model(batch, training=True))
    for variable, value in zip(model.non_trainable_variables, before, strict=True):
        variable.assign(value)
    assert leak > 1e-3


@pytest.fixture(scope="module")
def half() -> keras.Model:
    return build_model(Architecture("xception", 2, "none", precision="mixed_float16", **PAPER_NETWORK))


def test_half_precision_is_for_backbone_and_head_only(half: keras.Model) -> None:
    computed = {layer.name: layer.compute_dtype for layer in half.layers}
    assert computed["normalise"] == computed["upscale"] == computed["probabilities"] == "float32"
    assert computed["hidden"] == computed["flatten"] == "float16"
    assert {layer.compute_dtype for layer in half.get_layer(BASE).layers} == {"float16"}
    assert {variable.dtype for variable in half.trainable_variables} == {"float32"}
    assert (half.input.dtype, half.output.dtype) == ("float32", "float32")


def test_a_saturated_detector_does_not_overflow_half_precision(half: keras.Model) -> None:
    extreme = np.zeros((5, 32, 32, 1), np.float32)
    extreme[1:, 16, 16] = 65535
    extreme[2] += 65535
    extreme[3] -= 500
    extreme[4] = 1e9 * np.random.default_rng(0).random((32, 32, 1))
    answers = predict(half, extreme)
    assert answers.dtype == np.float32
    assert np.isfinite(answers).all()
    np.testing.assert_allclose(answers.sum(axis=1), 1, rtol=1e-5)
    # A peak of 65535 on zero is the same picture as any other peak on zero.
    np.testing.assert_allclose(predict(half, extreme[1:2] / 64), answers[1:2], atol=1e-4)


@pytest.fixture
def policy() -> Iterator[str]:
    before = keras.config.dtype_policy().name
    yield before
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_policy_is_put_back(policy: str, precision: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(*arguments: object) -> keras.Model:
        seen.append(keras.config.dtype_policy().name)
        raise MemoryError

    monkeypatch.setattr(build, "load_base", watched)
    with pytest.raises(MemoryError):
        build_model(Architecture("xception", precision=precision, **PAPER_NETWORK))
    assert seen == [precision]
    assert keras.config.dtype_policy().name == policy


@pytest.mark.usefixtures("half")
def test_the_policy_is_put_back_after_building(policy: str) -> None:
    assert policy == "float32"
    assert keras.layers.Dense(1).compute_dtype == "float32"


@pytest.mark.usefixtures("reuse_networks")
def test_three_planes_change_the_input_and_no_weight() -> None:
    one, three = (build_model(Architecture("xception", 2, dense=8, **PAPER_NETWORK), planes) for planes in PLANE_SETS)
    assert three.input_shape == (None, 32, 32, 3)
    assert [weight.shape for weight in three.weights] == [weight.shape for weight in one.weights]
    stamps = np.random.default_rng(3).normal(500, 20, (2, 32, 32, 1)).astype(np.float32)
    three.set_weights(one.get_weights())
    # The same plane three times is what one plane is repeated to.
    np.testing.assert_allclose(predict(three, np.repeat(stamps, 3, axis=3)), predict(one, stamps), atol=1e-6)


@pytest.mark.usefixtures("reuse_networks")
@pytest.mark.parametrize("planes", PLANE_SETS, ids=len)
@pytest.mark.parametrize("backbone", ["xception", "stampnet", "stampnet-m"])
def test_the_pooled_head_sees_averages_maxima_and_side_numbers(backbone: str, planes: tuple[str, ...]) -> None:
    model = build_model(Settings.of(backbone), planes)
    names = [layer.name for layer in model.layers]
    assert sorted(names) == sorted(["stamps", "normalise", "upscale", "side_numbers", BASE, "head"])
    base = model.get_layer(BASE)
    channels = base.get_layer("averages").input.shape[-1]
    assert base.output_shape == (None, 2 * channels + len(planes) * len(SIDE_NUMBERS))
    assert model.get_layer("upscale").output.shape[1:] == (*[BACKBONES[backbone].input_size] * 2, 3)
    frozen = backbone == "xception"
    assert (
        all("hidden" in path or "seen" in path or "number" in path or "measured" in path for path in trained(model))
        == frozen
    )
    assert base.by_moving_statistics == frozen


def test_the_pooled_head_is_float32_whatever_the_policy() -> None:
    model = build_model(Settings.of("stampnet", precision="mixed_float16"))
    assert model.get_layer(BASE).get_layer("first").compute_dtype == "float16"
    float32 = ("averages", "maxima", "pooled")
    assert {model.get_layer(BASE).get_layer(name).compute_dtype for name in float32} == {"float32"}
    assert {layer.compute_dtype for layer in model.get_layer("head").layers if layer.weights} == {"float32"}
    assert model.get_layer("side_numbers").compute_dtype == "float32"


@pytest.mark.parametrize("backbone", ["stampnet", "stampnet-m"])
def test_a_network_that_goes_on_from_another_run_trains_all_of_its_layers(backbone: str) -> None:
    model = build_model(Settings.of(backbone), pretrained=True)
    assert all(layer.trainable for layer in model.get_layer(BASE).layers)
    assert model.get_layer(BASE).by_moving_statistics


def test_numbers_learn_from_what_they_answer_alone_and_features_from_the_rest() -> None:
    keras.utils.set_random_seed(0)
    joined = Joined(0.5)
    seen, measured = (
        tf.Variable(np.random.default_rng(seed).normal(size=(400, 2)), dtype="float32") for seed in (1, 2)
    )
    np.testing.assert_array_equal(joined([seen, measured]), seen + measured)
    with tf.GradientTape() as tape:
        logits = joined([seen, measured], training=True)
    of_seen, of_measured = (each.numpy() for each in tape.gradient(logits, (seen, measured)))
    alone = (logits.numpy() == measured.numpy()).all(axis=1)
    assert 150 < alone.sum() < 250
    np.testing.assert_array_equal(logits[~alone], (seen + measured).numpy()[~alone])
    # One of the two learns from a stamp, whole.
    np.testing.assert_array_equal(of_measured, np.repeat(alone[:, None], 2, axis=1))
    np.testing.assert_array_equal(of_seen, np.repeat(~alone[:, None], 2, axis=1))
