"""How many true asteroids of a simulated survey become stamps of no asteroid, with the whole truth and with part of it.

python -m benchmarks.labels survey/training
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from astropy.table import Table

from benchmarks.builds import SLOWEST
from benchmarks.machine import command_line, write_result
from ceres_fast.console import say
from ceres_fast.records.build import build_records
from ceres_fast.records.pipeline import read_all
from ceres_fast.selection.neighbours import pairs_within, tangent_plane
from ceres_fast.selection.rules import Rules

RADIUS = 1.5
"""arcsec within which a detection is a true asteroid."""

TRUTHS = {
    "all asteroids, validated or not": lambda truth: truth,
    "validated asteroids only": lambda truth: truth[truth["validated"] == 1],
}


def near_asteroids(columns: dict[str, np.ndarray], truth: Table) -> np.ndarray:
    """Return the row of the truth table within `RADIUS` of each stamp in its exposure, -1 where there is none; (n,)."""
    found = np.full(len(columns["mjd"]), -1)
    middle = np.asarray(truth["mjd"])
    order = np.argsort(middle)
    for mjd in np.unique(columns["mjd"]):
        stamps = np.flatnonzero(columns["mjd"] == mjd)
        start, stop = np.searchsorted(middle[order], [mjd - 1e-5, mjd + 1e-5])
        rows = order[start:stop]
        if len(rows) == 0:
            continue
        centre = float(columns["ra"][stamps[0]]), float(columns["dec"][stamps[0]])
        here = tangent_plane(columns["ra"][stamps], columns["dec"][stamps], centre)
        i, j, _ = pairs_within(here, tangent_plane(truth["ra"][rows], truth["dec"][rows], centre), RADIUS)
        found[stamps[i]] = rows[j]
    return found


def labelled(survey: Path, given: Table, truth: Table, folder: Path) -> dict[str, Any]:
    """Build records with the truth that is given, and compare their labels with all of it."""
    given.write(folder / "given.csv")
    rules = Rules(slowest=SLOWEST)
    manifest = build_records([survey], folder / "records", truth=folder / "given.csv", rules=rules, workers=2, shards=1)
    _, columns = read_all(manifest, ("label", "mjd", "ra", "dec", "source", "row"))
    near, label = near_asteroids(columns, truth), columns["label"]
    validated = np.append(np.asarray(truth["validated"]) == 1, False)[near]
    return {
        "asteroid": int((label == 1).sum()),
        "asteroid_without_one": int(((label == 1) & (near < 0)).sum()),
        "non_asteroid": int((label == 0).sum()),
        "non_asteroid_but_validated": int(((label == 0) & (near >= 0) & validated).sum()),
        "non_asteroid_but_not_validated": int(((label == 0) & (near >= 0) & ~validated).sum()),
    }


def main() -> None:
    parser = command_line(__file__, __doc__)
    parser.add_argument("survey", type=Path, help="folder of simulated frames, catalogues and asteroids.csv")
    given = parser.parse_args()
    truth = Table.read(given.survey / "asteroids.csv")
    results = {}
    for name, choose in TRUTHS.items():
        with tempfile.TemporaryDirectory() as folder:
            results[name] = labelled(given.survey, choose(truth), truth, Path(folder))
        say(f"{name}: {results[name]}")
    write_result(given.output, {"radius_arcsec": RADIUS, "given": results})


if __name__ == "__main__":
    main()
