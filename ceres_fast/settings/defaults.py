"""Defaults of `ceres-fast train` that are not those of `Settings`, which are the paper's where the paper has any."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

_POOLED: Mapping[str, Any] = {
    "batch_size": 64,
    "epochs": 0,
    "patience": 100,
    "optimizer": "adamw",
    "learning_rate": 3e-3,
    "weight_decay": 0.05,
    "schedule": "cosine",
    "warmup_epochs": 2,
    "average": 0.99,
}
"""Of every network with the pooled head: by the paper's steps, which suit millions of weights, it learnt too little to
know as much as the side numbers alone."""

_FROM_SCRATCH = {**_POOLED, "experiment": 1, "weights": "none", "unfrozen_learning_rate": 3e-4, "dense": 32}
DEFAULTS: Mapping[str, Mapping[str, Any]] = {"stampnet": _FROM_SCRATCH, "stampnet-m": _FROM_SCRATCH}
"""Of a network of which no weights are published, with either head."""

_EXCLUDED: Mapping[str, Callable[[Mapping[str, Any]], bool]] = {
    "weight_decay": lambda given: given.get("optimizer") == "adam",
    "warmup_epochs": lambda given: 0 < given.get("epochs", 0) <= _POOLED["warmup_epochs"],
}
"""Defaults above that cannot be meant with what was given."""

STAMPS_SEEN = 120_000
"""Stamps, each as often as it is shown, that a chosen number of epochs is to come to. More gave StampNet nothing that
could be told on 10,000 simulated stamps."""

FEATURES_SEEN = 1_200_000
"""The same where only the head is trained: its features are computed once, and Xception's needs more of 10,000 than 30
epochs to know what its side numbers alone know."""

CHOSEN_EPOCHS = (8, 100)
"""Fewest and most epochs that are chosen. On 40,000 stamps 30 find more than 8, and take three times as long
(benchmarks.networks has both)."""

PAPER_NETWORK: dict[str, Any] = {"normalise": "minmax", "head": "paper"}
PAPER: dict[str, Any] = {**PAPER_NETWORK, "augment": "none"}
"""What the paper's experiments have in the place of the defaults."""


def with_defaults(values: Mapping[str, Any], given: Collection[str]) -> dict[str, Any]:
    """Return values of options, where those that were not given are the defaults of their backbone and head."""
    own = DEFAULTS.get(values["backbone"], {} if values.get("head") == "paper" else _POOLED)
    meant = {name: values[name] for name in given if name in values}
    excluded = {name for name, excludes in _EXCLUDED.items() if excludes(meant)}
    return {**values, **{name: value for name, value in own.items() if name not in given and name not in excluded}}
