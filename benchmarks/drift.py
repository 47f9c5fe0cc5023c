"""How often a field is said not to be like those of calibration: fields that are, and nights that are not.

    python -m benchmarks.drift WORK

A survey is simulated, StampNet trained on it and calibrated for `MAX_LOSS`, every command with its defaults but for the
slowest rate and the size of the calibration split. Then nights of other seeds are classified with ``--drop``: with the
same constants (`LIKE` fields, in which every alarm is a false one), and with others (`NIGHTS`). Of each is counted in
how many fields something is said, of which quantity, how many validated asteroids that were detected in `NEEDS`
exposures the threshold would lose (so that it is seen where the promise is broken), and how many rows a field keeps
because nothing is promised there.

False alarms depend on how many fields a classifier was calibrated on. So fields are drawn from those with the same
constants, `DRAWS` times for each of `FIELDS`, as if they were the calibration, and the others compared with them.

WORK keeps what was made, so that a run that was stopped goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from benchmarks.builds import SLOWEST
from benchmarks.chain import read_field, stages
from benchmarks.classified import tables_in
from benchmarks.machine import command_line, write_result
from benchmarks.simulated_truth import read_asteroids
from benchmarks.steps import Work
from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.artifact.conditions import QUANTITIES, Value, drift_of
from ceres_fast.classify import classify
from ceres_fast.classify import drift as module
from ceres_fast.console import say, table
from ceres_fast.evaluation.conditions import fitted
from ceres_fast.folders import atomic_directory
from ceres_fast.settings.guarantee import NEEDS
from ceres_fast.synthetic.simulate.constants import CONSTANTS, Constants
from ceres_fast.synthetic.simulate.survey import Plan, night_name, write_survey

TRAINING, CALIBRATION_ASTEROIDS, EPOCHS = 60, 300, 20
MAX_LOSS = 0.05
EXPOSURES, SIDE = 4, CONSTANTS.detector.small
LIKE, OTHERS = 240, 20
"""Fields of the nights with the same constants, and of each of the others."""

FIELDS, DRAWS = (5, 10, 20, 40, 80), 200

Measured = list[dict[str, Value]]
"""What is measured of a field and its exposures."""


def with_(part: str, **changed: float) -> Constants:
    """Return the constants with some of a part changed."""
    return replace(CONSTANTS, **{part: replace(getattr(CONSTANTS, part), **changed)})


def seeing(factor: float) -> Constants:
    """Return the constants of a night whose median seeing is so many times as large."""
    sky = CONSTANTS.sky
    both = np.hypot(sky.seeing, sky.seeing_camera) * factor
    return with_("sky", seeing=float(np.sqrt(both**2 - sky.seeing_camera**2)), seeing_worst=9.0)


def noise(factor: float) -> Constants:
    """Return the constants of a night whose sky is so bright that its noise is about so many times as large."""
    return with_("sky", sky_brightness=CONSTANTS.sky.sky_brightness - 5 * float(np.log10(factor)))


NIGHTS: Mapping[str, Constants] = {
    "as in calibration": CONSTANTS,
    "seeing × 1.25": seeing(1.25),
    "seeing × 1.5": seeing(1.5),
    "seeing × 2": seeing(2.0),
    "seeing × 3": seeing(3.0),
    "noise × 1.25": noise(1.25),
    "noise × 1.5": noise(1.5),
    "noise × 2": noise(2.0),
    "noise × 3": noise(3.0),
    "6 times the stars": with_("stars", density=6 * CONSTANTS.stars.density),
    "10 times the cosmic rays": with_("events", cosmic_rays=10 * CONSTANTS.events.cosmic_rays),
    "another camera: 0.8 arcsec/pixel, gain 1": with_("detector", pixel_scale=0.8, gain=1.0),
}


def prepare(work: Work) -> Path:
    """Simulate, detect, build, train, calibrate and export; return the run."""
    survey, records, run = work / "survey", work / "records", work / "run"
    small = ("--fields", TRAINING, "--held-out-fields", 0, "--exposures", EXPOSURES, "--small", "--seed", 7)
    build = ("build-records", survey / "training", "--records", records, "--slowest", SLOWEST)
    work.done("simulate", ("simulate", survey, *small, "--overwrite"))
    work.done("detect", ("detect", survey, "--overwrite"))
    work.done("records", (*build, "--calibration-asteroids", CALIBRATION_ASTEROIDS, "--overwrite"))
    work.done("train", ("train", "--records", records, "--run", run, "--epochs", EPOCHS, "--seed", 0))
    work.done("calibrate", ("calibrate", run, "--records", records, "--max-loss", MAX_LOSS))
    work.done("export", ("export", run))
    return run


@contextmanager
def listening() -> Iterator[list[Measured]]:
    """Keep what `classify` measures of each field."""
    heard: list[Measured] = []

    def noted(conditions: Mapping[str, Any], measured: Measured) -> list[str]:
        heard.append(measured)
        return drift_of(conditions, measured)

    with patch.object(module, "drift_of", noted):
        yield heard


def classified(work: Work, name: str, run: Path, fields: int, seed: int) -> tuple[dict[str, Any], list[Measured]]:
    """Simulate, detect and classify a night; return what came out, and what was measured of each field."""
    plan = Plan(fields, EXPOSURES, 0, seed, (SIDE, SIDE), NIGHTS[name])
    survey = work / f"nights/{seed}"
    if not survey.is_dir():
        say(f"» {name}")
        with atomic_directory(survey) as folder:
            write_survey(folder, plan)
    work.done(f"detect {seed}", ("detect", survey, "--overwrite"))
    out = work / f"classified/{seed}"
    with listening() as heard:
        result = classify([survey / "training"], run, output=out, drop=True, overwrite=True)
    classifier, asteroids = read_classifier(run), read_asteroids(survey / "training" / "asteroids.csv")
    # Of everything, as if nothing had been dropped: a threshold is put to it here.
    classify([survey / "training"], run, output=work / f"whole/{seed}", overwrite=True)
    tables, seen = tables_in(work / f"whole/{seed}"), []
    for field in dict(plan.parts())["training"]:
        place = survey / "training" / night_name(field.night) / field.name / "resamp"
        frames = [place / f"{field.name}-{number + 1}.fits" for number in range(EXPOSURES)]
        seen.append(read_field(frames, None, tables, asteroids, field.name))
    left = stages(seen, classifier.threshold, None)
    said = Counter(quantity_of(sentence) for each in result.drift.values() for sentence in each)
    reasons = sum(result.fields.values(), Counter())
    moving, kept = left["left by the rules"], left["not below the threshold of detections"]
    return {
        "fields": fields,
        "alarms": len(result.drift),
        "by_quantity": dict(said),
        "asteroids": moving,
        "lost_by_the_threshold": round(1 - kept / moving, 4) if moving else None,
        "rows_kept_a_field": round((result.total["written"] - reasons["kept: not as calibrated"]) / fields, 1),
        "more_for_the_alarms": round(reasons["kept: not as calibrated"] / fields, 1),
        "first": next(iter(result.drift.values()), [""])[0],
    }, heard


def quantity_of(sentence: str) -> str:
    """Return the name of the quantity that a sentence is of."""
    return next(name for name, each in QUANTITIES.items() if each.words.partition("{")[0] in sentence)


def drawn(fields: Sequence[Measured], random: np.random.Generator) -> dict[str, float]:
    """Return, by how many fields there were in calibration, the mean share of others in which something is said."""
    shares = {}
    for number in FIELDS:
        alarms = 0.0
        for _ in range(DRAWS):
            order = random.permutation(len(fields))
            own, others = order[:number], order[number:]
            names = [str(field) for field in own for _ in fields[field]]
            conditions = fitted(names, [each for field in own for each in fields[field]])
            alarms += float(np.mean([bool(drift_of(conditions, fields[field])) for field in others]))
        shares[str(number)] = round(alarms / DRAWS, 5)
    return shares


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("work", type=Path, help="folder of what is made on the way")
    given = parser.parse_args()
    work = Work(given.work)
    run = prepare(work)
    nights: dict[str, Any] = {}
    shares: dict[str, float] = {}
    for number, name in enumerate(NIGHTS):
        nights[name], heard = classified(work, name, run, LIKE if number == 0 else OTHERS, 100 + number)
        shares = shares or drawn(heard, np.random.default_rng(0))
    columns = ("alarms", "fields", "asteroids", "lost_by_the_threshold", "rows_kept_a_field", "more_for_the_alarms")
    table("Drift", ("", *columns), [(name, *(each[column] for column in columns)) for name, each in nights.items()])
    write_result(
        given.output,
        {
            "training_fields": TRAINING,
            "max_loss": MAX_LOSS,
            "needs": NEEDS,
            "conditions": read_classifier(run).conditions,
            "nights": nights,
            "false_alarms_by_calibration_fields": shares,
            "draws": DRAWS,
            "seconds": work.seconds(),
        },
    )


if __name__ == "__main__":
    main()
