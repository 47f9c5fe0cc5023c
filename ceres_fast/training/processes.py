"""Child processes, one after another, which end when the process that started them ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from ..machine.interrupts import OF_TERMINAL, SIGNALS

CHILD = (sys.executable, "-m", "ceres_fast.cli.child")
"""The command that runs `ceres-fast` as a child process, without its arguments; see `ceres_fast.cli.child`."""

PARENT, PIPE = "CERES_FAST_PARENT", "CERES_FAST_PIPE"
"""Environment variables of a child: the number of its parent, and the file descriptor to which it writes an error."""


@dataclass(frozen=True)
class Problem:
    """How a process failed.

    Attributes
    ----------
    text : str
        The message of its error; where it reported none, how it ended.
    kind : str
        Name of the error's class; empty where it reported none.
    """

    text: str
    kind: str = ""

    def __str__(self) -> str:
        return self.text


class Processes:
    """Runs commands one after another, as a context in which Ctrl-C, SIGTERM and SIGHUP stop the current one.

    The command handles the signal as it would alone: a run keeps its checkpoint. The caller has to start no further
    command. A signal that was ignored before stays ignored, as SIGINT is in a shell's background jobs. Use it in the
    main thread, the only one in which Python handles signals.

    Attributes
    ----------
    stopped_by : int
        Number of the signal that was received; 0 where none was.
    """

    def __init__(self) -> None:
        self.stopped_by = 0
        self._child: subprocess.Popen[bytes] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Processes:
        for number in SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._stop)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def run(self, command: Sequence[str]) -> Problem | None:
        """Run a command, whose output goes where that of this process goes, and return how it failed, or None.

        A command that begins with `CHILD` ends when this process ends, even by SIGKILL, and reports its errors here.
        """
        status, said = _run(command, self._begun)
        self._child = None
        return None if status == 0 else _problem(status, said)

    def _begun(self, child: subprocess.Popen[bytes]) -> None:
        self._child = child
        if self.stopped_by:  # the signal came before there was a process to which it could be sent
            child.terminate()

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped_by = number
        # The child gets these from the terminal as well, and a second signal would interrupt its orderly end.
        if number not in OF_TERMINAL and self._child is not None:
            self._child.send_signal(number)


_there: set[subprocess.Popen[bytes]] = set()
"""Commands that this process runs for another one."""


def run_command(command: Sequence[str]) -> Problem | None:
    """Run a command for a process on another machine, as `Processes.run` does.

    Parameters
    ----------
    command : sequence of str
        The folder in which it is run, which all machines see, and the command.
    """
    folder, *words = command
    begun: list[subprocess.Popen[bytes]] = []

    def note(child: subprocess.Popen[bytes]) -> None:
        begun.append(child)
        _there.add(child)

    try:
        status, said = _run(words, note, folder)
    finally:
        _there.difference_update(begun)
    return None if status == 0 else _problem(status, said)


def stop_commands() -> None:
    """End, in an orderly way, what `run_command` runs in this process."""
    for child in list(_there):
        child.terminate()


def _run(
    command: Sequence[str], begun: Callable[[subprocess.Popen[bytes]], None], folder: str | None = None
) -> tuple[int, bytes]:
    """Run a command, and return its exit status and the error that it reported."""
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as errors:
        try:
            tied = {PARENT: str(os.getpid()), PIPE: str(writing)}
            process = subprocess.Popen(command, env=os.environ | tied, pass_fds=(writing,), cwd=folder)
        finally:
            os.close(writing)
        with process:
            begun(process)
            status = process.wait()
        return status, errors.read()


def _problem(status: int, error: bytes) -> Problem:
    if error:
        return Problem(**json.loads(error))
    return Problem(f"exit status {status}" if status > 0 else f"ended by signal {-status}: {signal.strsignal(-status)}")
