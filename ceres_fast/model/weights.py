"""Weights of networks: the first ones of a backbone, and reading and writing files of them."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..files import atomic_file, reserve
from ..libraries.tensorflow_quiet import keras
from .backbones import Backbone
from .imagenet import download, find_imagenet

_HDF5_OVERHEAD = 4096
"""Upper limit of the bytes that HDF5 adds to each array: its header, and those of the groups around it."""


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
    path = find_imagenet(backbone) or download(backbone) if weights == "imagenet" else Path(weights)
    network = backbone.application(include_top=False, weights=None, input_shape=shape)
    if weights != "none":
        _load(network, path)
    return network


def _load(network: keras.Model, path: Path) -> None:
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
