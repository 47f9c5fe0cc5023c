"""Processes run one after another, and a signal to the one that starts them ends the one that runs."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator

import pytest

from ceres_fast.machine.interrupts import OF_TERMINAL
from ceres_fast.training.processes import PARENT, PIPE, Problem, Processes

ASKS_FOR_A_SIGNAL = """
import os, signal, sys
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGTERM])
os.kill(os.getppid(), signal.SIGTERM)
signal.sigwait([signal.SIGTERM])
sys.exit(7)
"""
"""Sends SIGTERM to its parent, and ends in order when that comes back."""


@pytest.fixture(autouse=True)
def signals_are_heard() -> Iterator[None]:
    """Let signals do what they do in a terminal: tests in a shell's background, or under nohup, ignore some."""
    handlers = {signal.SIGINT: signal.default_int_handler, signal.SIGHUP: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def python(code: str) -> list[str]:
    return [sys.executable, "-c", code]


def test_how_a_process_ended() -> None:
    with Processes() as processes:
        assert processes.run(python("")) is None
        assert processes.run(python("raise SystemExit(3)")) == Problem("exit status 3")
        killed = processes.run(python("import os; os.kill(os.getpid(), 9)"))
        assert str(killed) == "ended by signal 9: Killed"
        assert processes.stopped_by == 0


def test_what_a_process_tells_of_its_failure() -> None:
    code = f"""
import os, sys
os.write(int(os.environ[{PIPE!r}]), b'{{"kind": "TooFew", "text": "two are needed."}}')
sys.exit(int(os.environ[{PARENT!r}]) != os.getppid())
"""
    with Processes() as processes:
        assert processes.run(python(code)) is None  # it has not failed
        failed = processes.run(python(code.replace("!=", "==")))
    assert failed == Problem("two are needed.", "TooFew")
    assert str(failed) == "two are needed."


def test_a_signal_is_passed_on_and_waited_for() -> None:
    with Processes() as processes:
        assert processes.run(python(ASKS_FOR_A_SIGNAL)) == Problem("exit status 7")
        assert processes.stopped_by == signal.SIGTERM


@pytest.mark.parametrize("number", OF_TERMINAL)
def test_what_a_terminal_sends_is_not_passed_on(number: int) -> None:
    """A terminal sends it to both; here only the parent gets it, and the child is not disturbed."""
    code = f"import os, time; os.kill({os.getpid()}, {int(number)}); time.sleep(0.2)"
    with Processes() as processes:
        assert processes.run(python(code)) is None
        assert processes.stopped_by == number


def test_a_signal_before_the_process_is_there_ends_it() -> None:
    with Processes() as processes:
        signal.raise_signal(signal.SIGTERM)
        assert processes.stopped_by == signal.SIGTERM
        ended = processes.run(python("import signal; signal.pause()"))
        assert ended == Problem(f"ended by signal {int(signal.SIGTERM)}: Terminated")


def test_handlers_are_put_back_and_what_was_ignored_still_is() -> None:
    before = signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)
    with pytest.raises(ZeroDivisionError), Processes():
        assert signal.getsignal(signal.SIGTERM) is not before[1]
        raise ZeroDivisionError
    assert (signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)) == before
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        with Processes() as processes:
            signal.raise_signal(signal.SIGINT)
            assert processes.stopped_by == 0
    finally:
        signal.signal(signal.SIGINT, before[0])
