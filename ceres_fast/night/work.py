"""The work of a night: which field is classified next, and what becomes of one that cannot be."""

from __future__ import annotations

import math
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..classify.account import CLASSIFIED, KEPT, PASSED_ON
from ..errors import InputError
from ..machine.scheduler import Lanes
from ..machine.workers import Outcome
from .fields import Field
from .job import Job, Settings, classify_field, pass_on_field, table_of, warm_up
from .log import Log, Metrics, write_status
from .record import FieldRecord, read_records

ATTEMPTS = 3
"""How often a field is tried before its catalogues go on as they are."""

PAUSE = 60.0
"""Seconds before what has failed is tried again."""

LONGEST = 1800.0
"""Seconds that one field may take; what takes longer has come to a standstill."""

COUNTS = ("detections", "stationary", "scored", "kept", "tracklets")
"""What is said of a field."""

_LATENCIES = 1000
"""Of how many fields the time that they took is remembered."""


@dataclass
class Work:
    """Fields on their way to tables.

    Parameters
    ----------
    settings : Settings
        How they are classified.
    lanes : Lanes
        Where.
    log : Log
    metrics : Metrics
    overwrite : bool
        Whether what was classified with other settings is classified again.
    pause : float
        Seconds before what has failed is tried again.
    clock : callable
        Seconds of a clock that never goes back.

    Attributes
    ----------
    records : dict
        By name, what is known of fields that were classified.
    """

    settings: Settings
    lanes: Lanes
    log: Log
    metrics: Metrics
    overwrite: bool = False
    pause: float = PAUSE
    clock: Callable[[], float] = time.monotonic
    records: dict[str, FieldRecord] = field(init=False)
    written: int = field(default=0, init=False)
    digest: str = field(init=False)
    _running: dict[Future[Outcome[FieldRecord]], Job] = field(default_factory=dict, init=False)
    _attempts: Counter[str] = field(default_factory=Counter, init=False)
    _not_before: dict[str, float] = field(default_factory=dict, init=False)
    _said: set[str] = field(default_factory=set, init=False)
    _latencies: deque[float] = field(default_factory=lambda: deque(maxlen=_LATENCIES), init=False)

    def __post_init__(self) -> None:
        self.records = {each.name: each for each in read_records(self.settings.output, self._unread)}
        self.digest = self.settings.digest()

    def _unread(self, error: InputError) -> None:
        self.log.problem(str(error))

    @property
    def running(self) -> int:
        """How many fields are being classified."""
        return len(self._running)

    def todo(self, due: Sequence[Field]) -> list[Field]:
        """Return those of the fields that are due (`left`) that can begin now, that with the newest exposure first."""
        now = self.clock()
        busy = {each.frame for job in self._running.values() for each in job.field.exposures}
        waiting = [
            each
            for each in due
            if self._not_before.get(_key(each), -math.inf) <= now
            and not busy & {exposure.frame for exposure in each.exposures}
        ]
        return sorted(waiting, key=lambda each: (-each.arrived, each.name))

    def left(self, fields: Sequence[Field]) -> list[Field]:
        """Return the fields whose tables are not the best that is known; that asks the disk for each."""
        return [each for each in fields if self._is_due(each)]

    def warm_up(self) -> None:
        """Start the processes and load the classifier in each before the first exposure comes."""
        for _ in range(self.lanes.count):
            self.lanes.start(warm_up, self.settings, LONGEST)

    def start(self, due: Sequence[Field], done: Callable[[object], None]) -> None:
        """Begin with as many of them as there are places; `done` is called from another thread when one is finished."""
        for each in self.todo(due)[: self.lanes.count - len(self._running)]:
            before = self.records.get(each.name)
            version = 1 if before is None else before.version + 1
            job = Job(self.settings, each, self.digest, version, self._replaced_by(each))
            future = self.lanes.start(classify_field, job, LONGEST)
            self._running[future] = job
            future.add_done_callback(done)

    def _replaced_by(self, each: Field) -> tuple[str, ...]:
        """Return the fields that have lost all exposures to this one and others: when headers were mended, say."""
        tables = {table_of(self.settings, exposure) for exposure in each.exposures}
        theirs = {
            name: {one.table for one in record.exposures} for name, record in self.records.items() if name != each.name
        }
        owners = Counter(table for own in theirs.values() for table in own)
        lost = {table for table, number in owners.items() if number > 1} | tables
        return tuple(name for name, own in theirs.items() if own & tables and own <= lost)

    def collect(self) -> None:
        """Take what is finished: enter its record, or try again later, or pass its catalogues on."""
        for future in [each for each in self._running if each.done()]:
            job = self._running.pop(future)
            outcome = future.result()
            try:
                record = outcome.get()
                # `say_passed_on` says of what is passed on where it goes, too.
                said = tuple(each.why for each in record.exposures if each.fate == PASSED_ON and each.why)
                self.warn([line for line in outcome.warnings if not line.startswith(said)], field=record.name)
                self._enter(job, record)
            except Exception as error:  # a fault of this package, too, must not end the night
                self.warn(outcome.warnings, field=job.field.name)
                self._failed(job, error)

    def warn(self, messages: Sequence[str], **values: Any) -> None:
        """Say each warning once: what is odd about a camera is odd in every field."""
        for message in messages:
            if message not in self._said:
                self.log.problem(message, **values)
            self._said.add(message)

    def _is_due(self, each: Field) -> bool:
        record = self.records.get(each.name)
        if record is None:
            return True
        there = {exposure.frame: tuple(exposure.signature) for exposure in record.exposures}
        if there != {str(exposure.frame): exposure.signature for exposure in each.exposures}:
            return True
        if self.overwrite and record.settings != self.digest:
            return True
        if not all((self.settings.output / exposure.table).exists() for exposure in record.exposures):
            return True
        # Also when the program is started anew: what failed, a GPU say, may be mended.
        return self._has_failed(each, record) and self._attempts[_key(each)] < ATTEMPTS

    @staticmethod
    def _has_failed(each: Field, record: FieldRecord) -> bool:
        """Tell whether an exposure that can be read was passed on: a disk may have been away for a moment."""
        readable = {str(exposure.frame) for exposure in each.exposures if exposure.infos}
        return any(one.fate == PASSED_ON and one.why and one.frame in readable for one in record.exposures)

    def _enter(self, job: Job, record: FieldRecord) -> None:
        latency = self.clock() - job.field.arrived
        self.records = {name: other for name, other in self.records.items() if name not in job.replaces}
        self.records[record.name] = record
        self.written += len(record.exposures)
        self._latencies.append(latency)
        self.metrics.field(record, latency)
        if self._has_failed(job.field, record):
            self._attempts[_key(job.field)] += 1
            self._not_before[_key(job.field)] = self.clock() + self.pause
        self._say(job, record, latency)

    def _say(self, job: Job, record: FieldRecord, latency: float) -> None:
        counts, fates = record.counts, Counter(each.fate for each in record.exposures)
        newest = max(job.field.exposures, key=lambda each: each.arrived).frame.name
        provisional = "; provisional: nothing can be called stationary yet" if record.provisional else ""
        said = {name: counts.get(name, 0) for name in COUNTS}
        sentence = (
            f"{record.name}: {len(record.exposures)} exposures (the newest is {newest}), "
            + ", ".join(f"{number} {what}" for what, number in said.items())
            + f", {latency:.1f} s after it came (version {record.version}){provisional}"
        )
        self.log.event(
            "field",
            sentence,
            field=record.name,
            version=record.version,
            provisional=record.provisional,
            exposure=newest,
            exposures=len(record.exposures),
            fates=dict(fates),
            **said,
            seconds={**record.seconds, "latency": round(latency, 3)},
            drift=record.drift,
        )
        self.say_passed_on(record)
        for line in record.drift:
            self.log.problem(f"{record.name}: {line}; no guarantee is claimed for it", field=record.name)

    def say_passed_on(self, record: FieldRecord) -> None:
        """Say of each catalogue that goes on unfiltered why, once: also where an earlier run passed it on."""
        for each in record.exposures:
            if each.fate == PASSED_ON:
                why = each.why.removeprefix(f"{each.frame}: ")
                message = f"{each.frame}: its catalogue goes on UNFILTERED as {self.settings.output / each.table}"
                self.warn([f"{message}: {why}" if why else message], field=record.name, exposure=Path(each.frame).name)

    def _failed(self, job: Job, error: Exception) -> None:
        key = _key(job.field)
        self._attempts[key] += 1
        self.metrics.failed()
        self.log.problem(f"{job.field.name}: attempt {self._attempts[key]} failed: {error}", field=job.field.name)
        if self._attempts[key] >= ATTEMPTS:
            try:
                self._enter(job, pass_on_field(job, str(error)))
                return
            except Exception as worse:  # whatever the disk says, the other fields go on
                self.log.problem(f"{job.field.name}: its catalogues cannot be passed on: {worse}", field=job.field.name)
                # Not at once, also by `night`: a disk that is full stays so for a while, and others come first.
                self._not_before[key] = self.clock() + PAUSE
                return
        self._not_before[key] = self.clock() + self.pause

    def fates(self) -> Counter[str]:
        """Return how many exposures became what."""
        return Counter(each.fate for record in self.records.values() for each in record.exposures)

    def state(self, backlog: int, waiting: dict[Path, str]) -> None:
        """Write how the night stands, for people and for Prometheus."""
        fates = self.fates()
        numbers = {
            "fields": len(self.records),
            "provisional_fields": sum(each.provisional for each in self.records.values()),
            "classified": fates[CLASSIFIED] + fates[KEPT],
            "passed_on": fates[PASSED_ON],
            "backlog": backlog,
            "running": len(self._running),
            "waiting": len(waiting),
        }
        self.metrics.state(numbers)
        ordered = sorted(self._latencies)
        latency = {
            name: round(ordered[min(len(ordered) - 1, math.ceil(share * len(ordered)) - 1)], 3)
            for name, share in (("p50", 0.5), ("p99", 0.99))
            if ordered
        }
        values: dict[str, Any] = {"pid": os.getpid(), "numbers": numbers, "latency": latency}
        files = {str(path): why for path, why in list(waiting.items())[:100]}
        write_status(self.settings.output, {**values, "waiting": files})


def _key(each: Field) -> str:
    """Return what tells a field from the same one with other files."""
    return repr((each.name, [(str(exposure.frame), exposure.signature) for exposure in each.exposures]))
