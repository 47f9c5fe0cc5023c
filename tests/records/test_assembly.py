"""The order of the shards, and stamps from many parts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.records.assembly import PartStamps, frame_order, plan_shard, read_tables, write_planned
from ceres_fast.records.parts import STAMPS, TABLE
from ceres_fast.records.shards import write_shard

frames = st.lists(st.tuples(st.text("abc", min_size=1, max_size=3), st.integers(1, 4)), max_size=12)


@given(frames, st.integers(0, 2**32), st.randoms(use_true_random=False))
def test_whole_frames_in_an_order_that_only_the_seed_decides(given_frames, seed, random):
    counted = dict(given_frames)
    sources = np.array([name for name, count in counted.items() for _ in range(count)], np.str_)
    place = np.array([number for count in counted.values() for number in range(count)], int)
    order = frame_order(sources, [seed, 1])
    assert sorted(order) == list(range(len(sources)))
    ordered = list(zip(sources[order], place[order], strict=True))
    names = list(dict.fromkeys(name for name, _ in ordered))
    assert ordered == [(name, number) for name in names for number in range(counted[name])]

    shuffled = list(counted)
    random.shuffle(shuffled)
    others = np.array([name for name in shuffled for _ in range(counted[name])], np.str_)
    assert list(others[frame_order(others, [seed, 1])]) == [name for name, _ in ordered]


def test_another_seed_gives_another_order():
    sources = np.repeat([f"f{number}" for number in range(20)], 3)
    assert list(frame_order(sources, [0, 0])) != list(frame_order(sources, [1, 0]))
    assert list(frame_order(sources, [0, 0])) != list(frame_order(sources, [0, 1]))


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 4)), max_size=20))
def test_rows_of_several_files(tmp_path_factory, rows):
    folder = tmp_path_factory.mktemp("stamps")
    stamps = np.arange(3 * 5 * 32 * 32, dtype=np.float32).reshape(3, 5, 32, 32)
    files = [folder / f"{number}.npy" for number in range(3)]
    for file, values in zip(files, stamps, strict=True):
        np.save(file, values)
    owner, place = (np.array([row[axis] for row in rows], int) for axis in (0, 1))
    chosen = np.arange(len(rows))[::-1]
    read = PartStamps(files, owner, place)[chosen]
    assert len(read) == len(rows)
    if rows:
        np.testing.assert_array_equal(read, stamps[owner, place][chosen])


def write_part(folder, columns, rows):
    folder.mkdir(parents=True)
    np.save(folder / STAMPS, columns["stamp"][rows])
    np.savez(folder / TABLE, **{name: values[rows] for name, values in columns.items() if name != "stamp"})


def test_a_planned_shard_is_that_of_all_columns_at_once(tmp_path, some_columns):
    columns = some_columns(10, source=[f"frame {number % 3}" for number in range(10)])
    pieces = {"one": np.arange(4), "none": np.arange(0), "two": np.arange(4, 10)}
    for key, rows in pieces.items():
        write_part(tmp_path / "parts" / key, columns, rows)
    (tmp_path / "plans").mkdir()
    tables = read_tables([tmp_path / "parts" / key for key in pieces])
    for rows in (np.array([7, 1, 9, 0]), np.array([5]), np.array([], int)):
        plan = plan_shard(tmp_path / "a", tmp_path / "plans", tmp_path / "parts", list(pieces), tables, rows)
        entry = write_planned(plan)
        assert entry == write_shard(tmp_path / "b", columns, rows) | {"file": "a"}
        assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_a_part_with_pickles_is_refused(tmp_path):
    np.savez(tmp_path / TABLE, label=np.array([{}], object))
    with pytest.raises(ValueError, match="allow_pickle"):
        read_tables([tmp_path])
