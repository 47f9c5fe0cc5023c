"""What each value of ``experiments.json`` may be."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import PurePosixPath, PureWindowsPath
from typing import Any

from ...evaluation.formatting import is_number
from ...stamps import CLASSES
from ..stored_scores import are_scores, has_numbers, is_count

Check = tuple[Callable[[Any], bool], str, bool]
"""What tells that a value is allowed, the words for what was expected, and whether it must be there."""


def _text(value: object) -> bool:
    return isinstance(value, str)


def _mapping(value: object) -> bool:
    return isinstance(value, dict)


def _folder(value: object) -> bool:
    if not isinstance(value, str):
        return False
    bare = PurePosixPath(value).name == value == PureWindowsPath(value).name
    return bare and value.isprintable() and 0 < len(value) < 200 and value != ".."


def _counts(value: object) -> bool:
    return isinstance(value, dict) and all(
        isinstance(classes, dict) and classes.keys() == set(CLASSES) and all(map(is_count, classes.values()))
        for classes in value.values()
    )


def _records(value: object) -> bool:
    return isinstance(value, dict) and _text(value.get("name")) and _counts(value.get("counts"))


def _reliability(value: object) -> bool:
    return isinstance(value, dict) and all(has_numbers(value.get(name), "ece", "brier") for name in ("before", "after"))


def _point(value: object) -> bool:
    names = ("threshold", "max_loss", "confidence", "needs", "asteroids", "allowed", "lost", "left_per_1000")
    return has_numbers(value, *names)


def _measured(value: object) -> bool:
    return (
        isinstance(value, dict)
        and has_numbers(value, "asteroids", "lost", "left_per_1000")
        and all(value.get(name) is None or is_number(value[name]) for name in ("share", "low", "high"))
    )


WHOLE: dict[str, Check] = {
    "ceres_fast": (_text, "a version", True),
    "records": (_records, "name and counts of the records", True),
    "settings": (_mapping, "an object", True),
    "machine": (_mapping, "an object", True),
    "seconds": (is_number, "a number of seconds", True),
    "rows": (lambda value: isinstance(value, list), "a list", True),
}
ROW: dict[str, Check] = {
    "backbone": (_text, "a name", True),
    "experiment": (lambda value: _text(value) or is_count(value), "a name or a number", True),
    "seed": (is_count, "a number from 0", True),
    "run": (_folder, "the bare name of a directory", True),
    "finished": (lambda value: isinstance(value, bool), "true or false", True),
    "weights": (_text, '"imagenet", "none" or a file name', True),
    "problem": (_text, "a text, or null", False),
    "seconds": (is_number, "a number of seconds, or null", False),
    "prefix_seconds": (is_number, "a number of seconds, or null", False),
    "epochs": (is_count, "a number, or null", False),
    "best_epoch": (is_count, "a number, or null", False),
    "stamps_per_second": (is_number, "a number, or null", False),
    "history": (lambda value: isinstance(value, list) and all(map(_mapping, value)), "the rows of history.csv", False),
    "scores": (are_scores, "the scores of the test split, or null", False),
    "operating_point": (_point, "an operating point, or null", False),
    "operating_point_problem": (_text, "a text, or null", False),
    "test_at_point": (_measured, "what the operating point does on the test split, or null", False),
    "reliability": (_reliability, "ece and brier, before and after, or null", False),
}
"""Name of each value of the file, and of one of its rows."""
