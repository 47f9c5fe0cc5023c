"""A night from its exposures to its tables: as they come (`watch`), or all that are there (`night`)."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Unpack

from ..console import warn, warnings_kept
from ..errors import CeresFastError, InputError
from ..files import StrPath
from ..settings.night import WatchOptions
from .arrivals import NEW, PATIENCE, inside
from .fields import fields_of
from .opening import Asked, opened
from .status import NightResult, end_of
from .work import PAUSE, Work


def night(folder: StrPath, model: StrPath, *, output: StrPath, **asked: Unpack[Asked]) -> NightResult:
    """Classify all exposures of a night, field by field.

    Tables, records of the fields and scores go into the output folder. What is there already and made of the same files
    is not made again, so a night that was ended in the middle goes on.

    Parameters
    ----------
    folder : path
        Frames with their catalogues, searched recursively.
    model : path
        The exported classifier, its run folder, or its address on a server.
    output : path
        The folder for the tables, at their catalogues' places relative to `folder`.
    **asked
        See `opening.Asked`.

    Returns
    -------
    NightResult

    Raises
    ------
    CeresFastError
        For wrong options, a classifier that cannot be used, an output that another process writes, and where nothing
        can be written. Tables that were written stay.

    Examples
    --------
    >>> result = ceres_fast.night("night", "runs/latest", output="tables")
    >>> [record.name for record in result.records], result.status
    (['F0001, ...'], 0)
    """
    with opened(folder, model, output, asked, settle=0.0, pause=0.0) as (arrivals, work, write_outputs, _):
        wake: SimpleQueue[object] = SimpleQueue()
        fields = fields_of(arrivals.look(time.monotonic(), patience=0.0))
        if not fields and not arrivals.waiting:
            raise InputError(
                Path(folder),
                "has no frame with a catalogue",
                expected="frames (FITS), each with its catalogue beside it or in ../sextractor_cat",
                action="name the folder that holds them, or make catalogues with `ceres-fast detect`",
            )
        while (due := work.left(fields)) or work.running:
            work.start(due, wake.put)
            if not work.running:
                names = ", ".join(each.name for each in due)
                raise CeresFastError(f"{names}: not classified, nor can the catalogues be passed on, as was said.")
            wake.get()
            work.collect()
            work.state(len(due), arrivals.waiting)
        work.state(0, arrivals.waiting)
        write_outputs()
        records = [work.records[each.name] for each in fields]
        for record in records:
            work.say_passed_on(record)
        dropping = bool(asked.get("drop")) or asked.get("keep_above") is not None
        return end_of(records, dict(arrivals.waiting), dropping, work.log)


def watch(
    folder: StrPath,
    model: StrPath,
    *,
    output: StrPath,
    settle: float = WatchOptions.settle,
    every: float = WatchOptions.every,
    ended: Callable[[Work, int], bool] = lambda work, left: False,
    **asked: Unpack[Asked],
) -> None:
    """Classify exposures as they appear, until it is told to end.

    An exposure that is alone is classified at once; nothing can be called stationary yet, its scores are provisional,
    and none of its rows is left out but fixed sources that are given. It is classified again with its field whenever
    another one has come, so that the tables of a field are always the best that is known. The newest exposures come
    first.

    Parameters
    ----------
    settle : float
        Seconds for which a file must be unchanged until it is taken for whole. A FITS file that is cut off is waited
        for longer (`arrivals.PATIENCE`), and then passed on with its catalogue.
    every : float
        Seconds after which the folder is looked at in any case: network disks do not tell what changes.
    ended : callable
        Given the work and how many fields are left, tells whether to end; asked after each look.
    **asked
        See `opening.Asked`; `folder`, `model` and `output` as in `night`.

    Raises
    ------
    CeresFastError
        As `night`. A folder that vanishes, and a full disk, are waited for.
    """
    with opened(folder, model, output, asked, settle=settle, pause=PAUSE) as (arrivals, work, write_outputs, hold):
        wake: SimpleQueue[object] = SimpleQueue()
        written, gone = 0, False
        writing: Future[None] | None = None
        work.warm_up()
        # Further formats are written beside the work: they take seconds, and no exposure waits for them.
        with _changes(Path(folder), inside(Path(output), Path(folder)), wake), ThreadPoolExecutor(1) as beside:
            while True:
                hold()
                try:
                    with warnings_kept() as warnings:  # what is odd about a file is odd at every look
                        fields = fields_of(arrivals.look(time.monotonic(), patience=PATIENCE))
                    work.warn(warnings)
                    gone = False
                except InputError as error:
                    fields = []
                    if not gone:
                        work.log.problem(f"{error} It is looked for again and again")
                    gone = True
                due = work.left(fields)
                left = len(due)
                work.start(due, wake.put)
                work.state(left, arrivals.waiting)
                idle = writing is None or writing.done()
                if idle and not work.running and not work.todo(due) and work.written > written:
                    writing, written = beside.submit(write_outputs), work.written
                    writing.add_done_callback(wake.put)
                elif idle and ended(work, left):
                    return
                # What is new is looked at again as soon as it may have settled.
                soon = any(why == NEW for why in arrivals.waiting.values())
                _wait(wake, min(every, max(settle / 2, 0.05)) if soon else every)
                work.collect()


@contextmanager
def _changes(folder: Path, written: Path | None, wake: SimpleQueue[object]) -> Iterator[None]:
    """Wake whoever waits when something in a folder changes, but for what is `written` there at every look."""
    from watchfiles import watch as changes

    stop = threading.Event()

    def is_theirs(_: object, path: str) -> bool:
        return written is None or not Path(os.path.realpath(path)).is_relative_to(written)

    def look() -> None:
        try:
            for change in changes(
                folder, debounce=200, step=50, stop_event=stop, watch_filter=is_theirs, raise_interrupt=False
            ):
                wake.put(change)
        except Exception as error:  # more folders than the kernel watches, or one that vanished
            warn(f"{folder}: changes are not told ({error}); it is looked at every now and then")

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(5)


def _wait(wake: SimpleQueue[object], seconds: float) -> None:
    """Wait until something has happened, and take all that has."""
    try:
        wake.get(timeout=seconds)
        while True:
            wake.get_nowait()
    except Empty:
        pass
