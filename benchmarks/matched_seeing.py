"""Whether templates should be made as blurred as the exposure, or left to the network: two classifiers of three planes.

    CERES_FAST_WEIGHTS=FOLDER python -m benchmarks.matched_seeing --work WORK

A survey is simulated in which the seeing changes by about a third between the exposures of a field (by some percent
usually). From the same detections records are made twice: with planes as `build-records` makes them, and with each
exposure of better seeing convolved with a Gaussian to that of the stamp before the median is taken. A classifier is
trained on each, and both are evaluated on a night that was held out. WORK keeps what was made.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy import ndimage

from benchmarks.builds import SLOWEST
from benchmarks.machine import command_line, write_result
from ceres_fast.console import say
from ceres_fast.selection.others import exposures, planes
from ceres_fast.stamps import PLANES
from ceres_fast.synthetic.simulate.constants import CONSTANTS
from ceres_fast.synthetic.simulate.survey import Plan, write_survey

SEED, FIELDS, HELD_OUT_FIELDS, EXPOSURES = 31, 60, 12, 4
JITTER = 0.5
"""Of the air's seeing between the exposures of a field, log-normal; with what the camera adds the FWHM changes by 30 %
(1 sigma)."""

WAYS = ("as they are", "matched")
NIGHT = "20190928"
"""The night that the simulation holds out."""


def match_seeing() -> None:
    """From now on, convolve other exposures to the seeing of the stamp's own, where theirs is better."""
    make, resample = planes.template_and_difference, planes._resampled

    def matched(image: Any, *arguments: Any) -> Any:
        def blurred(other: Any, link: Any, *at: Any) -> np.ndarray:
            stamps = resample(other, link, *at)
            excess = image.info.seeing**2 - other.info.seeing**2
            if not excess > 0:
                return stamps
            sigma = np.sqrt(excess) / 2.355 / link.here.scale
            known = np.isfinite(stamps)
            sums, weights = (
                ndimage.gaussian_filter(each, (0, sigma, sigma))
                for each in (np.where(known, stamps, 0), known.astype(np.float32))
            )
            return np.where(known, sums / np.maximum(weights, 1e-6), np.nan).astype(np.float32)

        planes._resampled = blurred
        return make(image, *arguments)

    exposures.template_and_difference = matched  # type: ignore[attr-defined]


def run(work: Path, way: str, *command: object) -> None:
    """Run a command of the package in a process of its own, unless that was done."""
    marker = work / f"{way} {command[0]}.done".replace(" ", "-")
    if marker.is_file():
        return
    say(f"» {way}: {command[0]}")
    before = "from benchmarks.matched_seeing import match_seeing; match_seeing(); " if way == WAYS[1] else ""
    code = f"{before}from ceres_fast.cli import main; main()"
    subprocess.run([sys.executable, "-c", code, *map(str, command)], check=True)
    marker.touch()


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("--work", type=Path, required=True, help="folder of what is made on the way")
    given = parser.parse_args()
    work, survey = given.work.resolve(), given.work.resolve() / "survey"
    sky = replace(CONSTANTS.sky, seeing_jitter=JITTER)
    side = CONSTANTS.detector.small
    if not survey.is_dir():
        plan = Plan(FIELDS, EXPOSURES, HELD_OUT_FIELDS, SEED, (side, side), replace(CONSTANTS, sky=sky))
        write_survey(survey, plan)
    run(work, "both", "detect", survey, "--overwrite")
    found = {}
    for way in WAYS:
        folder = work / way.replace(" ", "-")
        records, trained = folder / "records", folder / "run"
        sources = (survey / "training", survey / "held-out", "--hold-out", f"night={NIGHT}", "--slowest", SLOWEST)
        made = ("--planes", ",".join(PLANES), "--on-error", "skip", "--workers", 1, "--overwrite")
        run(work, way, "build-records", *sources, *made, "--records", records)
        run(work, way, "train", "--records", records, "--run", trained, "--cache-dir", work / f"cache-{folder.name}")
        run(work, way, "evaluate", trained, "--records", records, "--split", "test")
        found[way] = json.loads((trained / "evaluation-test/scores.json").read_text(encoding="utf-8"))
    write_result(
        given.output,
        {"seed": SEED, "fields": FIELDS, "held_out_fields": HELD_OUT_FIELDS, "jitter": JITTER, "evaluations": found},
    )


if __name__ == "__main__":
    main()
