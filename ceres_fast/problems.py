"""What to do with an input that cannot be used: stop, or skip it, say so, and count it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from .console import warn
from .errors import InputError

OnError = Literal["stop", "skip"]
NanPolicy = Literal["error", "fill"]

LOUD = 10
"""How many bad inputs are named in a warning each."""

FURTHER = "further bad inputs are only counted"


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
