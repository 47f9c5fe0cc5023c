"""A lock is had by one process alone or shared, and is of the file that is there now."""

from __future__ import annotations

import errno
import os
import platform
from pathlib import Path

import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.locks import Busy, alone, lock, lock_where_possible


def test_who_has_it_alone_is_named(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("process 77 on elsewhere, long ended\n")
    with lock(path), pytest.raises(Busy, match=rf"^process {os.getpid()} on {platform.node()}$"):
        lock(path)
    lock(path).release()


def test_several_may_share_it(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with lock(path, shared=True), lock(path, shared=True, wait=True), pytest.raises(Busy, match="another process"):
        lock(path)
    with lock(path), pytest.raises(Busy):
        lock(path, shared=True)


def test_a_lock_is_of_the_file_that_is_there(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    held = lock(path)
    assert held.is_of(path)
    path.unlink()
    assert not held.is_of(path)
    with lock(path) as other:
        assert not held.is_of(path)
        assert other.is_of(path)
    held.release()
    held.release()
    assert not other.is_of(path)


def test_a_file_that_is_removed_by_who_had_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "lock"
    monkeypatch.setattr("ceres_fast.locks.fcntl.flock", lambda *_: path.unlink())
    with pytest.raises(FileNotFoundError):
        lock(path)


def refuse_locks(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def flock(descriptor: int, how: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("ceres_fast.locks.fcntl.flock", flock)


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS])
def test_a_file_system_without_locks_stops_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    refuse_locks(monkeypatch, number)
    with lock_where_possible(tmp_path / "lock") as held:
        assert held.problem == os.strerror(number)
        assert not held.is_of(tmp_path / "lock")
    with alone(tmp_path / "file"), alone(tmp_path / "file"):
        pass


def test_another_error_is_not_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse_locks(monkeypatch, errno.EIO)
    with pytest.raises(OSError, match="Input/output error"):
        lock_where_possible(tmp_path / "lock")
    refused = pytest.raises(CeresFastError, match=r"file: cannot be written \(Input/output error\)")
    with refused, alone(tmp_path / "file"):
        pass


def test_where_there_are_locks_one_is_held(tmp_path: Path) -> None:
    with lock_where_possible(tmp_path / "lock") as held, pytest.raises(Busy):
        assert not held.problem
        lock_where_possible(tmp_path / "lock")
    with alone(tmp_path / "file"), pytest.raises(Busy):
        lock(tmp_path / "file.lock")
    lock(tmp_path / "file.lock").release()


def test_without_a_folder_there_is_no_lock(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        lock(tmp_path / "none" / "lock")


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is refused to root")
def test_what_is_not_writable_can_be_shared_only(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.touch(0o444)
    with lock(path, shared=True):
        pass
    with pytest.raises(PermissionError):
        lock(path)
