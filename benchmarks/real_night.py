"""A real night with one known asteroid, classified by a network that has seen another camera only: where it ranks.

    python -m benchmarks.real_night NIGHT --truth REPORT --run RUN

NIGHT is a folder of frames, REPORT what observers say of the asteroid in them (any format that `build-records` takes),
RUN a run that was calibrated on simulated records with tracklets. The night is detected and classified as a user would;
the tracklet of the asteroid is the one with most of the detections that are at its places. Its rank is by PROB_TRACKLET
among all tracklets of the night, and beside it that of its best detection among all detections by PROB_ASTEROID.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

import ceres_fast
from benchmarks.classified import tables_in
from benchmarks.machine import command_line, write_result
from ceres_fast.catalogues import read_catalogue
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.classify.scores import FLAGS, PROBABILITY, PROBABILITY_OF_TRACKLET, STATIONARY, TRACKLET
from ceres_fast.console import say
from ceres_fast.detect import detect_frames
from ceres_fast.frames.reading import find_frames
from ceres_fast.selection.labels import label_field
from ceres_fast.selection.rules import Rules
from ceres_fast.settings.guarantee import NEEDS
from ceres_fast.truth import read_truth


def measure(night: Path, truth: Path, run: Path, work: Path) -> dict[str, Any]:
    """Return what became of the asteroid."""
    detect_frames([night], output=work / "catalogues")
    ceres_fast.classify(night, run, catalogues=work / "catalogues", output=work / "classified", on_error="skip")
    tables = tables_in(work / "classified")
    rules = Rules()
    exposures = [read_detections(frame, catalogues=work / "catalogues") for frame in find_frames([night])]
    labelled = label_field(exposures, [np.zeros(len(each.x), bool) for each in exposures], read_truth(truth), rules)
    columns = (PROBABILITY, FLAGS, TRACKLET, PROBABILITY_OF_TRACKLET)
    every: dict[str, list[np.ndarray]] = {name: [] for name in (*columns, "asteroid")}
    for each in labelled:
        written = read_catalogue(tables[each.exposure.info.frame]).table
        for name in columns:
            every[name].append(np.asarray(written[name], float))
        every["asteroid"].append(each.match.asteroid >= 0)
    rows = {name: np.concatenate(values) for name, values in every.items()}
    asteroid, tracklet = rows["asteroid"], rows[TRACKLET].astype(int)
    members = np.bincount(tracklet[asteroid & (tracklet > 0)])
    own = int(members.argmax()) if members.sum() else 0
    numbers, first, sizes = np.unique(tracklet[tracklet > 0], return_index=True, return_counts=True)
    of_tracklets = rows[PROBABILITY_OF_TRACKLET][tracklet > 0][first]
    probability = rows[PROBABILITY]
    found: dict[str, Any] = {
        "exposures": len(exposures),
        "rows": len(tracklet),
        "detections_of_the_asteroid": int(asteroid.sum()),
        "of_these_stationary": int((rows[FLAGS].astype(int)[asteroid] & STATIONARY > 0).sum()),
        "probabilities": [float(each) for each in probability[asteroid]],
        "tracklets": len(numbers),
        "of_three_exposures_or_more": int((sizes >= NEEDS).sum()),
        "members_of_its_tracklet": int((tracklet == own).sum()) if own else 0,
        "of_these_the_asteroid": int((asteroid & (tracklet == own)).sum()) if own else 0,
    }
    if own:
        mine = float(of_tracklets[numbers == own][0])
        found |= {
            "probability_of_its_tracklet": mine,
            "rank_of_its_tracklet": int(1 + (of_tracklets > mine).sum()),
            "rank_of_its_best_detection": int(1 + (probability > np.nanmax(probability[asteroid])).sum()),
            "detections_above_its_median": int((probability > np.nanmedian(probability[asteroid])).sum()),
        }
    return found


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("night", type=Path)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--run", type=Path, required=True)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        found = measure(given.night, given.truth, given.run, Path(work))
    write_result(given.output, found)
    say(str(found))


if __name__ == "__main__":
    main()
