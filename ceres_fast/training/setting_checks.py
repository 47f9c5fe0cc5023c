"""What each setting of a training run may be, and which exclude each other."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

from ..model.backbones import BACKBONES, EXPERIMENTS
from ..model.build import PRECISIONS
from ..model.stem import NORMALISATIONS
from .augment import AUGMENTATIONS
from .callbacks import MONITORS
from .losses import LOSSES
from .optimizer import FLOORS, OPTIMIZERS

if TYPE_CHECKING:
    from .settings import Settings

WEIGHT_DECAY = 0.004
"""Keras's default for AdamW."""

RENAMED = {"start_from": "from"}
"""Settings whose option has another name: a word that Python keeps for itself."""


def option(name: str) -> str:
    """Return the command line's option for a setting."""
    return f"--{key(name).replace('_', '-')}"


def key(name: str) -> str:
    """Return the key of a setting in a configuration file: its option, with underscores."""
    return RENAMED.get(name, name)


@dataclass(frozen=True)
class Check:
    """What a value may be: `allows` tells, for a value of any type, and `expected` says it to a user."""

    allows: Callable[[Any], bool]
    expected: str


def one_of(names: Iterable[Any]) -> Check:
    """Return the check of a name (or number) in a table."""
    known = list(names)
    return Check(
        # 2 == 2.0 == True, and only the first is the number of an experiment
        lambda value: any(value == name and type(value) is type(name) for name in known),
        f"one of {', '.join(map(str, known))}",
    )


def whole(least: int) -> Check:
    """Return the check of a whole number."""
    return Check(lambda value: _is(value, Integral) and value >= least, f"a whole number, {least} or more")


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _text(value: Any) -> bool:
    return isinstance(value, str) and value != "" and "\0" not in value


def _augment(value: Any) -> bool:
    if not isinstance(value, str):
        return False
    names = value.split(",")
    return value == "none" or (len(set(names)) == len(names) and set(names) <= set(AUGMENTATIONS))


_ABOVE_0 = Check(lambda value: _is(value, Real) and 0 < value < math.inf, "a number above 0")
_SWITCH = Check(lambda value: isinstance(value, bool), "true or false")

CHECKS = {
    "backbone": one_of(BACKBONES),
    "experiment": one_of(EXPERIMENTS),
    "weights": Check(_text, "imagenet, none or the path of a weights file"),
    "normalise": one_of(NORMALISATIONS),
    "precision": one_of(PRECISIONS),
    "dense": whole(1),
    "dropout": Check(lambda value: _is(value, Real) and 0 <= value <= 0.99, "a number from 0 to 0.99"),
    "start_from": Check(lambda value: value is None or _text(value), "a run directory"),
    "batch_size": whole(1),
    "epochs": whole(1),
    "patience": whole(1),
    "monitor": one_of(MONITORS),
    "loss": one_of(LOSSES),
    "class_weights": _SWITCH,
    "augment": Check(_augment, f"none, or some of {', '.join(AUGMENTATIONS)} with commas (and no spaces) between"),
    "seed": Check(lambda value: _is(value, Integral) and 0 <= value < 2**32, "a whole number from 0 to 4294967295"),
    "optimizer": one_of(OPTIMIZERS),
    "learning_rate": _ABOVE_0,
    "unfrozen_learning_rate": _ABOVE_0,
    "schedule": one_of(FLOORS),
    "warmup_epochs": whole(0),
    "weight_decay": Check(lambda value: _is(value, Real) and 0 <= value < math.inf, "a number, 0 or more"),
    "average": Check(
        lambda value: _is(value, Real) and 0 <= value < 1, "a momentum from 0 (off) to below 1, such as 0.99"
    ),
    "prefix_cache": _SWITCH,
    "cache_dir": Check(_text, "a folder"),
    "cache_half": _SWITCH,
    "jit": _SWITCH,
    "steps_per_execution": whole(0),
    "deterministic": _SWITCH,
    "tensorboard": _SWITCH,
}
"""What each setting may be: one row per field of `Settings`."""

CONTRADICTIONS: tuple[tuple[Callable[[Settings], bool], str], ...] = (
    (
        lambda given: given.warmup_epochs >= given.epochs,
        "--warmup-epochs: expected fewer than --epochs, so that the rate is reached.",
    ),
    (
        lambda given: given.start_from is not None and given.weights != "imagenet",
        "--from and --weights: both say where the first weights come from. Leave one out.",
    ),
    (
        lambda given: given.cache_half and not given.cacheable,
        "--cache-half: there is nothing to halve without the prefix cache, which --no-prefix-cache, --weights none and "
        "the augmentations shift and noise exclude. Leave it out.",
    ),
    (
        lambda given: given.optimizer == "adam" and given.weight_decay != WEIGHT_DECAY,
        "--weight-decay: adam has none. Leave it out, or choose --optimizer adamw.",
    ),
)
"""Pairs that cannot both be meant, and what to say."""
