"""Processes one after another, that end with the one that starts them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from types import FrameType, TracebackType
from typing import Any

from .signals import SIGNALS

CHILD = (sys.executable, "-m", "ceres_fast.cli.child")
"""What is put before the arguments of `ceres-fast`; see `ceres_fast.cli.child`."""

PARENT, PIPE = "CERES_FAST_PARENT", "CERES_FAST_PIPE"
"""In its environment: the process that starts it, and the file descriptor that takes how it failed."""


@dataclass(frozen=True)
class Problem:
    """How a process failed.

    Attributes
    ----------
    text : str
        What its error says; where it told none, how it ended.
    kind : str
        Name of the error's class; empty where it told none.
    """

    text: str
    kind: str = ""

    def __str__(self) -> str:
        return self.text


class Processes:
    """Runs commands one after another, as a context in which Ctrl-C and SIGTERM stop the one that runs.

    That one ends as it does by itself (a run keeps its checkpoint); to start no other is up to the caller. A signal
    that was ignored before, as SIGINT is in a shell's background jobs, still is. To be used in the main thread.

    Attributes
    ----------
    stopped_by : int
        Number of the signal that has come; 0 where none has.
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
        """Run a command, its output going where this process's goes, and return how it failed, or None.

        One that begins with `CHILD` ends when this process does, even by SIGKILL, and its errors are passed on.
        """
        reading, writing = os.pipe()
        with os.fdopen(reading, "rb") as told:
            try:
                tied = {PARENT: str(os.getpid()), PIPE: str(writing)}
                process = subprocess.Popen(command, env=os.environ | tied, pass_fds=(writing,))
            finally:
                os.close(writing)
            with process as self._child:
                if self.stopped_by:  # before there was a process to pass it on to
                    self._child.terminate()
                status = self._child.wait()
            self._child = None
            return None if status == 0 else _problem(status, told.read())

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped_by = number
        # A terminal sends Ctrl-C to all of its processes, and a second one would end a run before it is in order.
        if number != signal.SIGINT and self._child is not None:
            self._child.send_signal(number)


def _problem(status: int, told: bytes) -> Problem:
    if told:
        return Problem(**json.loads(told))
    return Problem(f"exit status {status}" if status > 0 else f"ended by signal {-status}: {signal.strsignal(-status)}")
