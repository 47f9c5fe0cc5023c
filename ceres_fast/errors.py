"""Errors that a user can act on: shown as one line, never as a traceback."""

from __future__ import annotations

from os import PathLike
from typing import Any


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
        where = f"{self.path}, {place}" if place else self.path
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
