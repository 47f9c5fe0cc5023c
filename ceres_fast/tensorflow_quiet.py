"""TensorFlow, imported without its start-up chatter: ``from ceres_fast.tensorflow_quiet import tf``.

TensorFlow 2.21 writes notes about oneDNN and missing CUDA drivers straight to file descriptor 2, before it reads
``TF_CPP_MIN_LOG_LEVEL``. They are held back here, and shown when something is wrong: when the import fails, or when
there is an NVIDIA driver and TensorFlow still finds no GPU.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

_NVIDIA_DRIVER = Path("/proc/driver/nvidia/version")


@contextmanager
def _standard_error_kept(kept: IO[bytes]) -> Iterator[None]:
    sys.stderr.flush()
    original = os.dup(2)
    os.dup2(kept.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(original, 2)
        os.close(original)


def _show(kept: IO[bytes]) -> None:
    kept.seek(0)
    sys.stderr.write(kept.read().decode(errors="replace"))


with tempfile.TemporaryFile() as _kept:
    try:
        with _standard_error_kept(_kept):
            import tensorflow as tf

            # Looking for devices here makes the complaint about a missing driver part of what is held back.
            _gpus = tf.config.list_physical_devices("GPU")
    except BaseException:
        _show(_kept)
        raise
    if _NVIDIA_DRIVER.exists() and not _gpus:
        _show(_kept)

__all__ = ["tf"]
