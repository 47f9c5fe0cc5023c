"""Which exposures are in a folder, which of them belong together, and what has become of them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from itertools import groupby
from pathlib import Path

from ceres_fast.catalogues import find_catalogue
from ceres_fast.console import say
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.files import read_json, write_json
from ceres_fast.frames.exposures import NIGHT_GAP
from ceres_fast.frames.fits_files import fits_files
from ceres_fast.frames.reading import read_headers


@dataclass(frozen=True)
class Exposure:
    """A frame and its catalogue as they are now; another `signature` (sizes, times of modification) is another one.

    ``since`` is when they were first seen so, by this machine's clock, as files come from machines with others.
    ``ccds`` has field, CCD and MJD (-1: not known) of each CCD; it is empty where the header cannot be read, and None
    while nobody has looked.
    """

    frame: str
    catalogue: str
    signature: list[int]
    since: float
    ccds: list[tuple[str, str, float]] | None = None


@dataclass(frozen=True)
class Field:
    """Exposures that are classified together; `complete` when no more are waited for."""

    exposures: list[Exposure]
    complete: bool

    @property
    def key(self) -> str:
        """What tells it from the same field with other files."""
        return json.dumps([[each.frame, *each.signature] for each in self.exposures])


@dataclass
class State:
    """What is remembered from run to run: exposures by frame; what became of a field, and attempts, by its key."""

    seen: dict[str, Exposure] = field(default_factory=dict)
    done: dict[str, str] = field(default_factory=dict)
    attempts: dict[str, int] = field(default_factory=dict)

    @classmethod
    def read(cls, path: Path) -> State:
        """Read it; one that cannot be read is forgotten."""
        try:
            values = read_json(path, what="a state") if path.exists() else {"seen": {}, "done": {}, "attempts": {}}
            seen = {name: Exposure(**each) for name, each in values["seen"].items()}
            return cls(seen, dict(values["done"]), dict(values["attempts"]))
        except (CeresFastError, KeyError, TypeError, ValueError, AttributeError) as error:
            say(f"{path}: cannot be used, so everything is classified again ({error!r})")
            return cls()

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        write_json(path, asdict(self))

    def look(self, folder: Path, settle: float, now: float) -> list[Exposure]:
        """Return the exposures that have not changed for `settle` seconds."""
        found = {each.frame: each for each in exposures(folder, now)}
        for name, each in found.items():
            before = self.seen.get(name)
            if before and before.signature == each.signature and before.since <= now:
                found[name] = before
        for name, each in found.items():
            if each.ccds is None and now - each.since >= settle:
                found[name] = replace(each, ccds=ccds_of(Path(name)))
        # A folder that is not mounted is empty, and nothing is forgotten then.
        self.seen = found or self.seen
        return [each for each in found.values() if each.ccds is not None]

    def forget(self, fields: Sequence[Field]) -> None:
        """Forget fields that are there no longer, or with other files."""
        keys = {each.key for each in fields}
        if keys:
            self.done = {key: value for key, value in self.done.items() if key in keys}
            self.attempts = {key: value for key, value in self.attempts.items() if key in keys}


def exposures(folder: Path, now: float) -> Iterator[Exposure]:
    """Yield the frames in a folder that have a catalogue."""
    for frame in fits_files(folder):
        catalogue = find_catalogue(frame)
        try:
            if catalogue:
                yield Exposure(str(frame), str(catalogue), signature(frame) + signature(catalogue), now)
        except OSError:  # taken away at this moment
            continue


def signature(path: Path) -> list[int]:
    """Return size and time of modification (ns) of a file."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def ccds_of(frame: Path) -> list[tuple[str, str, float]]:
    """Return field, CCD and time of each CCD; empty where the header cannot be read."""
    try:
        return [(info.field, info.ccd, -1 if math.isnan(info.mjd) else info.mjd) for info, _, _ in read_headers(frame)]
    except InputError as error:
        say(f"{error} It is classified by itself when it stays so")
        return []


def fields_of(settled: Sequence[Exposure], expected: int, wait: float, now: float) -> list[Field]:
    """Put the exposures of a field, CCD and night together, and those of all CCDs where a file holds several."""
    nights = [*_nights(settled)]
    together: list[set[str]] = []
    for night in nights:
        overlapping = [each for each in together if each & night]
        together = [each for each in together if not each & night] + [night.union(*overlapping)]
    by_frame = {each.frame: each for each in settled}
    made = []
    for frames in together:
        members = [by_frame[name] for name in sorted(frames)]
        all_there = all(len(night) >= expected for night in nights if night <= frames)
        quiet = now - max(each.since for each in members) >= wait
        made.append(Field(members, all_there or quiet or _stands_alone(members)))
    return made


def _nights(settled: Sequence[Exposure]) -> Iterator[set[str]]:
    """Yield the frames of each field, CCD and night, and those of which that is not known one by one."""
    rows = [(*ccd, each.frame) for each in settled for ccd in each.ccds or []]
    known = sorted(row for row in rows if row[0] and row[2] >= 0)
    for _, group in groupby(known, key=lambda row: row[:2]):
        night, last = set[str](), math.inf
        for _, _, mjd, frame in group:
            if mjd - last > NIGHT_GAP:
                yield night
                night = set()
            night.add(frame)
            last = mjd
        yield night
    yield from ({frame} for frame in {each.frame for each in settled} - {row[3] for row in known})


def _stands_alone(members: Sequence[Exposure]) -> bool:
    """Tell whether no other can belong to it: its header says no field or time. An unreadable one may still change."""
    return all(each.ccds and all(not name or mjd < 0 for name, _, mjd in each.ccds) for each in members)
