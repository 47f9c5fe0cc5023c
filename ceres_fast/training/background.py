"""Work beside the training: one thing at a time, on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor


class Background:
    """One thread that does one thing at a time.

    What it fails with is raised by the next `start` or `wait`. A process that ends in an orderly way ends after it.
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1)
        self._work: Future[None] | None = None

    @property
    def busy(self) -> bool:
        """Whether it is at work now."""
        return self._work is not None and not self._work.done()

    def start(self, work: Callable[[], None]) -> None:
        """Begin with `work`, after what is being done."""
        self.wait()
        self._work = self._pool.submit(work)

    def wait(self) -> None:
        """Wait until nothing is being done any more."""
        work, self._work = self._work, None
        if work is not None:
            work.result()
