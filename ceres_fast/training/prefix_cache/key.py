"""What decides the rows of an entry, and so its name."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Protocol

import keras

from ... import __version__
from ...model.cut import Cut
from ...model.weights import weights_sha256
from ...records.manifest import Manifest
from ...tensorflow_quiet import tf
from ..devices import devices
from .layout import Layout
from .listing import KEY_DIGITS

FORMAT_VERSION = 2
"""Goes up when rows are computed or laid out in another way: older entries are then not used any more."""


class CacheSettings(Protocol):
    """What the cache needs to know of the settings of a run."""

    @property
    def backbone(self) -> str:
        """Row of `BACKBONES`."""

    @property
    def normalise(self) -> str:
        """How the stem normalises."""

    @property
    def precision(self) -> str:
        """Keras dtype policy of the backbone."""

    @property
    def cache_dir(self) -> str:
        """Folder of the cache."""

    @property
    def cache_half(self) -> bool:
        """Whether to keep float16, whatever the tensors are."""


def made_from(manifest: Manifest, cut: Cut, settings: CacheSettings, layout: Layout) -> dict[str, Any]:
    """Return all that decides the rows, for JSON; nothing in it depends on the process, or on where things are.

    The head, the seed and the experiment do not: where the layers before the cut are the same, so are the rows.
    """
    return {
        "format": FORMAT_VERSION,
        "stamps": [shard["sha256"] for shard in manifest.splits[layout.split]["shards"]],
        "planes": list(manifest.planes),
        "backbone": settings.backbone,
        "normalise": settings.normalise,
        "precision": settings.precision,
        "cut": list(cut.names),
        "weights": weights_sha256(cut.prefix.weights),
        "layout": layout.as_dict(),
        "device": devices()[0].device_type,  # a GPU rounds in another way
        "versions": {"ceres_fast": __version__, "keras": keras.__version__, "tensorflow": tf.__version__},
    }


def key_of(decides: dict[str, Any]) -> str:
    """Return the name of the entry that is made from this: the first digits of a SHA-256."""
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:KEY_DIGITS]
