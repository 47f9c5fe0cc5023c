"""What `--drop` or `--keep-above` would leave out of each field, and why: `ceres-fast classify --dry-run`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from datetime import date, timedelta

import numpy as np

from ..console import say, table
from ..frames.reading import FrameInfo
from .scores import STATIONARY, Scores

_MJD_ZERO = date(1858, 11, 17)


def _stationary(scores: Scores) -> np.ndarray:
    return scores.flags & STATIONARY > 0


WHY: dict[str, Callable[[Scores, np.ndarray, float], np.ndarray]] = {
    "dropped: stationary": lambda scores, kept, limit: ~kept & _stationary(scores),
    "dropped: P < {limit:g}": lambda scores, kept, limit: ~kept & ~_stationary(scores),
    "kept: no P": lambda scores, kept, limit: kept & np.isnan(scores.probability),
    "kept: provisional": lambda scores, kept, limit: kept & (scores.probability < limit),
    "kept: P ≥ {limit:g}": lambda scores, kept, limit: kept & (scores.probability >= limit),
}
"""Why a row goes or stays, and of which it is said: (n,) bool; of each row one of these is."""


def field_of(info: FrameInfo) -> str:
    """Return how a field and night are called; a frame that does not say its field is one of its own."""
    night = "" if info.night < 0 else f", {(_MJD_ZERO + timedelta(days=info.night)).isoformat()}"
    return f"{info.field or info.frame}{night}"


def reasons(scores: Scores, keep_above: float | None) -> Counter[str]:
    """Count rows by why they go or stay (`WHY`); none where every row is kept."""
    kept = scores.kept(keep_above)
    if kept is None or keep_above is None:
        return Counter()
    return Counter({why: int(holds(scores, kept, keep_above).sum()) for why, holds in WHY.items()})


def say_fields(fields: Mapping[str, Counter[str]], keep_above: float | None) -> None:
    """Print what would be dropped of each field, and why."""
    if keep_above is None:
        say("no row would be dropped: without --drop or --keep-above every row is kept")
        return
    everything = sum(fields.values(), Counter())
    lines = [*fields.items(), *([(f"all {len(fields)}", everything)] if len(fields) > 1 else [])]
    rows = [(name, why.format(limit=keep_above), count) for name, each in lines for why in WHY if (count := each[why])]
    table("Would be dropped and kept", ["field", "why", "rows"], rows)
