"""Which cut-outs may share sky, without looking at every pair: 1000 stamps of one star are half a million pairs.

A cut-out is a circle as wide as the stamp's diagonal, so that it holds the stamp at any rotation of the camera. Two
are linked when their circles overlap. Directions are unit vectors, which know neither poles nor a meridian.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ...stamps import STAMP_SIZE

LEAST_UNKNOWN_SCALE = 1.0
"""arcsec per pixel where a stamp does not say its own, or more if another one has more. ZTF's, 3 times the INT's: a
link too many costs less than a leak."""

_LEAST_RADIUS = 1e-9
_AT_ONCE = 4096


@dataclass(frozen=True)
class CutOuts:
    """The stamps whose place is known.

    Attributes
    ----------
    stamps : numpy.ndarray of int
        0-based rows of the stamp table, (n,).
    toward : numpy.ndarray
        Unit vectors, (n, 3).
    radius : numpy.ndarray
        Half the diagonal of each, in radians, (n,).
    """

    stamps: np.ndarray
    toward: np.ndarray
    radius: np.ndarray

    def __getitem__(self, rows: np.ndarray) -> CutOuts:
        return CutOuts(self.stamps[rows], self.toward[rows], self.radius[rows])

    def octaves(self) -> np.ndarray:
        """Return the power of two below each radius, int64 (n,): cut-outs of much the same size are treated together.

        One search radius for all of them would be the largest, and bring many false candidates for small ones.
        """
        return np.floor(np.log2(self.radius)).astype(np.int64)


def cut_outs(columns: Mapping[str, np.ndarray]) -> CutOuts:
    """Return the cut-outs of the stamps that have both ``ra`` and ``dec`` (deg), sized by ``pixel_scale``."""
    ra, dec, scale = columns["ra"], columns["dec"], columns["pixel_scale"]
    known = np.isfinite(scale) & (scale > 0)
    stamps = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    unknown = max(LEAST_UNKNOWN_SCALE, np.max(scale, initial=0, where=known))
    # A detection is up to a pixel away from the middle of its stamp: hence one more on either side.
    diagonal = np.radians(np.where(known, scale, unknown)[stamps] / 3600) * (STAMP_SIZE + 2) * np.sqrt(2)
    longitude, latitude = np.radians(ra[stamps]), np.radians(dec[stamps])
    toward = np.column_stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)]
    )
    return CutOuts(stamps, toward, np.clip(diagonal / 2, _LEAST_RADIUS, np.pi / 2))


def joined(component: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Return the components of nodes, (n,), after linking the nodes `one` to `other`, (links,) each."""
    size = component.max(initial=-1) + 1
    ends = component[one], component[other]
    links = coo_array((np.ones(len(one), np.int8), ends), shape=(size, size))
    return connected_components(links, directed=False)[1][component]


def join_overlapping(component: np.ndarray, cuts: CutOuts) -> np.ndarray:
    """Return the components of stamps, (n,), after linking those whose cut-outs overlap.

    Cut-outs whose middles are in one cell smaller than they are overlap. Cells, at most as many as there are stamps
    and never more than the sky has room for, are then linked when the boxes around their middles are near enough.
    Between two cells with many stamps each this may link a few that just miss each other, and never the reverse.
    """
    if not len(cuts.stamps):
        return component
    cells = _Cells.of(cuts)
    component = joined(component, cuts.stamps, cells.first[cells.of_stamp])
    for one, other in cells.near():
        component = joined(component, cells.first[one], cells.first[other])
    return component


@dataclass(frozen=True)
class _Cells:
    """Occupied cells: a stamp of each, the box around the middles (`middle` ± `half`), the largest radius."""

    of_stamp: np.ndarray
    first: np.ndarray
    octave: np.ndarray
    middle: np.ndarray
    half: np.ndarray
    radius: np.ndarray

    @classmethod
    def of(cls, cuts: CutOuts) -> _Cells:
        octave = cuts.octaves()
        # The diagonal of a cell is the diameter of the smallest cut-out of its octave.
        cell = np.floor(cuts.toward / (np.exp2(octave + 1.0) / np.sqrt(3))[:, None]).astype(np.int64)
        keys, of_stamp = np.unique(np.column_stack([octave, cell]), axis=0, return_inverse=True)
        of_stamp = of_stamp.reshape(-1)
        order = np.argsort(of_stamp, kind="stable")
        starts = np.searchsorted(of_stamp[order], np.arange(len(keys)))
        low = np.minimum.reduceat(cuts.toward[order], starts)
        high = np.maximum.reduceat(cuts.toward[order], starts)
        radius = np.maximum.reduceat(cuts.radius[order], starts)
        return cls(of_stamp, cuts.stamps[order[starts]], keys[:, 0], (low + high) / 2, (high - low) / 2, radius)

    def near(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the pairs of cells that are linked, in portions."""
        # The box of a cell is at most as large as the cell.
        reach = self.radius + np.linalg.norm(self.half, axis=1)
        trees = [(rows, cKDTree(self.middle[rows])) for rows in _rows_of(self.octave)]
        for number, (large, _) in enumerate(trees):
            for small, tree in trees[: number + 1]:
                bound = reach[large].max() + reach[small].max()
                for rows in np.array_split(large, -(-len(large) // _AT_ONCE)):
                    found = cKDTree(self.middle[rows]).sparse_distance_matrix(tree, bound, output_type="ndarray")
                    yield self._overlapping(rows[found["i"]], small[found["j"]])

    def _overlapping(self, one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        between = np.abs(self.middle[one] - self.middle[other]) - self.half[one] - self.half[other]
        # The chord is shorter than the angle, so this errs towards a link, by less than 1e-8 for stamps.
        apart = np.linalg.norm(np.maximum(between, 0), axis=1)
        near = apart < self.radius[one] + self.radius[other]
        return one[near], other[near]


def _rows_of(keys: np.ndarray) -> list[np.ndarray]:
    return [np.flatnonzero(keys == key) for key in np.unique(keys)]


def overlapping_partner(cuts: CutOuts, others: CutOuts) -> np.ndarray:
    """Return for each cut-out the 0-based number of one of `others` that overlaps it, (n,); -1 where none does."""
    partner = np.full(len(cuts.stamps), -1)
    for there in _rows_of(others.octaves()):
        tree, largest = cKDTree(others.toward[there]), others.radius[there].max()
        for here in _rows_of(cuts.octaves()):
            reach = cuts.radius[here].max() + largest
            distance, nearest = tree.query(cuts.toward[here], distance_upper_bound=reach)
            maybe = np.isfinite(distance) & (partner[here] < 0)
            rows, candidates = here[maybe], there[nearest[maybe]]
            near = _overlap(cuts[rows], others[candidates])
            partner[rows[near]] = candidates[near]
            for row in rows[~near]:
                # The nearest one may be smaller than one that is a little farther away.
                around = there[tree.query_ball_point(cuts.toward[row], cuts.radius[row] + largest)]
                hits = around[_overlap(cuts[np.repeat(row, len(around))], others[around])]
                partner[row] = hits[0] if hits.size else -1
    return partner


def _overlap(one: CutOuts, other: CutOuts) -> np.ndarray:
    apart = np.linalg.norm(one.toward - other.toward, axis=1)
    return apart < 2 * np.sin((one.radius + other.radius) / 2)
