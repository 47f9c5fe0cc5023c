"""A signal ends the block in an orderly way, a second one at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from ceres_fast.machine.interrupts import SIGNALS, Stopped
from ceres_fast.training.runs import stoppable

RUN = Path("a run")


@pytest.fixture(autouse=True)
def _default_handlers() -> object:
    before = {number: signal.getsignal(number) for number in SIGNALS}
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background jobs are started to ignore it
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_says_where_it_was_and_how_to_go_on(
    number: int, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    before, done = [signal.getsignal(each) for each in SIGNALS], []
    with pytest.raises(Stopped) as stopped, stoppable(RUN, lambda: "in epoch 3 of 30"):
        try:
            os.kill(os.getpid(), number)
            pytest.fail("nothing was raised")
        except Exception:
            pytest.fail("it was handled as an error")
        finally:
            assert signal.getsignal(number) == signal.SIG_DFL  # a second one ends it at once
            done.append("closed")
    assert stopped.value.code == status
    assert done == ["closed"]
    said = capsys.readouterr().err
    assert said == "warning: stopped in epoch 3 of 30; go on with: ceres-fast train --resume 'a run'\n"
    assert [signal.getsignal(each) for each in SIGNALS] == before


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_errors_pass_and_handlers_are_put_back(error: type[BaseException]) -> None:
    before = [signal.getsignal(each) for each in SIGNALS]
    with pytest.raises(error), stoppable(RUN, str):
        assert [signal.getsignal(each) for each in SIGNALS] != before
        raise error
    with stoppable(RUN, str):
        pass
    assert [signal.getsignal(each) for each in SIGNALS] == before


def test_a_signal_that_was_ignored_still_is() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stoppable(RUN, str):
        os.kill(os.getpid(), signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_in_another_thread_signals_stay_as_they_are() -> None:
    before, seen = [signal.getsignal(each) for each in SIGNALS], []

    def work() -> None:
        with stoppable(RUN, str):
            seen.append([signal.getsignal(each) for each in SIGNALS])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [before]


PROGRAM = """
import os, signal, sys
from pathlib import Path
from ceres_fast.cli import app, main
from ceres_fast.training.runs import stoppable

@app.command()
def work():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with stoppable(Path("run"), lambda: "in epoch 1 of 2"):
        try:
            os.kill(os.getpid(), int(sys.argv[2]))
        finally:
            if sys.argv[3] == "2":
                os.kill(os.getpid(), int(sys.argv[2]))

sys.argv[:] = ["ceres-fast", *sys.argv[1:]]
app.registered_commands[-1].context_settings = {"ignore_unknown_options": True, "allow_extra_args": True}
main()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("times", [1, 2])
def test_the_command_line_exits_as_a_shell_expects(number: int, status: int, times: int) -> None:
    command = [sys.executable, "-c", PROGRAM, "work", str(int(number)), str(times)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    if times == 2:
        assert (done.returncode, done.stderr) == (-number, "")
    else:
        message = "warning: stopped in epoch 1 of 2; go on with: ceres-fast train --resume run\n"
        assert (done.returncode, done.stderr) == (status, message)
