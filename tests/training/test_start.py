"""A run that starts from another inherits its network and weights, and refuses what they are not for."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.model.build import BASE, build_model
from ceres_fast.model.load import load_model, predict
from ceres_fast.settings.training import Settings
from ceres_fast.stamps import PLANES
from ceres_fast.training.start import inherit_settings, starting_classifier, starting_model, weights_from

from ..tiny_models import classifier as described
from ..tiny_networks import write_run

DEFAULTS = dataclasses.asdict(Settings("inceptionv3"))
HEAD = {"dense": 64, "dropout": 0.25}


def write(folder: Path, **changed: Any) -> Path:
    return write_run(folder, **{"normalise": "asinh", "precision": "mixed_float16", "head": HEAD, **changed})


def settings_of(run: Path, **changed: Any) -> Settings:
    return Settings(**inherit_settings({**DEFAULTS, "start_from": str(run), **changed}, changed.keys()))


def test_what_is_not_given_is_as_the_classifier_has_it(tmp_path: Path) -> None:
    run = write(tmp_path / "run")
    inherited = {"backbone": "xception", "experiment": 2, "normalise": "asinh", "precision": "mixed_float16"}
    inherited |= {"head": "paper", **HEAD}
    expected = Settings(**{**DEFAULTS, **inherited, "start_from": str(run), "epochs": 7})
    assert settings_of(run, epochs=7) == expected
    assert inherit_settings(DEFAULTS, set()) == DEFAULTS


def test_an_experiment_may_be_written_as_a_word(tmp_path: Path) -> None:
    assert settings_of(write(tmp_path / "run", experiment="3")).experiment == 3


def test_arithmetic_and_dropout_may_be_others(tmp_path: Path) -> None:
    run = write(tmp_path / "run")
    settings = settings_of(run, precision="float32", dropout=0.0)
    assert (settings.precision, settings.dropout) == ("float32", 0)
    assert starting_classifier(settings, PLANES[:1]) == read_classifier(run)


@pytest.mark.parametrize(
    ("name", "given", "there"),
    [("backbone", "inceptionv3", "xception"), ("experiment", 1, 2), ("normalise", "minmax", "asinh"), ("dense", 8, 64)],
)
def test_what_the_weights_are_not_for_is_refused(tmp_path: Path, name: str, given: Any, there: Any) -> None:
    run = write(tmp_path / "run")
    with pytest.raises(CeresFastError) as caught:
        starting_classifier(settings_of(run, **{name: given}), PLANES[:1])
    assert str(caught.value) == (
        f"--{name} {given}: the classifier of --from {run} has {there}, and its weights are for that. "
        f"Leave --{name} out, or --from."
    )
    assert starting_classifier(settings_of(run, **{name: there}), PLANES[:1]) is not None


def test_other_planes_are_refused(tmp_path: Path) -> None:
    settings = settings_of(write(tmp_path / "run"))
    with pytest.raises(InputError, match=rf"classifier\.json: is for stamps of {PLANES[0]}, and the records have .*, "):
        starting_classifier(settings, PLANES)
    three = settings_of(write(tmp_path / "three", planes=PLANES))
    assert starting_classifier(three, PLANES) is not None


def test_no_run_and_an_unknown_network(tmp_path: Path) -> None:
    assert starting_classifier(Settings("xception"), PLANES) is None
    with pytest.raises(InputError, match=r"nowhere.*: cannot be read.*a run folder with classifier\.json"):
        settings_of(tmp_path / "nowhere")
    run = write(tmp_path / "run")
    text = json.loads((run / "classifier.json").read_text())
    (run / "classifier.json").write_text(json.dumps(text | {"backbone": "vgg16"}))
    with pytest.raises(InputError, match=r"classifier\.json: unknown backbone 'vgg16'; expected inceptionv3 or "):
        settings_of(run)


def test_the_name_of_the_run_is_kept_and_no_place(tmp_path: Path) -> None:
    run = write(tmp_path / "first")
    (tmp_path / "link").symlink_to("first")
    (tmp_path / "latest").write_text("first\n")
    for start in (run, tmp_path / "link", tmp_path / "latest", run / "classifier.json"):
        settings = settings_of(start)
        assert weights_from(settings, starting_classifier(settings, PLANES[:1])) == "first"
    for weights, name in {"imagenet": "imagenet", "none": "none", "/some/where/x.weights.h5": "x.weights.h5"}.items():
        assert weights_from(Settings("xception", weights=weights), None) == name


def test_weights_that_are_not_the_classifier_s(tmp_path: Path, tiny_classifier: None) -> None:
    run = write(tmp_path / "run")
    settings, classifier = settings_of(run), read_classifier(run)
    assert starting_model(settings, classifier).count_params()
    classifier.weights_path().write_bytes(b"other")
    with pytest.raises(InputError, match=r"is not the weights file that .*classifier\.json names"):
        starting_model(settings, classifier)


@pytest.mark.slow
def test_a_classifier_from_scratch_goes_on_as_a_pre_trained_one(tmp_path: Path) -> None:
    settings = Settings("resnet152v2", 3, "none", dense=8, normalise="asinh", head="paper")
    scratch = build_model(settings)
    assert not [layer for layer in scratch.get_layer(BASE).layers if not layer.trainable]
    weights = tmp_path / "epoch-001.weights.h5"
    scratch.save_weights(weights)
    about = {"backbone": "resnet152v2", "experiment": 3, "normalise": "asinh", "head": {"dense": 8, "dropout": 0.5}}
    described(weights_from="none", **about).with_file("weights", weights).write(tmp_path)

    settings = settings_of(tmp_path)
    classifier = starting_classifier(settings, PLANES[:1])
    assert classifier is not None
    model = starting_model(settings, classifier)
    stamps = np.random.default_rng(0).normal(1000, 30, (4, 32, 32, 1)).astype(np.float32)
    np.testing.assert_array_equal(predict(model, stamps), predict(load_model(classifier), stamps))

    # what the experiment freezes is frozen, and no moving average moves: as from ImageNet's weights
    base = model.get_layer(BASE)
    frozen = [layer.name for layer in base.layers if not layer.trainable]
    assert frozen == [layer.name for layer in base.layers[: len(frozen)]]
    assert base.layers[len(frozen)].name == "conv2_block3_2_conv"
    before = [weight.numpy() for weight in base.non_trainable_variables]
    head = model.get_layer("probabilities").kernel.numpy()
    model.compile(optimizer=keras.optimizers.SGD(1.0), loss="categorical_crossentropy")
    model.train_on_batch(stamps, np.eye(2, dtype=np.float32)[[0, 1, 0, 1]])
    for was, variable in zip(before, base.non_trainable_variables, strict=True):
        np.testing.assert_array_equal(was, variable.numpy())
    assert not np.array_equal(head, model.get_layer("probabilities").kernel.numpy())
