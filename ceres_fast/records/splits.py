"""Groups of stamps that must stay together, and their division into train, validation, calibration and test.

Two stamps are linked, and so end up in one split, when a network could recognise the one from the other:

1. they show the same asteroid (the same designation);
2. they were cut from the same pointing and CCD (the same ``field`` and ``ccd``), on any night: same stars, same
   defects. Where the field is unknown, the file they were cut from (``source``) takes its place;
3. their cut-outs may overlap on the sky: closer than the diagonal of a stamp, whatever their fields are called.
   Survey fields overlap, and a name does not say so.

A group is a connected component of these links. The CCDs of one pointing are not linked as such: they see other sky,
and where dithering makes them see the same, rule 3 links them. Equal names mean equal things, in all sources.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import reduce

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from ..errors import CeresFastError
from ..survey.stamp_table import STAMP_SIZE

SPLITS = ("train", "validation", "calibration", "test")
"""The splits, in the order of their files."""

FRACTIONS = {"train": 0.7, "validation": 0.1, "calibration": 0.1, "test": 0.1}
"""Share of each class that each split should get."""

USUAL_PIXEL_SCALE = 1.0
"""arcsec per pixel where no stamp says its own: ZTF's, 3 times the INT's, as a link too many costs less than a leak."""


def group_stamps(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    """Return the name of the group of each stamp.

    Parameters
    ----------
    columns : mapping of str to numpy.ndarray
        ``designation``, ``field``, ``ccd``, ``source`` (str) and ``ra``, ``dec`` (deg), ``pixel_scale`` (arcsec/pixel),
        each (n,). Empty strings and NaN are unknown.

    Returns
    -------
    numpy.ndarray of str
        Shape (n,). A group is named after the first of its places: ``field NAME/CCD`` or ``file NAME``.
    """
    places = _places(columns)
    stamps = np.arange(len(places))
    known = stamps[columns["designation"] != ""]
    place_of = np.unique(places, return_inverse=True)[1]
    asteroid_of = np.unique(columns["designation"][known], return_inverse=True)[1]
    overlaps = overlapping_pairs(columns["ra"], columns["dec"], columns["pixel_scale"])
    # Places and asteroids are nodes too: n links per name instead of n * n.
    first_asteroid = len(places) + place_of.max(initial=-1) + 1
    nodes = first_asteroid + asteroid_of.max(initial=-1) + 1
    one = np.concatenate([stamps, known, overlaps[:, 0]])
    other = np.concatenate([len(places) + place_of, first_asteroid + asteroid_of, overlaps[:, 1]])
    links = coo_array((np.ones(len(one), np.int8), (one, other)), shape=(nodes, nodes))
    component = connected_components(links, directed=False)[1][: len(places)]
    by_place = np.lexsort((places, component))
    first = by_place[np.unique(component[by_place], return_index=True)[1]]
    return places[first][np.unique(component, return_inverse=True)[1]]


def _places(columns: Mapping[str, np.ndarray]) -> np.ndarray:
    field, ccd = columns["field"], columns["ccd"]
    # A field of which one stamp lacks its CCD cannot be told apart by CCD.
    by_ccd = ~np.isin(field, field[ccd == ""])
    of_field = np.where(by_ccd, _joined("field ", field, "/", ccd), _joined("field ", field))
    return np.where(field == "", _joined("file ", columns["source"]), of_field)


def _joined(*parts: str | np.ndarray) -> np.ndarray:
    return reduce(np.strings.add, map(np.asarray, parts))


def overlapping_pairs(ra: np.ndarray, dec: np.ndarray, pixel_scale: np.ndarray) -> np.ndarray:
    """Return the pairs of stamps whose cut-outs may share sky, at any rotation of the cameras.

    Parameters
    ----------
    ra, dec : numpy.ndarray
        Centres in degrees, (n,); a stamp without both is in no pair.
    pixel_scale : numpy.ndarray
        arcsec per pixel, (n,); the largest known one stands for NaN.

    Returns
    -------
    numpy.ndarray of int
        Shape (pairs, 2), 0-based: stamps closer than the mean of their diagonals.
    """
    placed = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    if placed.size < 2:
        return np.empty((0, 2), np.intp)
    usual = np.max(pixel_scale, initial=0, where=np.isfinite(pixel_scale)) or USUAL_PIXEL_SCALE
    scale = np.where(np.isfinite(pixel_scale[placed]), pixel_scale[placed], usual)
    # A detection is up to a pixel away from the middle of its stamp: hence one more on either side.
    half_diagonal = np.radians(scale * (STAMP_SIZE + 2) / np.sqrt(2) / 3600)
    longitude, latitude = np.radians(ra[placed]), np.radians(dec[placed])
    toward = np.column_stack(
        [np.cos(latitude) * np.cos(longitude), np.cos(latitude) * np.sin(longitude), np.sin(latitude)]
    )
    chord = 2 * np.sin(min(half_diagonal.max(), np.pi / 2))
    pairs = cKDTree(toward).query_pairs(chord, output_type="ndarray")
    apart = np.linalg.norm(toward[pairs[:, 0]] - toward[pairs[:, 1]], axis=1)
    near = apart < 2 * np.sin(np.minimum(half_diagonal[pairs].mean(axis=1), np.pi / 2))
    return placed[pairs[near]]


def split_groups(groups: np.ndarray, labels: np.ndarray, fractions: Mapping[str, float], seed: int) -> np.ndarray:
    """Return the split of each stamp: whole groups, with the classes in proportion.

    Greedy: the largest group first, each to the split where it brings the shares of the classes nearest to their
    targets (least chi-square). No split stays empty, and where enough groups have a class, no split goes without it.

    Parameters
    ----------
    groups : numpy.ndarray of str
        Name of the group of each stamp, (n,).
    labels : numpy.ndarray of int
        Classes, (n,).
    fractions : mapping of str to float
        Share of each split; each above 0, their sum 1.
    seed : int
        Decides among groups of one size.

    Returns
    -------
    numpy.ndarray of str
        Name of the split of each stamp, (n,).

    Raises
    ------
    CeresFastError
        When there are fewer groups than splits, or the fractions are not shares.
    """
    # Not sklearn's StratifiedGroupKFold: its folds are all of one size (0.7 of 10 folds needs 10 groups, a survey of 8
    # fields has 8), it can leave a fold empty, and its order depends on the library's version.
    check_fractions(fractions)
    names, group_of = np.unique(groups, return_inverse=True)
    if len(names) < len(fractions):
        raise CeresFastError(
            f"{len(names)} group(s) of stamps cannot fill {len(fractions)} splits: stamps that share an asteroid, a "
            f"field and CCD, or sky stay together. Add sources until there are at least {len(fractions)} groups."
        )
    classes, class_of = np.unique(labels, return_inverse=True)
    counts = np.zeros((len(names), len(classes)), np.int64)
    np.add.at(counts, (group_of, class_of), 1)
    chosen = _assign(counts, np.array(list(fractions.values())), np.random.default_rng(seed))
    return np.array(list(fractions))[chosen][group_of]


def _assign(counts: np.ndarray, fractions: np.ndarray, random: np.random.Generator) -> np.ndarray:
    shares = counts / counts.sum(axis=0)
    missing = np.repeat(fractions[:, None], counts.shape[1], axis=1)
    shuffled = random.permutation(len(counts))
    order = shuffled[np.argsort(-counts[shuffled].sum(axis=1), kind="stable")]
    chosen = np.full(len(counts), -1)
    holds = np.zeros((len(fractions), 1 + counts.shape[1]), bool)
    has = np.column_stack([np.ones(len(counts), bool), counts > 0])
    left = has[order][::-1].cumsum(axis=0)[::-1]
    for position, group in enumerate(order):
        allowed = _allowed(has[group], left[position], holds)
        # How much chi-square, the sum of (held - target)^2 / target, gets smaller.
        gain = (shares[group] * (2 * missing - shares[group]) / fractions[:, None]).sum(axis=1)
        split = np.where(allowed, gain, -np.inf).argmax()
        missing[split] -= shares[group]
        holds[split] |= has[group]
        chosen[group] = split
    return chosen


def _allowed(has: np.ndarray, left: np.ndarray, holds: np.ndarray) -> np.ndarray:
    """Return the splits a group may go to: where just enough groups are left, only those that still lack what it has.

    Column 0 stands for "anything at all" and comes first, then the classes, the rarer asteroids (label 1) before 0.
    """
    allowed = np.ones(len(holds), bool)
    for what in (0, *range(len(left) - 1, 0, -1)):
        lacking = allowed & ~holds[:, what]
        if has[what] and left[what] <= (~holds[:, what]).sum() and lacking.any():
            allowed = lacking
    return allowed


def check_fractions(fractions: Mapping[str, float]) -> None:
    """Raise CeresFastError unless there is a share above 0 for each of `SPLITS` and they add up to 1."""
    wrong = tuple(fractions) != SPLITS or min(fractions.values()) <= 0 or abs(sum(fractions.values()) - 1) > 1e-9
    if wrong:
        raise CeresFastError(
            f"split fractions {dict(fractions)}: expected a share above 0 for each of {', '.join(SPLITS)}, "
            "adding up to 1."
        )


def leaks(splits: np.ndarray, columns: Mapping[str, np.ndarray]) -> list[str]:
    """Return what is in more than one split: designations, places, or sky; nothing where the splits are sound.

    It looks at names and positions, not at the column ``group``, so that it can find a wrong group.

    Parameters
    ----------
    splits : numpy.ndarray of str
        Name of the split of each stamp, (n,).
    columns : mapping of str to numpy.ndarray
        As for `group_stamps`.
    """
    found = [
        f"{what} {key}"
        for what, keys in (("asteroid", columns["designation"]), ("stamps of", _places(columns)))
        for key in _in_several(splits[keys != ""], keys[keys != ""])
    ]
    pairs = overlapping_pairs(columns["ra"], columns["dec"], columns["pixel_scale"])
    crossing = pairs[splits[pairs[:, 0]] != splits[pairs[:, 1]]]
    names = columns["source"]
    return found + [f"overlapping cut-outs {names[one]} and {names[other]}" for one, other in crossing]


def _in_several(splits: np.ndarray, keys: np.ndarray) -> np.ndarray:
    names, key_of = np.unique(keys, return_inverse=True)
    split_of = np.unique(splits, return_inverse=True)[1]
    both = np.unique(np.column_stack([key_of, split_of]), axis=0)
    return names[np.bincount(both[:, 0], minlength=len(names)) > 1]
