"""Logs for TensorBoard, on request."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import keras

from ..errors import CeresFastError

FOLDER = "tensorboard"


def require_tensorboard() -> None:
    """Make sure, before anything is trained, that logs can be written.

    Raises
    ------
    CeresFastError
        When the package is not installed, with which TensorFlow writes its summaries.
    """
    if find_spec("tensorboard") is None:
        raise CeresFastError(
            "--tensorboard needs a package that is not installed. Install it with: pip install tensorboard"
        )


def tensorboard(run: Path) -> keras.callbacks.TensorBoard:
    """Return the callback that logs loss, metrics and learning rate of every epoch into ``tensorboard/`` of the run.

    Neither the graph nor profiles: of a backbone, they take more room than its weights and seconds to write.
    """
    return keras.callbacks.TensorBoard(run / FOLDER, write_graph=False)
