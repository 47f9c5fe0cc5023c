"""TensorFlow and Keras, imported quietly and set as this package needs them.

``from ceres_fast.libraries.tensorflow_quiet import keras, tf``; nothing imports them in another way.

TensorFlow 2.21 writes notes about oneDNN and missing CUDA drivers straight to file descriptor 2, before it reads
``TF_CPP_MIN_LOG_LEVEL``. They are held back here, and shown when something is wrong: when the import fails, or when
there is an NVIDIA driver and TensorFlow still finds no GPU. Its threads are those that the process may use: TensorFlow
itself knows the affinity of the process, and no quota. What the user has set for Keras is left out (`keras_settings`).
"""

from __future__ import annotations

import os
from pathlib import Path

from ..machine.cores import TENSORFLOW, thread_limit
from .keras_settings import users_settings_left_out
from .stderr_kept import stderr_kept

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if _limit := thread_limit():
    for _name in TENSORFLOW:
        os.environ.setdefault(_name, str(_limit))

_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")

try:
    with stderr_kept() as _kept, users_settings_left_out():
        import keras
        import tensorflow as tf

        # Looking for devices here makes the complaint about a missing driver part of what is held back.
        _gpus = tf.config.list_physical_devices("GPU")
except BaseException:
    _kept.show()
    raise
if _NVIDIA_DRIVER.exists() and not _gpus:
    _kept.show()

__all__ = ["keras", "tf"]
