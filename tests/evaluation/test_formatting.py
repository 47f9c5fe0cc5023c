"""Numbers in reports."""

from __future__ import annotations

from typing import Any

import pytest

from ceres_fast.evaluation.formatting import decimals, interval, plain, seconds, share

NAN, HUGE = float("nan"), 10**400


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(1234.5678, 2, "1,234.57"), (3, 0, "3"), (-0.1234, 3, "-0.123"), (True, 1, "–"), ("1", 1, "–"), (NAN, 1, "–")]
    + [(None, 1, "–"), (HUGE, 1, "–"), (float("inf"), 1, "–")],
)
def test_decimals(value: Any, digits: int, text: str) -> None:
    assert decimals(value, digits) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"value": 0.5, "low": 0.25, "high": 0.75}, "0.500 [0.250,\xa00.750]"),
        ({"value": 0.5, "low": None, "high": None}, "0.500"),
        ({"value": 0.5, "low": 0.25}, "0.500"),
        ({"value": None}, "–"),
        ([0.5], "–"),
        (None, "–"),
    ],
)
def test_interval(value: Any, text: str) -> None:
    assert interval(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.25, "0.2 s"), (9.96, "10.0 s"), (119.4, "119 s"), (120, "2.0 min"), (7199, "120 min"), (7200, "2.0 h")]
    + [(36000 * 100, "1,000.0 h"), (None, "–"), (NAN, "–")],
)
def test_seconds(value: Any, text: str) -> None:
    assert seconds(value) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.02, "2 %"), (0.95, "95 %"), (1 / 3, "33.3333 %"), (1e-6, "0.0001 %"), (None, "–")]
)
def test_share(value: Any, text: str) -> None:
    assert share(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "yes"),
        (False, "no"),
        (None, "–"),
        (["a", True], "a, yes"),
        ({"a": 1, "b": [2]}, "a 1, b 2"),
        (0.5, "0.5"),
    ],
)
def test_plain(value: Any, text: str) -> None:
    assert plain(value) == text
