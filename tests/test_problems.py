"""Stopping at a bad input, or going on without it."""

from collections import Counter

import pytest

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.problems import Problems


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
