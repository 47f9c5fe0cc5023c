"""Tasks as they come, in processes of their own: what becomes of each, and that none of them ends the others."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ceres_fast.console import warn
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.machine.cores import THREADS
from ceres_fast.machine.scheduler import Lanes, TaskFailed
from ceres_fast.machine.workers import Lane, WorkerFault


def who(number: int) -> int:
    warn(f"this is {number}")
    return os.getpid()


def refuse(number: int) -> int:
    raise InputError("five.fits", "is bad", row=number)


def fault(number: int) -> int:
    raise ZeroDivisionError(number)


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def leave(status: int) -> None:
    sys.stdout.flush()
    os._exit(status)


def variable(name: str) -> str:
    return os.environ[name]


def meet(folder: Path, mine: str, other: str) -> bool:
    """Tell whether another task runs at the same time."""
    (folder / mine).touch()
    until = time.monotonic() + 30
    while not (folder / other).exists() and time.monotonic() < until:
        time.sleep(0.01)
    return (folder / other).exists()


def first(folder: Path) -> bool:
    return meet(folder, "first", "second")


def second(folder: Path) -> bool:
    return meet(folder, "second", "first")


def begun_and_never_ended(file: Path) -> None:
    file.touch()
    time.sleep(600)


@pytest.fixture(scope="module")
def one() -> Iterator[Lanes]:
    with Lanes() as lanes:
        yield lanes


def test_a_process_of_its_own_that_stays(one: Lanes) -> None:
    outcomes = [one.start(who, number).result() for number in (1, 2)]
    assert [each.warnings for each in outcomes] == [["this is 1"], ["this is 2"]]
    (process,) = {each.get() for each in outcomes}
    assert process != os.getpid()


def test_what_is_raised_is_raised_here(one: Lanes) -> None:
    with pytest.raises(InputError, match=r"five\.fits, row 3: is bad"):
        one.start(refuse, 3).result().get()
    with pytest.raises(WorkerFault, match="7: ZeroDivisionError: 7"):
        one.start(fault, 7).result().get()


def test_a_task_that_ends_its_process_costs_itself_only(one: Lanes) -> None:
    with pytest.raises(TaskFailed, match=r"the process was killed by signal 9"):
        one.start(die, int(signal.SIGKILL)).result().get()
    with pytest.raises(TaskFailed, match=r"the process ended with status 7"):
        one.start(leave, 7).result().get()
    assert one.start(who, 1).result().get()


def test_a_task_that_takes_for_ever_is_ended(one: Lanes) -> None:
    with pytest.raises(TaskFailed, match=r"was not finished after 0\.2 s"):
        one.start(time.sleep, 600, 0.2).result().get()
    assert one.start(who, 1, 60.0).result().get()


def test_a_process_that_is_killed_while_it_has_nothing_to_do_costs_nothing(one: Lanes) -> None:
    process = one.start(who, 1).result().get()
    os.kill(process, signal.SIGKILL)
    os.waitid(os.P_PID, process, os.WEXITED | os.WNOWAIT)
    assert one.start(who, 2).result().get() != process


def test_several_at_a_time_each_with_its_variables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(THREADS, "6")
    with Lanes(2, environments=[{"CERES_GPU": "0"}, {"CERES_GPU": "1"}]) as lanes:
        assert lanes.count == 2
        assert all(each.result().get() for each in [lanes.start(first, tmp_path), lanes.start(second, tmp_path)])
        assert sorted(lanes.start(variable, "CERES_GPU").result().get() for _ in range(2)) == ["0", "1"]
        assert lanes.start(variable, THREADS).result().get() == "3"  # its share


@pytest.mark.parametrize("raised", [None, KeyboardInterrupt])
def test_nobody_waits_for_what_is_given_up(tmp_path: Path, raised: type[BaseException] | None) -> None:
    started = time.monotonic()
    try:
        with Lanes() as lanes:
            running, waiting = lanes.start(begun_and_never_ended, tmp_path / "begun"), lanes.start(who, 1)
            while not (tmp_path / "begun").exists():
                time.sleep(0.01)
            if raised:
                raise raised
    except KeyboardInterrupt:
        pass
    with pytest.raises(TaskFailed, match="was given up"):
        running.result().get()
    assert waiting.cancelled() or waiting.result()._error is not None
    assert time.monotonic() - started < 30


def test_nothing_is_begun_that_is_given_up() -> None:
    lane = Lane()
    lane.close()
    with pytest.raises(TaskFailed, match="was given up"):
        lane.do(who, 1, lambda task, how: TaskFailed(how)).get()


@pytest.mark.parametrize("count", [0, -1])
def test_too_few(count: int) -> None:
    with pytest.raises(CeresFastError, match=f"{count} workers"):
        Lanes(count)
