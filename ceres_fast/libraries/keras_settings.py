"""What of Keras's settings decides a network: what the networks of this package are built with, whoever set what.

Keras reads ``keras.json`` in the user's home and variables of the environment while it is imported. Neither is asked
when this package imports it (`tensorflow_quiet`): another backend or order of the axes would be another network, or
none. Where a program has imported Keras before, and whenever it has set something since, `check` refuses by name what
does not fit: what else the program does with Keras is its own affair, and nothing is changed behind its back.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CeresFastError

HOME = "KERAS_HOME"
"""Environment variable with the folder of ``keras.json`` and of the weights that Keras has downloaded."""

_IGNORED = (
    HOME,
    "KERAS_BACKEND",
    "KERAS_MAX_EPOCHS",
    "KERAS_MAX_STEPS_PER_EPOCH",
    "KERAS_NNX_ENABLED",
    "TF_USE_LEGACY_KERAS",
)
"""What Keras and TensorFlow read of the environment while Keras is imported."""


@dataclass(frozen=True)
class Setting:
    """A setting of Keras that decides what a network is, or how long it is trained.

    Attributes
    ----------
    name : str
        As Keras calls it.
    wanted : object
        Its value in this package.
    found : callable
        Given the module ``keras``, returns its value now.
    how : str
        What sets it, or "" where nothing does once Keras has been imported.
    """

    name: str
    wanted: Any
    found: Callable[[Any], Any]
    how: str


SETTINGS = (
    Setting("backend", "tensorflow", lambda keras: keras.config.backend(), ""),
    Setting(
        "image_data_format",
        "channels_last",
        lambda keras: keras.config.image_data_format(),
        "keras.config.set_image_data_format('channels_last')",
    ),
    Setting("floatx", "float32", lambda keras: keras.config.floatx(), "keras.config.set_floatx('float32')"),
    Setting("epsilon", 1e-7, lambda keras: keras.config.epsilon(), "keras.config.set_epsilon(1e-7)"),
    Setting(
        "dtype_policy",
        "float32",
        lambda keras: keras.config.dtype_policy().name,
        "keras.config.set_dtype_policy('float32')",
    ),
    Setting("max_epochs", None, lambda keras: keras.config.max_epochs(), "keras.config.set_max_epochs(None)"),
    Setting(
        "max_steps_per_epoch",
        None,
        lambda keras: keras.config.max_steps_per_epoch(),
        "keras.config.set_max_steps_per_epoch(None)",
    ),
)


def keras_home() -> Path:
    """Return the folder in which Keras keeps what it has downloaded."""
    return Path(os.path.expanduser(os.environ.get(HOME) or "~/.keras"))  # noqa: PTH111  (Path's raises without a home)


@contextmanager
def users_settings_left_out() -> Iterator[None]:
    """Import Keras in this block, and it has its own defaults, and has neither read nor written ``keras.json``.

    Where it has been imported before, nothing is changed.
    """
    if "keras" in sys.modules:
        yield
        return
    home = str(keras_home())
    before = {name: os.environ.pop(name) for name in _IGNORED if name in os.environ}
    # A folder in which no file can be, because it is a file: Keras finds no keras.json there, and cannot write one.
    os.environ[HOME] = __file__
    try:
        yield
        from keras.src.backend import config

        config._KERAS_DIR = home  # for what else the program does with Keras, such as downloading data sets
    finally:
        del os.environ[HOME]
        os.environ.update(before)


def check() -> None:
    """Make sure that Keras is set as the networks of this package need it.

    Raises
    ------
    CeresFastError
        Naming the setting, its value, the one that is needed, and what to do.
    """
    import keras

    for setting in SETTINGS:
        if (found := setting.found(keras)) != setting.wanted:
            action = (
                f"Call {setting.how} before."
                if setting.how
                else f"Begin a new Python (restart the notebook's kernel) with KERAS_BACKEND={setting.wanted} in its "
                "environment."
            )
            raise CeresFastError(
                f"Keras is set to {setting.name} {found}, by keras.json, the environment or the program that imported "
                f"it: the networks of ceres-fast are built with {setting.wanted}. {action}"
            )
