"""Whole groups to train, validation, calibration and test, in proportion."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from ...errors import CeresFastError

SPLITS = ("train", "validation", "calibration", "test")
"""The splits, in the order of their files."""

FRACTIONS = {"train": 0.7, "validation": 0.1, "calibration": 0.1, "test": 0.1}
"""Share of each class that each split should get."""


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
        Share of each split that is to be filled; each above 0, their sum 1.
    seed : int
        Decides among groups of one size.

    Returns
    -------
    numpy.ndarray of str
        Name of the split of each stamp, (n,).

    Raises
    ------
    CeresFastError
        When there are fewer groups than splits.
    """
    # Not sklearn's StratifiedGroupKFold: its folds are all of one size (0.7 of 10 folds needs 10 groups, a survey of 8
    # fields has 8), it can leave a fold empty, and its order depends on the library's version.
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


def parse_fractions(text: str) -> dict[str, float]:
    """Return the fractions in a text such as ``0.6,0.1,0.2,0.1``, in the order of `SPLITS`.

    Raises
    ------
    CeresFastError
        When it is not of this form, or they cannot be (`check_fractions`).
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) != len(SPLITS):
        raise CeresFastError(f"--fractions {text}: expected {len(SPLITS)} numbers, for {', '.join(SPLITS)}.")
    fractions = dict(zip(SPLITS, numbers, strict=True))
    check_fractions(fractions)
    return fractions


def check_fractions(fractions: Mapping[str, float]) -> None:
    """Raise CeresFastError unless there is a share above 0 for each of `SPLITS` and they add up to 1."""
    wrong = tuple(fractions) != SPLITS or not min(fractions.values()) > 0 or not abs(sum(fractions.values()) - 1) < 1e-9
    if wrong:
        raise CeresFastError(
            f"split fractions {dict(fractions)}: expected a share above 0 for each of {', '.join(SPLITS)}, "
            "adding up to 1."
        )
