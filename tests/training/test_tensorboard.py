"""Logs for TensorBoard: said before training where they cannot be written."""

from __future__ import annotations

from pathlib import Path

import keras
import numpy as np
import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.training import tensorboard as module
from ceres_fast.training.tensorboard import require_tensorboard, tensorboard


def test_without_the_package_it_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with pytest.raises(CeresFastError, match=r"--tensorboard needs .* pip install tensorboard$"):
        require_tensorboard()
    monkeypatch.setattr(module, "find_spec", lambda name: name == "tensorboard" or None)
    require_tensorboard()


def test_it_logs_into_the_run(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    model = keras.Sequential([keras.layers.Dense(1)])
    model.compile(loss="mse")
    x, y = np.ones((4, 2), np.float32), np.ones((4, 1), np.float32)
    model.fit(x, y, validation_data=(x, y), verbose=0, callbacks=[tensorboard(tmp_path)])
    assert {path.parent.name for path in (tmp_path / "tensorboard").rglob("events*")} == {"train", "validation"}
