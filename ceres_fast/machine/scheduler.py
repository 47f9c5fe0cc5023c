"""Doing the same work in this process, in processes of this machine, or on a cluster of Dask."""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from itertools import islice
from pathlib import Path
from queue import SimpleQueue
from typing import Any, TypeVar
from urllib.parse import urlsplit

from .. import __version__
from ..console import progress, warn
from ..errors import CeresFastError
from .cores import threads
from .workers import Lane, Outcome, Pool, failure, outcome_of

Task = TypeVar("Task")
Result = TypeVar("Result")
Done = Generator[tuple[int, Result], None, None]
"""Numbers of tasks with what came of them, in any order."""

CONNECTING = 10
"""Seconds after which a scheduler that does not answer, or has no worker, is an error."""

DEATHS = 2
"""How often a task may take its worker down with it and is tried again."""

_AHEAD = 2
"""Tasks per worker that are handed out at a time: one to work on, one that waits."""


class Workers:
    """Where tasks are done: `run` gives the same results in the same order everywhere.

    Parameters
    ----------
    workers : int or None
        1 works in this process. More are processes of this machine; None: one per core that may be used.
    scheduler : str or None
        Address of a running ``dask`` scheduler, for example ``tcp://10.0.0.1:8786``; `workers` does not count then.

    Raises
    ------
    CeresFastError
        When `workers` is below 1, or the scheduler does not answer.
    """

    def __init__(self, workers: int | None = 1, scheduler: str | None = None) -> None:
        self._open = ExitStack()
        self._pool = self._open.enter_context(Pool(workers))
        self._address = scheduler
        self._client: Any = self._open.enter_context(_connected(scheduler)) if scheduler else None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *raised: object) -> None:
        self._open.close()

    def run(self, function: Callable[[Task], Result], tasks: Sequence[Task], what: str) -> list[Result]:
        """Return ``[function(task) for task in tasks]``; `what` is shown beside the progress bar.

        Raises
        ------
        CeresFastError
            Whatever `function` raises, as it raised it; and when a task has ended its worker more than `DEATHS` times.
        """
        run = self._here if self._client is None else self._on_cluster
        results: dict[int, Result] = {}
        with progress() as bar, closing(run(function, tasks)) as done:
            shown = bar.add_task(what, total=len(tasks))
            for number, result in done:
                results[number] = result
                bar.advance(shown)
        return [results[number] for number in range(len(tasks))]

    def check(self, wanted: dict[Path, str]) -> None:
        """Make sure that every worker of a cluster has this version, and sees some files and folders.

        Parameters
        ----------
        wanted : dict
            Paths of files with what is in them, and of folders with "".

        Raises
        ------
        CeresFastError
            Naming the worker, and its version or a path that it does not see.
        """
        if self._address:
            _check_seen(self._client, self._address, wanted)

    def _here(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Done[Result]:
        with closing(self._pool.run(function, tasks, _killed, tries=DEATHS + 1)) as outcomes:
            for number, outcome in enumerate(outcomes):
                for message in outcome.warnings:
                    warn(message)
                yield number, outcome.get()

    def _on_cluster(self, function: Callable[[Task], Result], tasks: Sequence[Task]) -> Done[Result]:
        from dask.distributed import KilledWorker, as_completed

        waiting = enumerate(tasks)
        numbers: dict[Any, int] = {}

        def submit(count: int) -> list[Any]:
            futures = {
                self._client.submit(function, task, pure=False): number for number, task in islice(waiting, count)
            }
            numbers.update(futures)
            return list(futures)

        workers = max(1, sum(self._client.nthreads().values()))
        running = as_completed(submit(_AHEAD * workers), loop=self._client.loop)
        try:
            for future in running:
                result = future.result()
                running.update(submit(1))
                yield numbers.pop(future), result
        except KilledWorker as error:
            raise _killed() from error
        finally:
            self._client.cancel(list(numbers))


class Lanes:
    """Where tasks are done as they come: `start` one, and get its outcome from the future; a context manager.

    Parameters
    ----------
    workers : int
        Processes of this machine, each of which does one task at a time.
    scheduler : str or None
        Address of a running ``dask`` scheduler, each of whose workers then does one task at a time.
    environments : sequence of mapping
        Variables of the processes, in turn: which GPU is theirs.

    Attributes
    ----------
    count : int
        How many tasks are done at a time.

    Raises
    ------
    CeresFastError
        When `workers` is below 1, or the scheduler does not answer.
    """

    def __init__(
        self, workers: int = 1, scheduler: str | None = None, environments: Sequence[Mapping[str, str]] = ({},)
    ) -> None:
        if workers < 1:
            raise CeresFastError(f"{workers} workers: expected 1 or more.")
        self._open = ExitStack()
        self._client: Any = self._open.enter_context(_connected(scheduler)) if scheduler else None
        self._address = scheduler or ""
        each = max(1, threads() // workers)
        self._here = [] if scheduler else [Lane(each, environments[n % len(environments)]) for n in range(workers)]
        places: Sequence[Lane | str] = self._here if self._client is None else list(self._client.nthreads())
        self.count = len(places)
        self._free: SimpleQueue[Lane | str] = SimpleQueue()
        for place in places:
            self._free.put(place)
        self._threads = ThreadPoolExecutor(self.count, thread_name_prefix="lane")

    def __enter__(self) -> Lanes:
        return self

    def __exit__(self, *raised: object) -> None:
        if raised[0] is not None:  # else all tasks are done, or nobody waits for them
            self._threads.shutdown(wait=False, cancel_futures=True)
        for lane in self._here:
            lane.close()
        self._threads.shutdown(wait=True, cancel_futures=True)
        self._open.close()

    def start(
        self, function: Callable[[Task], Result], task: Task, timeout: float | None = None
    ) -> Future[Outcome[Result]]:
        """Begin ``function(task)``; the future's result is its outcome, whose error is a `TaskFailed` where it ended
        its worker or took longer than `timeout` seconds."""
        return self._threads.submit(self._do, function, task, timeout)

    def check(self, wanted: dict[Path, str]) -> None:
        """Make sure that every worker of a cluster has this version and sees some paths: as `Workers.check`."""
        if self._address:
            _check_seen(self._client, self._address, wanted)

    def everywhere(self, function: Callable[[], object]) -> None:
        """Call a function in every worker of a cluster, whatever else they do."""
        if self._client is not None:
            self._client.run(function)

    def _do(self, function: Callable[[Task], Result], task: Task, timeout: float | None) -> Outcome[Result]:
        place = self._free.get()
        try:
            if isinstance(place, Lane):
                return place.do(function, task, lambda task, how: TaskFailed(f"the process {how}"), timeout)
            return self._on(place, function, task, timeout)
        finally:
            self._free.put(place)

    def _on(
        self, worker: str, function: Callable[[Task], Result], task: Task, timeout: float | None
    ) -> Outcome[Result]:
        from dask.distributed import KilledWorker
        from dask.distributed import TimeoutError as DaskTimeout

        # Another one may do it only where this one has gone.
        where = {"workers": [worker], "allow_other_workers": True}
        future = self._client.submit(outcome_of, function, task, pure=False, **where)
        try:
            return future.result(timeout)
        except (KilledWorker, DaskTimeout, TimeoutError, CancelledError) as error:
            future.cancel()
            return failure(TaskFailed(f"the worker failed ({type(error).__name__})"))


class TaskFailed(CeresFastError):  # noqa: N818 - of a task, whatever is wrong with it
    """A task has ended the process that did it, or was not finished in time."""


def _check_seen(client: Any, address: str, wanted: dict[Path, str]) -> None:
    """Do what `Workers.check` says."""
    install = f"Install ceres-fast {__version__} with the `train` extra there."
    try:
        seen = client.run(_look, {str(path): content for path, content in wanted.items()})
    except Exception as error:  # whatever a worker raises that cannot import this package
        raise CeresFastError(f"{address}: its workers cannot run ceres-fast ({error}). {install}") from error
    for worker, (version, missing) in seen.items():
        if version != __version__:
            raise CeresFastError(f"the worker {worker} has ceres-fast {version}. {install}")
        if missing:
            raise CeresFastError(
                f"{missing[0]}: is not there for the worker {worker}. A cluster needs a file system that all its "
                "machines share, at the same place."
            )


def _killed(*_: object) -> CeresFastError:
    return CeresFastError(
        f"a worker ended {DEATHS + 1} times at the same piece of work, as when memory runs out. Ask for fewer workers, "
        "or run again: what is finished is not done again."
    )


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    import dask
    from dask.distributed import Client

    _check_answers(address)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    with dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECTING}s"}):
        try:
            client = Client(address, timeout=CONNECTING, set_as_default=False)
        except (OSError, ValueError) as error:
            raise _no_answer(address, error) from error
        with client:
            try:
                client.wait_for_workers(1, timeout=CONNECTING)
            except TimeoutError as error:
                raise CeresFastError(f"{address}: the scheduler has no worker. Start some: `dask worker`.") from error
            yield client


def _check_answers(address: str) -> None:
    """Raise CeresFastError where nothing listens: Dask goes on trying for longer."""
    try:
        place = urlsplit(address)
        if place.scheme not in ("tcp", "tls") or not place.hostname or not place.port:
            raise ValueError("expected tcp://HOST:PORT")
        with socket.create_connection((place.hostname, place.port), timeout=CONNECTING / 2) as connection:
            # A scheduler speaks first. Dask would wait for ever for something else that listens.
            if place.scheme == "tcp" and not connection.recv(1):
                raise ConnectionError("it says nothing")
    except (OSError, ValueError) as error:
        raise _no_answer(address, error) from error


def _no_answer(address: str, error: Exception) -> CeresFastError:
    return CeresFastError(f"{address}: no Dask scheduler answers there ({error}). Is it running, at this address?")


def _look(wanted: dict[str, str]) -> tuple[str, list[str]]:
    """Return the version that runs here, and which paths are not as they should be."""
    return __version__, [path for path, content in wanted.items() if not _is_there(Path(path), content)]


def _is_there(path: Path, content: str) -> bool:
    return path.is_file() and path.read_text(encoding="utf-8") == content if content else path.exists()
