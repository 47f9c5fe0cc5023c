"""A run has a directory of its own."""

import errno
import fcntl
import os
import platform
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import datetime, tzinfo
from pathlib import Path

import pytest

from ceres_fast import locks
from ceres_fast.artifact.latest import name_latest
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.training import runs
from ceres_fast.training.runs import CONFIG, LOCK, METRICS, create_run, lock_folder, open_run, who_uses


def test_without_a_name_it_is_the_time_and_what_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    run = create_run(None, "xception", 3)
    assert re.fullmatch(r"runs/20\d{6}T\d{6}-xception-experiment3", str(run))
    assert run.is_dir()


def test_runs_of_one_second_get_different_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Stopped(datetime):
        @classmethod
        def now(cls, zone: tzinfo | None = None) -> datetime:
            return datetime(2026, 1, 2, 3, 4, 5, tzinfo=zone)

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(runs, "datetime", Stopped)
    made = [create_run(None, "xception", 1).name for _ in range(3)]
    name = "20260102T030405-xception-experiment1"
    assert made == [name, f"{name}-2", f"{name}-3"]


def test_a_named_run_is_created_with_its_parent_folders(tmp_path: Path) -> None:
    assert create_run(tmp_path / "a" / "b", "xception", 1) == tmp_path / "a" / "b"
    assert (tmp_path / "a" / "b").is_dir()


@pytest.mark.parametrize("put", [None, "lost+found", ".nfs0000000000a1", LOCK], ids=str)
def test_an_empty_folder_that_exists_is_used(tmp_path: Path, put: str | None) -> None:
    run = tmp_path / "run"
    run.mkdir()
    if put:
        (run / put).touch()
    assert create_run(run, "xception", 1) == run
    (run / CONFIG).touch()
    with pytest.raises(CeresFastError, match=r"is in use by process|exists already, and config\.toml is in it"):
        create_run(run, "xception", 1)


@pytest.mark.parametrize("name", ["data", ".profile", CONFIG, METRICS])
def test_a_folder_with_something_in_it_is_left(tmp_path: Path, name: str) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / name).touch()
    with pytest.raises(CeresFastError, match=rf"run: exists already, and {re.escape(name)} is in it\. A run is never"):
        create_run(run, "xception", 1)
    assert [path.name for path in run.iterdir()] == [name]  # nor is it locked


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / "run").touch()
    with pytest.raises(CeresFastError, match=r"run: exists already\. A run is never overwritten: choose another --run"):
        create_run(tmp_path / "run", "xception", 1)


def test_an_empty_folder_that_another_process_has_taken_is_refused(tmp_path: Path) -> None:
    with in_another_process(tmp_path), pytest.raises(CeresFastError, match="in use by process 77 on elsewhere"):
        create_run(tmp_path, "xception", 1)
    assert [path.name for path in tmp_path.iterdir()] == [LOCK]


def test_what_comes_into_it_before_it_is_locked_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def locked_after_another_run_began_and_ended(path: Path) -> locks.Lock:
        (tmp_path / METRICS).touch()
        return locks.lock(path)

    monkeypatch.setattr(runs, "lock_where_possible", locked_after_another_run_began_and_ended)
    with pytest.raises(CeresFastError, match=r"exists already, and metrics\.json is in it"):
        create_run(tmp_path, "xception", 1)


def test_a_place_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CeresFastError, match=r"run: cannot be made \(Not a directory\)"):
        create_run(tmp_path / "file" / "run", "xception", 1)


@pytest.mark.parametrize("there", [False, True], ids=["none", "an empty folder"])
def test_of_many_at_once_one_gets_it(tmp_path: Path, there: bool) -> None:
    if there:
        (tmp_path / "run").mkdir()

    def attempt(_: int) -> bool:
        try:
            create_run(tmp_path / "run", "xception", 1)
        except CeresFastError:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(attempt, range(32))) == 1


def test_no_run_is_called_as_the_file_that_names_the_newest(tmp_path: Path) -> None:
    with pytest.raises(CeresFastError, match=r"latest: is the name of the file that names the newest run\. Choose"):
        create_run(tmp_path / "latest", "xception", 1)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to("gone")], ids=["file", "dead link"])
def test_a_folder_of_runs_that_is_none_is_refused(
    make: Callable[[Path], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    make(tmp_path / "runs")
    with pytest.raises(CeresFastError, match="cannot be made"):
        create_run(None, "xception", 2)


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A run that no process has and that has begun."""
    run = tmp_path / "stopped"
    run.mkdir()
    (run / CONFIG).touch()
    return run


@contextmanager
def in_another_process(run: Path) -> Iterator[None]:
    """What another process looks like: flock tells descriptors apart, not processes."""
    with (run / LOCK).open("w") as stream:
        stream.write("process 77 on elsewhere\n")
        stream.flush()
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield


def test_a_stopped_run_is_opened(stopped: Path) -> None:
    assert open_run(stopped) == stopped
    assert open_run(stopped) == stopped  # it is this process's
    with (stopped / LOCK).open("r+") as stream:
        with pytest.raises(BlockingIOError):
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        assert stream.read() == f"process {os.getpid()} on {platform.node()}\n"


def test_a_new_run_is_locked(tmp_path: Path) -> None:
    run = create_run(tmp_path / "run", "xception", 1)
    with (run / LOCK).open("r+") as stream, pytest.raises(BlockingIOError):
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_run_that_another_process_has_is_refused(stopped: Path) -> None:
    with in_another_process(stopped), pytest.raises(CeresFastError, match="stopped: is in use by process 77 on elsewh"):
        open_run(stopped)
    assert open_run(stopped) == stopped  # it is free when that process has ended, whatever its file says


def test_an_old_lock_of_a_folder_that_was_replaced_is_no_lock(stopped: Path) -> None:
    open_run(stopped)
    (stopped / LOCK).unlink()
    with in_another_process(stopped), pytest.raises(CeresFastError, match="is in use by"):
        open_run(stopped)


def test_where_nothing_can_be_locked_it_goes_on_with_a_warning(
    stopped: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unsupported(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks.fcntl, "flock", unsupported)
    assert open_run(stopped) == stopped
    assert "stopped: cannot be locked (No locks available)" in capsys.readouterr().err


def test_a_folder_of_several_runs_is_locked_new_or_as_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    for _ in range(2):
        lock_folder(folder)
        assert who_uses(folder) == f"process {os.getpid()} on {platform.node()}"
    (tmp_path / "c").mkdir()
    with in_another_process(tmp_path / "c"), pytest.raises(CeresFastError, match="c: is in use by process 77 on else"):
        lock_folder(tmp_path / "c")
    (tmp_path / "file").touch()
    with pytest.raises(CeresFastError, match="file: cannot be written"):
        lock_folder(tmp_path / "file")


def test_who_is_at_work(stopped: Path) -> None:
    assert who_uses(stopped) is None
    with in_another_process(stopped):
        assert who_uses(stopped) == "process 77 on elsewhere"
    assert who_uses(stopped) is None
    assert who_uses(stopped / "none") is None


def test_the_newest_is_opened_by_its_name_and_a_link_is_followed_once(stopped: Path) -> None:
    name_latest(stopped)
    assert open_run(stopped.parent / "latest") == stopped
    (stopped.parent / "link").symlink_to("stopped")
    assert open_run(stopped.parent / "link") == stopped.resolve()


@pytest.mark.parametrize("made", [False, True])
def test_what_is_no_run_is_not_opened(tmp_path: Path, made: bool) -> None:
    if made:
        (tmp_path / "run").mkdir()
    with pytest.raises(InputError, match=r"run: holds no config\.toml; expected the directory of a run that was stop"):
        open_run(tmp_path / "run")
    assert not (tmp_path / "run" / LOCK).exists()


def test_a_finished_run_is_not_opened(stopped: Path) -> None:
    (stopped / METRICS).touch()
    with pytest.raises(InputError, match=r"stopped: is a finished run .*--from .*stopped.*--config .*config\.toml"):
        open_run(stopped)
