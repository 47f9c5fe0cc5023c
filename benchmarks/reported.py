"""A simulated night from frames to a report: which asteroids are in it, and what a person looks at.

    python -m benchmarks.reported NIGHT --truth TRUTH --model MODEL --work WORK [--catalogues FOLDER]

`ceres-fast night --drop --to ades-psv` classifies the frames and writes the report, which is read back by its own
reader here (`ceres-fast build-records --truth` reads it so). An asteroid counts when it was detected in three
exposures or more: when that many of its true places have a detection within a radius. It is reported when a tracklet
of the report has three observations or more at its places, and kept when that many of its rows are left in the tables.
A tracklet of the report with fewer than two at the places of any one asteroid is false.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
from astropy.table import Table
from scipy.spatial import cKDTree

from benchmarks.machine import command_line, write_result
from benchmarks.steps import command
from ceres_fast.console import say
from ceres_fast.night.detections import read_night
from ceres_fast.night.opening import OUTPUTS

NEEDS = 3
RADIUS = 1.5
"""arcsec between an asteroid and its detection."""

SAME_TIME = 2.0
"""Seconds between an exposure and a row of the truth."""

OBSERVATORY = """code = "950"
submitter = "A. Person"
measurers = ["A. Person"]
star_catalogue = "Gaia2"

[telescope]
design = "Reflector"
aperture = 2.5
detector = "CCD"

[bands]
r = "Sr"
"""


def vectors(mjd: np.ndarray, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Return places and times in which the radius and the same time are about 1, shape (n, 4)."""
    ra, dec = np.radians(ra), np.radians(dec)
    sphere = np.stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)], axis=1)
    return np.column_stack([sphere * 206264.8 / RADIUS, mjd * 86400 / SAME_TIME])


def names_of(truth: Table, rows: Table) -> np.ndarray:
    """Return the asteroid that each row is at the place of, shape (n,), str, or empty."""
    known = vectors(*(np.asarray(truth[name], float) for name in ("mjd", "ra", "dec")))
    places = vectors(*(np.asarray(rows[name], float) for name in ("mjd", "ra", "dec")))
    there = np.isfinite(places).all(axis=1)
    found = np.full(len(rows), "", dtype=np.asarray(truth["designation"], str).dtype)
    distance, which = cKDTree(known).query(places[there], distance_upper_bound=1.0)
    found[there] = np.where(np.isfinite(distance), np.append(np.asarray(truth["designation"], str), "")[which], "")
    return found


def asteroids_in(names: np.ndarray, exposures: np.ndarray) -> set[str]:
    """Return the asteroids that are in `NEEDS` exposures or more."""
    seen = Counter(name for name, _ in set(zip(names.tolist(), exposures.tolist(), strict=True)) if name)
    return {name for name, number in seen.items() if number >= NEEDS}


def read_psv(path: Path) -> Table:
    """Return the observations of a report in PSV: trkSub, mjd, ra and dec."""
    from astropy.time import Time

    lines = [line for line in path.read_text(encoding="utf-8").splitlines() if not line.startswith(("#", "!"))]
    heading, *rows = [[cell.strip() for cell in line.split("|")] for line in lines]
    table = Table(rows=rows, names=heading)
    columns = {"trkSub": table["trkSub"], "mjd": Time(list(table["obsTime"]), scale="utc").mjd}
    return Table({**columns, **{name: np.asarray(table[name], float) for name in ("ra", "dec")}})


def main() -> None:
    """Run the command line."""
    parser = command_line(__file__, __doc__)
    parser.add_argument("night", type=Path)
    parser.add_argument("--truth", type=Path, required=True)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--catalogues", type=Path)
    given = parser.parse_args()
    given.work.mkdir(parents=True, exist_ok=True)
    observatory = given.work / "observatory.toml"
    observatory.write_text(OBSERVATORY, encoding="utf-8")
    words = ["night", given.night, "--model", given.model, "--output", given.work / "out", "--drop", "--to", "ades-psv"]
    words += ["--observatory", observatory, *(["--catalogues", given.catalogues] if given.catalogues else [])]
    done = subprocess.run(command(*words), stdout=subprocess.DEVNULL)
    if done.returncode not in (0, 4):
        sys.exit(f"night ended with {done.returncode}")
    truth = Table.read(given.truth)
    night = read_night(given.work / "out")
    rows = night.detections
    names, exposures = names_of(truth, rows), np.asarray(rows["mjd"], float)
    detected = asteroids_in(names, exposures)
    kept = np.asarray(rows["kept"], bool)
    left = asteroids_in(names[kept], exposures[kept])
    report = read_psv(given.work / "out" / OUTPUTS / "ades.psv")
    own = names_of(truth, report)
    reported: set[str] = set()
    false = 0
    tracklets = np.asarray(report["trkSub"], str)
    for tracklet in np.unique(tracklets):
        members = Counter(own[tracklets == tracklet].tolist())
        members.pop("", None)
        best, number = members.most_common(1)[0] if members else ("", 0)
        false += number < NEEDS - 1
        reported |= {best} if number >= NEEDS else set()
    fields = len(night.records)
    result = {
        "fields": fields,
        "exposures": sum(len(record.exposures) for record in night.records),
        "detections": len(rows),
        "asteroids": {
            "detected in three exposures": len(detected),
            "kept in three exposures": len(detected & left),
            "reported": len(detected & reported),
        },
        "tracklets in the report": len(np.unique(tracklets)),
        "false tracklets in the report": false,
        "to review a field": round(len(np.unique(tracklets)) / fields, 1),
        "false to review a field": round(false / fields, 2),
        "rows left of 1,000": round(1000 * float(kept.mean()), 1),
    }
    write_result(given.output, result)
    say(str(result))


if __name__ == "__main__":
    main()
