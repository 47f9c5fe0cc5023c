"""What an error says (the file, the row, what was expected, what to do), and stopping at a bad input or going on."""

import pickle
from collections import Counter
from pathlib import Path

import pytest

from ceres_fast.errors import CeresFastError, InputError, Problems


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


def test_stop_raises_the_first_problem():
    with pytest.raises(InputError, match="bad"), Problems("stop").skipping(Counter(), "files"):
        raise InputError("file", "bad")


def test_skip_counts_and_says_so(capsys):
    counts: Counter[str] = Counter()
    problems = Problems("skip")
    for _ in range(12):
        with problems.skipping(counts, "files"):
            raise InputError("file", "bad")
    assert counts == {"files": 12}
    said = capsys.readouterr().err
    assert said.count("file: bad") == 10
    assert "only counted" in said


def test_other_errors_are_never_skipped():
    with pytest.raises(CeresFastError, match="disk"), Problems("skip").skipping(Counter(), "files"):
        raise CeresFastError("disk full")


def test_policy_is_checked():
    with pytest.raises(ValueError, match="ignore"):
        Problems("ignore")
