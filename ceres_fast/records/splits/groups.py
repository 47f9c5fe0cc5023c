"""Groups of stamps that must stay together, and what is in two splits although it should not be.

Two stamps are linked, and so end up in one split, when a network could recognise the one from the other:

1. they show the same asteroid (the same designation);
2. they were cut from the same pointing and CCD (the same ``field`` and ``ccd``), on any night: same stars, same
   defects. Where the field is unknown, the file they were cut from (``source``) takes its place, and where that is
   unknown too, a cell of the sky;
3. their cut-outs may overlap on the sky: closer than the diagonal of a stamp, whatever their fields are called.
   Survey fields overlap, and a name does not say so.

A group is a connected component of these links. The CCDs of one pointing are not linked as such: they see other sky,
and where dithering makes them see the same, rule 3 links them. Equal names mean equal things, in all sources.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import reduce
from itertools import combinations
from typing import NamedTuple

import numpy as np

from .sky import cut_outs, join_overlapping, joined, overlapping_partner

_CELLS_PER_DEGREE = 10


def group_stamps(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the name of the group of each stamp.

    Time and memory grow with the number of stamps, not of pairs: 3 to 10 s for a million.

    Parameters
    ----------
    columns : mapping of str to numpy.ndarray
        ``designation``, ``field``, ``ccd``, ``source`` (str) and ``ra``, ``dec`` (deg), ``pixel_scale`` (arcsec/pixel),
        each (n,). Empty strings and NaN are unknown.

    Returns
    -------
    numpy.ndarray of str
        Shape (n,). A group is named after the first of its places (`places`).
    """
    place_names, place_of = np.unique(places(columns), return_inverse=True)
    known = np.flatnonzero(columns["designation"] != "")
    # The first stamp of a name stands for the name: n links instead of n * n.
    component = joined(np.arange(len(place_of)), np.arange(len(place_of)), _first_of(place_of))
    asteroid_of = np.unique(columns["designation"][known], return_inverse=True)[1]
    component = joined(component, known, known[_first_of(asteroid_of)])
    component = join_overlapping(component, cut_outs(columns))
    # Places are in the order of their names, so the least number is the first name.
    first_place = np.full(component.max(initial=-1) + 1, len(place_names))
    np.minimum.at(first_place, component, place_of)
    return place_names[first_place[component]]


def _first_of(numbers: np.ndarray) -> np.ndarray:
    return np.unique(numbers, return_index=True)[1][numbers]


def places(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return where each stamp was cut from, str (n,).

    ``field NAME/CCD``, ``field NAME`` (where a CCD of the field is unknown), ``file NAME``, ``sky RA DEC``, or
    ``unknown place``: stamps of which nothing is known may all be of one place, and stay together.
    """
    field, ccd = columns["field"], columns["ccd"]
    # Where one stamp of a field lacks its CCD, it may be of any of them: the whole field is one place.
    by_ccd = ~np.isin(field, np.unique(field[ccd == ""]))
    of_field = np.where(by_ccd, _joined("field ", field, "/", ccd), _joined("field ", field))
    of_file = np.where(columns["source"] == "", _sky_cells(columns), _joined("file ", columns["source"]))
    return np.where(field == "", of_file, of_field)


def _sky_cells(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    ra, dec = (np.floor(columns[name] * _CELLS_PER_DEGREE) / _CELLS_PER_DEGREE for name in ("ra", "dec"))
    placed = np.isfinite(ra) & np.isfinite(dec)
    cells = np.full(len(placed), "unknown place", dtype="U40")
    rows = np.flatnonzero(placed & (columns["field"] == "") & (columns["source"] == ""))
    cells[rows] = [f"sky {one:.1f} {other:+.1f}" for one, other in zip(ra[rows], dec[rows], strict=True)]
    return cells


def _joined(*parts: str | np.ndarray) -> np.ndarray:
    return reduce(np.strings.add, map(np.asarray, parts))


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
