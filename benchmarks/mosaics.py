"""Simulated mosaics with their catalogues: what `benchmarks.watch` lets come."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

from benchmarks.steps import command
from ceres_fast.folders import atomic_directory
from ceres_fast.synthetic.simulate.constants import CONSTANTS
from ceres_fast.synthetic.simulate.survey import Plan, write_survey

CCDS, EXPOSURES = 4, 4
SHAPE, SEED = (4100, 2048), 41
"""Of the frames (ny, nx), and of what is random in them."""

GAP = 2100
"""Columns from one CCD to the next."""

STARS = 5.8
"""Times the stars of the simulation, with which a frame of 2048x4100 pixels has about 3,000 detections."""


def simulated(folder: Path, fields: int) -> Path:
    """Simulate the CCDs of the mosaics of some fields, each as a field of its own."""
    if not folder.is_dir():
        stars = replace(CONSTANTS.stars, density=STARS * CONSTANTS.stars.density)
        plan = Plan(fields * CCDS, EXPOSURES, 0, SEED, SHAPE, replace(CONSTANTS, stars=stars))
        with atomic_directory(folder) as made:
            write_survey(made, plan)
    return folder


def mosaics(frames: Path, folder: Path, fields: int) -> list[Path]:
    """Make the mosaics of some fields and their catalogues; return the frames in the order of time."""
    singles = sorted({path.parents[1] for path in frames.rglob("resamp/*.fits")})
    made = []
    for field in range(fields):
        parts = singles[field * CCDS : (field + 1) * CCDS]
        began: dict[str, np.ndarray] = {}
        for number in range(1, EXPOSURES + 1):
            path = folder / f"M{field:02}" / "resamp" / f"M{field:02}-{number}.fits"
            made.append(path)
            if path.exists():
                continue
            path.parent.mkdir(parents=True, exist_ok=True)
            hdus: list[Any] = []
            for ccd, part in enumerate(parts):
                with fits.open(part / "resamp" / f"{part.name}-{number}.fits") as hdulist:
                    data, header = hdulist[0].data.copy(), hdulist[0].header.copy()
                here = np.array([header["CRVAL1"], header["CRVAL2"]])
                start = began.setdefault(part.name, here)
                if ccd == 0:
                    shown = {
                        name: header[name] for name in ("DATE-OBS", "MJD-OBS", "EXPTIME", "FILTER") if name in header
                    }
                    first = fits.Header({"OBJECT": f"M{field:02}", **shown})
                    hdus.append(fits.PrimaryHDU(header=first))
                for name in ("OBJECT", *shown, "CCDNAME"):
                    header.remove(name, ignore_missing=True)
                # All CCDs point where the first does; each has the offsets of its own exposures.
                own = began[parts[0].name]
                offset = (here - start) * [np.cos(np.radians(start[1])) / np.cos(np.radians(own[1])), 1]
                header["CRVAL1"], header["CRVAL2"] = own + offset
                header["CRPIX1"] -= ccd * GAP
                hdus.append(fits.ImageHDU(data, header, name=f"CCD{ccd + 1}"))
            fits.HDUList(hdus).writeto(path)
    if any(not catalogue_of(path).exists() for path in made):
        subprocess.run(command("detect", folder, "--overwrite"), check=True)
    return sorted(made, key=lambda path: path.stem)


def catalogue_of(frame: Path) -> Path:
    """Return the catalogue of a frame, as NEARBY keeps it."""
    return frame.parents[1] / "sextractor_cat" / f"{frame.stem}.cat"
