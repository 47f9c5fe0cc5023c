"""A process of a series ends with the one that started it, and says why it failed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ceres_fast.cli import child
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.files import atomic_file
from ceres_fast.training.processes import CHILD, PARENT, PIPE, Problem, Processes

ENVIRONMENT = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}

WAITS = """
import os, signal
from ceres_fast.cli.child import attach
attach()
print(os.getpid(), flush=True)
while True:
    signal.pause()
"""
STARTS = """
import sys
from ceres_fast.training.processes import Processes
with Processes() as processes:
    processes.run([sys.executable, "-c", {code!r}])
"""


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """This process as if its own parent had started it; the end of the pipe that the parent reads."""
    reading, writing = os.pipe()
    monkeypatch.setenv(PARENT, str(os.getppid()))
    monkeypatch.setenv(PIPE, str(writing))
    monkeypatch.setattr(child, "_ask_for_signal", lambda: None)  # the tests do not end with their parent
    yield reading
    for descriptor in (reading, writing):
        os.close(descriptor)


def said(pipe: int) -> dict[str, str]:
    return json.loads(os.read(pipe, 2**16))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process of the end of its parent")
def test_it_ends_when_the_one_that_started_it_is_killed() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", STARTS.format(code=WAITS)], env=ENVIRONMENT, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    with parent:
        number = int(parent.stdout.readline())
        os.kill(number, 0)
        parent.kill()
        # It has the other end as long as it lives: a child that goes on makes this test hang.
        assert parent.stdout.read() == ""


def test_one_whose_parent_has_ended_before_does_nothing(pipe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "app", lambda: pytest.fail("it went on"))
    monkeypatch.setenv(PARENT, str(os.getpid()))
    with pytest.raises(SystemExit) as ended:
        child.main()
    assert ended.value.code == 128 + signal.SIGTERM


class TooManyError(CeresFastError):
    """A kind of its own."""


def fails(error: Exception) -> Callable[[], None]:
    def app() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "kind", "text"),
    [
        (TooManyError("three, expected two."), "TooManyError", "three, expected two."),
        (InputError("x.fits", "is empty"), "InputError", "x.fits: is empty."),
        (CeresFastError("é" * 9999), "CeresFastError", "é" * child.LONGEST),
    ],
)
def test_a_problem_is_passed_on_and_shown(
    pipe: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: Exception,
    kind: str,
    text: str,
) -> None:
    monkeypatch.setattr(child, "app", fails(error))
    with pytest.raises(SystemExit) as ended:
        child.main()
    assert ended.value.code == 1
    assert said(pipe) == {"kind": kind, "text": text}
    assert f"error: {error}" in capsys.readouterr().err
    assert PARENT not in os.environ
    assert PIPE not in os.environ


def test_a_defect_is_passed_on_and_keeps_its_traceback(pipe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(child, "app", fails(ZeroDivisionError("by 0")))
    with pytest.raises(ZeroDivisionError):
        child.main()
    assert said(pipe) == {"kind": "ZeroDivisionError", "text": "ZeroDivisionError: by 0"}


def test_a_stopped_one_removes_what_is_unfinished(
    pipe: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def app() -> None:
        with atomic_file(tmp_path / "table.csv") as temporary:
            temporary.write_text("half")
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(child, "app", app)
    with pytest.raises(SystemExit) as ended:
        child.main()
    assert ended.value.code == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
    assert "stopped" in capsys.readouterr().err


def test_nobody_listens_any_more(pipe: int) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    child.tell(writing, CeresFastError("x"))  # SIGPIPE is ignored by Python
    os.close(writing)


def test_what_it_starts_does_not_keep_the_pipe_open(pipe: int) -> None:
    assert not os.get_inheritable(child.attach())


@pytest.mark.slow
def test_the_command_line_as_a_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", ENVIRONMENT["PYTHONPATH"])
    with Processes() as processes:
        assert processes.run([*CHILD, "--version"]) is None
        failed = processes.run([*CHILD, "evaluate", str(tmp_path / "none")])
        usage = processes.run([*CHILD, "evaluate", "--no-such-option"])
    assert isinstance(failed, Problem)
    assert failed.kind == "InputError"
    assert failed.text.startswith(f"{tmp_path / 'none'}: cannot be read (No such file or directory)")
    assert usage == Problem("exit status 2")
