"""A simulated night with tracklets, written for all readers: what `tools/output-readers` has them read."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.table import Table, vstack

from benchmarks.tracklet_fields import EXPOSURE, SCALE, moving_field
from ceres_fast.catalogues import read_catalogue, write_catalogue, write_table
from ceres_fast.classify.outputs import dropped_path
from ceres_fast.night.detections import Night, table_of
from ceres_fast.night.observatory import Observatory
from ceres_fast.night.record import ExposureRecord, FieldRecord
from ceres_fast.night.writers import WRITERS, write_outputs
from ceres_fast.night.writers.heliolinx import detection_quality
from ceres_fast.night.writers.order import Order
from ceres_fast.selection.linked import tracklets_of
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import find_stationary

FIELD = "F0001, 2026-11-29"
FIRST = 61373.0
"""MJD of the first exposure, which those of a simulated field are moved to."""

LEFT_OUT = 10
"""One row in so many that are in no tracklet was left out."""

OBSERVATORY = Observatory(
    code="950",
    submitter="S. Mitter",
    measurers=["M. One", "M. Two"],
    telescope={"design": "Reflector", "aperture": 2.54, "detector": "CCD"},
    star_catalogue="Gaia3",
    magnitude_catalogue="Gaia3",
    bands={"r": "Sr"},
)


def write_night(folder: Path, seed: int, artefacts: int) -> dict[str, int]:
    """Write a night for all readers into a folder, and what they are to find there into ``expected.npz``.

    Returns
    -------
    dict
        How many detections there are, how many were kept, tracklets, and files.
    """
    field = moving_field(artefacts, seed, stars=2_000)
    stationary, comparison = find_stationary(field.exposures, Rules())
    nowhere = [np.zeros(len(each.x), bool) for each in field.exposures]
    tracklets = tracklets_of(field.exposures, stationary.stays, nowhere, comparison, Rules())
    assert tracklets is not None
    random = np.random.default_rng(seed)
    begin = FIRST - min(each.info.mjd for each in field.exposures)
    parts, records = [], []
    for number, exposure in enumerate(field.exposures):
        n = len(exposure.x)
        member = np.full(n, -1)
        rows = tracklets.members[:, number]
        member[rows[rows >= 0]] = np.flatnonzero(rows >= 0)
        kept = (member >= 0) | (random.integers(LEFT_OUT, size=n) > 0)
        numbers = {name: exposure.column(name) for name in ("MAG_AUTO", "MAGERR_AUTO")}
        catalogue = Table({"NUMBER": np.arange(1, n + 1), "X_IMAGE": exposure.x, "Y_IMAGE": exposure.y, **numbers})
        place = Path("F0001") / f"F0001-{number + 1}.cat"
        source, target = folder / "night" / place, folder / "tables" / place
        write_table(catalogue, source, "ASCII_HEAD")
        written = read_catalogue(source)
        for path, chosen in ((target, kept), (dropped_path(target), ~kept)):
            write_catalogue(written, path, keep=chosen)
        frame = source.with_suffix(".fits").as_posix()
        records.append(
            ExposureRecord(frame=frame, catalogue=str(source), table=place.as_posix(), signature=[], fate="classified")
        )
        in_table = np.where(kept, np.cumsum(kept), np.cumsum(~kept))
        parts.append(
            table_of(
                {
                    "detection": [
                        f"{place}{'' if k else '.dropped'}:{row}" for k, row in zip(kept, in_table, strict=True)
                    ],
                    "field": [FIELD] * n,
                    "frame": [frame] * n,
                    "row": in_table,
                    "filter": ["r"] * n,
                    "observatory": ["950"] * n,
                    "mjd": np.full(n, exposure.info.mjd + begin),
                    "exposure": np.full(n, EXPOSURE),
                    "x": written.table["X_IMAGE"],
                    "y": written.table["Y_IMAGE"],
                    "ra": exposure.ra,
                    "dec": exposure.dec,
                    "position_error": np.full(n, 0.1),
                    "magnitude": numbers["MAG_AUTO"] + 21,
                    "magnitude_error": numbers["MAGERR_AUTO"],
                    "fwhm": np.full(n, 3.6),
                    "pixel_scale": np.full(n, SCALE),
                    "probability": random.uniform(0, 1, n),
                    "flags": 4 * stationary.stays[number],
                    "tracklet": [f"{FIELD}: {each + 1}" if each >= 0 else "" for each in member.tolist()],
                    "tracklet_probability": np.where(member >= 0, 0.9, np.nan),
                    "kept": kept,
                }
            )
        )
    record = FieldRecord(name=FIELD, version=1, provisional=False, settings="", exposures=records)
    night = Night(folder / "tables", [record], vstack(parts))
    files = write_outputs(night, WRITERS, folder, OBSERVATORY)
    rows = Order(night, OBSERVATORY).placed
    asteroid = np.concatenate(field.asteroid)[np.asarray(night.detections["kept"], bool)]
    columns = {name: np.asarray(rows[name], float) for name in ("mjd", "ra", "dec", "x")}
    columns |= {f"every_{name}": np.asarray(night.detections[name], float) for name in ("ra", "dec")}
    quality = detection_quality(Order(night, OBSERVATORY))
    np.savez(folder / "expected.npz", asteroid=asteroid, quality=quality, **columns)
    return {
        "detections": len(night.detections),
        "kept": len(rows),
        "tracklets": len(set(rows["tracklet"]) - {""}),
        "files": len(files),
    }
