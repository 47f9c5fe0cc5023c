"""A folder that a command makes is whole or not there; an empty one that is there is as good as none."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.folders import PARTIAL, atomic_directory, contents, move_directory, occupied, refuse_occupied

from .test_files import NEW, OLD, names


@pytest.fixture
def old_folder(tmp_path: Path) -> Path:
    (tmp_path / "records" / "deep").mkdir(parents=True)
    (tmp_path / "records" / "deep" / "shard").write_text(OLD)
    return tmp_path / "records"


def test_a_folder_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "a" / "records"
    with atomic_directory(path) as temporary:
        (temporary / "deep").mkdir()
        (temporary / "deep" / "shard").write_text(NEW)
        assert not path.exists()
    assert (path / "deep" / "shard").read_text() == NEW
    assert names(path.parent) == ["records"]


def test_a_folder_is_replaced_as_a_whole_where_that_is_asked_for(old_folder: Path) -> None:
    with pytest.raises(CeresFastError, match="exists already"), atomic_directory(old_folder):
        raise AssertionError("it must be refused before the work")
    with atomic_directory(old_folder, overwrite=True) as temporary:
        (temporary / "manifest").write_text(NEW)
        assert names(old_folder) == ["deep"]
    assert names(old_folder) == ["manifest"]
    assert names(old_folder.parent) == ["records"]


def test_a_folder_that_another_process_made_meanwhile_is_left(tmp_path: Path) -> None:
    path = tmp_path / "records"
    with pytest.raises(CeresFastError, match="exists already"), atomic_directory(path):
        path.mkdir()
        (path / "theirs").write_text(OLD)
    assert names(path) == ["theirs"]
    assert names(tmp_path) == ["records"]


def test_an_error_while_a_folder_is_filled_costs_nothing(old_folder: Path) -> None:
    with pytest.raises(ValueError, match="bad stamp"), atomic_directory(old_folder, overwrite=True) as temporary:
        (temporary / "new").write_text(NEW)
        raise ValueError("bad stamp")
    assert names(old_folder) == ["deep"]
    assert names(old_folder.parent) == ["records"]


@pytest.mark.parametrize("failing", [1, 2], ids=["put back", "not even put back"])
def test_when_the_last_step_fails_the_old_folder_is_not_lost(
    old_folder: Path, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    rename, calls = Path.rename, []

    def refusing(source: Path, target: Path) -> Path:
        calls.append(source)
        if 1 < len(calls) <= 1 + failing:
            raise OSError(5, "Input/output error")
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", refusing)
    with (
        pytest.raises(CeresFastError, match="Input/output error"),
        atomic_directory(old_folder, overwrite=True) as temporary,
    ):
        (temporary / "new").write_text(NEW)
    assert [file.read_text() for file in old_folder.parent.rglob("shard")] == [OLD]
    assert failing == 2 or names(old_folder.parent) == ["records"]


OF_THE_DISK: dict[str, Callable[[Path], object]] = {
    "nothing": lambda folder: None,
    "what a file system recovers": lambda folder: (folder / "lost+found").mkdir(mode=0o700),
    "a deleted file that a client of NFS has open": lambda folder: (folder / ".nfs000000000b21").touch(),
    "old versions": lambda folder: (folder / ".snapshot").mkdir(),
    "what macOS knows of it": lambda folder: (folder / ".DS_Store").touch(),
}
of_the_disk = pytest.mark.parametrize("put", OF_THE_DISK.values(), ids=OF_THE_DISK)


@of_the_disk
def test_an_empty_folder_is_filled_and_stays_the_folder_it_is(put: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "volume"
    path.mkdir(mode=0o750)
    put(path)
    before, inode, mode = names(path), path.stat().st_ino, path.stat().st_mode
    assert occupied(path) == ""
    with atomic_directory(path) as temporary:
        (temporary / "deep").mkdir()
        (temporary / "deep" / "shard").write_text(NEW)
        (temporary / "about.json").write_text("{}")
        assert temporary.is_relative_to(path)  # the folder above may be another disk, or not ours
        assert names(path) == sorted([*before, PARTIAL])
    assert names(path) == sorted([*before, "about.json", "deep"])
    assert (path / "deep" / "shard").read_text() == NEW
    assert (path.stat().st_ino, path.stat().st_mode) == (inode, mode)
    assert names(tmp_path) == ["volume"]
    with pytest.raises(CeresFastError, match=r"volume: exists already, and about\.json is in it\. Choose"):
        refuse_occupied(path)


OTHERS: dict[str, Callable[[Path], object]] = {
    "a file": lambda path: (path.mkdir(), (path / "thesis.tex").touch()),
    "a hidden file": lambda path: (path.mkdir(), (path / ".bashrc").touch()),
    "a folder": lambda path: (path / "thesis.tex").mkdir(parents=True),
    "what is almost lost+found": lambda path: (path / "lost+found.old").mkdir(parents=True),
    "a dead link in it": lambda path: (path.mkdir(), (path / "thesis.tex").symlink_to("gone")),
    "is a file itself": Path.touch,
    "is a dead link": lambda path: path.symlink_to("gone"),
}


@pytest.mark.parametrize("make", OTHERS.values(), ids=OTHERS)
def test_where_something_is_it_is_named_and_left(make: Callable[[Path], object], tmp_path: Path) -> None:
    path = tmp_path / "out"
    make(path)
    before = names(path) if path.is_dir() else path.lstat()
    there = f", and {before[0]} is in it" if path.is_dir() else ""
    what = ", or pass --overwrite to replace it" if path.is_dir() else ""
    there = there or ", and is no folder"
    for overwrite in (False,) if path.is_dir() else (False, True):
        with pytest.raises(CeresFastError) as caught, atomic_directory(path, overwrite=overwrite):
            raise AssertionError("it must be refused before the work")
        assert str(caught.value) == f"{path}: exists already{there}. Choose another name{what}."
    assert (names(path) if path.is_dir() else path.lstat()) == before


def test_through_a_link_to_an_empty_folder(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    (tmp_path / "out").symlink_to("disk")
    with atomic_directory(tmp_path / "out") as temporary:
        (temporary / "shard").write_text(NEW)
    assert (tmp_path / "out").is_symlink()
    assert names(tmp_path / "disk") == ["shard"]


def test_an_error_leaves_an_empty_folder_empty(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="bad stamp"), atomic_directory(tmp_path) as temporary:
        (temporary / "shard").write_text(NEW)
        raise ValueError("bad stamp")
    assert names(tmp_path) == []


def test_what_comes_into_an_empty_folder_meanwhile_is_left(tmp_path: Path) -> None:
    with pytest.raises(CeresFastError, match=r"exists already, and theirs is in it"), atomic_directory(tmp_path) as new:
        (new / "theirs").write_text(NEW)
        (tmp_path / "theirs").write_text(OLD)
    assert names(tmp_path) == ["theirs"]
    assert (tmp_path / "theirs").read_text() == OLD


def test_the_json_files_come_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new = tmp_path / "new"
    new.mkdir()
    for name in ("a.json", "b.tfrecord", "manifest.json", "z"):
        (new / name).touch()
    (tmp_path / "out").mkdir()
    moved, rename = [], Path.rename
    monkeypatch.setattr(Path, "rename", lambda file, to: (moved.append(file.name), rename(file, to)))
    move_directory(new, tmp_path / "out")
    assert {*moved[:2]} == {"b.tfrecord", "z"}
    assert {*moved[2:]} == {"a.json", "manifest.json"}


HOLDS = """
import sys, time
from pathlib import Path
from ceres_fast.folders import atomic_directory

with atomic_directory(Path(sys.argv[1])) as temporary:
    (temporary / "shard").write_text("half")
    print("half way", flush=True)
    time.sleep(60)
"""


@pytest.mark.parametrize("there", [True, False], ids=["an empty folder", "none"])
def test_of_two_processes_one_writes_and_a_killed_one_is_in_nobodys_way(tmp_path: Path, there: bool) -> None:
    path = tmp_path / "out"
    if there:
        path.mkdir()
    command = [sys.executable, "-c", HOLDS, str(path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1]) as process:
        assert process.stdout.readline() == "half way\n"  # type: ignore[union-attr]
        with (
            pytest.raises(CeresFastError, match=rf"out: is being written by process {process.pid} on"),
            atomic_directory(path),
        ):
            raise AssertionError("it must be refused before the work")
        process.send_signal(signal.SIGKILL)
    with atomic_directory(path) as temporary:
        assert names(temporary) == []
        (temporary / "whole").write_text(NEW)
    assert names(path) == ["whole"]
    assert names(tmp_path) == ["out"]


def test_a_folder_that_cannot_be_looked_into_is_one_clear_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(13, os.strerror(13), str(path))

    monkeypatch.setattr(Path, "iterdir", refused)
    with pytest.raises(CeresFastError, match=rf"{tmp_path.name}: cannot be .*\(Permission denied\)"):
        contents(tmp_path)
