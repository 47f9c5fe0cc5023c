"""Published sets of stamps (`PRESETS`), and splits of exactly their size.

Whole groups are chosen for each split, and the stamps that a split then has too much of are dropped.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from ...errors import CeresFastError
from ...stamps import CLASSES
from .fractions import split_groups

Quotas: TypeAlias = Mapping[str, Mapping[str, int]]
"""Split: {class name: number of stamps}. ``train`` counts training and calibration together."""

PRESETS: dict[str, Quotas] = {
    "table1": {
        "train": {"non_asteroid": 38146, "asteroid": 21733},
        "validation": {"non_asteroid": 433, "asteroid": 747},
        "test": {"non_asteroid": 5983, "asteroid": 2331},
    },
}
"""``table1``: Table 1 of Bacu et al. 2023, doi 10.20944/preprints202308.0047.v1. The paper has no calibration split."""


def quotas_of(preset: str) -> Quotas:
    """Return the quotas of a preset, or of a part of it: ``table1``, ``table1/8``.

    Raises
    ------
    CeresFastError
        When there is no such preset, or a class of a split would have no stamp.
    """
    name, slash, divisor = preset.partition("/")
    if name not in PRESETS or (slash and not re.fullmatch(r"[1-9]\d{0,5}", divisor)):
        raise CeresFastError(
            f"no preset {preset!r}; there is {', '.join(PRESETS)}, and a part of it, for example table1/8."
        )
    return scaled(PRESETS[name], int(divisor or 1))


def scaled(quotas: Quotas, divisor: int) -> Quotas:
    """Return the quotas divided by `divisor`, rounded down.

    Raises
    ------
    CeresFastError
        When a class of a split would have no stamp.
    """
    part = {split: {name: count // divisor for name, count in classes.items()} for split, classes in quotas.items()}
    if not all(count for classes in part.values() for count in classes.values()):
        raise CeresFastError(f"1/{divisor} of the preset leaves a class of a split without stamps.")
    return part


OVER = "over_quota"

_CHOSEN = ("validation", "test")
"""The splits that groups are chosen for, the one with the stranger balance of classes first; train gets the rest."""

_TRIES = 8
_LEAST_PRICE = 0.1
_SAME = 1e-9


def fill_quotas(
    groups: np.ndarray, labels: np.ndarray, quotas: Quotas, fractions: Mapping[str, float], seed: int
) -> tuple[np.ndarray, Counter[str]]:
    """Return the split of each stamp, with exactly the classes of `quotas`; groups stay whole.

    Validation and test get groups that fill them with little to spare; train gets all the others. What a split then
    has too much of a class is dropped, by chance. Whole groups of train become calibration.

    Parameters
    ----------
    groups : numpy.ndarray of str
        Name of the group of each stamp, (n,).
    labels : numpy.ndarray of int
        Classes, (n,).
    quotas : mapping of str to mapping of str to int
        Split: {class name: stamps} of train (with calibration), validation and test.
    fractions : mapping of str to float
        The part calibration / (train + calibration) of the training stamps becomes calibration.
    seed : int
        Decides among groups that fit as well, and which stamps are dropped.

    Returns
    -------
    splits : numpy.ndarray of str
        (n,); "" where a stamp is dropped.
    counts : collections.Counter of str
        ``over_quota``: how many were dropped.

    Raises
    ------
    CeresFastError
        When there are too few stamps of a class, or the groups are too large or too few to be divided so.
    """
    wanted = {split: np.array([classes[name] for name in CLASSES]) for split, classes in quotas.items()}
    names, group_of = np.unique(groups, return_inverse=True)
    counts = np.zeros((len(names), len(CLASSES)), np.int64)
    np.add.at(counts, (group_of, labels), 1)
    _refuse_too_few(counts, wanted)
    random = np.random.default_rng(seed)
    split_of = _keep_quota(_choose(counts, wanted, random)[group_of], labels, wanted, random)
    training = np.flatnonzero(split_of == "train")
    whole = fractions["train"] + fractions["calibration"]
    shares = {split: fractions[split] / whole for split in ("train", "calibration")}
    split_of[training] = split_groups(groups[training], labels[training], shares, seed)
    dropped = int((split_of == "").sum())
    return split_of, Counter({OVER: dropped} if dropped else {})


def _refuse_too_few(counts: np.ndarray, wanted: Mapping[str, np.ndarray]) -> None:
    there, needed = counts.sum(axis=0), np.sum(list(wanted.values()), axis=0)
    if (there < needed).any():
        stamps = ", ".join(f"{have} {name} of {need}" for name, have, need in zip(CLASSES, there, needed, strict=True))
        raise CeresFastError(
            f"too few stamps for the preset: {stamps} needed. Add sources, or ask for a part of it (table1/8)."
        )
    if len(counts) <= len(wanted):
        raise CeresFastError(
            f"{len(counts)} group(s) of stamps cannot fill {len(wanted) + 1} splits: stamps that share an asteroid, a "
            "field and CCD, or sky stay together. Add sources."
        )


def _choose(counts: np.ndarray, wanted: Mapping[str, np.ndarray], random: np.random.Generator) -> np.ndarray:
    """Return the split of each group, str (groups,): the first try that leaves enough for train."""
    spare = counts.sum(axis=0) - np.sum(list(wanted.values()), axis=0)
    # A class of which there is little to spare is dear; no class is free, as what is dropped cannot be learnt from.
    price = np.clip((spare.min() + 1) / (spare + 1), _LEAST_PRICE, 1)
    shortages = []
    for _ in range(_TRIES):
        split_of = np.full(len(counts), "train", dtype=f"U{len('calibration')}")
        for split in _CHOSEN:
            free = random.permutation(np.flatnonzero(split_of == "train"))
            split_of[free[_covering(counts[free], wanted[split], price)]] = split
        held = {split: counts[split_of == split].sum(axis=0) for split in wanted}
        short = {split: np.maximum(wanted[split] - held[split], 0) for split in wanted}
        if not any(map(np.any, short.values())):
            return split_of
        shortages.append(short)
        # Other prices lead to other groups.
        price = np.clip(price * random.uniform(0.5, 2, len(price)), _LEAST_PRICE, 1)
    raise _too_large(min(shortages, key=lambda short: np.sum(list(short.values()))))


def _too_large(short: Mapping[str, np.ndarray]) -> CeresFastError:
    lacks = "; ".join(
        f"{split} lacks {' and '.join(f'{count} {name}' for name, count in zip(CLASSES, lack, strict=True) if count)}"
        for split, lack in short.items()
        if lack.any()
    )
    return CeresFastError(
        "the groups of stamps are too large or too few for the preset: whole groups go to one split, and then "
        f"{lacks} stamps. Add sources, or ask for a part of the preset (table1/8)."
    )


def _covering(counts: np.ndarray, need: np.ndarray, price: np.ndarray) -> np.ndarray:
    """Return groups (0-based, of `counts` (groups, classes)) that hold `need` with little to spare, or all they can.

    Greedy, by the share of a group that is needed, the larger of two first; then single groups are exchanged for
    smaller ones. Groups with the same counts are one kind, so the work grows with the number of kinds.
    """
    kinds, kind_of, free = np.unique(counts, axis=0, return_inverse=True, return_counts=True)
    kind_of = kind_of.reshape(-1)
    taken = np.zeros_like(free)
    while (missing := np.maximum(need - taken @ kinds, 0)).any():
        useful = np.minimum(kinds, missing).sum(axis=1)
        open_to_choice = (useful > 0) & (taken < free)
        if not open_to_choice.any():
            break
        waste = np.maximum(kinds - missing, 0) @ price
        share = np.where(open_to_choice, useful / np.maximum(useful + waste, 1), 0)
        best = np.flatnonzero(share >= share.max() - _SAME)
        kind = best[useful[best].argmax()]
        fitting = np.min(missing[kinds[kind] > 0] // kinds[kind][kinds[kind] > 0])
        taken[kind] += min(max(fitting, 1), free[kind] - taken[kind])
    _exchange(kinds, taken, free, need, price)
    order = np.argsort(kind_of, kind="stable")
    rank = np.arange(len(order)) - np.searchsorted(kind_of[order], kind_of[order])
    return order[rank < taken[kind_of[order]]]


def _exchange(kinds: np.ndarray, taken: np.ndarray, free: np.ndarray, need: np.ndarray, price: np.ndarray) -> None:
    """Leave out or exchange single groups as long as that wastes less; changes `taken`."""
    cost = kinds @ price
    better = True
    while better:
        better = False
        for kind in np.flatnonzero(taken):
            rest = need - (taken @ kinds - kinds[kind])
            enough = (kinds >= rest).all(axis=1) & (taken < free) & (cost < cost[kind] - _SAME)
            if (rest <= 0).all():
                taken[kind] -= 1
            elif enough.any():
                taken[kind] -= 1
                taken[np.where(enough, cost, np.inf).argmin()] += 1
            else:
                continue
            better = True


def _keep_quota(
    split_of: np.ndarray, labels: np.ndarray, wanted: Mapping[str, np.ndarray], random: np.random.Generator
) -> np.ndarray:
    """Return the splits of stamps with "" for those that a split has too much of, chosen by chance."""
    kept = split_of.copy()
    for split, quota in wanted.items():
        for label, count in enumerate(quota):
            rows = np.flatnonzero((split_of == split) & (labels == label))
            kept[random.permutation(rows)[count:]] = ""
    return kept
