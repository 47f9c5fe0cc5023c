"""An orderly end of a training on Ctrl-C and SIGTERM, which batch systems and `docker stop` send."""

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
    """A signal has ended the run, and the user was told so; the exit status is that of a shell: 128 + the signal."""


class _Signalled(BaseException):
    """Not an Exception: code that handles failures must not catch it on its way out."""


@contextmanager
def stoppable(run: Path, where: Callable[[], str]) -> Iterator[None]:
    """Let SIGINT and SIGTERM end the block, print where that was and how to resume, and exit with 130 or 143.

    The block still finishes what it does on its way out: it closes a progress bar and completes a file. A second signal
    ends the process at once; files are whole even then, because they are replaced only when complete. A signal that was
    ignored before stays ignored, as SIGINT is in a shell's background jobs. Outside the main thread, where Python
    cannot handle signals, nothing is changed.

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
    # None is a handler that was not installed by Python, which could not be restored.
    handled = [number for number in SIGNALS if before[number] not in (signal.SIG_IGN, None)]

    def stop(number: int, frame: FrameType | None) -> NoReturn:
        for each in handled:
            signal.signal(each, signal.SIG_DFL)  # a second signal ends the process at once
        raise _Signalled(number)

    try:
        for number in handled:
            signal.signal(number, stop)
        yield
    except _Signalled as signalled:
        warn(f"stopped {where()}; go on with: ceres-fast train --resume {shlex.quote(str(run))}")
        raise Stopped(128 + signalled.args[0]) from None
    finally:
        for number in handled:
            signal.signal(number, before[number])
