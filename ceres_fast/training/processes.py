"""Processes one after another, that end with the one that starts them."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Sequence
from types import FrameType, TracebackType
from typing import Any

from .signals import SIGNALS


class Processes:
    """Runs commands one after another, as a context in which Ctrl-C and SIGTERM stop the one that runs.

    That one ends as it does by itself (a run keeps its checkpoint); to start no other is up to the caller. A signal
    that was ignored before, as SIGINT is in a shell's background jobs, still is.

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

    def run(self, command: Sequence[str]) -> str | None:
        """Run a command, its output going where this process's goes, and return how it failed, or None."""
        with subprocess.Popen(command) as self._child:
            if self.stopped_by:  # before there was a process to pass it on to
                self._child.terminate()
            status = self._child.wait()
        self._child = None
        return None if status == 0 else _failure(status)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.stopped_by = number
        # A terminal sends Ctrl-C to all of its processes, and a second one would end a run before it is in order.
        if number != signal.SIGINT and self._child is not None:
            self._child.send_signal(number)


def _failure(status: int) -> str:
    return f"exit status {status}" if status > 0 else f"ended by signal {-status}: {signal.strsignal(-status)}"
