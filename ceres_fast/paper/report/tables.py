"""The paper's tables, from what was measured here, with what it printed beside."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ...evaluation.formatting import NONE, interval, value_of
from ...stamps import CLASSES
from ..published import NOT_COMPARABLE, TITLES, matrix_cells, metric_cells
from .cells import Cell, Line, Table, finished, named, spread, unfinished, whose
from .results import Key, Results, Row

NAMES = tuple(name.replace("_", "-") for name in CLASSES)
"""The classes in words."""

PUBLISHED = "published, another dataset"
AT_POINT = "test split, at the operating point"
METRICS = ("precision", "recall", "F1")
COUNTS = ("TN", "FP", "FN", "TP")
AREAS = {
    "roc_auc": "ROC AUC",
    "average_precision": "average precision",
    "recall": "asteroid recall",
    "precision": "asteroid precision",
}

Measured = Callable[[Sequence[Row]], Sequence[Cell]]
"""Makes the cells of a line from the finished runs of an experiment."""

Published = Callable[[str, str], Sequence[Cell]]
"""Makes them from what was published of a backbone and experiment, if anything was."""


def paper_tables(results: Results) -> list[Table]:
    """Return two tables per backbone, as the paper has them: metrics per class, and confusion matrices."""
    return [
        table(backbone, groups, _threshold(results))
        for backbone, groups in results.backbones().items()
        for table in (_metrics, _matrices)
    ]


def overview(results: Results) -> Table:
    """Return the table that says most in one line per backbone and experiment."""
    columns = (
        ("test split", "accuracy"),
        ("test split", "asteroid recall"),
        ("test split", "ROC AUC"),
        (AT_POINT, "asteroids lost"),
        (AT_POINT, "left per 1,000"),
        ("training", "seconds"),
        ("training", "stamps/s"),
    )
    return Table(
        "Each backbone and experiment",
        ("backbone", "experiment", "runs"),
        columns,
        [
            _line((title(rows[0].backbone), named(rows), whose(rows)), rows, _glance)
            for rows in results.groups().values()
        ],
        (_threshold(results), *_spread_note(results)),
    )


def areas(results: Results) -> Table:
    """Return areas under curves, and recall and precision with the intervals of single runs."""
    return Table(
        "Areas under curves, recall and precision of asteroids, with 95 % intervals (test split)",
        ("backbone", "experiment", "seed"),
        tuple(("", name) for name in (*AREAS.values(), "ROC AUC of trees", "network and trees")),
        [
            _line(
                (title(row.backbone), named([row]), str(row.seed)),
                [row],
                lambda rows: [*(interval(rows[0].test.get(name)) for name in AREAS), *_trees(rows[0])],
            )
            for row in results.rows
        ],
        (
            "Bootstrap intervals; the stamps of one asteroid are drawn together, as its exposures are not independent.",
            "Trees: gradient-boosted trees on a few numbers of each stamp (brightness over noise, shape), trained on "
            "the same stamps. The network beats them where the interval of the difference of ROC AUC is above 0.",
        ),
    )


def title(backbone: str) -> str:
    """Return the name of a backbone as the paper writes it."""
    return TITLES.get(backbone, backbone)


def matrix(rows: Sequence[Row]) -> list[list[Any]]:
    """Return TN, FP, FN and TP, each over the finished rows."""
    return [[row.test["confusion"][is_][called] for row in finished(rows)] for is_ in (0, 1) for called in (0, 1)]


def _metrics(backbone: str, groups: Mapping[Key, Sequence[Row]], threshold: str) -> Table:
    columns = tuple((name, metric) for name in NAMES for metric in METRICS)
    return Table(
        f"{title(backbone)}: precision, recall and F1 of each class, accuracy and loss (test split)",
        ("experiment", "measured"),
        (*columns, ("", "accuracy"), ("", "loss")),
        _beside(groups, _classes, metric_cells),
        (threshold, NOT_COMPARABLE),
    )


def _matrices(backbone: str, groups: Mapping[Key, Sequence[Row]], threshold: str) -> Table:
    return Table(
        f"{title(backbone)}: confusion matrix (test split)",
        ("experiment", "measured"),
        tuple(("", name) for name in COUNTS),
        _beside(groups, lambda rows: [spread(counts, 0) for counts in matrix(rows)], matrix_cells),
        (f"Asteroids are positive: FN are stamps of asteroids that are lost. {threshold}", NOT_COMPARABLE),
    )


def _beside(groups: Mapping[Key, Sequence[Row]], measured: Measured, published: Published) -> list[Line]:
    """Return what was measured of each experiment, and under it what was published of it."""
    lines = []
    for key, rows in groups.items():
        lines.append(_line((named(rows), whose(rows)), rows, measured))
        if cells := published(*key):
            lines.append(Line((key[1], PUBLISHED), tuple(cells), "published"))
    return lines


def _line(heads: tuple[str, ...], rows: Sequence[Row], cells: Measured) -> Line:
    done = finished(rows)
    return Line(heads, tuple(cells(done))) if done else Line(heads, kind="problem", text=unfinished(rows))


def _classes(rows: Sequence[Row]) -> list[str]:
    per_class = [
        spread(row.test["classes"][name][metric.lower()] for row in rows) for name in CLASSES for metric in METRICS
    ]
    return [*per_class, *(spread(row.test[name] for row in rows) for name in ("accuracy", "loss"))]


def _glance(rows: Sequence[Row]) -> list[str]:
    at_point = [row.test_at_point for row in rows if row.test_at_point]
    return [
        spread(row.test["accuracy"] for row in rows),
        spread(row.test["classes"][CLASSES[1]]["recall"] for row in rows),
        spread(value_of(row.test.get("roc_auc")) for row in rows),
        *(
            spread((found.get(name) for found in at_point), digits)
            for name, digits in (("share", 3), ("left_per_1000", 1))
        ),
        spread((row.seconds for row in rows), 0),
        spread((row.stamps_per_second for row in rows), 0),
    ]


def _trees(row: Row) -> list[str]:
    beside = row.test.get("yardstick")
    return [interval(beside["trees"]["roc_auc"]), beside["verdict"]] if beside else [NONE, NONE]


def _threshold(results: Results) -> str:
    at = sorted({row.test["threshold"] for row in finished(results.rows)})
    return f"Called an asteroid from probability {', '.join(f'{value:g}' for value in at)} on." if at else ""


def _spread_note(results: Results) -> tuple[str, ...]:
    several = any(len(rows) > 1 for rows in results.groups().values())
    return ("Mean ± sample standard deviation over the seeds.",) if several else ()
