"""The account of a run of `classify`: what was asked for, what became of every file and row, and the summary."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..artifact.tracklet_model import FORCED as OF_FORCED_FLUXES
from ..catalogues import Names
from ..console import say, table, warn
from ..engines import Engine
from ..errors import LOUD, InputError, OnError
from ..frames.reading import FrameHeader
from ..selection.rules import Rules
from ..selection.stationary import RandomPlaces
from ..selection.track_cost import cost_rows
from ..settings.classifier import TableFormat
from ..settings.guarantee import NEEDS
from .limits import WHY, Limits, kept_rows, reasons
from .outputs import write_divided
from .remembered import Remembered
from .scores import FEW_PIXELS, NO_TEMPLATE, Scores

CLASSIFIED, PASSED_ON, KEPT = "classified", "passed on unfiltered", "kept as an earlier run classified them"
NO_CATALOGUE, SAME_CATALOGUE, UNREADABLE = "without a catalogue", "with the catalogue of another", "unreadable folders"
SEVERAL_CATALOGUES, NO_FRAME = "with several catalogues, which go on", "catalogues of frames that were not given"
NO_SKY = "no exposures of the sky"

GOES_ON = (CLASSIFIED, PASSED_ON, KEPT)
"""What becomes of files whose detections are in the output; whatever else becomes of one, it is left out."""


@dataclass
class Account:
    """The files that were found, and what became of each; they are entered independently of each other.

    Attributes
    ----------
    found : collections.Counter of pathlib.Path
        FITS files, catalogues whose frame is not there or has several, and folders that cannot be read.
    fates : dict of pathlib.Path to str
        One of `GOES_ON`, or why a file is left out.
    """

    found: Counter[Path] = field(default_factory=Counter)
    fates: dict[Path, str] = field(default_factory=dict)

    def put(self, path: Path, fate: str) -> None:
        """Enter what became of a file; a second entry is one too many, and makes the sum wrong."""
        if path in self.fates:
            self.found[path] -= 1
        self.fates[path] = fate

    @property
    def counts(self) -> Counter[str]:
        """How many files had each fate."""
        return Counter(self.fates.values())

    def __str__(self) -> str:
        """Return the account in words."""
        counts = self.counts
        parts = [f"{counts[fate]} {fate}" for fate in GOES_ON if counts[fate] or fate == CLASSIFIED]
        reasons = [f"{count} {why}" for why, count in sorted(counts.items()) if why not in GOES_ON]
        left_out = sum(count for why, count in counts.items() if why not in GOES_ON)
        parts.append(f"{left_out} left out" + (f" ({', '.join(reasons)})" if reasons else ""))
        return f"files found: {self.found.total()} = {' + '.join(parts)}"

    def check(self) -> None:
        """Make sure that one thing became of every file that was found.

        Raises
        ------
        AssertionError
            When that is not so: a fault of this package. The tables are written by then.
        """
        known = Counter(self.fates.keys())
        wrong = self.found - known, known - self.found
        if any(wrong):
            lost, unknown = ([str(path) for path in paths] for paths in wrong)
            raise AssertionError(
                f"this is a fault of ceres-fast, please report it: nothing is known of what became of {lost}, and "
                f"nothing was known of {unknown} before; the tables that are written are whole"
            )


_COLUMNS = {
    "rows": "rows",
    "stationary": "fixed",
    "padded": "at edge",
    "filled": "filled",
    "rejected": "flags",
    "few_pixels": "few px",
    "elsewhere": "elsewhere",
    "no_template": "no templ.",
    "not_scored": "no P",
    "linked": "linked",
    "provisional": "prov.",
    "asteroids": "P ≥ {threshold:g}",
    "written": "written",
}
"""Counts in the summary and their headings."""

_RARE = ("rejected", "few_pixels", "elsewhere", "no_template", "linked", "provisional")
"""Columns that are left out where nothing is in them."""

_LONG = 24
"""Exposures of which each has a line in the summary; of more, only the sum is printed."""


@dataclass
class Result:
    """What one call of `classify` did.

    Attributes
    ----------
    written : list of pathlib.Path
        The tables that were written.
    counts : dict
        For each exposure (and for all stamps together) the counts of `Scores.count`.
    failed : list of pathlib.Path
        Inputs that could not be classified, and were passed on or left out.
    provisional : list of pathlib.Path
        Frames of fields in which stationary detections could not be found though that was asked for: all rows are kept.
    cost : collections.Counter
        What the rules cost synthetic asteroids (`selection.track_cost`).
    random : list of RandomPlaces
        How often that for stationary detections calls random places stationary, for each field.
    seconds, engine_seconds : float
        Time of the whole, and of the engine alone.
    account : Account
        Which files were found, and what became of each.
    fields : dict
        For each field and night (and for all stamps) why rows go or stay (`limits.WHY`).
    tracklets : collections.Counter
        How many each field and night has.
    drift : dict
        For each field and night that is not like those that the classifier was calibrated on, what differs, in words;
        empty too where the classifier does not say what those were (`Classifier.conditions`).
    limits : Limits or None
        Below which probabilities rows were left out; None where every row was kept.
    why : dict
        Why each of `failed` could not be classified.
    steps : collections.Counter
        Seconds spent on reading, cutting, inferring and writing: ``read``, ``cut``, ``infer``, ``write``.
    """

    written: list[Path] = field(default_factory=list)
    counts: dict[str, Counter[str]] = field(default_factory=dict)
    failed: list[Path] = field(default_factory=list)
    provisional: list[Path] = field(default_factory=list)
    cost: Counter[str] = field(default_factory=Counter)
    random: list[RandomPlaces] = field(default_factory=list)
    seconds: float = 0.0
    engine_seconds: float = 0.0
    account: Account = field(default_factory=Account)
    fields: dict[str, Counter[str]] = field(default_factory=dict)
    tracklets: Counter[str] = field(default_factory=Counter)
    drift: dict[str, list[str]] = field(default_factory=dict)
    limits: Limits | None = None
    why: dict[Path, str] = field(default_factory=dict)
    steps: Counter[str] = field(default_factory=Counter)

    @property
    def status(self) -> int:
        """Exit status: 3 where an input could not be classified, 4 where scores of a field are provisional, else 0."""
        return 3 if self.failed else 4 if self.provisional else 0

    @property
    def total(self) -> Counter[str]:
        """The counts of all inputs together."""
        return sum(self.counts.values(), Counter())


@dataclass(kw_only=True)
class ClassifyRun:
    """One call of `classify`: the options that every part needs, and the result so far.

    Attributes
    ----------
    engine : Engine
        What scores the stamps.
    rules : Rules
        Those that the classifier was trained with.
    on_error, table_format, names, needs, discard, dry_run, forced
        As in `classify`.
    templates : sequence of FrameHeader
        Frames of known sky (`selection.others.exposures.read_templates`).
    partial : bool
        Whether the inputs are one part of a night, so that there are catalogues of others.
    remembered : Remembered or None
        Scores of earlier calls, and where those of this one are kept; None where nothing is.
    static : numpy.ndarray or None
        Places of fixed sources (`catalogues.static_sources.read_static`).
    result : Result
        What was done so far.
    """

    engine: Engine
    rules: Rules
    on_error: OnError = "stop"
    table_format: TableFormat | None = None
    names: Names = field(default_factory=Names)
    static: np.ndarray | None = None
    needs: int = NEEDS
    discard: bool = False
    dry_run: bool = False
    forced: bool = False
    templates: Sequence[FrameHeader] = ()
    partial: bool = False
    remembered: Remembered | None = None
    result: Result = field(default_factory=Result)

    @property
    def measures(self) -> bool:
        """Whether it is measured what other exposures show at the place of a detection."""
        classifier = self.engine.classifier
        of_tracklets = () if classifier.tracklets is None else classifier.tracklets["weights"]
        return (
            self.forced
            or self.rules.forced_limit is not None
            or len(classifier.planes) > 1
            or OF_FORCED_FLUXES in of_tracklets
        )

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Add the time of a block to the result."""
        started, engine_started = time.perf_counter(), self.engine.seconds
        try:
            yield
        finally:
            self.result.seconds += time.perf_counter() - started
            self.result.engine_seconds += self.engine.seconds - engine_started

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Add the time of a block to one of `Result.steps`."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.result.steps[name] += time.perf_counter() - started  # type: ignore[assignment]

    def failed(self, path: Path, error: InputError, instead: str) -> None:
        """Raise `error`; where bad inputs are skipped, warn of it and of what was done `instead`, and count it."""
        if self.on_error == "stop":
            raise error
        self.result.failed.append(path)
        self.result.why[path] = str(error)
        if len(self.result.failed) <= LOUD:
            warn(f"{error} {instead}")
        if len(self.result.failed) == LOUD:
            warn("further inputs that cannot be classified are only counted")

    def write(
        self, write: Callable[[Path, np.ndarray | None], None], target: Path, keep: np.ndarray | None = None
    ) -> None:
        """Write a table as `outputs.write_divided` does; in a dry run, nothing."""
        if not self.dry_run:
            with self.step("write"):
                write_divided(write, target, keep, self.discard)

    def count_field(self, name: str, scores: Scores) -> None:
        """Count rows of a field by why they go or stay."""
        self.result.fields.setdefault(name, Counter()).update(reasons(scores, self.result.limits))

    def done(self, name: str, scores: Scores, written: Path) -> None:
        """Note a table that was written."""
        if not self.dry_run:
            self.result.written.append(written)
        self.result.counts[name] = scores.count(self.engine.threshold, kept_rows(scores, self.result.limits))

    def summary(self) -> None:
        """Print the counts, the speed, what the rules cost, and what went wrong."""
        self._print_counts()
        result, total = self.result, self.result.total
        scored = total["rows"] - total["not_scored"] - total["stationary"] - total["elsewhere"]
        speed = total["rows"] / result.seconds if result.seconds else 0.0
        share = result.engine_seconds / result.seconds if result.seconds else 0.0
        say(
            f"{result.seconds:.1f} s, {speed:.0f} detections/s; {scored} scored, "
            f"{share:.0%} of the time in {self.engine.runtime}",
        )
        self._print_cost()
        if total["few_pixels"]:
            say(
                f"{total['few_pixels']} have too few pixels to be scored (CERES_FLAGS {FEW_PIXELS}), and are kept "
                "without a probability"
            )
        if total["no_template"]:
            warn(
                f"{total['no_template']} of {total['rows']} detections have no template, and are kept without a "
                f"probability (CERES_FLAGS {NO_TEMPLATE}). Give all exposures of a field together, or a frame of its "
                "sky from another time with --template"
            )
        if result.failed and not self.partial:
            warn(
                f"{len(result.failed)} inputs could not be classified; the catalogues of those that have one go on "
                "unfiltered"
            )
        if result.drift:
            fields = "1 field is" if len(result.drift) == 1 else f"{len(result.drift)} fields are"
            promised = result.limits is not None and result.limits.promised
            kept = ", and no row is dropped for its probability" if promised else ""
            warn(f"{fields} not like those that the classifier was calibrated on: no guarantee applies there{kept}")
        if result.provisional and not self.partial:
            number = len(set(result.provisional))
            dropping = ", and no such row is dropped" if self.result.limits is not None else ""
            nothing = "nothing" if self.static is None else "nothing but the fixed sources of --static"
            exposures = f"{number} exposure{'s' * (number > 1)}"
            warn(f"in {exposures} {nothing} could be called stationary: their scores are provisional{dropping}")

    def _print_counts(self) -> None:
        """Print a line of counts per exposure, or of a long night only the sum."""
        threshold, total = self.engine.threshold, self.result.total
        lines = [(Path(name).name, each) for name, each in self.result.counts.items()]
        if len(lines) != 1:
            lines = [*(lines if len(lines) <= _LONG else []), (f"all {len(lines)}", total)]
        columns = {name: heading for name, heading in _COLUMNS.items() if name not in _RARE or total[name]}
        headings = [heading.format(threshold=threshold) for heading in columns.values()]
        table("Classified", ["", *headings], [(name, *(each[count] for count in columns)) for name, each in lines])

    def _print_cost(self) -> None:
        """Print what the rules by which detections go cost."""
        heading, rows = cost_rows(self.result.cost)
        which = "rule for stationary detections costs" if self.rules.forced_limit is None else "rules cost"
        if rows:
            table(f"What the {which}, by synthetic asteroids", heading, rows)
        compared = sum(each.compared for each in self.result.random)
        if compared:
            chance = sum(each.by_chance for each in self.result.random) / compared
            sources = sum(each.on_sources for each in self.result.random) / compared
            say(f"of random places {chance:.2%} are stationary by chance, {sources:.2%} because of a fixed source")


def say_fields(fields: Mapping[str, Counter[str]], limits: Limits | None) -> None:
    """Print what would be dropped of each field, and why."""
    if limits is None:
        say("no row would be dropped: without --drop or --keep-above every row is kept")
        return
    everything = sum(fields.values(), Counter())
    lines = [*fields.items(), *([(f"all {len(fields)}", everything)] if len(fields) > 1 else [])]
    rows = [(name, why.format(limits=limits), count) for name, each in lines for why in WHY if (count := each[why])]
    table("Would be dropped and kept", ["field", "why", "rows"], rows)
