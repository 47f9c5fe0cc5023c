"""Tables of what was run, of the operating points, and of how far the probabilities can be believed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ...errors import InputError
from ...evaluation.formatting import decimals, interval, plain, seconds, share
from ...files import read_json
from ...stamps import CLASSES
from .cells import Cell, Line, Link, Table, named, state
from .results import Results, Row
from .tables import NAMES, title

HEADS = ("backbone", "experiment", "seed")
EVALUATIONS = {
    "test": "evaluation-test",
    "validation": "evaluation-validation",
    "calibration": "calibration",
}
"""Folders of a run that the report links to."""

UNITS = {"memory_gib": "memory, GiB"}
"""What names of values stand for that do not say it."""

RELIABILITY = {"ece": "calibration error", "brier": "Brier score"}


def records_table(results: Results) -> Table:
    """Return how many stamps of each class are in each split."""
    counts = results.records["counts"]
    lines = [
        Line((split,), tuple(decimals(number, 0) for number in (*_ordered(classes), sum(classes.values()))))
        for split, classes in counts.items()
    ]
    return Table("Stamps of the records", ("split",), tuple(("", name) for name in (*NAMES, "all")), lines)


def runs_table(results: Results, out: Path) -> Table:
    """Return what became of each run, its time, and where its evaluations are."""
    columns = ("state", "epochs", "kept", "training", "frozen layers", "stamps/s", "folders")
    lines = [
        Line(_heads(row), kind="problem", text=state(row))
        if row.problem is not None
        else Line(_heads(row), _run_cells(row, out))
        for row in results.rows
    ]
    notes = (
        "Training is wall time, with validation. Frozen layers: what they make of the stamps is computed once and "
        "kept; – where an earlier run had done so, or nothing is frozen. Stamps/s: training stamps times epochs, by "
        "the time of training.",
    )
    return Table("The runs", HEADS, tuple(("", name) for name in columns), lines, notes)


def settings_table(caption: str, settings: Mapping[str, Any]) -> Table:
    """Return names and values."""
    lines = [Line((UNITS.get(name, name).replace("_", " "),), (plain(value),)) for name, value in settings.items()]
    return Table(caption, ("name",), (("", "value"),), lines, words=True)


def software_table(results: Results, out: Path) -> list[Table]:
    """Return the versions that the first run that says so was trained with; no table where none does."""
    for row in results.rows:
        with suppress(InputError):
            versions = read_json(out / row.run / "provenance.json", what="where a run comes from").get("versions")
            if isinstance(versions, dict):
                return [settings_table("Software", versions)]
    return []


def points_table(results: Results) -> Table:
    """Return each run's operating point, its guarantee, and what it does on the test split; or why there is none."""
    columns = (
        ("calibration split", "threshold"),
        ("calibration split", "asteroids"),
        ("calibration split", "lost (may be)"),
        ("calibration split", "left per 1,000"),
        ("test split", "lost of asteroids"),
        ("test split", "share lost"),
        ("test split", "left per 1,000"),
    )
    guarantees = {_guarantee(row.operating_point) for row in results.rows if row.operating_point}
    notes = (
        *sorted(guarantees),
        "An asteroid is one asteroid in one night, and lost when fewer of its exposures survive than the guarantee "
        "says. Left per 1,000: non-asteroids that the threshold leaves per 1,000 catalogue rows, or stamps where "
        "the records do not say of how many rows these are.",
        "The guarantee is for asteroids like those of the calibration split. The test split measures it once, with the "
        "interval (at the confidence of the guarantee) of so many asteroids.",
    )
    return Table("Operating points", HEADS, columns, [_point_line(row) for row in results.rows], notes)


def reliability_table(results: Results) -> Table:
    """Return expected calibration error and Brier score before and after the probabilities were scaled."""
    cells = [(name, when) for name in RELIABILITY for when in ("before", "after")]

    def values(distances: Mapping[str, Any]) -> tuple[str, ...]:
        return tuple(decimals(distances[when][name], 4) for name, when in cells)

    lines = [
        Line(_heads(row), values(row.reliability))
        if row.reliability
        else _without(row, "the probabilities were not scaled")
        for row in results.rows
    ]
    note = "Expected calibration error and Brier score, the smaller the better, before and after scaling."
    columns = tuple((RELIABILITY[name], when) for name, when in cells)
    return Table("How far the probabilities can be believed", HEADS, columns, lines, (note,))


def _heads(row: Row) -> tuple[str, ...]:
    return title(row.backbone), named([row]), str(row.seed)


def _ordered(classes: Mapping[str, int]) -> list[int]:
    return [classes[name] for name in CLASSES]


def _run_cells(row: Row, out: Path) -> tuple[Cell, ...]:
    counts = (decimals(value, 0) for value in (row.epochs, row.best_epoch))
    times = (seconds(value) for value in (row.seconds, row.prefix_seconds))
    return (state(row), *counts, *times, decimals(row.stamps_per_second, 0), _links(row, out))


def _links(row: Row, out: Path) -> list[Link]:
    """Return links to what of the run's folders there is."""
    run = quote(row.run, safe="")
    return [
        Link(word, f"../{run}/{folder}/") for word, folder in EVALUATIONS.items() if (out / row.run / folder).is_dir()
    ]


def _guarantee(point: Mapping[str, Any]) -> str:
    return (
        f"Guarantee: at most {share(point['max_loss'])} of the asteroids are lost, with a confidence of "
        f"{share(point['confidence'])}; lost is one of which fewer than {point['needs']} exposures survive."
    )


def _point_line(row: Row) -> Line:
    point, test = row.operating_point, row.test_at_point
    if not point:
        return _without(row, row.operating_point_problem or "no threshold was chosen")
    chosen = (
        f"{point['threshold']:.6f}",
        decimals(point["asteroids"], 0),
        f"{decimals(point['lost'], 0)} ({decimals(point['allowed'], 0)})",
        decimals(point["left_per_1000"], 1),
    )
    if not test:
        return Line(_heads(row), (*chosen, "not measured", "–", "–"))
    lost = f"{decimals(test['lost'], 0)} of {decimals(test['asteroids'], 0)}"
    measured = interval({"value": test.get("share"), "low": test.get("low"), "high": test.get("high")})
    return Line(_heads(row), (*chosen, lost, measured, decimals(test["left_per_1000"], 1)))


def _without(row: Row, reason: str) -> Line:
    """Return the line of a run that has none of it, and why."""
    if not row.finished:
        return Line(_heads(row), kind="problem", text=state(row))
    return Line(_heads(row), text=reason)
