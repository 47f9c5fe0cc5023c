"""Read ``experiments.json``: what became of every run. It is checked as a file that anybody may have changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NotRequired, TypedDict

from msgspec import Meta

from ...errors import InputError
from ...files import read_json
from ...schema import Count, Mismatch, Number, check, plain, shape

EXPERIMENTS_FILE = "experiments.json"
_AGAIN = "give the same `ceres-fast experiments` command again"

Key = tuple[str, str]
"""Backbone and experiment: what runs of several seeds have in common."""


FolderName = Annotated[
    str, Meta(pattern=r"^(?!\.\.?\Z|.:)[^/\\]+\Z", max_length=199, title="the bare name of a directory")
]


class ClassScores(TypedDict):
    """Scores of one class."""

    precision: Number
    recall: Number
    f1: Number


class ScoresOfClasses(TypedDict):
    """Scores of both classes."""

    non_asteroid: ClassScores
    asteroid: ClassScores


class RankingOfTrees(TypedDict):
    """Of trees, with an interval."""

    roc_auc: Mapping[str, Any]


class BesideTrees(TypedDict):
    """What is shown of a `ceres_fast.evaluation.yardstick.Yardstick`."""

    verdict: str
    trees: RankingOfTrees


class StoredScores(TypedDict):
    """What is shown of `ceres_fast.evaluation.scores.Scores`."""

    accuracy: Number
    loss: Number
    threshold: Number
    confusion: tuple[tuple[Count, Count], tuple[Count, Count]]
    classes: ScoresOfClasses
    yardstick: NotRequired[BesideTrees]


class Point(TypedDict):
    """What is shown of an `ceres_fast.evaluation.operating_point.OperatingPoint`."""

    threshold: Number
    max_loss: Number
    confidence: Number
    needs: Number
    asteroids: Number
    allowed: Number
    lost: Number
    left_per_1000: Number


class AtPoint(TypedDict):
    """What an operating point does on the test split; without asteroids there is no share of them."""

    asteroids: Number
    lost: Number
    left_per_1000: Number
    share: NotRequired[Number | None]
    low: NotRequired[Number | None]
    high: NotRequired[Number | None]


class Distance(TypedDict):
    """How far probabilities are from shares."""

    ece: Number
    brier: Number


class Distances(TypedDict):
    """The same before and after scaling."""

    before: Distance
    after: Distance


class ClassCounts(TypedDict):
    """Stamps of both classes."""

    non_asteroid: Count
    asteroid: Count


class Records(TypedDict):
    """The records of all runs, and their stamps by split."""

    name: str
    counts: dict[str, ClassCounts]


class Whole(TypedDict):
    """The file; its rows are compared one by one, so that errors say which."""

    ceres_fast: str
    records: Records
    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    seconds: Number
    rows: list[Any]


@dataclass(frozen=True)
class Row:
    """One run: a backbone, an experiment, a seed. What it has not come to is None.

    Attributes
    ----------
    backbone, experiment, seed
        What was trained.
    run : str
        Name of its directory, beside ``experiments.json``.
    finished : bool
        Whether it has been trained and evaluated; then `scores` and `history` are there.
    weights : str
        ``imagenet``, ``none`` or the name of a file.
    problem : str or None
        Why it has failed.
    seconds, prefix_seconds : float or None
        Time of training, and of what the frozen layers make of the stamps, where that was computed for this run.
    epochs, best_epoch : int or None
        Epochs trained; the one that was kept, from 1.
    stamps_per_second : float or None
        Training stamps times epochs, by `seconds`.
    history : list of dict
        Rows of ``history.csv``.
    scores : dict or None
        `ceres_fast.evaluation.scores.Scores` of the test split, as a dict, and what is beside them in ``scores.json``.
    operating_point, test_at_point : dict or None
        The threshold with its promise, and what it does on the test split.
    operating_point_problem : str or None
        Why there is no operating point.
    reliability : dict or None
        ``before`` and ``after`` the scaling of the probabilities: ``ece``, ``brier``.
    """

    backbone: str
    experiment: Count | str
    seed: Count
    run: FolderName
    finished: bool
    weights: str
    problem: str | None = None
    seconds: Number | None = None
    prefix_seconds: Number | None = None
    epochs: Count | None = None
    best_epoch: Count | None = None
    stamps_per_second: Number | None = None
    history: tuple[Mapping[str, Any], ...] = ()
    scores: StoredScores | None = None
    operating_point: Point | None = None
    operating_point_problem: str | None = None
    test_at_point: AtPoint | None = None
    reliability: Distances | None = None

    @property
    def key(self) -> Key:
        """What it has in common with the runs of other seeds."""
        return self.backbone, str(self.experiment)

    @property
    def test(self) -> Mapping[str, Any]:
        """`scores` of a finished run."""
        assert self.scores is not None
        return self.scores

    @property
    def random(self) -> bool:
        """Whether it began with random weights."""
        return self.weights == "none"


@dataclass(frozen=True)
class Results:
    """What ``experiments.json`` holds.

    Attributes
    ----------
    version : str
        Of ceres-fast.
    records : mapping
        ``name``, ``manifest_sha256`` and ``counts``: {split: {class: stamps}}.
    settings, machine : mapping
        Of all runs.
    seconds : float
        All of it.
    rows : tuple of Row
        In the order in which they are run.
    """

    version: str
    records: Mapping[str, Any]
    settings: Mapping[str, Any]
    machine: Mapping[str, Any]
    seconds: float
    rows: tuple[Row, ...]

    def groups(self) -> dict[Key, list[Row]]:
        """Return the rows of each backbone and experiment: the seeds."""
        found: dict[Key, list[Row]] = {}
        for row in self.rows:
            found.setdefault(row.key, []).append(row)
        return found

    def backbones(self) -> dict[str, dict[Key, list[Row]]]:
        """Return `groups` of each backbone."""
        found: dict[str, dict[Key, list[Row]]] = {}
        for key, rows in self.groups().items():
            found.setdefault(key[0], {})[key] = rows
        return found


def read_results(path: Path) -> Results:
    """Read ``experiments.json``.

    Raises
    ------
    InputError
        When it is missing, no JSON, or a value is not what it may be; it names the row (from 1) and the key.
    """
    values = read_json(path, what="what `ceres-fast experiments` writes", action=_AGAIN)
    number = None
    try:
        check(values, Whole, more="kept")
        check(values["records"]["counts"], dict[str, ClassCounts], at="records.counts")
        rows = []
        for number, each in enumerate(values["rows"], 1):  # noqa: B007 (the error says which)
            rows.append(_row(each))
    except Mismatch as error:
        raise error.of_file(path, row=number, action=_AGAIN) from error
    names = [row.run for row in rows]
    if len(set(names)) < len(names):
        raise InputError(path, "names a run twice", expected="a directory for each run", action=_AGAIN)
    whole = {name: values[name] for name in ("records", "settings", "machine", "seconds")}
    return Results(version=values["ceres_fast"], rows=tuple(rows), **whole)


def _row(values: Any) -> Row:
    # What a run has not come to is null, and as good as missing.
    known = {name: value for name, value in values.items() if value is not None} if isinstance(values, dict) else values
    check(known, shape(Row, defaults=True), more="kept")
    plain({"run": known["run"]})
    row = Row(**{name: known[name] for name in Row.__annotations__ if name in known})
    if row.finished and row.scores is None:
        raise Mismatch("scores", "is null", "the scores of a run that is finished")
    return replace(row, history=tuple(row.history))
