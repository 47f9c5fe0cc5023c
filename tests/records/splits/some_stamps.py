"""Columns of stamps of which little is known, and groups of given sizes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def places(count: int, **known: object) -> dict[str, np.ndarray]:
    """Return the columns that grouping looks at, for stamps of which nothing is known but `known`."""
    columns = {name: np.full(count, "", dtype="U20") for name in ("designation", "field", "ccd")}
    columns["source"] = np.array([f"{number}.fits" for number in range(count)], np.str_)
    columns |= {name: np.full(count, np.nan) for name in ("ra", "dec", "pixel_scale")}
    return columns | {name: np.asarray(values) for name, values in known.items()}


def stamps_of(sets: Sequence[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    """Return group and label of each stamp of groups with (non-asteroid, asteroid) stamps."""
    groups = np.repeat([f"g{number:03d}" for number in range(len(sets))], [sum(one) for one in sets])
    labels = np.concatenate([np.repeat([0, 1], one) for one in sets])
    return groups, labels
