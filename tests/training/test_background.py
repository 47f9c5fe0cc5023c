"""One thing at a time, and no error is lost."""

from __future__ import annotations

import threading

import pytest

from ceres_fast.training.background import Background


def test_it_is_done_beside() -> None:
    beside, go, done = Background(), threading.Event(), []
    assert not beside.busy
    beside.start(lambda: done.append(go.wait(60)))
    assert beside.busy
    assert done == []
    go.set()
    beside.wait()
    assert done == [True]
    assert not beside.busy


def test_one_after_the_other() -> None:
    beside, done = Background(), []
    for number in range(50):
        beside.start(lambda number=number: done.append(number))
    beside.wait()
    assert done == list(range(50))


@pytest.mark.parametrize("method", ["start", "wait"])
def test_an_error_is_raised_once_by_what_comes_next(method: str) -> None:
    beside = Background()
    beside.start(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        beside.wait() if method == "wait" else beside.start(list)
    beside.wait()
