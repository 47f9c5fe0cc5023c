"""Settings that cannot be meant are refused before anything is read, by a message that names the option."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.settings.architecture import PANELS, PRECISIONS
from ceres_fast.settings.defaults import DEFAULTS
from ceres_fast.settings.training import AUGMENTATIONS, OPTIONS, SETTINGS, WEIGHT_DECAY, Settings

WRONG: dict[str, list[Any]] = {
    "backbone": ["vgg16", "all", None],
    "experiment": [4, "2", 2.0, True],
    "weights": ["", "a\0b", None],
    "normalise": ["maxmin"],
    "head": ["flat", ""],
    "precision": ["float16"],
    "dense": [0, 1.5, 65_537, 10**9, 2**63],
    "dropout": [-0.1, 1, math.nan],
    "start_from": [""],
    "batch_size": [0, 128.0, True, 65_537, 10**12],
    "epochs": [-1, 1_000_001],
    "patience": [0],
    "monitor": ["loss"],
    "loss": ["hinge"],
    "class_weights": [1, "true"],
    "augment": ["", "dihedral,", "dihedral,dihedral", "none,shift", "dihedral, shift", "rotate", None],
    "seed": [-1, 2**32, 0.5],
    "optimizer": ["sgd"],
    "learning_rate": [0, -1e-3, math.nan, math.inf, "fast"],
    "unfrozen_learning_rate": [0, -1e-3, math.nan, math.inf],
    "schedule": ["linear"],
    "warmup_epochs": [-1, 0.5],
    "weight_decay": [-0.1, math.nan, math.inf],
    "average": [-0.1, 1, math.nan],
    "prefix_cache": [0],
    "cache_dir": [""],
    "cache_half": ["no"],
    "jit": [None],
    "steps_per_execution": [-1, 10_001],
    "deterministic": [1],
    "tensorboard": [1],
}


def test_every_setting_is_an_option_with_a_group_and_a_sentence() -> None:
    assert list(SETTINGS) == [field.name for field in dataclasses.fields(Settings)]
    assert WRONG.keys() == SETTINGS.keys()
    for each in OPTIONS.values():
        assert each.shown.panel in PANELS
        assert each.help.endswith(".")
        assert each.default is dataclasses.MISSING or each.allows(each.default)


def test_the_names_are_those_of_the_tables() -> None:
    from ceres_fast.model.backbones import BACKBONES, EXPERIMENTS
    from ceres_fast.model.build import HEADS
    from ceres_fast.model.stem import NORMALISATIONS
    from ceres_fast.training import augment
    from ceres_fast.training.best_epoch import MONITORS
    from ceres_fast.training.optimisation import FLOORS, LOSSES, OPTIMIZERS

    tables: dict[str, Any] = {
        "backbone": BACKBONES,
        "experiment": EXPERIMENTS,
        "normalise": NORMALISATIONS,
        "head": HEADS,
        "precision": PRECISIONS,
        "monitor": MONITORS,
        "loss": LOSSES,
        "optimizer": OPTIMIZERS,
        "schedule": FLOORS,
    }
    assert {name: each.choices for name, each in SETTINGS.items() if each.choices} == {
        name: tuple(table) for name, table in tables.items()
    }
    assert OPTIONS["backbone"].choices == (*BACKBONES, "all")
    assert tuple(augment.AUGMENTATIONS) == AUGMENTATIONS


@pytest.mark.parametrize(("name", "value"), [(name, value) for name, values in WRONG.items() for value in values])
def test_what_cannot_be_meant_is_refused_with_the_option_s_name(name: str, value: Any) -> None:
    option = "from" if name == "start_from" else name.replace("_", "-")
    with pytest.raises(CeresFastError) as caught:
        Settings(**{"backbone": "xception", name: value})
    assert str(caught.value) == f"--{option} {value}: expected {SETTINGS[name].expected}."


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"warmup_epochs": 30}, "--warmup-epochs: expected fewer than --epochs"),
        ({"warmup_epochs": 2, "epochs": 1}, "--warmup-epochs: expected fewer than --epochs"),
        ({"start_from": "runs/x", "weights": "none"}, "--from and --weights: both say"),
        ({"cache_half": True, "prefix_cache": False}, "--cache-half: there is nothing to halve"),
        ({"cache_half": True, "augment": "dihedral,noise"}, "--cache-half: there is nothing to halve"),
        ({"cache_half": True, "weights": "none"}, "--cache-half: there is nothing to halve"),
        ({"optimizer": "adam", "weight_decay": 0.1}, "--weight-decay: adam has none"),
    ],
)
def test_contradictions(given: dict[str, Any], message: str) -> None:
    with pytest.raises(CeresFastError, match=message):
        Settings("xception", **given)


@pytest.mark.parametrize(
    "given",
    [
        {"warmup_epochs": 29},
        {"start_from": "runs/x"},
        {"cache_half": True, "augment": "dihedral"},
        {"optimizer": "adamw", "weight_decay": 0},
        {"optimizer": "lamb"},
        {"steps_per_execution": 16, "seed": 2**32 - 1},
    ],
)
def test_what_can_be_meant(given: dict[str, Any]) -> None:
    assert dataclasses.asdict(Settings("xception", **given)).items() >= given.items()


@pytest.mark.parametrize(
    ("augment", "names", "cacheable"),
    [
        ("none", (), True),
        ("dihedral", ("dihedral",), True),
        ("noise,dihedral", ("dihedral", "noise"), False),
        ("shift", ("shift",), False),
    ],
)
def test_augmentations_are_in_the_order_of_their_use_and_decide_on_the_cache(
    augment: str, names: tuple[str, ...], cacheable: bool
) -> None:
    settings = Settings("xception", augment=augment)
    assert (settings.augmentations, settings.cacheable) == (names, cacheable)
    assert not dataclasses.replace(settings, prefix_cache=False).cacheable
    assert not dataclasses.replace(settings, weights="none").cacheable


@pytest.mark.parametrize("backbone", DEFAULTS)
def test_a_backbone_has_defaults_of_its_own(backbone: Any) -> None:
    settings = Settings.of(backbone, epochs=7)
    own = DEFAULTS[backbone]
    assert {name: getattr(settings, name) for name in own} == {**own, "epochs": 7}
    again = Settings.of(backbone, start_from="runs/x")
    assert again.pretrained
    assert again.weights == "none"


def test_the_pooled_head_is_fitted_in_another_way_than_the_paper_s() -> None:
    assert Settings.of("xception", head="paper") == Settings("xception", head="paper")
    pooled = Settings.of("xception")
    assert (pooled.optimizer, pooled.schedule, pooled.epochs, pooled.weights) == ("adamw", "cosine", 0, "imagenet")


@pytest.mark.parametrize("backbone", ["stampnet", "xception"])
def test_a_default_that_goes_not_with_what_is_given_is_none(backbone: Any) -> None:
    assert Settings.of(backbone, optimizer="adam").weight_decay == WEIGHT_DECAY
    assert [Settings.of(backbone, epochs=epochs).warmup_epochs for epochs in (1, 2, 3, 0)] == [0, 0, 2, 2]
    with pytest.raises(CeresFastError, match="--warmup-epochs"):
        Settings.of(backbone, epochs=2, warmup_epochs=2)


@pytest.mark.parametrize(("stamps", "epochs"), [(100, 100), (6_000, 20), (60_000, 8)])
def test_epochs_are_chosen_by_the_number_of_stamps(stamps: int, epochs: int) -> None:
    assert Settings.of("stampnet").for_stamps(stamps).epochs == epochs
    assert Settings.of("stampnet", epochs=3).for_stamps(stamps).epochs == 3
    assert Settings.of("xception", experiment=3).for_stamps(stamps).epochs == epochs
    assert Settings.of("xception").for_stamps(stamps).epochs == min(100, 1_200_000 // stamps)  # of the head alone


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"weights": "imagenet"}, "--weights: no weights of StampNet are published"),
        ({"weights": "w.h5"}, "--weights: no weights of StampNet are published"),
        ({"experiment": 2}, "--experiment: StampNet has no bottleneck"),
    ],
)
def test_what_stampnet_cannot_have(given: dict[str, Any], message: str) -> None:
    with pytest.raises(CeresFastError, match=message):
        Settings.of("stampnet", **given)


def test_what_starts_from_a_run_or_weights_is_pretrained() -> None:
    assert Settings("xception").pretrained
    assert Settings("xception", start_from="runs/x").pretrained
    assert not Settings("xception", weights="none").pretrained


def test_numbers_of_numpy_are_kept_as_those_of_python() -> None:
    settings = Settings("xception", learning_rate=np.float64(0.1), batch_size=np.int64(4))
    assert [type(value) for value in (settings.learning_rate, settings.batch_size)] == [float, int]
    with pytest.raises(CeresFastError, match="--batch-size 0: expected a whole number from 1 to 65536"):
        Settings("xception", batch_size=np.int64(0))
