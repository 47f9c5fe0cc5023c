"""Published sets of stamps: how many of each class each split has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TypeAlias

from ..errors import CeresFastError

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
