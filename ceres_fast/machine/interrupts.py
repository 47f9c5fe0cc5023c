"""An orderly end on Ctrl-C, and on what batch systems, `docker stop` and a terminal that is closed send."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NoReturn

from ..file_names import written

SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
"""Windows has no SIGHUP, and is refused later, in words."""

OF_TERMINAL = tuple(number for number in SIGNALS if number != signal.SIGTERM)
"""Those that a terminal sends to all processes of a command at once, on Ctrl-C and when it is closed."""

NOTHING_HALF = "what is written is whole, and the rest is as it was before"
"""What holds for every command: files and folders get their names when they are complete."""

_NAMED = 3
"""How many files are named."""


class Stopped(SystemExit):
    """A signal has ended the work, and the user was told so; the exit status is that of a shell: 128 + the signal."""


class Signalled(BaseException):
    """Not an Exception: code that handles failures must not catch it on its way out."""


@contextmanager
def stoppable(where: Callable[[], str] | None = None) -> Iterator[None]:
    """Let `SIGNALS` end the block in an orderly way, say in one line where that was, and exit with 130, 143 or 129.

    The block still finishes what it does on its way out: it removes temporary files, ends other processes, or completes
    a file. A second signal ends the process at once; files are whole even then, because they are replaced only when
    complete. A signal that was ignored before stays ignored, as SIGINT is in a shell's background jobs, and SIGHUP
    under nohup. Outside the main thread, where Python cannot handle signals, nothing is changed.

    Parameters
    ----------
    where : callable, optional
        Returns what is said: "in epoch 3 of 30; go on with …". By default it is the note that the exception has (see
        `noting`), or `NOTHING_HALF`.

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
        raise Signalled(number)

    try:
        for number in handled:
            signal.signal(number, stop)
        yield
    except Signalled as signalled:
        from ..console import warn  # here, so that whoever is stopped while this is imported sees no traceback

        warn(f"stopped {where()}" if where else f"stopped; {_note_of(signalled)}")
        raise Stopped(128 + signalled.args[0]) from None
    finally:
        for number in handled:
            signal.signal(number, before[number])


def _note_of(signalled: Signalled) -> str:
    return "; ".join(getattr(signalled, "__notes__", [NOTHING_HALF]))


@contextmanager
def noting(what: Callable[[], str]) -> Iterator[None]:
    """Say what is written when Ctrl-C or another signal ends the block, in a note of the exception.

    The note of an inner block gives way to that of an outer one, which knows what the user has asked for.
    """
    try:
        yield
    except (KeyboardInterrupt, Signalled) as stopped:
        stopped.__notes__ = []
        stopped.add_note(what())
        raise


class Written:
    """Which files of some are written from now on; the disk says it, and not what the program had come to note.

    Parameters
    ----------
    files : iterable of pathlib.Path
        Where they will be; some may be there already, and are replaced.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        # Absolute, as some may be given from the root and others from the working folder.
        self._before = {file: _identity(file) for file in map(Path.absolute, files)}

    def __contains__(self, file: Path) -> bool:
        return _identity(file) not in (None, self._before[file.absolute()])

    def told(self, what: str) -> str:
        """Return how many are written, and which, in words; `what` they are: "tables"."""
        done = [file for file in self._before if file in self]
        missing = [file for file in self._before if file not in self]
        if not done:
            return f"none of {len(missing)} {what} is written" if missing else "nothing is written"
        folder = Path(os.path.commonpath([file.parent for file in self._before]))
        others = f"; not written: {_few(missing, folder)}" if missing else ""
        return (
            f"{len(done)} of {len(self._before)} {what} are written in {written(folder)}: {_few(done, folder)}{others}"
        )


def _identity(file: Path) -> tuple[int, ...] | None:
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_size


def _few(files: list[Path], folder: Path) -> str:
    named = ", ".join(written(file.relative_to(folder)) for file in files[:_NAMED])
    return named + (f" and {len(files) - _NAMED} more" if len(files) > _NAMED else "")
