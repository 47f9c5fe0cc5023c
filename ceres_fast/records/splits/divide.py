"""How stamps are divided into splits: in proportion, with something held out, or by the counts of a preset."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from ...errors import CeresFastError
from ...frames.where import Where
from .fractions import SPLITS, check_fractions, split_groups
from .hold_out import check_hold_out, hold_out_stamps
from .quotas import fill_quotas, quotas_of


@dataclass(frozen=True)
class Division:
    """What decides the split of a stamp.

    Parameters
    ----------
    fractions : mapping of str to float
        Share of train, validation, calibration and test. With `hold_out`, the first three share what is not held
        out; with `preset`, only the share of calibration in training counts.
    seed : int
        Decides among equals, and which surplus stamps a preset drops.
    hold_out : sequence of (name, values)
        ``night``, ``field``, ``ccd`` or ``filter`` and its values: the test split. A stamp is held out when any of
        them has one of its values.
    preset : str, optional
        ``table1`` (`ceres_fast.records.splits.quotas.PRESETS`), or a part of it (``table1/8``).

    Raises
    ------
    CeresFastError
        When one of them cannot be, or both `hold_out` and `preset` are given.
    """

    fractions: Mapping[str, float]
    seed: int
    hold_out: Where = ()
    preset: str | None = None

    def __post_init__(self) -> None:
        check_fractions(self.fractions)
        check_hold_out(self.hold_out)
        if self.seed < 0:
            raise CeresFastError(f"seed {self.seed}: expected 0 or more.")
        if self.preset is not None:
            quotas_of(self.preset)
            if self.hold_out:
                raise CeresFastError("--hold-out and --preset both decide the test split; give one of them.")


def divide(columns: Mapping[str, np.ndarray], division: Division) -> tuple[np.ndarray, Counter[str]]:
    """Return the split of each stamp; stamps of one group are in one split.

    Parameters
    ----------
    columns : mapping of str to numpy.ndarray
        ``group``, ``label``, and for `hold_out` ``mjd``, ``field``, ``ccd`` and ``filter``, each (n,).
    division : Division
        What decides.

    Returns
    -------
    splits : numpy.ndarray of str
        (n,); "" where a stamp is dropped.
    counts : collections.Counter of str
        How many were dropped, by reason: ``linked_to_held_out``, ``unknown_if_held_out``, ``over_quota``.

    Raises
    ------
    CeresFastError
        When there are too few groups or stamps, or nothing has a value that is to be held out.
    """
    groups, labels = columns["group"], columns["label"]
    if division.preset is not None:
        return fill_quotas(groups, labels, quotas_of(division.preset), division.fractions, division.seed)
    if not division.hold_out:
        return split_groups(groups, labels, division.fractions, division.seed), Counter()
    held, dropped = hold_out_stamps(columns, division.hold_out)
    rest = ~(held | np.any(list(dropped.values()), axis=0))
    shares = {split: division.fractions[split] for split in SPLITS if split != "test"}
    shares = {split: share / sum(shares.values()) for split, share in shares.items()}
    splits = np.where(held, "test", "").astype(f"U{max(map(len, SPLITS))}")
    splits[rest] = split_groups(groups[rest], labels[rest], shares, division.seed)
    counts = Counter({reason: int(stamps.sum()) for reason, stamps in dropped.items() if stamps.any()})
    return splits, counts
