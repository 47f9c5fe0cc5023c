"""What libraries write straight to file descriptor 2, kept until it is known whether anybody needs it."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO


class Kept:
    """What was written in the block of `stderr_kept`, from its end on."""

    written = b""

    def show(self) -> None:
        """Write it on standard error."""
        with suppress(AttributeError, OSError, ValueError):  # there is none, or it is closed
            sys.stderr.write(self.written.decode(errors="replace"))


@contextmanager
def stderr_kept() -> Iterator[Kept]:
    """Keep what is written to file descriptor 2 in the block, by Python or by a library; it is shown when asked for.

    It needs no folder where the system has files in memory, as Linux has.
    """
    kept = Kept()
    try:
        original = os.dup(2)
    except OSError:  # closed: what is written there reaches nobody
        yield kept
        return
    with _nameless() as file:
        _flush()
        os.dup2(file.fileno(), 2)
        try:
            yield kept
        finally:
            _flush()
            os.dup2(original, 2)
            os.close(original)
            file.seek(0)
            kept.written = file.read()


def _nameless() -> IO[bytes]:
    """Return a file without a name; one that forgets where there is neither memory for files nor a temporary folder."""
    with suppress(AttributeError, OSError):  # macOS has none
        return os.fdopen(os.memfd_create("stderr"), "w+b")
    with suppress(OSError):
        return tempfile.TemporaryFile()
    return Path(os.devnull).open("w+b")


def _flush() -> None:
    with suppress(AttributeError, OSError, ValueError):
        sys.stderr.flush()
