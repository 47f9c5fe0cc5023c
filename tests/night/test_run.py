"""The commands for a whole night: what they say, what they leave, killed or not, on one process or several."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from astropy.table import Table

from ceres_fast import locks
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.locks import Busy, lock
from ceres_fast.night.detections import read_night
from ceres_fast.night.log import STATUS
from ceres_fast.night.opening import LOCK, OUTPUTS
from ceres_fast.night.record import read_records
from ceres_fast.night.run import night, watch
from ceres_fast.night.status import status
from ceres_fast.night.work import COUNTS, Work

from ..clusters import cluster
from ..survey_files import write_exposure, write_field

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def watching(folder: Path, output: Path, model: Path) -> list[str]:
    """Return the command line that watches a folder."""
    options = ["--model", str(model), "--output", str(output)]
    return [sys.executable, "-m", "ceres_fast", "watch", str(folder), *options]


def tables(folder: Path) -> dict[str, bytes]:
    """Return the tables of a night, by their places."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*.cat"))}


def idle(work: Work, left: int) -> bool:
    """Tell whether nothing is left to do."""
    return left == 0 and work.running == 0 and bool(work.records)


@pytest.fixture
def three(incoming: Path) -> Path:
    for field in "ABC":
        write_field(incoming / field, field=field)
    return incoming


def test_a_night(three: Path, out: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    result = night(three, model, output=out)
    assert (result.status, result.waiting, [each.counts["tracklets"] for each in result.records]) == (0, {}, [1, 1, 1])
    assert "9 exposures found: 9 classified, 0 passed on unfiltered, 0 left out" in capsys.readouterr().out
    assert list(tables(out)) == [f"{f}/{f}/sextractor_cat/{f}-{n}.cat" for f in "ABC" for n in (1, 2, 3)]
    before = {path: path.stat().st_mtime_ns for path in out.rglob("*.cat")}
    assert night(three, model, output=out).status == 0
    assert {path: path.stat().st_mtime_ns for path in out.rglob("*.cat")} == before


def test_what_is_left_out_is_said(three: Path, out: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    next(three.rglob("B-2.cat")).unlink()
    next(three.rglob("C-3.fits")).write_bytes(b"no FITS")
    next(three.rglob("A-1.fits")).unlink()
    result = night(three, model, output=out)
    said = capsys.readouterr()
    assert result.status == 3
    assert "9 exposures found: 6 classified, 2 passed on unfiltered, 1 left out" in said.out
    assert "B-2.fits: has no catalogue yet: left out" in said.err
    assert {path.name for path in out.rglob("*.cat")} == {path.name for path in three.rglob("*.cat")}


@pytest.mark.slow
def test_what_cannot_be_written_ends_a_night_when_the_rest_is_done(three: Path, out: Path, model: Path) -> None:
    (out / "A/A/sextractor_cat/A-1.cat").mkdir(parents=True)
    with pytest.raises(CeresFastError, match="A, 2023-02-24: not classified"):
        night(three, model, output=out)
    assert [record.name[:1] for record in read_records(out)] == ["B", "C"]


def test_whatever_the_workers_the_bytes_are_the_same(three: Path, out: Path, model: Path, tmp_path: Path) -> None:
    night(three, model, output=out)
    night(three, model, output=tmp_path / "two", workers=2)
    assert tables(tmp_path / "two") == tables(out)


@pytest.mark.slow
def test_on_a_cluster_the_bytes_are_the_same(three: Path, out: Path, model: Path, tmp_path: Path) -> None:
    with cluster(tmp_path) as address:
        night(three, model, output=tmp_path / "there", scheduler=address)
    night(three, model, output=out)
    assert tables(tmp_path / "there") == tables(out)


def test_as_it_comes_the_bytes_are_the_same(
    three: Path, out: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    came, moved = tmp_path / "came", iter(sorted(three.rglob("*.fits"), key=lambda path: path.stem[::-1]))
    came.mkdir()

    def ended(work: Work, left: int) -> bool:
        if not idle(work, left) and any(came.iterdir()):
            return False
        frame = next(moved, None)
        if frame is None:
            return True
        for source in (frame.parents[1] / "sextractor_cat" / f"{frame.stem}.cat", frame):
            target = came / source.relative_to(three)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        return False

    # It looks whenever something changes: nobody waits for `every`.
    began = time.monotonic()
    watch(came, model, output=tmp_path / "watched", settle=0.0, every=200.0, ended=ended)
    assert time.monotonic() - began < 150
    said = capsys.readouterr().err.splitlines()
    assert len(said) == len(set(said)) > 0  # that the fields are of one place: once, not at every look
    night(three, model, output=out)
    assert tables(tmp_path / "watched") == tables(out)
    assert {each.version for each in read_records(tmp_path / "watched")} == {3}


@pytest.mark.slow
def test_killed_at_any_moment_it_goes_on(incoming: Path, out: Path, model: Path, tmp_path: Path) -> None:
    """SIGKILL (20 times in `benchmarks.watch`): no table is lost or half, and nothing is done twice."""
    given, source = random.Random(5), tmp_path / "source"
    fields = [f"F{number:02}" for number in range(5)]
    for field in fields:
        write_field(source, field=field)
    command = [*watching(incoming, out, model), "--settle", "0", "--every", "0.2", "--log", "json"]
    for field in fields:
        shutil.copytree(source / field, incoming / field)
        with subprocess.Popen(command, env=ENVIRONMENT, **QUIET) as process:
            time.sleep(given.uniform(0.5, 3.0))
            process.send_signal(signal.SIGKILL)
        for path in out.rglob("*.cat"):
            assert len(path.read_text().splitlines()) == len(next(source.rglob(path.name)).read_text().splitlines()) + 4
    versions = {each.name: each.version for each in read_records(out)}
    watch(incoming, model, output=out, settle=0.0, every=0.2, ended=idle)
    assert versions.items() <= {each.name: each.version for each in read_records(out)}.items()
    night(source, model, output=tmp_path / "night")
    assert tables(out) == tables(tmp_path / "night")
    assert len(tables(out)) == 15
    assert not [path for path in out.rglob("*") if "partial" in path.name and path.is_file()]


def test_json_lines_and_metrics(
    three: Path, out: Path, model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    night(three, model, output=out, log="json", metrics=str(tmp_path / "ceres.prom"))
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [each["event"] for each in lines] == ["start", "field", "field", "field", "end"]
    assert [lines[-1][name] for name in ("found", "classified", "passed_on", "left_out")] == [9, 9, 0, 0]
    field = lines[1]
    assert field["exposures"] == 3
    assert [field[name] for name in COUNTS] == [15, 12, 3, 15, 1]
    assert set(field["seconds"]) == {"read", "cut", "infer", "write", "latency"}
    text = (tmp_path / "ceres.prom").read_text()
    assert 'ceres_fast_tables_total{fate="classified"} 9.0' in text
    assert "ceres_fast_latency_seconds_count 3.0" in text
    assert 'ceres_fast_files{what="backlog"} 0.0' in text


def test_metrics_at_a_port(three: Path, out: Path, model: Path) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    seen: list[str] = []

    def ended(work: Work, left: int) -> bool:
        if idle(work, left):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics") as answer:
                seen.append(answer.read().decode())
            return True
        return False

    watch(three, model, output=out, settle=0.0, every=0.2, metrics=str(port), ended=ended)
    assert 'ceres_fast_detections_total{what="tracklets"} 3.0' in seen[0]


def test_how_it_stands(three: Path, out: Path, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CeresFastError, match="how a night stands"):
        status(out)
    next(three.rglob("B-2.cat")).unlink()
    night(three, model, output=out)
    capsys.readouterr()
    assert status(out) == 3
    said = capsys.readouterr().out
    assert "nobody is at work" in said
    assert "B-2.fits" in said
    with lock(out / LOCK):
        assert status(out) == 0
        assert "is at work" in capsys.readouterr().out


@pytest.mark.parametrize("content", [None, "", "{", "[]", "{}", '{"time": 3, "pid": 1, "numbers": [], "waiting": 7}'])
def test_what_is_no_status_is_told(out: Path, content: str | None) -> None:
    out.mkdir()
    if content is not None:
        (out / STATUS).write_text(content)
    with pytest.raises(InputError, match="how a night stands"):
        status(out)


def test_where_nothing_can_be_locked_it_goes_on_with_a_warning(
    incoming: Path, out: Path, model: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def unsupported(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(locks.fcntl, "flock", unsupported)
    watch(incoming, model, output=out, ended=lambda work, left: True)
    assert "out: cannot be locked (No locks available)" in capsys.readouterr().err
    assert status(out) == 3
    assert f"whether process {os.getpid()} is at work cannot be told" in capsys.readouterr().out


def test_an_output_that_is_taken_away_is_written_anew_and_held(
    incoming: Path, out: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_exposure(incoming, 0)
    before: dict[str, bytes] = {}

    def ended(work: Work, left: int) -> bool:
        if not idle(work, left):
            return False
        if not before:
            before.update(tables(out))
            shutil.rmtree(out)
            return False
        assert tables(out) == before
        with pytest.raises(Busy):
            lock(out / LOCK, shared=True)
        return True

    watch(incoming, model, output=out, settle=0.05, every=0.1, ended=ended)
    assert capsys.readouterr().err.count("taken it away") == 1
    lock(out / LOCK).release()
    next(out.rglob("*.cat")).unlink()
    assert len(read_night(out).detections) == 0
    assert "is not there; expected a table of the night" in capsys.readouterr().err


def test_one_at_a_time(three: Path, out: Path, model: Path) -> None:
    out.mkdir()
    with lock(out / LOCK), pytest.raises(CeresFastError, match="is at work on it already"):
        night(three, model, output=out)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"drop": True}, "has no operating point"),
        ({"workers": 0}, "expected 1 or more"),
        ({"to": ["minor-planet-center"]}, "expected one of"),
        ({"camera": "kodak"}, "kodak"),
        ({"scheduler": "tcp://127.0.0.1:9"}, "no Dask scheduler answers"),
        ({"columns": "x=XPOS"}, "names one of x and y"),
    ],
)
def test_what_cannot_be_is_told_before_anything_is_done(
    three: Path, out: Path, model: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(CeresFastError, match=message):
        night(three, model, output=out, **options)
    assert tables(out) == {}


def test_wrong_folders(tmp_path: Path, out: Path, model: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CeresFastError, match="has no frame with a catalogue"):
        night(tmp_path / "empty", model, output=out)
    with pytest.raises(CeresFastError, match="is not a folder"):
        night(tmp_path / "no", model, output=out)
    with pytest.raises(CeresFastError, match="is the night itself"):
        night(tmp_path / "empty", model, output=tmp_path / "empty")


def test_told_to_end_it_ends(incoming: Path, out: Path, model: Path) -> None:
    write_exposure(incoming / "Čeres", 0)  # what a screen cannot show decides nothing
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    environment = ENVIRONMENT | {"PYTHONIOENCODING": "ascii"}
    with subprocess.Popen(watching(incoming, out, model), env=environment, **pipes) as process:  # type: ignore[call-overload]
        line = ""
        while "version 1" not in line:
            line = process.stdout.readline()
            assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143
        assert "Traceback" not in process.stderr.read()
    assert len(tables(out)) == 1


@pytest.mark.parametrize("command", [night, watch])
def test_the_night_is_written_for_others_too(three: Path, out: Path, model: Path, command: Any) -> None:
    more = {} if command is night else {"settle": 0.0, "every": 0.2, "ended": idle}
    command(three, model, output=out, to=["votable", "ds9"], **more)
    rows = Table.read(out / OUTPUTS / "night.vot")
    assert len(rows) == 45
    assert len(list((out / OUTPUTS / "ds9").rglob("*.reg"))) == 9
