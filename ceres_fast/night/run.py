"""A night from its exposures to its tables: as they come (`watch`), or all that are there (`night`)."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Literal

from ..catalogues import Names
from ..classify.account import PASSED_ON
from ..classify.checks import rules_of
from ..classify.limits import limits_of
from ..console import say, table, warn, warnings_kept
from ..engines import AUTO
from ..engines.gpus import driver
from ..errors import CeresFastError, InputError
from ..files import StrPath, read_json
from ..frames.profiles import load_camera
from ..locks import Busy, lock
from ..machine.scheduler import Lanes
from ..settings.night import WatchOptions
from .arrivals import NEW, PATIENCE, Arrivals
from .fields import fields_of
from .job import Settings, loaded, model_file
from .log import STATUS, Log, Metrics
from .record import FieldRecord
from .work import COUNTS, PAUSE, Work

OUTPUTS = "outputs"
"""Folder in the output in which the formats of ``to`` are."""

LOCK = ".night.lock"
"""File in the output folder that one command at a time holds."""


@dataclass(frozen=True)
class NightResult:
    """What `night` did.

    Attributes
    ----------
    records : list of FieldRecord
        The fields, by name.
    waiting : dict of pathlib.Path to str
        Files that are no exposure, and why: frames without a catalogue.
    status : int
        Exit status: 3 where an exposure could not be classified or a file is left, 4 where scores of a field are
        provisional and rows were to be dropped, else 0.
    """

    records: list[FieldRecord]
    waiting: dict[Path, str]
    status: int


def night(
    folder: StrPath,
    model: StrPath,
    *,
    output: StrPath,
    workers: int = 1,
    scheduler: str | None = None,
    catalogues: StrPath | None = None,
    columns: str = "",
    camera: str | None = None,
    provider: str = AUTO,
    rebuild: bool = False,
    overwrite: bool = False,
    log: Literal["text", "json"] = "text",
    metrics: str | None = None,
    to: Sequence[str] | None = None,
    observatory: StrPath | None = None,
    **options: Any,
) -> NightResult:
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
    workers : int
        Processes, each of which classifies a field at a time. With several GPUs, one for each is right.
    scheduler : str, optional
        Address of a running Dask scheduler, whose workers see the same disk at the same place.
    catalogues : path, optional
        The folder that holds the catalogues of all frames.
    columns : str
        What the columns of the catalogues are called, as `catalogues.Names.parse` reads it.
    camera : str, optional
        How frames are read: a profile that ships with the package, or a TOML file.
    provider, rebuild
        What runs the classifier; as in `engines.load`.
    overwrite : bool
        Classify anew what was classified with another classifier or other options.
    log : {"text", "json"}
        Sentences for people, or a JSON object per line.
    metrics : str, optional
        A port, ``HOST:PORT`` or a file for Prometheus.
    to : sequence of str, optional
        Further formats that are written (`night.writers.WRITERS`).
    observatory : path, optional
        A TOML file with what reports say of who observed.
    **options
        Further arguments of `classify`: ``drop``, ``static``, ``format`` ...

    Returns
    -------
    NightResult

    Raises
    ------
    CeresFastError
        For wrong options, a classifier that cannot be used, an output that another process writes, and where nothing
        can be written. Tables that were written stay.
    """
    with _opened(
        folder,
        model,
        output,
        workers,
        scheduler,
        catalogues,
        columns,
        camera,
        provider,
        rebuild,
        overwrite,
        log,
        metrics,
        to,
        observatory,
        options,
        settle=0.0,
        pause=0.0,
    ) as (arrivals, work, outputs):
        wake: SimpleQueue[object] = SimpleQueue()
        fields = fields_of(arrivals.look(time.monotonic(), patience=0.0))
        if not fields and not arrivals.waiting:
            raise InputError(
                Path(folder),
                "has no frame with a catalogue",
                expected="frames (FITS), each with its catalogue beside it or in ../sextractor_cat",
                action="name the folder that holds them, or make catalogues with `ceres-fast detect`",
            )
        while work.left(fields) or work.running:
            work.start(fields, wake.put)
            if not work.running:
                raise CeresFastError("fields cannot be classified, and their catalogues not be passed on; see above.")
            wake.get()
            work.collect()
            work.state(len(work.left(fields)), arrivals.waiting)
        work.state(0, arrivals.waiting)
        outputs(work)
        records = [work.records[each.name] for each in fields]
        dropping = bool(options.get("drop") or options.get("keep_above") is not None)
        return _ended(records, dict(arrivals.waiting), dropping, work.log)


def watch(
    folder: StrPath,
    model: StrPath,
    *,
    output: StrPath,
    workers: int = 1,
    scheduler: str | None = None,
    catalogues: StrPath | None = None,
    columns: str = "",
    camera: str | None = None,
    provider: str = AUTO,
    rebuild: bool = False,
    overwrite: bool = False,
    log: Literal["text", "json"] = "text",
    metrics: str | None = None,
    to: Sequence[str] | None = None,
    observatory: StrPath | None = None,
    settle: float = WatchOptions.settle,
    every: float = WatchOptions.every,
    ended: Callable[[Work, int], bool] = lambda work, left: False,
    **options: Any,
) -> None:
    """Classify exposures as they appear, until it is told to end.

    An exposure that is alone is classified at once; nothing can be called stationary yet, its scores are provisional,
    and none of its rows is left out. It is classified again with its field whenever another one has come, so that the
    tables of a field are always the best that is known. The newest exposures come first.

    Parameters
    ----------
    settle : float
        Seconds for which a file must be unchanged until it is taken for whole. A FITS file that is cut off is waited
        for longer (`arrivals.PATIENCE`), and then passed on with its catalogue.
    every : float
        Seconds after which the folder is looked at in any case: network disks do not tell what changes.
    ended : callable
        Given the work and how many fields are left, tells whether to end; asked after each look.
    **options
        These, and all others, as in `night`.

    Raises
    ------
    CeresFastError
        As `night`. A folder that vanishes, and a full disk, are waited for.
    """
    with _opened(
        folder,
        model,
        output,
        workers,
        scheduler,
        catalogues,
        columns,
        camera,
        provider,
        rebuild,
        overwrite,
        log,
        metrics,
        to,
        observatory,
        options,
        settle=settle,
        pause=PAUSE,
    ) as (arrivals, work, outputs):
        wake: SimpleQueue[object] = SimpleQueue()
        written, gone = 0, False
        work.warm_up()
        with _changes(Path(folder), wake):
            while True:
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
                work.start(fields, wake.put)
                left = len(work.left(fields))
                work.state(left, arrivals.waiting)
                if not work.running and not work.todo(fields) and work.written > written:
                    outputs(work)
                    written = work.written
                if ended(work, left):
                    return
                # What is new is looked at again as soon as it may have settled.
                soon = any(why == NEW for why in arrivals.waiting.values())
                _wait(wake, min(every, max(settle / 2, 0.05)) if soon else every)
                work.collect()


def status(output: Path) -> int:
    """Print how the night in an output folder stands; 0 where a process works on it, else 3.

    Raises
    ------
    InputError
        Where no night was begun.
    """
    said = read_json(output / STATUS, what="how a night stands", action="start `ceres-fast watch`, or name its output")
    try:
        lock(output / LOCK, shared=True).release()  # who asks may not be who may write there
        alive = False
    except Busy:
        alive = True
    numbers, latency = said.get("numbers", {}), said.get("latency", {})
    who = f"process {said.get('pid')} is at work" if alive else "nobody is at work"
    say(f"{output}: {who}; as of {said.get('time')}")
    table("The night", ["", "number"], [(name.replace("_", " "), number) for name, number in numbers.items()])
    if latency:
        say("from the arrival of an exposure to its table: " + ", ".join(f"{k} {v} s" for k, v in latency.items()))
    waiting = said.get("waiting", {})
    if waiting:
        table("Waiting", ["file", "why"], list(waiting.items()), texts=["why"])
    return 0 if alive else 3


@contextmanager
def _opened(
    folder: StrPath,
    model: StrPath,
    output: StrPath,
    workers: int,
    scheduler: str | None,
    catalogues: StrPath | None,
    columns: str,
    camera: str | None,
    provider: str,
    rebuild: bool,
    overwrite: bool,
    kind: Literal["text", "json"],
    metrics: str | None,
    to: Sequence[str] | None,
    observatory: StrPath | None,
    options: Mapping[str, Any],
    *,
    settle: float,
    pause: float,
) -> Iterator[tuple[Arrivals, Work, Callable[[Work], None]]]:
    """Check what was asked for, hold the output folder, and start what classifies."""
    place, target = Path(folder).absolute(), Path(output).absolute()
    if not place.is_dir():
        raise InputError(place, "is not a folder", expected="the folder of a night", action="name it")
    if target == place:
        raise CeresFastError(f"{target}: is the night itself. Choose another output.")
    names = Names.parse(columns) if columns else Names()
    settings = Settings(
        place,
        target,
        str(model_file(model)),
        provider,
        rebuild,
        columns,
        camera or "",
        _absolute({**options, "catalogues": catalogues}),
    )
    _check(settings)
    target.mkdir(parents=True, exist_ok=True)
    try:
        held = lock(target / LOCK)
    except Busy as busy:
        raise CeresFastError(
            f"{target}: {busy} is at work on it already. One process at a time writes a night."
        ) from busy
    said = Log(kind)
    writes = _outputs(settings, to or (), observatory, said)
    numbers = Metrics(metrics)
    environments = [{"CUDA_VISIBLE_DEVICES": str(n)} for n in range(len(driver().gpus))] if workers > 1 else []
    with held, Lanes(workers, scheduler, environments or [{}]) as lanes:
        lanes.check({place: "", target: "", **({Path(settings.model): ""} if Path(settings.model).exists() else {})})
        work = Work(settings, lanes, said, numbers, overwrite=overwrite, pause=pause)
        others = [each.name for each in work.records.values() if each.settings != work.digest]
        if others and not overwrite:
            said.problem(
                f"{len(others)} fields were classified with another classifier or other options, and stay as they are "
                f"({', '.join(others[:3])}{', ...' if len(others) > 3 else ''}); --overwrite classifies them again"
            )
        arrivals = Arrivals(place, settle, load_camera(camera), None if catalogues is None else Path(catalogues), names)
        said.event(
            "start",
            f"{place}: classified by {settings.model} into {target}, {lanes.count} fields at a time",
            folder=str(place),
            output=str(target),
            model=settings.model,
            lanes=lanes.count,
        )
        yield arrivals, work, writes


def _absolute(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are given, with whole paths: workers may be in another folder."""
    given = {name: value for name, value in options.items() if value is not None}
    return {name: Path(value).absolute() if name in _PATHS else value for name, value in given.items()}


_PATHS = ("catalogues", "static", "template")


def _check(settings: Settings) -> None:
    """Load the classifier and check the options now: not when the first exposure has come."""
    options = dict(settings.options)
    engine = loaded(settings)
    rules = rules_of(engine.classifier, engine.path, options.get("slowest"), options.get("forced_limit"))
    limits_of(
        engine.classifier,
        engine.path,
        options.get("drop", False),
        options.get("keep_above"),
        linked_only=options.get("linked_only", False),
        forced_limit=rules.forced_limit,
    )


def _outputs(settings: Settings, to: Sequence[str], observatory: StrPath | None, log: Log) -> Callable[[Work], None]:
    """Return what writes the night in further formats."""
    if not to:
        return lambda work: None
    from .detections import read_night
    from .observatory import read_observatory
    from .writers import WRITERS, write_outputs

    if unknown := [name for name in to if name not in WRITERS]:
        raise CeresFastError(f"--to {unknown[0]}: expected one of {', '.join(WRITERS)}.")
    who = None if observatory is None else read_observatory(Path(observatory))

    def write(work: Work) -> None:
        try:
            written = write_outputs(read_night(settings.output), to, settings.output / OUTPUTS, who, overwrite=True)
        except CeresFastError as error:  # the tables are there, and this can be written later
            log.problem(f"{error} What --to asks for is as it was before")
            return
        names = [str(path) for path in written]
        log.event("outputs", f"written: {', '.join(names)}", files=names)

    return write


@contextmanager
def _changes(folder: Path, wake: SimpleQueue[object]) -> Iterator[None]:
    """Wake whoever waits when something in a folder changes."""
    from watchfiles import watch as changes

    stop = threading.Event()

    def look() -> None:
        try:
            for change in changes(
                folder, debounce=200, step=50, stop_event=stop, watch_filter=None, raise_interrupt=False
            ):
                wake.put(change)
        except (
            Exception
        ) as error:  # too many folders for the kernel, or one that vanished: it is looked at all the same
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


def _ended(records: Sequence[FieldRecord], waiting: Mapping[Path, str], dropping: bool, log: Log) -> NightResult:
    """Print what became of a night."""
    exposures = [each for record in records for each in record.exposures]
    rows = [
        (
            each.name,
            len(each.exposures),
            *(each.counts.get(name, 0) for name in COUNTS),
            "provisional" if each.provisional else "",
        )
        for each in records
    ]
    log.table("The night", ["field", "exposures", *COUNTS, ""], rows)
    unfiltered = [each for each in exposures if each.fate == PASSED_ON]
    found, classified = len(exposures) + len(waiting), len(exposures) - len(unfiltered)
    log.event(
        "end",
        f"{found} exposures found: {classified} classified, {len(unfiltered)} passed on unfiltered, "
        f"{len(waiting)} left out",
        found=found,
        classified=classified,
        passed_on=len(unfiltered),
        left_out=len(waiting),
    )
    for path, why in waiting.items():
        log.problem(f"{path}: {why}: left out")
    provisional = dropping and any(each.provisional for each in records)
    return NightResult(list(records), dict(waiting), 3 if unfiltered or waiting else 4 if provisional else 0)
