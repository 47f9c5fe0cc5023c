"""Weights of networks: the first ones of a backbone, and reading and writing files of them."""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable
from pathlib import Path

import keras
import numpy as np

from ..errors import CeresFastError, InputError
from ..files import atomic_file, reserve
from .backbones import Backbone

WEIGHTS_FOLDER = "CERES_FAST_WEIGHTS"
"""Environment variable with the name of a folder of ImageNet weights."""

_HDF5_OVERHEAD = 4096
"""Upper limit of the bytes that HDF5 adds to each array: its header, and those of the groups around it."""


def keras_cache() -> Path:
    """Return the folder in which Keras keeps the weights it has downloaded."""
    return Path(os.environ.get("KERAS_HOME", Path.home() / ".keras")) / "models"


def file_names(backbone: Backbone) -> tuple[str, str]:
    """Return the names of files in which the ImageNet weights of the backbone are looked for."""
    return backbone.weights_file, f"{backbone.name}_imagenet_notop.weights.h5"


def find_imagenet(backbone: Backbone) -> Path | None:
    """Return the file with the backbone's ImageNet weights, or None where it would have to be downloaded.

    It is looked for in the folder ``$CERES_FAST_WEIGHTS``, then in Keras's cache.
    """
    folders = [Path(os.environ[WEIGHTS_FOLDER])] if os.environ.get(WEIGHTS_FOLDER) else []
    folders.append(keras_cache())
    candidates = [folder / name for folder in folders for name in file_names(backbone)]
    return next((path for path in candidates if path.is_file()), None)


def load_base(backbone: Backbone, weights: str) -> keras.Model:
    """Build the backbone without its top and load its weights.

    Parameters
    ----------
    backbone : Backbone
        Row of `BACKBONES`.
    weights : str
        ``imagenet``, ``none`` (random) or the path of a Keras weights file of the backbone without its top.

    Returns
    -------
    keras.Model
        Images (n, size, size, 3) to feature maps.

    Raises
    ------
    InputError
        When a weights file is missing, corrupt, or of another network.
    CeresFastError
        When ImageNet weights are not on this machine and cannot be downloaded; it says where to put which file.
    """
    shape = (backbone.input_size, backbone.input_size, 3)
    if weights == "imagenet" and find_imagenet(backbone) is None:
        return _download(backbone, shape)
    network = backbone.application(include_top=False, weights=None, input_shape=shape)
    if weights != "none":
        _load(network, Path(weights) if weights != "imagenet" else find_imagenet(backbone))
    return network


def _load(network: keras.Model, path: Path | None) -> None:
    assert path is not None
    expected = f"Keras weights of {network.name} without its top"
    if not path.is_file():
        raise InputError(path, "no such file", expected=expected)
    if path.suffix != ".h5":
        raise InputError(path, "is not a .h5 weights file", expected=expected)
    fill(network, path, expected=expected, action="fetch the file again")


def fill(model: keras.Model, path: Path, *, expected: str, action: str | None = None) -> None:
    """Load all weights in the file at `path` into `model`.

    Raises
    ------
    InputError
        When the file is damaged, or not of this model; `expected` and `action` become part of the message.
    """
    try:
        with warnings.catch_warnings():
            # An error and not a warning, because Keras leaves random weights in place of those that the file lacks.
            warnings.simplefilter("error", UserWarning)
            model.load_weights(path)
    except (ValueError, OSError, KeyError, TypeError, RuntimeError, UserWarning) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(path, f"cannot be loaded ({reason})", expected=expected, action=action) from error


def save_weights(model: keras.Model, path: Path) -> None:
    """Write the weights of `model` to `path`, whole or not at all, for `fill` to read.

    Only the layers are written: with the state of the optimiser, the file would be three times as large.

    Raises
    ------
    CeresFastError
        When the disk refuses.
    """
    bare = keras.Model(model.inputs, model.outputs)
    size = sum(weight.numpy().nbytes + _HDF5_OVERHEAD for weight in bare.weights)
    with atomic_file(path) as temporary:
        # Reserved first, because HDF5 crashes the process when the disk becomes full while it writes.
        reserve(temporary, size + 2**20)
        bare.save_weights(temporary, overwrite=True)


def weights_sha256(weights: Iterable[keras.Variable]) -> str:
    """Return the SHA-256 of the values of weights, in their order, in hexadecimal."""
    digest = hashlib.sha256()
    for weight in weights:
        values = np.ascontiguousarray(keras.ops.convert_to_numpy(weight))
        digest.update(f"{values.dtype} {values.shape} ".encode())
        digest.update(values.data)
    return digest.hexdigest()


def _download(backbone: Backbone, shape: tuple[int, int, int]) -> keras.Model:
    try:
        return backbone.application(include_top=False, weights="imagenet", input_shape=shape)
    except Exception as error:  # keras.utils.get_file raises a bare Exception where the network fails
        raise CeresFastError(
            f"The ImageNet weights of {backbone.name} are not on this machine and cannot be downloaded. "
            f"Put the file {backbone.weights_file} into a folder and name that folder in ${WEIGHTS_FOLDER} "
            f"(or put it into {keras_cache()}); or pass --weights PATH; "
            "or train from scratch with --weights none."
        ) from error
