"""Read ``experiments.json``: what became of every run. It is checked as a file that anybody may have changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import read_json
from .results_checks import ROW, WHOLE, Check

EXPERIMENTS_FILE = "experiments.json"
_AGAIN = "give the same `ceres-fast experiments` command again"

Key = tuple[str, str]
"""Backbone and experiment: what runs of several seeds have in common."""


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
        `ceres_fast.evaluation.scores.Scores` of the test split, as a dict.
    operating_point, test_at_point : dict or None
        The threshold with its promise, and what it does on the test split.
    operating_point_problem : str or None
        Why there is no operating point.
    reliability : dict or None
        ``before`` and ``after`` the scaling of the probabilities: ``ece``, ``brier``.
    """

    backbone: str
    experiment: int | str
    seed: int
    run: str
    finished: bool
    weights: str
    problem: str | None = None
    seconds: float | None = None
    prefix_seconds: float | None = None
    epochs: int | None = None
    best_epoch: int | None = None
    stamps_per_second: float | None = None
    history: tuple[Mapping[str, Any], ...] = ()
    scores: Mapping[str, Any] | None = None
    operating_point: Mapping[str, Any] | None = None
    operating_point_problem: str | None = None
    test_at_point: Mapping[str, Any] | None = None
    reliability: Mapping[str, Any] | None = None

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
    try:
        value = read_json(path, what="what `ceres-fast experiments` writes")
    except RecursionError as error:
        raise InputError(path, "is nested too deeply", expected="what `ceres-fast experiments` writes") from error
    _check(path, value, WHOLE, None)
    for number, row in enumerate(value["rows"], 1):
        _check(path, row, ROW, number)
        if row["finished"] and row.get("scores") is None:
            raise InputError(path, "is finished and has no scores", row=number, action=_AGAIN)
    names = [row["run"] for row in value["rows"]]
    if len(set(names)) < len(names):
        raise InputError(path, "names a run twice", expected="a directory for each run", action=_AGAIN)
    rows = tuple(map(_row, value["rows"]))
    whole = {name: value[name] for name in ("records", "settings", "machine", "seconds")}
    return Results(version=value["ceres_fast"], rows=rows, **whole)


def _row(values: Mapping[str, Any]) -> Row:
    known = {name: values[name] for name in ROW if values.get(name) is not None}
    return Row(**{**known, "history": tuple(known.get("history", ()))})


def _check(path: Path, value: Any, checks: Mapping[str, Check], row: int | None) -> None:
    if not isinstance(value, dict):
        raise InputError(path, f"is a {type(value).__name__}", row=row, expected="an object", action=_AGAIN)
    for name, (allowed, expected, needed) in checks.items():
        given = value.get(name)
        if (given is None and needed) or (given is not None and not allowed(given)):
            problem = f"lacks {name}" if given is None else f"{name} cannot be used"
            raise InputError(path, problem, row=row, expected=expected, action=_AGAIN)
