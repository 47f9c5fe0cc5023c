"""What ``scores.json`` holds, checked before a report is made of it."""

from __future__ import annotations

from typing import TypeGuard

from ..evaluation.formatting import is_number
from ..stamps import CLASSES

_OF_CLASS = ("precision", "recall", "f1")


def is_count(value: object) -> bool:
    """Return whether a value is a whole number from 0, of a size that can be counted to."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def has_numbers(value: object, *names: str) -> bool:
    """Return whether a value is an object with finite numbers of these names."""
    return isinstance(value, dict) and all(is_number(value.get(name)) for name in names)


def are_scores(value: object) -> bool:
    """Return whether a value is what `ceres_fast.evaluation.scores.Scores.as_dict` gives, but for its intervals."""
    if not (isinstance(value, dict) and has_numbers(value, "accuracy", "loss", "threshold")):
        return False
    classes = value.get("classes")
    return (
        _is_matrix(value.get("confusion"))
        and isinstance(classes, dict)
        and all(has_numbers(classes.get(name), *_OF_CLASS) for name in CLASSES)
    )


def _is_matrix(value: object) -> bool:
    return _is_pair(value) and all(_is_pair(line) and all(map(is_count, line)) for line in value)


def _is_pair(value: object) -> TypeGuard[list[object]]:
    return isinstance(value, list) and len(value) == 2
