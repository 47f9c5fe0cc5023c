"""Errors that a user can act on, shown as one line and never as a traceback; and what to do with a bad input.

A bad input ends the work (`--on-error stop`), or it is left out, named in a warning, and counted (`skip`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike
from typing import Any, Literal

from .console import warn
from .file_names import written

OnError = Literal["stop", "skip"]
NanPolicy = Literal["error", "fill"]
"""What to do about missing pixels (NaN): refuse the stamp, or put the median of its other pixels there."""

LOUD = 10
"""How many bad inputs are named in a warning each."""

FURTHER = "further bad inputs are only counted"


class CeresFastError(Exception):
    """A problem the user can solve; the command line prints its message and exits with status 1."""


class InputError(CeresFastError):
    """A file that cannot be used.

    Parameters
    ----------
    path : path-like
        The file, as the user named it.
    problem : str
        What is wrong with it.
    row : int or str, optional
        Where in the file: a 1-based row number, a FITS extension, a column.
    expected : str, optional
        What should have been there.
    action : str, optional
        What the user can do about it.
    """

    def __init__(
        self,
        path: str | PathLike[str],
        problem: str,
        *,
        row: int | str | None = None,
        expected: str | None = None,
        action: str | None = None,
    ) -> None:
        self.path = str(path)
        self.row = row
        place = f"row {row}" if isinstance(row, int) else row
        where = f"{written(self.path)}, {place}" if place else written(self.path)
        parts = [f"{where}: {problem}"]
        if expected:
            parts.append(f"expected {expected}")
        message = "; ".join(parts) + "."
        if action:
            message += f" {action[0].upper()}{action[1:]}" + ("" if action.endswith(".") else ".")
        super().__init__(message)

    def __reduce__(self) -> tuple[Any, ...]:
        # An exception is unpickled from its message alone, which is not what this class is made from.
        return _restored, (str(self), vars(self))


def _restored(message: str, state: dict[str, Any]) -> InputError:
    error = InputError.__new__(InputError, message)
    vars(error).update(state)
    return error


class Problems:
    """Stop at the first bad input, or skip bad inputs and count them.

    Parameters
    ----------
    on_error : {"stop", "skip"}
        Whether a bad input ends the work or is left out. The first ten left out are named in a warning each.
    """

    def __init__(self, on_error: OnError) -> None:
        if on_error not in ("stop", "skip"):
            raise ValueError(f'on_error is {on_error!r}, not "stop" or "skip"')
        self.on_error = on_error
        self._seen = 0

    @contextmanager
    def skipping(self, counts: Counter[str], name: str) -> Iterator[None]:
        """Run a block; where bad inputs are skipped, an InputError in it is counted in ``counts[name]``."""
        try:
            yield
        except InputError as error:
            self.report(error, counts, name)

    def report(self, error: InputError, counts: Counter[str], name: str, amount: int = 1) -> None:
        """Raise `error`, or warn of it and add `amount` to ``counts[name]``."""
        if self.on_error == "stop":
            raise error
        counts[name] += amount
        self._seen += 1
        if self._seen <= LOUD:
            warn(f"left out: {error}")
        if self._seen == LOUD:
            warn(FURTHER)
