"""`ceres-fast` as a process of `Processes`: it ends with the one that started it, and tells it why it failed.

python -m ceres_fast.cli.child train --config …
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import sys
from contextlib import suppress

from ..console import guard_output, names_in_utf8, say_error
from ..errors import CeresFastError
from ..machine.interrupts import stoppable
from ..training.processes import PARENT, PIPE
from . import app

LONGEST = 2000
"""Characters of a message that are passed on: a pipe holds more, so that nobody waits for the other."""

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def attach() -> int:
    """Tie this process to the one that started it, and return the file descriptor on which to tell it of a failure.

    From now on it gets SIGTERM when that one ends, however it does (Linux; elsewhere it goes on to its end).
    """
    parent, pipe = int(os.environ.pop(PARENT)), int(os.environ.pop(PIPE))
    os.set_inheritable(pipe, False)
    _ask_for_signal()
    if os.getppid() != parent:  # it had ended before
        sys.exit(128 + signal.SIGTERM)
    return pipe


def _ask_for_signal() -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)


def tell(pipe: int, error: Exception) -> None:
    """Pass on what went wrong: the kind of error, and what it says."""
    kind = type(error).__name__
    text = str(error) if isinstance(error, CeresFastError) else f"{kind}: {error}"
    with suppress(OSError):  # nobody is there any more
        os.write(pipe, json.dumps({"kind": kind, "text": text[:LONGEST]}).encode())


def main() -> None:
    """Run the command line, as `ceres_fast.cli.main` does."""
    pipe = attach()
    try:
        with stoppable():
            app()
    except CeresFastError as error:
        tell(pipe, error)
        say_error(str(error))
        sys.exit(1)
    except Exception as error:
        tell(pipe, error)
        raise


if __name__ == "__main__":
    names_in_utf8()
    guard_output()
    main()
