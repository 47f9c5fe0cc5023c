"""What the planes of real alerts are worth: asteroids against artefacts, grouped 5-fold, by StampNet and by trees.

    python -m benchmarks.alert_planes ALERTS --seeds 3

ALERTS is a folder of alert packets of ZTF or Rubin, in Avro or Parquet. Labels are those of `build-records`: an
asteroid is within 2 arcsec of a known minor planet, bogus is what the survey's own score says; an alert that is there
twice counts once. StampNet and gradient-boosted trees on the side numbers see the science plane, the difference, or all
three; folds and fits are those of `benchmarks.folds`. *Less science*: the difference of ROC AUC to the trees on the
science plane, with the 95 % interval of bootstrap samples of groups.

**The survey's score is the opinion of a network that saw all three planes**, so that what three planes gain here is
partly agreement with it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import vstack

from benchmarks.folds import Learner, compared, network, on_numbers, out_of_fold, rows_there, scores, trees
from benchmarks.machine import command_line, write_result
from benchmarks.ztf_cross_validation import FOLDS, Stamps
from ceres_fast.alerts import alert_tables, alert_units
from ceres_fast.console import say, table
from ceres_fast.model.side import SIDE_NUMBERS, side_numbers
from ceres_fast.records.splits import group_stamps
from ceres_fast.settings.training import Settings
from ceres_fast.stamps import PLANES

CHOICES = {"science": [0], "difference": [2], ", ".join(PLANES): [0, 1, 2]}
"""Planes that are given."""

FIRST = "trees: science"

BATCH = 32

MAKES: dict[str, Callable[[np.ndarray, np.ndarray], Learner]] = {
    "trees": lambda stamps, labels: on_numbers(stamps, labels, trees),
    "stampnet": partial(network, settings=Settings.of("stampnet", batch_size=BATCH)),
}


def read(folder: Path) -> Stamps:
    """Read the asteroids and artefacts of a folder, stamps (n, 32, 32, 3)."""
    kept = [("LABEL", ["asteroid", "bogus"])]
    parts = [
        each
        for unit in alert_units(folder)
        for each, _ in alert_tables(unit, planes=PLANES, where=kept, on_error="skip")
    ]
    found = vstack(parts, metadata_conflicts="silent")
    _, first = np.unique(np.column_stack([found[name] for name in ("ra", "dec", "mjd")]), axis=0, return_index=True)
    known = {name: np.asarray(found[name])[first] for name in found.colnames}
    return Stamps(known.pop("stamp"), known, group_stamps(known))


def main() -> None:
    """Run the command line."""
    parser = command_line(__file__, __doc__)
    parser.add_argument("alerts", type=Path)
    parser.add_argument("--seeds", type=int, default=3, help="repeats with other folds and first weights (default 3)")
    parser.add_argument("--stampnet", nargs="*", choices=CHOICES, default=list(CHOICES), help="planes; all by default")
    given = parser.parse_args()
    data = read(given.alerts)
    counts = np.bincount(data.labels, minlength=2)
    signal = np.asarray(side_numbers(data.stamps[..., :1]))[:, list(SIDE_NUMBERS).index("inner_flux")]
    about = {
        "stamps": {"asteroid": int(counts[1]), "bogus": int(counts[0]), "groups": len(np.unique(data.group))},
        "seeds": given.seeds,
    }
    answers: dict[str, np.ndarray] = {}
    results: dict[str, Any] = rows_there(given.output, about)
    for kind, make in MAKES.items():
        for choice, planes in CHOICES.items():
            if kind == "stampnet" and choice not in given.stampnet:
                continue
            name, began = f"{kind}: {choice}", time.process_time()
            learner = make(data.stamps[..., planes], data.labels)
            answers[name] = np.stack([out_of_fold(learner, data, seed) for seed in range(given.seeds)], axis=1)
            results[name] = {
                "cpu_seconds_per_fit": round((time.process_time() - began) / (given.seeds * FOLDS), 1),
                **scores(data, answers[name][0], signal),
                "less_science": compared(data, answers[name][0], answers[FIRST][0]),
                "less_trees": compared(data, answers[name][0], answers[f"trees: {choice}"][0]),
            }
            say(f"{name}: {results[name]}")
            write_result(given.output, {**about, "results": results})
    table(
        "Planes of real alerts, out of fold",
        ("", "ROC AUC", "less science", "to"),
        [
            (name, *(f"{value:.3f}" for value in (each["roc_auc"]["mean"], *list(each["less_science"].values())[1:])))
            for name, each in results.items()
        ],
    )


if __name__ == "__main__":
    main()
