"""Weights to measure speed with, where ImageNet's are not at hand: random, seeded, written to a file once."""

from __future__ import annotations

import tempfile
from pathlib import Path

from ceres_fast.files import atomic_file
from ceres_fast.model.backbones import BACKBONES
from ceres_fast.model.imagenet import find_imagenet

import keras  # isort: skip  (after TensorFlow has been imported quietly)

SEED = 0
NOTE = "random weights: the speed does not depend on them, the loss does"


def random_weights(name: str, folder: Path | None = None) -> Path:
    """Return a file with seeded random weights of a backbone; written if it is not there, with other seeds kept."""
    path = (folder or Path(tempfile.gettempdir())) / f"ceres-fast-{name}-seed{SEED}.weights.h5"
    if not path.is_file():
        backbone = BACKBONES[name]
        keras.utils.set_random_seed(SEED)
        network = backbone.application(
            include_top=False, weights=None, input_shape=(backbone.input_size, backbone.input_size, 3)
        )
        with atomic_file(path) as temporary:
            network.save_weights(temporary, overwrite=True)
    return path


def weights_of(name: str, folder: Path | None = None) -> str:
    """Return ``imagenet`` where its weights are on this machine, else the path of random ones."""
    return "imagenet" if find_imagenet(BACKBONES[name]) else str(random_weights(name, folder))
