"""What the other exposures of a field are worth: planes and forced fluxes against a single stamp.

    CERES_FAST_WEIGHTS=FOLDER python -m benchmarks.other_exposures --work WORK

Three simulated surveys. On nights of the first, one classifier of one plane and one of three (science, template,
difference) are trained, on others they are calibrated, and on others everything is chosen. The two others are measured:
non-asteroids left at equal numbers of asteroids kept, by what they are. Then asteroids of all rates are simulated under
conditions (`benchmarks.slow_movers`), and those counted that the forced rule loses.

WORK keeps what was made, so that a run that was stopped goes on. Takes about an hour on two cores, and no GPU.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import add
from pathlib import Path
from typing import Any

import numpy as np

import ceres_fast
from benchmarks import slow_movers
from benchmarks.builds import SLOWEST
from benchmarks.classified import Classified, read_classified, tables_in
from benchmarks.equal_asteroids import compared
from benchmarks.machine import command_line, write_result
from benchmarks.simulated_truth import exposures_of, in_exposure, read_asteroids
from benchmarks.steps import Work
from benchmarks.ways import LIMITS, ONE, THREE, choose, ways
from ceres_fast.catalogues import read_catalogue
from ceres_fast.classify.scores import ELSEWHERE, FLAGS, STATIONARY
from ceres_fast.console import say, table
from ceres_fast.selection.track_cost import LOST

SOME_PROVISIONAL = 4
"""Exit status of `ceres-fast classify` where the exposures of a field are too near in time to be compared."""

MAX_LOSS, CONFIDENCE = 0.05, 0.95
"""What the nights to calibrate on are asked to promise."""


@dataclass(frozen=True)
class Survey:
    """A survey, and the part of it that is measured."""

    seed: int
    fields: int
    held_out_fields: int
    part: str


SURVEYS = {
    "choices": Survey(21, 80, 12, "held-out"),
    "held out 1": Survey(22, 20, 1, "training"),
    "held out 2": Survey(23, 20, 1, "training"),
}
"""The first is trained, calibrated and chosen on. Of the others nothing was seen: their nights are those of
``training`` because each has four fields then, which are high in the sky."""

NIGHTS = {"train": slice(0, 15), "choose": slice(15, 17), "calibrate": slice(17, 20)}
"""What the training nights of the first survey are used for; its held-out night is chosen on, too."""

HELD_OUT = ("held out 1", "held out 2")

NETWORKS = {ONE: "science", THREE: "science,template,difference"}


def nights_for(work: Work, use: str) -> list[Path]:
    """Return the training nights of the first survey that are for a use (`NIGHTS`)."""
    return sorted(path for path in (work / "choices/training").iterdir() if path.is_dir())[NIGHTS[use]]


def prepare(work: Work) -> None:
    """Simulate and detect the surveys; train both classifiers on nights of the first."""
    for name, survey in SURVEYS.items():
        folder = work / name
        numbers = ("--fields", survey.fields, "--held-out-fields", survey.held_out_fields, "--seed", survey.seed)
        work.done(f"simulate {name}", ("simulate", folder, "--small", "--overwrite", *numbers))
        work.done(f"detect {name}", ("detect", folder, "--overwrite"))
    for network, planes in NETWORKS.items():
        records, run = work / f"{network}/records", work / f"{network}/run"
        known = ("--truth", work / "choices/training/asteroids.csv", "--slowest", SLOWEST)
        chosen = ("--planes", planes, "--fractions", "0.84,0.12,0.02,0.02", "--overwrite")
        build = ("build-records", *nights_for(work, "train"), "--records", records, *known, *chosen)
        work.done(f"records {network}", build)
        training = ("train", "--records", records, "--run", run, "--cache-dir", work / "cache", "--seed", 0)
        work.done(f"train {network}", training)
        work.done(f"export {network}", ("export", run))


def sets(work: Work) -> dict[str, tuple[str, str, list[Path]]]:
    """Return what is classified: the survey, its part, and the folders; the nights that are measured, and `NIGHTS`."""
    measured = {name: (name, survey.part, [work / name / survey.part]) for name, survey in SURVEYS.items()}
    return measured | {use: ("choices", "training", nights_for(work, use)) for use in ("choose", "calibrate")}


def classify(work: Work, name: str, limits: Iterable[float]) -> Classified:
    """Classify a set with both classifiers, and with each limit of the forced rule, and read what came of it."""
    survey, part, folders = sets(work)[name]
    tables = {network: _classify(work, folders, f"{network}/{name}", network, "--forced") for network in NETWORKS}
    ruled = {
        limit: _classify(work, folders, f"limit {limit:g}/{name}", ONE, "--forced-limit", limit) for limit in limits
    }
    return read_classified(work / survey, part, survey, tables, ruled)


def _classify(work: Work, folders: Sequence[Path], name: str, network: str, *options: object) -> Path:
    """Return the folder of classified tables."""
    out = work / f"classified/{name}"
    command = ("classify", *folders, "--run", work / f"{network}/run", "--output", out, "--overwrite", *options)
    work.done(f"classify {name.replace('/', ' ')}", command, statuses=(0, SOME_PROVISIONAL))
    return out


def conditions(work: Work, fields: int, limit: float) -> dict[str, Any]:
    """Return what becomes of asteroids under each condition."""
    result = {}
    for name, condition in slow_movers.CONDITIONS.items():
        plan = slow_movers.plan_of(condition, fields, SURVEYS["choices"].seed, SLOWEST)
        folder = work / f"conditions/{name}"
        if not folder.is_dir():
            slow_movers.simulate(condition, plan, folder)
        work.done(f"detect {name}", ("detect", folder, "--overwrite"))
        tables = tables_in(_classify(work, [folder], f"conditions {limit:g}/{name}", ONE, "--forced-limit", limit))
        asteroids = read_asteroids(folder / "asteroids.csv")
        found = []
        for field, exposures, sources in exposures_of(folder, plan, slow_movers.PART):
            for exposure in exposures:
                flags = np.asarray(read_catalogue(tables[exposure.info.path.stem]).table[FLAGS], int)
                stationary, elsewhere = flags & STATIONARY > 0, flags & ELSEWHERE > 0
                here = in_exposure(asteroids, field.name, exposure)
                found.append(slow_movers.seen(exposure, sources, here, stationary, elsewhere))
        result[name] = slow_movers.kept_by_rate(slow_movers.tracks(found), condition.exposures, SLOWEST)
        say(f"{name}: {result[name]['all']}")
    return result


def synthetic_tracks(work: Work, limit: float) -> dict[str, dict[str, int]]:
    """Return of the synthetic asteroids that `classify` puts into the nights held out how many both rules lose.

    By rate: how many there are, and how many are left in too few exposures by the rule for stationary detections, and
    by that and the forced rule.
    """
    counts: dict[str, Counter[str]] = {"stationary rule": Counter(), "both rules": Counter()}
    for name in HELD_OUT:
        for rules, forced_limit in zip(counts, (None, limit), strict=True):
            night = work / name / SURVEYS[name].part
            result = ceres_fast.classify(
                night, work / f"{ONE}/run", output=work / "not written", dry_run=True, forced_limit=forced_limit
            )
            counts[rules] += result.cost
    first = counts["stationary rule"]
    return {
        name: {"tracks": tracks} | {f"lost by {rules}": each[f"{name}: {LOST}"] for rules, each in counts.items()}
        for name, tracks in first.items()
        if not name.endswith(LOST)
    }


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of what is made on the way")
    parser.add_argument("--fields", type=int, default=8, help="fields of each condition (default: %(default)s)")
    given = parser.parse_args()
    work = Work(given.work)
    prepare(work)
    chosen_on = {name: classify(work, name, LIMITS) for name in ("choices", "choose")}
    choices, out_of_fold = choose(reduce(add, chosen_on.values()))
    limits = sorted(set(choices.limits.values()))
    nights = {name: chosen_on.get(name) or classify(work, name, limits) for name in SURVEYS}
    calibration = classify(work, "calibrate", limits)
    ways_there = ways(calibration, choices, choices.side(calibration))
    own = {name: way.calibrated(MAX_LOSS, CONFIDENCE) for name, way in ways_there.items()}
    nights["both held out"] = reduce(add, [nights[name] for name in HELD_OUT])
    measured = {}
    for name, night in nights.items():
        says = out_of_fold[: len(night.forced)] if name == "choices" else choices.side(night)
        measured[name] = compared(night.rows, ways(night, choices, says), own, seed=0)
        _show(name, measured[name])
    result = {
        "slowest_arcsec_per_min": SLOWEST,
        "surveys": {name: vars(survey) for name, survey in SURVEYS.items()},
        "max_loss": MAX_LOSS,
        "confidence": CONFIDENCE,
        "chosen": {"limits": choices.limits, "loss_of_side_numbers": choices.losses},
        "nights": measured,
        "synthetic_tracks": synthetic_tracks(work, choices.limits[ONE]),
        "conditions": conditions(work, given.fields, choices.limits[ONE]),
        "seconds": work.seconds(),
    }
    write_result(given.output, result)


def _show(name: str, found: dict[str, Any]) -> None:
    points = [point for point in next(iter(found["ways"].values())) if point != "could_keep"]
    rows = [(way, *(_cell(cells[point]) for point in points)) for way, cells in found["ways"].items()]
    title = f"{name}: {found['asteroids']} asteroids, {found['rows']} rows; left (times fewer) at asteroids kept"
    table(title, ("", *points), rows)


def _cell(cell: dict[str, Any] | None) -> str:
    if cell is None:
        return "cannot"
    return f"{cell['left']} ({cell['factor']:.1f}; {cell['low']:.1f}-{cell['high']:.1f}) at {cell['kept']}"


if __name__ == "__main__":
    main()
