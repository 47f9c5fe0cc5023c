"""Several processes: the same outcomes in the same order, and an end to all of them whatever happens."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from ceres_fast.console import warn
from ceres_fast.detect import detect_frames
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.machine.workers import WorkerFault, in_order

TASKS = list(range(12))


def task(number: int) -> int:
    """Take longer for earlier tasks, warn of each, refuse 5, and let 8 end its process."""
    time.sleep(0.02 * (3 - number % 3))
    warn(f"this is {number}")
    if number == 5:
        raise InputError("five.fits", "is bad", row=3)
    if number == 8:
        os.kill(os.getpid(), signal.SIGKILL)
    return 2 * number


def who(number: int) -> int:
    return os.getpid()


def fault(number: int) -> int:
    raise ZeroDivisionError(number)


def killed(number: int, ending: str) -> InputError:
    return InputError(f"{number}.fits", f"its process {ending}")


def test_one_worker_is_this_process() -> None:
    assert {outcome.get() for outcome in in_order(who, TASKS, 1, killed)} == {os.getpid()}
    assert {outcome.get() for outcome in in_order(who, TASKS[:1], None, killed)} == {os.getpid()}
    assert list(in_order(who, [], 4, killed)) == []


@pytest.mark.parametrize("workers", [0, -1])
def test_too_few_workers(workers: int) -> None:
    with pytest.raises(CeresFastError, match=f"{workers} workers"):
        in_order(who, TASKS, workers, killed)


@pytest.mark.slow
def test_outcomes_come_in_the_order_of_the_tasks_with_their_warnings_and_the_dead_are_replaced() -> None:
    said: list[object] = []
    for number, outcome in enumerate(in_order(task, TASKS, 3, killed)):
        assert outcome.warnings == ([] if number == 8 else [f"this is {number}"])
        try:
            said.append(outcome.get())
        except InputError as error:
            said.append(str(error))
    others: dict[int, object] = {5: "five.fits, row 3: is bad.", 8: "8.fits: its process was killed by signal 9."}
    assert said == [others.get(number, 2 * number) for number in TASKS]


class TwoWords(Exception):  # noqa: N818
    """An exception that is unpickled from one word, and made from two."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} {other}")


class Refused(CeresFastError):  # noqa: N818
    """A user's error that cannot be unpickled either."""

    def __init__(self, one: str, other: str) -> None:
        super().__init__(f"{one} {other}")


def unfit(number: int) -> object:
    """Fail in ways that cannot be sent to another process."""
    if number == 1:
        raise TwoWords("a", "b")
    if number == 2:
        error = ValueError("a lock")
        error.lock = threading.Lock()  # type: ignore[attr-defined]
        raise error
    if number == 3:
        raise Refused("c", "d")
    return threading.Lock() if number == 4 else number


@pytest.mark.slow
def test_a_fault_keeps_its_traceback() -> None:
    with pytest.raises(WorkerFault, match="0: ZeroDivisionError: 0") as caught:
        next(in_order(fault, TASKS, 2, killed)).get()
    assert "in fault" in caught.value.__notes__[0]


@pytest.mark.slow
def test_what_cannot_be_sent_is_put_in_words_and_costs_only_its_task() -> None:
    said: list[object] = []
    for outcome in in_order(unfit, list(range(6)), 2, killed):
        try:
            said.append(outcome.get())
        except WorkerFault as error:
            said.append(str(error))
    assert said[:4] == [0, "1: TwoWords: a b", "2: ValueError: a lock", "3: Refused: c d"]
    assert str(said[4]).startswith("4: TypeError: cannot pickle")
    assert said[5] == 5


@pytest.mark.slow
def test_giving_up_ends_the_others_at_once() -> None:
    started = time.monotonic()
    outcomes = in_order(time.sleep, [0, 600, 600], 3, killed)
    assert next(outcomes).get() is None
    outcomes.close()
    assert time.monotonic() - started < 60


@pytest.mark.slow
def test_catalogues_and_messages_are_the_same_with_any_number_of_workers(
    tmp_path: Path, write_frame: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    for number in range(4):
        write_frame(f"night/F{number}.fits", number)
    for name in ("A", "F2b", "Z"):
        (tmp_path / "night" / f"{name}.fits").write_bytes(b"")
    made = []
    for workers in (1, 3):
        out = tmp_path / f"out{workers}"
        written = detect_frames([tmp_path / "night"], output=out, workers=workers, on_error="skip")
        assert [path.name for path in written] == [f"F{number}.cat" for number in range(4)]
        made.append(({path.name: path.read_bytes() for path in out.iterdir()}, capsys.readouterr()))
    assert made[0] == made[1]
    assert [line.rpartition("/")[2][:5] for line in made[0][1].err.splitlines()] == ["A.fit", "F2b.f", "Z.fit"]
    with pytest.raises(InputError, match=r"A\.fits: is empty"):
        detect_frames([tmp_path / "night"], output=tmp_path / "stopped", workers=3)


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Put a shell script in the place of the program SExtractor."""

    def make(script: str) -> None:
        folder = tmp_path / "programs"
        folder.mkdir()
        (folder / "source-extractor").write_text(f"#!/bin/sh\nPATH=/usr/bin:/bin\n{script}\n")
        (folder / "source-extractor").chmod(0o755)
        monkeypatch.setenv("PATH", str(folder))

    return make


@pytest.mark.slow
def test_a_process_that_is_killed_costs_its_frame(
    tmp_path: Path,
    write_frame: Callable[..., Path],
    program: Callable[[str], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_frame("a.fits")
    write_frame("b.fits")
    program("kill -9 $PPID")  # as the system does where memory runs out
    with pytest.raises(InputError, match=r"a\.fits: the process that .* was killed by signal 9\. .*fewer --workers"):
        detect_frames([tmp_path], engine="source-extractor", workers=2)
    assert detect_frames([tmp_path], engine="source-extractor", workers=2, on_error="skip") == []
    said = capsys.readouterr()
    assert [name for name in ("a.fits", "b.fits") if f"{name}: the process that detected" in said.err] == [
        "a.fits",
        "b.fits",
    ]
    assert not list(tmp_path.glob("*.cat"))


INTERRUPTED = """
import signal, sys
from pathlib import Path
from ceres_fast.detect import detect_frames

if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started to ignore it
    detect_frames([Path(sys.argv[1])], engine="source-extractor", workers=2)
"""

HUNG_UP = """
import signal, sys
from ceres_fast.__main__ import main

if __name__ == "__main__":
    signal.signal(signal.SIGHUP, signal.SIG_DFL)  # under nohup it is ignored
    sys.argv[1:] = ["detect", sys.argv[1], "--engine", "source-extractor", "--workers", "2"]
    main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "number", "status", "expected"),
    [(INTERRUPTED, signal.SIGINT, -signal.SIGINT, "KeyboardInterrupt"), (HUNG_UP, signal.SIGHUP, 129, "stopped; ")],
    ids=["Ctrl-C", "closed terminal"],
)
def test_what_a_terminal_sends_ends_everything_and_leaves_nothing_behind(
    tmp_path: Path,
    write_frame: Callable[..., Path],
    program: Callable[[str], None],
    code: str,
    number: int,
    status: int,
    expected: str,
) -> None:
    frames = [write_frame(f"night/{name}.fits") for name in "abc"]
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    program(f"echo running >> {tmp_path}/running; exec sleep 600")
    (tmp_path / "program.py").write_text(code)
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "TMPDIR": str(temporary)}
    command = [sys.executable, str(tmp_path / "program.py"), str(tmp_path / "night")]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    with subprocess.Popen(command, env=environment, start_new_session=True, **pipes) as process:
        try:
            while not (tmp_path / "running").exists() or len((tmp_path / "running").read_text().split()) < 2:
                assert process.poll() is None
                time.sleep(0.1)
            os.killpg(process.pid, number)
            said = process.communicate(timeout=60)[1]  # ends when the last process that could write there has ended
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == status
    assert said.count(expected) == 1
    assert said.count("Traceback") == said.count("KeyboardInterrupt") == (number == signal.SIGINT)
    assert list(temporary.iterdir()) == []
    assert sorted((tmp_path / "night").iterdir()) == frames
