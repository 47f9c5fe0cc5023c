"""Ctrl-C and SIGTERM (batch systems, `docker stop`) end a training in an orderly way."""

from __future__ import annotations

import shlex
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ..console import warn

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(SystemExit):
    """A signal has ended the run, and that has been said; the exit status is the shell's: 128 + the signal."""


class _Signalled(BaseException):
    """Not an Exception: nothing on the way may take it for a failure that it can deal with."""


@contextmanager
def stoppable(run: Path, where: Callable[[], str]) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the block, say where that was and how to go on, and exit with 130 or 143.

    What the block does on its way out (closing a progress bar, finishing a file) is still done; a second signal ends
    the process at once, which costs nothing but that. A signal that was ignored before, as SIGINT is in a shell's
    background jobs, still is. In another thread than the main one, signals stay as they are.

    Parameters
    ----------
    run : pathlib.Path
        Directory of the run.
    where : callable
        Returns where the training is: "in epoch 3 of 30".

    Raises
    ------
    Stopped
        When a signal came.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    # None: a handler that is not Python's, and could not be put back.
    heard = [number for number in SIGNALS if before[number] not in (signal.SIG_IGN, None)]

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for each in heard:
            signal.signal(each, signal.SIG_DFL)
        raise _Signalled(number)

    try:
        for number in heard:
            signal.signal(number, stop)
        yield
    except _Signalled as signalled:
        warn(f"stopped {where()}; go on with: ceres-fast train --resume {shlex.quote(str(run))}")
        raise Stopped(128 + signalled.args[0]) from None
    finally:
        for number in heard:
            signal.signal(number, before[number])
