"""What an error says: the file, the row, what was expected, what to do; one line."""

import pickle
from pathlib import Path

import pytest

from ceres_fast.errors import CeresFastError, InputError


@pytest.mark.parametrize(
    ("known", "message"),
    [
        ({}, "a/b.fits: is cut."),
        ({"row": 3}, "a/b.fits, row 3: is cut."),
        ({"row": "extension 2"}, "a/b.fits, extension 2: is cut."),
        ({"expected": "a frame"}, "a/b.fits: is cut; expected a frame."),
        ({"action": "copy it again"}, "a/b.fits: is cut. Copy it again."),
        ({"action": "Copy it again."}, "a/b.fits: is cut. Copy it again."),
        ({"action": "use $HOME, not ~"}, "a/b.fits: is cut. Use $HOME, not ~."),
        (
            {"row": 1, "expected": "a frame", "action": "copy it again"},
            "a/b.fits, row 1: is cut; expected a frame. Copy it again.",
        ),
    ],
)
def test_message(known: dict, message: str) -> None:
    assert str(InputError(Path("a/b.fits"), "is cut", **known)) == message


def test_it_is_an_error_the_user_can_act_on_and_says_where() -> None:
    error = InputError("catalogue.cat", "has no X_IMAGE", row=7)
    assert isinstance(error, CeresFastError)
    assert (error.path, error.row) == ("catalogue.cat", 7)


def test_it_comes_back_from_another_process_as_it_was() -> None:
    error = InputError("catalogue.cat", "has no X_IMAGE", row=7, expected="it", action="add it")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is InputError
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))
