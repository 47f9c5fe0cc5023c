"""Tasks to processes of this machine, and what comes of each back in the order of the tasks.

They need no network, no temporary folder and no shared memory: each is tied to this process by a pipe. Dask needs all
of that, and is not part of a core install. The executor of `concurrent.futures` is not used because it does not say
which task a worker had that was killed.
"""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import sys
import threading
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any, Generic, TypeVar, cast

from ..console import guard_output, warnings_kept
from ..errors import CeresFastError
from .cores import compute_with, cores
from .interrupts import OF_TERMINAL

Task = TypeVar("Task")
Result = TypeVar("Result")

ENDING = 10.0
"""Seconds that a worker has to clean up when the work is given up; then it is killed."""


class WorkerFault(Exception):  # noqa: N818 - a fault of this package, and none of the user's
    """An error of another process in words: of which task, and what; a note holds its traceback.

    The error itself stays there: whether its class can be sent to this process is not known.
    """


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What came of a task: its warnings, and either a result or an error.

    Parameters
    ----------
    warnings : list of str
        What was said meanwhile, to be printed in the order of the tasks.
    """

    warnings: list[str]
    _result: Result | None = None
    _error: Exception | None = field(default=None)

    def get(self) -> Result:
        """Return the result, or raise the error."""
        if self._error is not None:
            raise self._error
        return self._result  # type: ignore[return-value]


class Lane:
    """A process of this machine that does one task after another, and is started anew when it has ended.

    Parameters
    ----------
    threads : int
        How many it computes with.
    environment : mapping
        Variables that it has beside those of this process.
    """

    def __init__(self, threads: int = 1, environment: Mapping[str, str] | None = None) -> None:
        self._start = lambda: _started(threads, environment)
        self._worker: tuple[BaseProcess, Connection] | None = None
        self._closed = False
        self._changing = threading.Lock()

    def do(
        self,
        function: Callable[[Task], Result],
        task: Task,
        failed: Callable[[Task, str], Exception],
        timeout: float | None = None,
    ) -> Outcome[Result]:
        """Return what comes of ``function(task)``.

        Parameters
        ----------
        function : callable
            Importable, as it goes to another process.
        task : object
            What it is called with.
        failed : callable
            Given the task and how the process ended, in words, returns the error that stands for the outcome.
        timeout : float, optional
            Seconds after which the process is ended.
        """
        given_up = "was given up"
        worker = self._ready()
        if worker is None:
            return Outcome([], _error=failed(task, given_up))
        process, connection = worker
        try:
            connection.send((function, task))
            if connection.poll(timeout):
                return pickle.loads(connection.recv_bytes())
            process.kill()
            how = f"was not finished after {timeout:g} s"
        except (EOFError, OSError):
            how = given_up if self._closed else _ending(process)
        connection.close()
        process.join()
        self._worker = None
        return Outcome([], _error=failed(task, how))

    def _ready(self) -> tuple[BaseProcess, Connection] | None:
        """Return the process, started where there is none; None where nobody waits for it any more."""
        with self._changing:
            if self._worker is not None and not self._worker[0].is_alive():  # killed while it had nothing to do
                self._worker[1].close()
                self._worker = None
            if self._worker is None and not self._closed:
                self._worker = self._start()
            return self._worker

    def close(self) -> None:
        """End the process, also in the middle of a task, whose outcome is then an error; no other is started."""
        with self._changing:
            self._closed = True
            worker = self._worker
        if worker is not None:
            process, _ = worker
            process.terminate()
            process.join(ENDING)
            if process.is_alive():
                process.kill()


def in_order(
    function: Callable[[Task], Result],
    tasks: Sequence[Task],
    workers: int | None,
    killed: Callable[[Task, str], Exception],
) -> Generator[Outcome[Result], None, None]:
    """Yield what comes of ``function(task)`` for each task, as `Pool.run`; `workers` as for `Pool`."""

    def outcomes(pool: Pool) -> Generator[Outcome[Result], None, None]:
        with pool:
            yield from pool.run(function, tasks, killed)

    return outcomes(Pool(workers))


class Pool:
    """Processes of this machine: started when there are tasks for them, and kept for the next ones; a context manager.

    Parameters
    ----------
    workers : int or None
        Processes; 1 works in this one, None starts one per core that may be used.

    Raises
    ------
    CeresFastError
        When `workers` is below 1.
    """

    def __init__(self, workers: int | None) -> None:
        if workers is not None and workers < 1:
            raise CeresFastError(f"{workers} workers: expected 1 or more.")
        self._count = workers or cores()
        self._idle: list[tuple[BaseProcess, Connection]] = []

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *raised: object) -> None:
        _end(self._idle)
        self._idle.clear()

    def run(
        self,
        function: Callable[[Task], Result],
        tasks: Sequence[Task],
        killed: Callable[[Task, str], Exception],
        *,
        tries: int = 1,
    ) -> Generator[Outcome[Result], None, None]:
        """Yield what comes of ``function(task)`` for each task, in the order of the tasks.

        Whatever is left to do when the iterator is closed, or Ctrl-C is pressed, is given up, and its workers end.

        Parameters
        ----------
        function : callable
            Importable, as it goes to other processes.
        tasks : sequence
            What it is called with.
        killed : callable
            Given a task and how the worker ended that had it, in words, returns the error that stands for its outcome.
        tries : int
            How often a task is begun that ends its worker.
        """
        count = min(self._count, len(tasks))
        if count < 2:
            yield from (outcome_of(function, task) for task in tasks)
            return
        waiting = deque(range(len(tasks)))
        busy: dict[Connection, tuple[BaseProcess, int]] = {}
        done: dict[int, Outcome[Result]] = {}
        ended: Counter[int] = Counter()
        try:
            for number in range(len(tasks)):
                while number not in done:
                    while waiting and len(busy) < count:
                        process, connection = self._idle.pop() if self._idle else _started()
                        busy[connection] = process, waiting[0]
                        with suppress(OSError):  # it has ended, which is seen when its outcome is asked for
                            connection.send((function, tasks[waiting.popleft()]))
                    for ready in wait(list(busy)):
                        connection = cast(Connection, ready)
                        process, of = busy.pop(connection)
                        try:
                            done[of] = pickle.loads(connection.recv_bytes())
                            self._idle.append((process, connection))
                        except (EOFError, OSError):
                            connection.close()
                            ended[of] += 1
                            if ended[of] < tries:
                                waiting.appendleft(of)
                            else:
                                done[of] = Outcome([], _error=killed(tasks[of], _ending(process)))
                yield done.pop(number)
        finally:
            _end([(process, connection) for connection, (process, _) in busy.items()])


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Ignore `OF_TERMINAL`, as processes that start meanwhile always will: it is this one that ends them, quietly."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, signal.SIG_IGN) for number in OF_TERMINAL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def failure(error: Exception) -> Outcome[Any]:
    """Return the outcome of a task that has failed."""
    return Outcome([], _error=error)


def outcome_of(function: Callable[[Task], Result], task: Task) -> Outcome[Result]:
    """Return what comes of ``function(task)`` in this process."""
    with warnings_kept() as warnings:
        try:
            return Outcome(warnings, function(task))
        except Exception as error:
            return Outcome(warnings, _error=error)


def _started(threads: int = 1, environment: Mapping[str, str] | None = None) -> tuple[BaseProcess, Connection]:
    """Start a worker that computes with some threads, and return it with this end of the pipe to it."""
    # Not forked: a progress bar has a thread, whose locks a copy of this process would find taken for ever.
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=_work, args=(there, threads, dict(environment or {})), daemon=True)
    with interrupts_ignored():
        process.start()
    there.close()  # so that the worker has the only other end, and its death is seen here
    return process, here


def _work(connection: Connection, threads: int, environment: Mapping[str, str]) -> None:
    """Do one task after another until the pipe is closed: the work is done, or who asked for it is gone."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that temporary files and the program's process go, too
    for number in OF_TERMINAL:  # it was not started so where another thread than the main one has started it
        signal.signal(number, signal.SIG_IGN)
    guard_output()
    os.environ.update(environment)
    compute_with(threads)
    with suppress(EOFError, OSError):
        while True:
            function, task = connection.recv()
            connection.send_bytes(_packed(outcome_of(function, task), task))


def _packed(outcome: Outcome[Any], task: Any) -> bytes:
    """Return an outcome as bytes that the other process can read; what it may be unable to read is put in words."""
    error = outcome._error
    if error is None or isinstance(error, CeresFastError | ModuleNotFoundError):
        try:
            packed = pickle.dumps(outcome)
            pickle.loads(packed)  # whether it can be read shows only when it is
            return packed
        except Exception as unfit:
            error = error or unfit
    files = ", ".join(map(str, task)) if isinstance(task, tuple) else str(task)
    fault = WorkerFault(f"{files}: {type(error).__name__}: {error}")
    fault.add_note("".join(traceback.format_exception(error)))
    return pickle.dumps(Outcome(outcome.warnings, _error=fault))


def _ending(process: BaseProcess) -> str:
    process.join(ENDING)
    code = process.exitcode
    return f"was killed by signal {-code}" if code is not None and code < 0 else f"ended with status {code}"


def _end(workers: Sequence[tuple[BaseProcess, Connection]]) -> None:
    for process, connection in workers:
        connection.close()
        process.terminate()
    for process, _ in workers:
        process.join(ENDING)
        if process.is_alive():
            process.kill()
            process.join()
