"""From parts to shards: whole frames in an order that the seed decides, cut into shards of equal length."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..files import DISK, disk_errors
from ..machine.scheduler import Workers
from .manifest import Shard, Split, class_counts, shard_name
from .parts import LOST_TABLE, PARTS, PLANS, RECORDS, STAMPS, TABLE, Part, read_table
from .splits import SPLITS

OWNER, PLACE = "_part", "_place"
"""Columns that say in which part (a number) and at which row of it (from 0) a stamp is."""

WRITTEN_ALONE = 30_000
"""Stamps that this process writes sooner than its workers start TensorFlow."""


def read_tables(folders: Sequence[Path], name: str = TABLE) -> dict[str, np.ndarray]:
    """Return the columns of all parts, in the order of the parts, without the stamps; and `OWNER` and `PLACE`.

    With `LOST_TABLE`, those of what became no stamp.
    """
    tables = [read_table(folder, name) for folder in folders]
    sizes = [len(next(iter(table.values()))) for table in tables]
    columns = {name: np.concatenate([table.pop(name) for table in tables]) for name in list(tables[0])}
    columns[OWNER] = np.repeat(np.arange(len(sizes)), sizes)
    columns[PLACE] = np.concatenate([np.arange(size) for size in sizes])
    return columns


def read_lost_tables(folders: Sequence[Path], split_of_part: np.ndarray) -> dict[str, np.ndarray]:
    """Return what became no stamp in all parts, in their order, with the split of each (`lost.COLUMNS`)."""
    lost = read_tables(folders, LOST_TABLE)
    return lost | {"split": split_of_part[lost[OWNER]]}


def splits_of_parts(columns: Mapping[str, np.ndarray], split_of: np.ndarray, number: int) -> np.ndarray:
    """Return the split of each of so many parts, str: that of its stamps, of which some may be in none; "" for none.

    The stamps of a field, CCD and night are in one group, and so in one split; other parts may be in several.
    """
    result = np.full(number, "", split_of.dtype)
    kept = split_of != ""
    result[columns[OWNER][kept]] = split_of[kept]
    return result


def rows_of_splits(
    columns: Mapping[str, np.ndarray], split_of: np.ndarray, parts: Sequence[tuple[str, Part]]
) -> dict[str, int]:
    """Return how many rows of catalogues the stamps of each split were chosen from (`Manifest.rows`).

    Parameters
    ----------
    columns : mapping of str to numpy.ndarray
        What is known of n stamps, as `read_tables` gives it.
    split_of : numpy.ndarray of str
        Shape (n,): the split of each; "" for one that is dropped.
    parts : sequence of (str, Part)
        The kind of the unit of each part, and the part.

    Returns
    -------
    dict of str to int
        Without the splits of which that is not known.
    """
    owner = columns[OWNER]
    split_of_part = splits_of_parts(columns, split_of, len(parts))
    # Where stamps of a field were dropped, those that are left say nothing of all its rows.
    known = np.array([kind == "frames" for kind, _ in parts])
    known[owner[split_of == ""]] = False
    rows = np.array(
        [part.counts.get("detections", 0) - sum(part.counts.get(n, 0) for n in _NO_ROWS) for _, part in parts]
    )
    return {
        split: int(rows[split_of_part == split].sum())
        for split in SPLITS
        if known[np.unique(owner[split_of == split])].all()
    }


_NO_ROWS = ("bad_frame_detections", "not_selected")
"""Detections that nobody asked about, or whose exposure cannot be used: they are no part of what is chosen from."""


def frame_order(sources: np.ndarray, seed: Sequence[int]) -> np.ndarray:
    """Return rows with whole frames in random order, and the rows of a frame in theirs.

    Parameters
    ----------
    sources : numpy.ndarray of str
        The frame that each row is from, (n,).
    seed : sequence of int
        Decides the order; the order in which frames come does not.

    Returns
    -------
    numpy.ndarray of int
        Shape (n,), rows counted from 0.
    """
    names, frame = np.unique(sources, return_inverse=True)
    place = np.random.default_rng(seed).permutation(len(names))
    return np.argsort(place[frame], kind="stable")


@dataclass(frozen=True)
class ShardPlan:
    """A shard that is to be written: the file, the columns of its rows, and the parts that their stamps are in."""

    path: Path
    columns: Path
    parts: Path
    keys: tuple[str, ...]


def plan_shard(
    path: Path, folder: Path, parts: Path, keys: Sequence[str], columns: Mapping[str, np.ndarray], rows: np.ndarray
) -> ShardPlan:
    """Write the columns of the rows of a shard into `folder`, for a worker to read."""
    used, owner = np.unique(columns[OWNER][rows], return_inverse=True)
    plan = ShardPlan(path, folder / f"{path.name}.npz", parts, tuple(keys[number] for number in used))
    np.savez(plan.columns, **{name: values[rows] for name, values in columns.items()} | {OWNER: owner})
    return plan


def write_planned(plan: ShardPlan) -> Shard:
    """Write a shard, whole or not at all, and return its entry in the manifest (`shards.write_shard`)."""
    from .shards import write_shard  # here: the workers that make parts need no TensorFlow

    with np.load(plan.columns, allow_pickle=False) as table:
        columns: dict[str, Any] = {name: table[name] for name in table.files}
    owner, place = columns.pop(OWNER), columns.pop(PLACE)
    columns["stamp"] = PartStamps([plan.parts / key / STAMPS for key in plan.keys], owner, place)
    return write_shard(plan.path, columns, np.arange(len(owner)))


def write_splits(
    folder: Path,
    keys: Sequence[str],
    columns: Mapping[str, np.ndarray],
    split_of: np.ndarray,
    name: str,
    shards: int,
    seed: int,
    pool: Workers,
) -> dict[str, Split]:
    """Write the shards of all splits, and return what the manifest says of them.

    Parameters
    ----------
    folder : pathlib.Path
        That of the build (`partial_folder`).
    keys : sequence of str
        Names of its parts, in the order of `read_tables`.
    columns : mapping of str to numpy.ndarray
        What is known of the n stamps, with `OWNER`, `PLACE` and ``group``.
    split_of : numpy.ndarray of str
        Shape (n,): the split of each; "" for one that is dropped.
    name : str
        First part of the names of the shards.
    shards : int
        How many each split has.
    seed : int
        Decides the order of the frames.
    pool : Workers
        Who writes.
    """
    plans = []
    members = {split: np.flatnonzero(split_of == split) for split in SPLITS}
    with disk_errors(folder, DISK):
        for number, (split, rows) in enumerate(members.items()):
            ordered = rows[frame_order(columns["source"][rows], [seed, number])]
            for part, chosen in enumerate(np.array_split(ordered, shards)):
                path = folder / RECORDS / shard_name(name, split, part, shards)
                plans.append(plan_shard(path, folder / PLANS, folder / PARTS, keys, columns, chosen))
    writers = pool if len(split_of) > WRITTEN_ALONE else Workers()
    entries = iter(writers.run(write_planned, plans, "writing records"))
    described: dict[str, Split] = {}
    for split, rows in members.items():
        of_split = [next(entries) for _ in range(shards)]
        groups = len(np.unique(columns["group"][rows]))
        described[split] = {"groups": groups, "classes": class_counts(of_split), "shards": of_split}
    return described


class PartStamps:
    """The stamps of several parts as one array: only the rows that are indexed are read.

    Parameters
    ----------
    files : sequence of pathlib.Path
        ``.npy`` files of stamps.
    owner, place : numpy.ndarray of int
        Shape (n,): for each row its file, and its row there.
    """

    def __init__(self, files: Sequence[Path], owner: np.ndarray, place: np.ndarray) -> None:
        self._files, self._owner, self._place = files, owner, place

    def __getitem__(self, rows: np.ndarray) -> np.ndarray:
        owner, place = self._owner[rows], self._place[rows]
        stamps = None
        for number in np.unique(owner):
            wanted = owner == number
            # Mapped and let go again: survey-scale records have more parts than a process may have open files.
            found = np.load(self._files[number], mmap_mode="r", allow_pickle=False)[place[wanted]]
            stamps = np.empty((len(rows), *found.shape[1:]), found.dtype) if stamps is None else stamps
            stamps[wanted] = found
        return stamps if stamps is not None else np.empty((0, 0), np.float32)
