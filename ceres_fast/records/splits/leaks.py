"""What is in more than one split, and should not be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np

from .groups import places
from .sky import cut_outs, overlapping_partner

LEAK_COLUMNS = ("designation", "field", "ccd", "source", "ra", "dec", "pixel_scale", "group")
"""The columns `leaks` looks at."""


class Leak(NamedTuple):
    """Something that is in two splits or more."""

    kind: str
    """``asteroid``, ``place``, ``sky``, ``group`` or ``pixels``."""

    what: str
    """In words."""

    def __str__(self) -> str:
        return self.what


def leaks(splits: np.ndarray, columns: Mapping[str, np.ndarray]) -> list[Leak]:
    """Return what is in more than one split: designations, places, sky, groups; nothing where the splits are sound.

    It looks at names and positions first, not at the column ``group``, so that it can find a wrong group.

    Parameters
    ----------
    splits : numpy.ndarray of str
        Name of the split of each stamp, (n,); "" is no split (a stamp that was dropped).
    columns : mapping of str to numpy.ndarray
        As for `group_stamps`, and ``group`` where it is known.
    """
    kept = np.flatnonzero(splits != "")
    splits, columns = splits[kept], {name: columns[name][kept] for name in LEAK_COLUMNS if name in columns}
    named = [
        Leak(kind, f"{words} {key}".lstrip())
        for kind, words, keys in (
            ("asteroid", "asteroid", columns["designation"]),
            ("place", "stamps of", places(columns)),
            ("group", "group", columns.get("group", np.empty(0, np.str_))),
        )
        for key in _in_several(splits[: len(keys)][keys != ""], keys[keys != ""])
    ]
    return named + list(_overlapping(splits, columns))


def _overlapping(splits: np.ndarray, columns: Mapping[str, np.ndarray]) -> Iterator[Leak]:
    cuts, names = cut_outs(columns), columns["source"]
    split_of = splits[cuts.stamps]
    for one, other in combinations(np.unique(split_of), 2):
        here, there = cuts[np.flatnonzero(split_of == one)], cuts[np.flatnonzero(split_of == other)]
        partner = overlapping_partner(here, there)
        for row in np.flatnonzero(partner >= 0):
            found = names[here.stamps[row]], names[there.stamps[partner[row]]]
            yield Leak("sky", f"overlapping cut-outs {found[0]} and {found[1]}")


def _in_several(splits: np.ndarray, keys: np.ndarray) -> np.ndarray:
    names, key_of = np.unique(keys, return_inverse=True)
    split_of = np.unique(splits, return_inverse=True)[1]
    both = np.unique(np.column_stack([key_of, split_of]), axis=0)
    return names[np.bincount(both[:, 0], minlength=len(names)) > 1]
