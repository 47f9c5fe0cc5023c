"""Options of a build: what they may be, that they survive being stored, and the profiles that are made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.engines.tensorrt.options import LARGEST_BATCH, EngineOptions, Profile, profile_for, profiles
from ceres_fast.errors import CeresFastError
from ceres_fast.schema import Mismatch

OPTIONS = st.builds(
    EngineOptions,
    batches=st.lists(st.integers(1, LARGEST_BATCH), min_size=1).map(tuple),
    workspace_mib=st.none() | st.integers(1, 10**6),
    compute_capabilities=st.just(("current",)) | st.lists(st.sampled_from(["7.5", "8.6", "12.0"])).map(tuple),
    version_compatible=st.booleans(),
    hardware_compatible=st.booleans(),
)


@given(OPTIONS)
def test_stored_and_read(options: EngineOptions) -> None:
    assert EngineOptions.from_dict(json.loads(json.dumps(options.as_dict()))) == options


def test_in_order_and_once() -> None:
    options = EngineOptions(batches=(64, 1, 64), compute_capabilities=("8.9", "8.6", "8.9"))
    assert options.batches == (1, 64)
    assert options.compute_capabilities == ("8.9", "8.6")


def test_no_path_of_this_machine_is_stored() -> None:
    assert "cache" not in json.dumps(EngineOptions(timing_cache=Path("/home/me/timing.cache")).as_dict())


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"batches": ()}, "--batch"),
        ({"batches": (0, 1)}, "--batch"),
        ({"batches": (True,)}, "--batch"),
        ({"batches": (LARGEST_BATCH + 1,)}, "--batch: expected numbers from 1 to 65536"),
        ({"workspace_mib": 0}, "--workspace"),
        ({"workspace_mib": -5}, "--workspace"),
        ({"compute_capabilities": ("8",)}, "--compute-capability"),
        ({"compute_capabilities": ("current", "8.6")}, "--compute-capability"),
    ],
)
def test_what_they_may_not_be(values: dict[str, Any], said: str) -> None:
    with pytest.raises(CeresFastError, match=said):
        EngineOptions(**values)


@pytest.mark.parametrize(
    "changed",
    [
        {"batches": 5},
        {"batches": ["1"]},
        {"batches": []},
        {"workspace_mib": True},
        {"workspace_mib": "64"},
        {"workspace_mib": 1.5},
        {"version_compatible": 1},
        {"compute_capabilities": "8.6"},
        {"compute_capabilities": [8.6]},
        {"timing_cache": "/etc/passwd"},
    ],
)
def test_what_is_not_read(changed: dict[str, Any]) -> None:
    with pytest.raises(Mismatch, match=rf"^options.*{next(iter(changed))}.*, expected"):
        EngineOptions.from_dict({**EngineOptions().as_dict(), **changed})


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
