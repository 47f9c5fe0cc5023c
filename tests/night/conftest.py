"""What tests of nights share: a folder that exposures come into, a classifier, and a process that is this one."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import pytest

from ceres_fast.machine.workers import Outcome, outcome_of
from ceres_fast.selection.rules import Rules

from ..tiny_models import classifier, peak_model, written


@pytest.fixture
def incoming(tmp_path: Path) -> Path:
    folder = tmp_path / "incoming"
    folder.mkdir()
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return written(tmp_path, peak_model(classifier_json=classifier(rules=Rules().as_dict()).to_json()))


class Here:
    """Tasks are done in this process, at once: what `Lanes` does elsewhere."""

    count = 1

    def start(self, function: Callable[[Any], Any], task: Any, timeout: float | None = None) -> Future[Outcome[Any]]:
        future: Future[Outcome[Any]] = Future()
        future.set_result(outcome_of(function, task))
        return future
