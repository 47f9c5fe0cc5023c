"""An option is read from the field that states it, with all that its users need."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.settings.guarantee import Guarantee
from ceres_fast.settings.option import as_arguments, check_arguments, check_options, option, options_of


@dataclass(frozen=True)
class Paint:
    """Some options."""

    colour: Annotated[Literal["red", "blue"], option("What it is painted with.")]
    coats: Annotated[int, option("How often.", metavar="N", ge=1, le=3)] = 2
    hours: Annotated[
        float, option("How long it dries.", gt=0, expected="a number above 0", unit="h", name="drying-time")
    ] = 0.5
    note: Annotated[str | None, option("What is written on it.", expected="some words")] = None
    wall: Annotated[Path, option("Where.", expected="a wall")] = Path("wall")
    gloss: Annotated[bool, option("Whether it shines.")] = False
    brand: str = "no option"


def test_what_is_read_from_a_field() -> None:
    found = options_of(Paint)
    assert list(found) == ["colour", "coats", "hours", "note", "wall", "gloss"]
    assert found["colour"].default is dataclasses.MISSING
    assert (found["colour"].choices, found["coats"].choices) == (("red", "blue"), ())
    assert (found["coats"].default, found["coats"].shown.metavar) == (2, "N")
    assert (found["hours"].flag, found["hours"].help) == ("--drying-time", "How long it dries. In h.")
    assert (found["note"].kind, found["note"].default) == (str, None)


@pytest.mark.parametrize(
    ("name", "right", "wrong", "expected"),
    [
        ("colour", ["red"], ["green", None, 1], "red or blue"),
        ("coats", [1, 3], [0, 4, 2.0, True, None], "a whole number from 1 to 3"),
        ("hours", [1, 0.1], [0, -1.0, math.nan, math.inf, "1", None], "a number above 0"),
        ("note", [None, "wet"], ["", "a\0b", 1], "some words"),
        ("wall", ["a", Path("b")], ["", None, "a\0b"], "a wall"),
        ("gloss", [True], [1, "yes"], "true or false"),
    ],
)
def test_what_a_value_may_be(name: str, right: list[Any], wrong: list[Any], expected: str) -> None:
    found = options_of(Paint)[name]
    assert found.expected == expected
    assert all(map(found.allows, right))
    assert not any(map(found.allows, wrong))


def test_a_wrong_value_is_named_with_its_option() -> None:
    check_options(Paint("red"))
    with pytest.raises(CeresFastError, match=r"^--drying-time 0: expected a number above 0\.$"):
        check_options(Paint("red", hours=0))


def test_a_wrong_argument_of_a_function_is_named() -> None:
    options = options_of(Paint)
    check_arguments(options, hours=np.float64(2), coats=np.int64(3), colour="red", note=None)
    with pytest.raises(CeresFastError, match=r"^--colour green: expected red or blue\.$"):
        check_arguments(options, hours=2, colour="green")
    with pytest.raises(CeresFastError, match=r"^--drying-time nan: expected a number above 0\.$"):
        check_arguments(options, hours=np.float32("nan"))


def test_settings_as_arguments_of_a_command() -> None:
    assert as_arguments(Guarantee(0.1, 0.9, 1)) == ["--max-loss", 0.1, "--confidence", 0.9, "--needs", 1]
