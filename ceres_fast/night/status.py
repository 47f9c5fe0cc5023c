"""What became of a night, and how one stands that goes on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from ..classify.account import PASSED_ON
from ..console import say, table
from ..errors import InputError
from ..files import read_json
from ..locks import Busy, lock
from ..selection.track_cost import cost_rows
from .log import STATUS, Log
from .opening import LOCK
from .record import FieldRecord
from .work import COUNTS


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


class _Standing(msgspec.Struct, frozen=True, kw_only=True):
    """What `Work.state` writes."""

    time: str
    pid: int
    numbers: dict[str, int]
    latency: dict[str, float]
    waiting: dict[str, str]


def status(output: Path) -> int:
    """Print how the night in an output folder stands; 0 where a process works on it, else 3.

    Raises
    ------
    InputError
        Where no night was begun.
    """
    what, action = "how a night stands", "start `ceres-fast watch`, or name its output"
    values = read_json(output / STATUS, what=what, action=action)
    try:
        said = msgspec.convert(values, _Standing)
    except msgspec.ValidationError as error:
        raise InputError(output / STATUS, f"is damaged ({error})", expected=what, action=action) from error
    process, alive = f"process {said.pid}", False
    try:
        lock(output / LOCK, shared=True).release()  # who asks may not be who may write there
        who = "nobody is at work"
    except Busy:
        who, alive = f"{process} is at work", True
    except OSError as error:  # a disk without locks
        who = f"whether {process} is at work cannot be told ({error.strerror})"
    say(f"{output}: {who}; as of {said.time}")
    table("The night", ["", "number"], [(name.replace("_", " "), number) for name, number in said.numbers.items()])
    if said.latency:
        say("from the arrival of an exposure to its table: " + ", ".join(f"{k} {v} s" for k, v in said.latency.items()))
    if said.waiting:
        table("Waiting", ["file", "why"], list(said.waiting.items()), texts=["why"])
    return 0 if alive else 3


def end_of(records: Sequence[FieldRecord], waiting: Mapping[Path, str], dropping: bool, log: Log) -> NightResult:
    """Say what became of a night, and return it; `dropping` where rows were to be left out."""
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
    heading, costs = cost_rows(sum((Counter(each.cost) for each in records), Counter()))
    if costs:
        log.table("What the rules cost, by synthetic asteroids", heading, costs)
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
