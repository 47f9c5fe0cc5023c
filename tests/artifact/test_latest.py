"""The file ``latest`` names the newest run, whatever is done to the folder that both are in."""

from __future__ import annotations

import errno
import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from typer.testing import CliRunner

from ceres_fast import files
from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.artifact.latest import name_latest, resolve
from ceres_fast.cli import app
from ceres_fast.engines import load
from ceres_fast.engines.doctor import examine
from ceres_fast.errors import InputError

from ..tiny_models import classifier, peak_model, written


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """A folder with two runs, of which ``latest`` names the second."""
    folder = tmp_path / "runs"
    for name in ("first", "second"):
        (folder / name).mkdir(parents=True)
        described = classifier().with_file("onnx", written(folder / name, peak_model()))
        described.write(folder / name)
        name_latest(folder / name)
    return folder


def test_it_is_one_line_of_text_and_nothing_is_left_beside_it(runs: Path) -> None:
    assert (runs / "latest").read_bytes() == b"second\n"
    assert not (runs / "latest").is_symlink()
    assert sorted(path.name for path in runs.iterdir()) == ["first", "latest", "second"]


def test_it_stands_for_the_run_and_says_which(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert resolve(runs / "latest") == runs / "second"
    assert capsys.readouterr().out == f"{runs / 'latest'} is {runs / 'second'}\n"
    assert resolve(runs / "latest" / "config.toml", announce=False) == runs / "second" / "config.toml"
    assert capsys.readouterr().out == ""


def test_what_has_nothing_to_do_with_runs_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "latest" / "runs" / "a").mkdir(parents=True)
    for path in (tmp_path / "latest" / "runs" / "a", tmp_path / "gone" / "latest", Path("latest.txt")):
        assert resolve(path) == path


@pytest.mark.parametrize("kind", ["moved", "copied", "copied with links followed", "archived"])
def test_it_survives_moves_and_copies(runs: Path, tmp_path: Path, kind: str) -> None:
    there = tmp_path / "there"
    if kind == "moved":
        runs.rename(there)
    elif kind == "archived":
        shutil.unpack_archive(shutil.make_archive(str(tmp_path / "packed"), "zip", runs), there)
    else:
        shutil.copytree(runs, there, symlinks=kind == "copied")
    assert resolve(there / "latest") == there / "second"
    name_latest(there / "first")
    assert resolve(there / "latest") == there / "first"


@pytest.mark.parametrize(
    "content",
    [b"second", b"second\r\n", b"\xef\xbb\xbfsecond \r\n", b"\n second\n"],
    ids=["zip", "dos", "bom", "by hand"],
)
def test_what_people_and_archives_write_is_read(runs: Path, content: bytes) -> None:
    """An archive's text of a link ends without a newline; editors and shells add things."""
    (runs / "latest").write_bytes(content)
    assert resolve(runs / "latest") == runs / "second"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "names no run"),
        (b"third\n", "names 'third', which is not beside it"),
        (b"../runs/second\n", "names no run"),
        (b"..\n", "names no run"),
        (b"latest\n", "names no run"),
        (b"first\nsecond\n", "names no run"),
        ("second".encode("utf-16"), "names no run"),
        (b"x" * 5000, "names no run"),
    ],
)
def test_what_names_no_run_is_refused(runs: Path, content: bytes, problem: str) -> None:
    (runs / "latest").write_bytes(content)
    for use in (resolve, read_classifier, load):
        with pytest.raises(InputError, match=rf"latest: {problem}.*echo RUN > .*latest") as caught:
            use(runs / "latest")
        assert caught.value.path == str(runs / "latest")


def test_a_link_of_an_earlier_version_is_followed_and_then_replaced(runs: Path) -> None:
    (runs / "latest").unlink()
    (runs / "latest").symlink_to("first", target_is_directory=True)
    assert resolve(runs / "latest") == runs / "first"
    name_latest(runs / "second")
    assert not (runs / "latest").is_symlink()
    assert resolve(runs / "latest") == runs / "second"
    assert (runs / "first" / "classifier.json").is_file()


def test_a_link_to_what_is_gone(runs: Path) -> None:
    (runs / "latest").unlink()
    (runs / "latest").symlink_to("gone")
    with pytest.raises(InputError, match="latest: names 'gone', which is not beside it"):
        resolve(runs / "latest")
    name_latest(runs / "first")
    assert resolve(runs / "latest") == runs / "first"


def test_a_folder_is_neither_used_nor_replaced(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A copy that follows links makes it of a link."""
    (runs / "latest").unlink()
    shutil.copytree(runs / "first", runs / "latest")
    before = sorted((path, path.read_bytes()) for path in (runs / "latest").iterdir())
    name_latest(runs / "second")
    said = capsys.readouterr().err
    assert "latest: is a folder" in said
    assert f"do not use the newest, {runs / 'second'}" in said
    assert "echo second >" in said
    assert sorted((path, path.read_bytes()) for path in (runs / "latest").iterdir()) == before
    for use in (resolve, read_classifier, load):
        with pytest.raises(InputError, match=r"latest: is a folder, .*may or may not be.* Name a run itself, or move"):
            use(runs / "latest")
    # Who names a file in it means that file, and is warned.
    assert resolve(runs / "latest" / "classifier.onnx") == runs / "latest" / "classifier.onnx"
    assert "which may or may not be the newest" in capsys.readouterr().err


def test_somebody_else_s_file_is_left_alone(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (runs / "latest").write_text("what I did today:\nnothing\n")
    name_latest(runs / "first")
    assert (runs / "latest").read_text() == "what I did today:\nnothing\n"
    assert "latest: is a file that names no run, and is left as it is" in capsys.readouterr().err
    (runs / "latest").write_text("")  # of which nothing is lost
    name_latest(runs / "first")
    assert resolve(runs / "latest") == runs / "first"


def test_no_permission_for_links_is_needed(runs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    for name in ("symlink", "link"):
        monkeypatch.setattr(os, name, refused)
    name_latest(runs / "first")
    assert resolve(runs / "latest") == runs / "first"


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EPERM])
def test_a_disk_that_refuses_ends_no_training(
    runs: Path, number: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refused(path: Path) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(files, "sync", refused)
    name_latest(runs / "first")
    assert (runs / "latest").read_bytes() == b"second\n"
    assert f"Commands without a run in their options do not use the newest, {runs / 'first'}" in capsys.readouterr().err
    assert sorted(path.name for path in runs.iterdir()) == ["first", "latest", "second"]


def test_of_trainings_at_once_one_is_named(runs: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: name_latest(runs / ("first", "second")[number % 2]), range(32)))
    assert (runs / "latest").read_text() in ("first\n", "second\n")
    assert sorted(path.name for path in runs.iterdir()) == ["first", "latest", "second"]


def test_a_name_that_is_no_unicode(tmp_path: Path) -> None:
    run = tmp_path / os.fsdecode(b"n\xfcchtern")
    run.mkdir()
    name_latest(run)
    assert resolve(tmp_path / "latest", announce=False) == run


def test_classifying_with_it_says_which_run_it_is(
    runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(runs.parent)
    assert load(Path("runs/latest")).path == Path("runs/second/classifier.onnx")
    assert load(Path("runs/latest/classifier.onnx")).path == Path("runs/second/classifier.onnx")
    assert capsys.readouterr().out == "runs/latest is runs/second\n" * 2
    done = CliRunner().invoke(app, ["classify", "nowhere"])
    assert "runs/latest is runs/second" in done.output


@pytest.mark.parametrize("option", ["--resume", "--from", "--config"])
def test_training_takes_the_run_once_and_says_which(runs: Path, option: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(runs.parent)
    named = "runs/latest/config.toml" if option == "--config" else "runs/latest"
    done = CliRunner().invoke(app, ["train", option, named])
    assert isinstance(done.exception, InputError)
    assert done.exception.path.startswith("runs/second/")
    assert done.output.count(" is runs/second\n") == 1


def test_the_doctor_names_the_run_and_nothing_else_is_printed(runs: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What it prints may be read by a program."""
    assert examine(runs / "latest")[-1].what == str(runs / "second")
    assert capsys.readouterr().out == ""
    (runs / "latest").write_text("third")
    assert "names 'third'" in examine(runs / "latest")[-1].why
