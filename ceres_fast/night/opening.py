"""What is asked for of a night: checked, its output folder held, and what classifies it started."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypedDict

from ..catalogues import Names
from ..classify.checks import rules_of
from ..classify.limits import limits_of
from ..engines import AUTO
from ..engines.gpus import driver
from ..errors import CeresFastError, InputError
from ..files import StrPath
from ..frames.profiles import load_camera
from ..locks import Busy, Lock, lock_where_possible
from ..machine.scheduler import Lanes
from ..settings.classifier import TableFormat
from ..settings.night import NightOptions
from .arrivals import Arrivals
from .job import Settings, loaded, model_file
from .log import Log, Metrics
from .work import Work

OUTPUTS = "outputs"
"""Folder in the output in which the formats of ``to`` are."""

LOCK = ".night.lock"
"""File in the output folder that one command at a time holds."""


class Asked(TypedDict, total=False):
    """What may be asked for of a night.

    Parameters
    ----------
    workers : int
        Processes, each of which classifies a field at a time; 1 by default. With several GPUs, one for each is right.
    scheduler : str
        Address of a running Dask scheduler, whose workers see the same disk at the same place.
    catalogues : path
        The folder that holds the catalogues of all frames.
    columns : str
        What the columns of the catalogues are called, as `catalogues.Names.parse` reads it.
    camera : str
        How frames are read: a profile that ships with the package, or a TOML file.
    provider, rebuild
        What runs the classifier; as in `engines.load`.
    overwrite : bool
        Classify anew what was classified with another classifier or other options.
    log : {"text", "json"}
        Sentences for people, or a JSON object per line.
    metrics : str
        A port, ``HOST:PORT`` or a file for Prometheus.
    to : sequence of str
        Further formats that are written (`night.writers.WRITERS`).
    observatory : path
        A TOML file with what reports say of who observed.
    format, drop, keep_above, linked_only, discard, slowest, forced_limit, forced, needs, static, template
        As in `classify`.
    """

    workers: int
    scheduler: str | None
    catalogues: StrPath | None
    columns: str
    camera: str | None
    provider: str
    rebuild: bool
    overwrite: bool
    log: Literal["text", "json"]
    metrics: str | None
    to: Sequence[str] | None
    observatory: StrPath | None
    format: TableFormat | None
    drop: bool
    keep_above: float | None
    linked_only: bool
    discard: bool
    slowest: float | None
    forced_limit: float | None
    forced: bool
    needs: int
    static: StrPath | None
    template: StrPath | None


_OF_NIGHTS: dict[str, Any] = {
    **asdict(NightOptions()),
    "columns": "",
    "camera": None,
    "provider": AUTO,
    "rebuild": False,
    "overwrite": False,
    "to": None,
}
"""What is not an argument of `classify` as it stands, and what it is where it is not asked for."""

_PATHS = ("catalogues", "static", "template")


class Opened(NamedTuple):
    """A night that can begin: the folder that is looked at, the work, and what writes it in further formats.

    `hold` holds the output again where somebody has taken it away, and raises where another process has it now.
    """

    arrivals: Arrivals
    work: Work
    write_outputs: Callable[[], None]
    hold: Callable[[], None]


@contextmanager
def opened(
    folder: StrPath, model: StrPath, output: StrPath, asked: Mapping[str, Any], *, settle: float, pause: float
) -> Iterator[Opened]:
    """Check what was asked for, hold the output folder, and start what classifies.

    Raises
    ------
    CeresFastError
        For wrong options, a classifier that cannot be used, and an output that another process writes.
    """
    if unknown := asked.keys() - Asked.__annotations__.keys():
        raise TypeError(f"unexpected arguments: {', '.join(sorted(unknown))}")
    own = {**_OF_NIGHTS, **{name: value for name, value in asked.items() if name in _OF_NIGHTS}}
    options = {name: value for name, value in asked.items() if name not in _OF_NIGHTS and value is not None}
    options |= {name: Path(options[name]).absolute() for name in _PATHS if name in options}
    place, target = Path(folder).absolute(), Path(output).absolute()
    if not place.is_dir():
        raise InputError(place, "is not a folder", expected="the folder of a night", action="name it")
    if target == place:
        raise CeresFastError(f"{target}: is the night itself. Choose another output.")
    names = Names.parse(own["columns"]) if own["columns"] else Names()
    same = {"provider": own["provider"], "rebuild": own["rebuild"], "columns": own["columns"]}
    settings = Settings(place, target, str(model_file(model)), camera=own["camera"] or "", options=options, **same)
    _check(settings)
    log = Log(own["log"])
    write = _outputs(settings, own["to"] or (), own["observatory"], log)
    held = _Held(target, log)
    gpus = len(driver().gpus) if own["workers"] > 1 else 0
    environments = [{"CUDA_VISIBLE_DEVICES": str(number)} for number in range(gpus)] or [{}]
    with held, Lanes(own["workers"], own["scheduler"], environments) as lanes:
        files = [path for path in (place, target, Path(settings.model)) if path.exists()]
        lanes.check(dict.fromkeys(files, ""))
        metrics = Metrics(own["metrics"])
        work = Work(settings, lanes, log, metrics, overwrite=own["overwrite"], pause=pause)
        others = [each.name for each in work.records.values() if each.settings != work.digest]
        if others and not own["overwrite"]:
            named = ", ".join(others[:3]) + (", ..." if len(others) > 3 else "")
            log.problem(
                f"{len(others)} fields were classified with another classifier or other options, and stay as they are "
                f"({named}); --overwrite classifies them again"
            )
        where = {"folder": str(place), "output": str(target), "model": settings.model, "lanes": lanes.count}
        sentence = f"{place}: classified by {settings.model} into {target}, {lanes.count} fields at a time"
        log.event("start", sentence, **where)
        arrivals = Arrivals(place, settle, load_camera(own["camera"]), options.get("catalogues"), names, target)
        yield Opened(arrivals, work, write, held.again)


class _Held:
    """An output that no other process writes."""

    def __init__(self, output: Path, log: Log) -> None:
        self._output, self._log = output, log
        self._lock = self._taken()
        if self._lock.problem:
            said = f"cannot be locked ({self._lock.problem}); see to it that no other process writes it"
            log.problem(f"{output}: {said}")

    def again(self) -> None:
        with suppress(OSError):  # of a disk that is away or full each table says so
            if self._lock.problem or self._lock.is_of(self._output / LOCK):
                return
            before, self._lock = self._lock, self._taken()
            before.release()
            said = f"somebody has taken it away, or its {LOCK}; what is missing is written anew"
            self._log.problem(f"{self._output}: {said}")

    def _taken(self) -> Lock:
        self._output.mkdir(parents=True, exist_ok=True)
        try:
            return lock_where_possible(self._output / LOCK)
        except Busy as busy:
            action = "One process at a time writes a night"
            raise CeresFastError(f"{self._output}: {busy} is at work on it already. {action}.") from busy

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        self._lock.release()


def _check(settings: Settings) -> None:
    """Load the classifier and check the options now: not when the first exposure has come."""
    options = settings.options
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


def _outputs(settings: Settings, to: Sequence[str], observatory: StrPath | None, log: Log) -> Callable[[], None]:
    """Return what writes the night in further formats."""
    if not to:
        return lambda: None
    from .detections import read_night
    from .observatory import read_observatory
    from .writers import check_outputs, write_outputs

    who = None if observatory is None else read_observatory(Path(observatory))
    check_outputs(to, who)

    def write() -> None:
        try:
            written = write_outputs(read_night(settings.output), to, settings.output / OUTPUTS, who, overwrite=True)
        except Exception as error:  # whatever it is: the tables are there, and this can be written later
            log.problem(f"{error} What --to asks for is as it was before")
            return
        names = [str(path) for path in written]
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        log.event("outputs", f"written: {', '.join(names[:3])}{more}", files=names)

    return write
