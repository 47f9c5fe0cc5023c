"""Every batch up to the largest has a profile, in the tightest of them, and the first takes all."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.engines.tensorrt.profiles import Profile, profile_for, profiles

BATCHES = st.lists(st.integers(1, 2000), min_size=1, max_size=6)


def test_one_for_each_batch_size() -> None:
    assert profiles((1, 64, 1024), per_batch=True) == (Profile(1, 1024, 1024), Profile(1, 64, 64), Profile(1, 1, 1))
    assert profiles((1, 64, 1024), per_batch=False) == (Profile(1, 1024, 1024),)


@given(BATCHES, st.booleans(), st.data())
def test_any_batch_has_one(batches: list[int], per_batch: bool, data: st.DataObject) -> None:
    made = profiles(batches, per_batch=per_batch)
    stamps = data.draw(st.integers(1, max(batches)))
    chosen = made[profile_for(stamps, made)]
    assert chosen.least <= stamps <= chosen.most
    assert all(chosen.most <= each.most for each in made if each.most >= stamps)
    assert made[0] == (1, max(batches), max(batches))
    if per_batch:
        assert made[profile_for(batches[0], made)].best == batches[0]


def test_a_batch_that_is_too_large() -> None:
    for stamps in (0, 65):
        with pytest.raises(ValueError, match=f"takes {stamps} stamps"):
            profile_for(stamps, profiles((1, 64), per_batch=True))
