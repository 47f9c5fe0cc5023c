"""Runs that start in the same second."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.training import runs
from ceres_fast.training.runs import create_run


def test_runs_of_the_same_second_all_get_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, tz: object = None) -> datetime:
            return datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs, "datetime", Stopped)
    with ThreadPoolExecutor(4) as pool:
        made = sorted(str(run) for run in pool.map(lambda _: create_run(None, "xception", 2), range(3)))
    stem = "runs/20260102T030405-xception-experiment2"
    assert made == [stem, f"{stem}-2", f"{stem}-3"]


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("gone")], ids=["file", "dead link"])
def test_a_folder_of_runs_that_is_none_is_refused(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "runs")
    with pytest.raises(CeresFastError, match="cannot be made"):
        create_run(None, "xception", 2)
