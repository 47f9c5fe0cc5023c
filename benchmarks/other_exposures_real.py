"""A real asteroid in all exposures of a night, and what forced fluxes leave of the other detections.

python -m benchmarks.other_exposures_real NIGHT TRUTH

NIGHT is a folder of frames of one field with their catalogues, TRUTH the observations of its asteroid. For several
rates of the slowest asteroid that is wanted, which decide how far apart in time exposures must be, it counts what the
rule for stationary detections leaves, and what is left with a limit of the forced fluxes.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.machine import command_line, write_result
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.console import table
from ceres_fast.frames.exposures import group_exposures
from ceres_fast.frames.reading import find_frames, read_headers
from ceres_fast.selection.labels import label_field
from ceres_fast.selection.others.exposures import OtherExposures
from ceres_fast.selection.others.forced import Forced
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import find_stationary
from ceres_fast.truth import read_truth

RATES = (0.1, 0.15, 0.19)
"""arcsec/min; the last is that of the asteroid."""

LIMIT = 0.4


def night(folder: Path, truth: Path, slowest: float) -> dict[str, Any]:
    """Return the forced fluxes of the asteroid, and how many of the other detections the rules leave."""
    rules = Rules(slowest=slowest, forced_limit=LIMIT)
    (group,) = group_exposures([header.info for path in find_frames([folder]) for header in read_headers(path)])
    exposures = [read_detections(info) for info in group]
    found, comparison = find_stationary(exposures, rules)
    assert comparison is not None
    others = OtherExposures(exposures, rules)
    of_asteroid, rest = [], []
    for e, labelled in enumerate(label_field(exposures, found.stays, read_truth(truth), rules)):
        asteroid = labelled.accepted.label == 1
        of_asteroid += [(group[e].frame, others.forced(e, np.flatnonzero(asteroid)))] if asteroid.any() else []
        rest.append(others.forced(e, np.flatnonzero(~found.stays[e] & ~asteroid)))
    return {
        "exposures": len(group),
        "detections": sum(len(each.x) for each in exposures),
        "minutes_needed": round(comparison.typical_minutes, 1),
        "asteroid": {
            "exposures": len(of_asteroid),
            "looked_at_in": sum(int(forced.looked[0] > 0) for _, forced in of_asteroid),
            "removed_in": sum(int(forced.elsewhere(LIMIT).any()) for _, forced in of_asteroid),
            "by_exposure": {frame: _row(forced) for frame, forced in of_asteroid},
        },
        "others": {
            "not_stationary": sum(len(forced.ratio) for forced in rest),
            "nobody_looked": sum(int((forced.looked == 0).sum()) for forced in rest),
            "left": sum(int((~forced.elsewhere(LIMIT)).sum()) for forced in rest),
            "left_if_all_must_show": sum(int((~(forced.least > LIMIT)).sum()) for forced in rest),
            "left_that_no_exposure_shows": sum(
                int(((forced.looked > 0) & (forced.seen == 0)).sum()) for forced in rest
            ),
        },
    }


def _row(forced: Forced) -> dict[str, Any]:
    """Return the columns of the only detection, and all ratios."""
    columns = {name: float(values[0]) for name, values in forced.columns().items()}
    rounded = {name: None if np.isnan(value) else round(value, 3) for name, value in columns.items()}
    return {**rounded, "ratio": [None if np.isnan(value) else round(float(value), 3) for value in forced.ratio[0]]}


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("night", type=Path)
    parser.add_argument("truth", type=Path)
    given = parser.parse_args()
    by_rate = {f"{rate:g}": night(given.night, given.truth, rate) for rate in RATES}
    write_result(given.output, {"limit": LIMIT, "seed": None, "slowest_arcsec_per_min": by_rate})
    rows = [
        (
            rate,
            each["minutes_needed"],
            f"{each['asteroid']['looked_at_in']} / {each['asteroid']['exposures']}",
            each["asteroid"]["removed_in"],
            *each["others"].values(),
        )
        for rate, each in by_rate.items()
    ]
    heading = (
        "slowest",
        "minutes",
        "asteroid looked at",
        "removed",
        "others left",
        "nobody looked",
        "now",
        "least",
        "unseen",
    )
    table(f"Limit {LIMIT:g}", heading, rows)


if __name__ == "__main__":
    main()
