"""The whole chain on a simulated night: where asteroids are lost, and which false tracklets a linker is left with.

    python -m benchmarks.chain SURVEY --work WORK

SURVEY is what `ceres-fast simulate` wrote. For each depth of detection (`DEPTHS`) its nights are detected, records are
built of the training nights, StampNet is trained on them and calibrated, and the held-out night is classified, every
command with its defaults but for the slowest rate. What each detection is, is known from what was simulated, not from
the rules: so an asteroid that is called stationary counts as lost, and what an asteroid's tracklet releases as found.

*Stages*: validated asteroids that are detected in `NEEDS` exposures or more; of these, left in as many by the rules for
what stays; by the threshold of detections; linked, in one tracklet with as many of its detections; by the threshold of
tracklets. *False tracklets*: of no asteroid, in all, and left by thresholds: those of detections (where `NEEDS` members
are not below it), and that of tracklets.

*Depth*: asteroids, validated or not, of which one tracklet is left where the threshold of tracklets is the lowest that
leaves no more false ones than a threshold that was promised something leaves at the first depth: that of tracklets, or
that of detections. The lowest is found on the night itself, at every depth, so that what is compared are depths and not
promises.

WORK keeps what was made, so that a run that was stopped goes on.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.builds import SLOWEST
from benchmarks.classified import tables_in
from benchmarks.machine import command_line, write_result
from benchmarks.simulated_truth import in_exposure, near_asteroids, planned, read_asteroids
from benchmarks.steps import Work
from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.artifact.tracklet_model import tracklet_threshold
from ceres_fast.catalogues import read_catalogue
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.classify.scores import (
    FLAGS,
    NEAR_EDGE,
    PROBABILITY,
    PROBABILITY_OF_TRACKLET,
    STATIONARY,
    TRACKLET,
)
from ceres_fast.console import say, table
from ceres_fast.settings.guarantee import NEEDS
from ceres_fast.synthetic.simulate.survey import night_name

DEPTHS = {"usual": (1.5, 5, 0), "deeper": (1.2, 5, 0), "deepest": (1.0, 4, 1)}
"""Threshold of detection (sigma of the sky), least area (pixels), and epochs of training, 0 as `train` chooses them:
of six times as many stamps as there usually are, one shows the network as many as it is shown of those."""

MAX_LOSS = 0.05
BINS = (0.0, 19.0, 20.0, 20.5, 21.0, 21.5, 22.0, 22.5, 23.0, 99.0)
"""Magnitudes."""


@dataclass(frozen=True)
class Field:
    """What is true and what is said of the detections of a field.

    Attributes
    ----------
    rows : numpy.ndarray
        The detection of each asteroid in each exposure, among all of the field, -1 where there is none; (m, exposures).
    validated : numpy.ndarray
        Which of these the observers reported, bool (m,).
    magnitude : numpy.ndarray
        Of the asteroids, (m,).
    probability, flags, tracklet, of_tracklet : numpy.ndarray
        What `classify` writes, (n,) each.
    """

    rows: np.ndarray
    validated: np.ndarray
    magnitude: np.ndarray
    probability: np.ndarray
    flags: np.ndarray
    tracklet: np.ndarray
    of_tracklet: np.ndarray

    def enough(self, good: np.ndarray) -> np.ndarray:
        """Tell which asteroids have detections with some property, bool (n,), in `NEEDS` exposures; (m,)."""
        return np.append(good, False)[self.rows].sum(axis=1) >= NEEDS

    def own(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the tracklet that has `NEEDS` detections of each asteroid, 0: none, and its probability; (m,)."""
        found = np.append(self.tracklet, 0)[self.rows]
        number = np.zeros(len(found), int)
        for asteroid, each in enumerate(found):
            there, counts = np.unique(each[each > 0], return_counts=True)
            if len(there) and counts.max() >= NEEDS:
                number[asteroid] = there[counts.argmax()]
        return number, self.probability_of(number)

    def probability_of(self, number: np.ndarray) -> np.ndarray:
        """Return the probability of tracklets by number; NaN for 0."""
        known = np.full(max(self.tracklet.max(initial=0), number.max(initial=0)) + 1, np.nan)
        known[self.tracklet[self.tracklet > 0]] = self.of_tracklet[self.tracklet > 0]
        return known[number]

    def false(self) -> np.ndarray:
        """Return the tracklets of which no asteroid has more than half."""
        numbers, members = np.unique(self.tracklet[self.tracklet > 0], return_counts=True)
        most = np.zeros(self.tracklet.max(initial=0) + 1, int)
        for each in np.append(self.tracklet, 0)[self.rows]:
            there, counts = np.unique(each[each > 0], return_counts=True)
            np.maximum.at(most, there, counts)
        return numbers[2 * most[numbers] <= members]


def read_field(frames: Sequence[Path], catalogues: Path, tables: dict[str, Path], asteroids: Any, name: str) -> Field:
    """Read the detections of a field, what they are, and what was said of them."""
    here = asteroids[asteroids["field"] == name]
    designations = np.unique(here["designation"])
    rows = np.full((len(designations), len(frames)), -1)
    said: dict[str, list[np.ndarray]] = {each: [] for each in (PROBABILITY, FLAGS, TRACKLET, PROBABILITY_OF_TRACKLET)}
    start = 0
    for number, frame in enumerate(frames):
        exposure = read_detections(frame, catalogues=catalogues)
        now = in_exposure(asteroids, name, exposure)
        _, nearest = near_asteroids(exposure, now)
        place = np.searchsorted(designations, now["designation"])
        rows[place, number] = np.where(nearest >= 0, nearest + start, -1)
        written = read_catalogue(tables[frame.stem]).table
        for column, values in said.items():
            values.append(np.asarray(written[column], float))
        start += len(written)
    first = np.unique(here["designation"], return_index=True)[1]
    joined = {column: np.concatenate(values) for column, values in said.items()}
    return Field(
        rows,
        np.asarray(here["validated"])[first] == 1,
        np.asarray(here["magnitude"], float)[first],
        joined[PROBABILITY],
        joined[FLAGS].astype(int),
        joined[TRACKLET].astype(int),
        joined[PROBABILITY_OF_TRACKLET],
    )


def prepare(work: Work, survey: Path, depth: str) -> tuple[Path, Path, Path]:
    """Detect, build, train, calibrate and classify at a depth; return catalogues, run and classified tables."""
    threshold, area, epochs = DEPTHS[depth]
    catalogues, records, run, out = (
        work / f"{depth}/{what}" for what in ("catalogues", "records", "run", "classified")
    )
    work.done(
        f"detect {depth}",
        ("detect", survey, "--output", catalogues, "--threshold", threshold, "--min-area", area, "--overwrite"),
    )
    given = ("--catalogues", catalogues, "--overwrite")
    build = ("build-records", survey / "training", "--records", records, "--slowest", SLOWEST, *given)
    work.done(f"records {depth}", build)
    work.done(f"train {depth}", ("train", "--records", records, "--run", run, "--epochs", epochs, "--seed", 0))
    work.done(f"calibrate {depth}", ("calibrate", run, "--records", records, "--max-loss", MAX_LOSS))
    work.done(f"export {depth}", ("export", run))
    classify = ("classify", survey / "held-out", "--run", run, "--output", out, *given)
    work.done(f"classify {depth}", classify, statuses=(0, 4))
    return catalogues, run, out


def stages(fields: Sequence[Field], threshold: float, of_tracklets: float | None) -> dict[str, int]:
    """Return how many validated asteroids are left after each stage."""
    counts: dict[str, int] = {}
    for field in fields:
        stays = field.flags & STATIONARY > 0
        edge = field.flags & NEAR_EDGE > 0
        number, probability = field.own()
        detected = field.validated & field.enough(np.ones(len(stays), bool))
        moving = detected & field.enough(~stays)
        scored = moving & field.enough(~stays & (edge | ~(field.probability < threshold)))
        found = {
            "detected": detected,
            "left by the rules": moving,
            "not below the threshold of detections": scored,
            "linked": detected & (number > 0),
            "linked, and not below the threshold of detections": scored & (number > 0),
        }
        if of_tracklets is not None:
            found["linked, and not below the threshold of tracklets"] = (
                detected & (number > 0) & ~(probability < of_tracklets)
            )
        for name, mask in found.items():
            counts[name] = counts.get(name, 0) + int(mask.sum())
    return counts


def false_tracklets(fields: Sequence[Field], threshold: float, of_tracklets: float | None) -> dict[str, int]:
    """Return how many tracklets are of no asteroid, and how many thresholds leave."""
    found, by_detections, by_tracklets = 0, 0, 0
    for field in fields:
        false = field.false()
        good = (field.flags & NEAR_EDGE > 0) | ~(field.probability < threshold)
        members = np.bincount(field.tracklet[good], minlength=field.tracklet.max(initial=0) + 1)
        found += len(false)
        by_detections += int((members[false] >= NEEDS).sum())
        if of_tracklets is not None:
            by_tracklets += int((~(field.probability_of(false) < of_tracklets)).sum())
    return {
        "found": found,
        "left by the threshold of detections": by_detections,
        **({} if of_tracklets is None else {"left by the threshold of tracklets": by_tracklets}),
    }


def out_at(fields: Sequence[Field], most_false: int) -> dict[str, Any]:
    """Return the asteroids that come out where so many false tracklets are left, validated or not, by magnitude."""
    false = np.concatenate([field.probability_of(field.false()) for field in fields])
    worst = np.sort(np.nan_to_num(false, nan=1.0))[::-1]
    limit = float(worst[most_false]) if most_false < len(worst) else -1.0
    by_bin = np.zeros((2, len(BINS) - 1), int)
    for field in fields:
        number, probability = field.own()
        out = (number > 0) & (np.nan_to_num(probability, nan=1.0) > limit)
        for row, mask in enumerate((np.ones(len(out), bool), out)):
            by_bin[row] += np.histogram(field.magnitude[mask], BINS)[0]
    return {"above": limit, "out": int(by_bin[1].sum()), "asteroids_by_magnitude": by_bin.tolist()}


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("survey", type=Path)
    parser.add_argument("--work", type=Path, required=True, help="folder of what is made on the way")
    parser.add_argument("--depths", nargs="*", default=list(DEPTHS), help="all, where none are named")
    given = parser.parse_args()
    work, survey = Work(given.work), given.survey.resolve()
    plan, asteroids = planned(survey), read_asteroids(survey / "held-out" / "asteroids.csv")
    results: dict[str, Any] = {}
    most_false: dict[str, int] = {}
    for depth in given.depths:
        catalogues, run, out = prepare(work, survey, depth)
        classifier, tables = read_classifier(run), tables_in(out)
        of_tracklets = tracklet_threshold(classifier.tracklets)
        fields = []
        for field in dict(plan.parts())["held-out"]:
            place = survey / "held-out" / night_name(field.night) / field.name / "resamp"
            frames = [place / f"{field.name}-{number + 1}.fits" for number in range(plan.exposures)]
            fields.append(read_field(frames, catalogues, tables, asteroids, field.name))
        false = false_tracklets(fields, classifier.threshold, of_tracklets)
        most_false = most_false or {name: count for name, count in false.items() if name != "found"}
        rows = sum(len(field.flags) for field in fields)
        moving = sum(int((field.flags & STATIONARY == 0).sum()) for field in fields)
        real = sum(int((field.rows >= 0).sum()) for field in fields)
        results[depth] = {
            "threshold_sigma": DEPTHS[depth][0],
            "least_area": DEPTHS[depth][1],
            "rows": rows,
            "not_stationary": moving,
            "detections_of_asteroids": real,
            "threshold": classifier.threshold,
            "threshold_of_tracklets": of_tracklets,
            "calibration": json.loads((run / "calibration" / "calibration.json").read_text(encoding="utf-8")),
            "stages": stages(fields, classifier.threshold, of_tracklets),
            "false_tracklets": false,
            "out_at_as_many_false": {name: out_at(fields, count) for name, count in most_false.items()},
        }
        results[depth]["calibration"].pop("reliability", None)
        show(depth, results[depth])
        write_result(
            given.output,
            {
                "survey": {"seed": plan.seed, "training_fields": plan.fields, "held_out_fields": plan.held_out_fields},
                "needs": NEEDS,
                "max_loss": MAX_LOSS,
                "bins": BINS,
                "depths": results,
                "seconds": work.seconds(),
            },
        )


def show(depth: str, found: dict[str, Any]) -> None:
    rows = [(name, count) for part in ("stages", "false_tracklets") for name, count in found[part].items()]
    table(f"{depth}: asteroids and false tracklets", ("", "number"), rows)
    for name, each in found["out_at_as_many_false"].items():
        say(f"{each['out']} asteroids come out with as few false tracklets as, at the first depth, are {name}")


if __name__ == "__main__":
    main()
