"""Four fields as `tiny_field` draws one, beside each other on the sky: what records can be built from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from ceres_fast.detect import detect_frames

from .tiny_field import ASTEROIDS, DITHERS, RATE, START, STEP, make_header, make_image, make_wcs, place

FIELDS, EXPOSURES = 4, 3


def write_night(folder: Path, name: str = "F", exposures: int = EXPOSURES) -> Path:
    """Write frames, catalogues and ``asteroids.csv`` of four fields, each with asteroids of its own."""
    lines = ["designation,mjd,ra,dec,magnitude,rate,position_angle,validated"]
    for field in range(FIELDS):
        east = 20.0 + field
        for number in range(exposures):
            path = folder / f"{name}{field}" / "resamp" / f"{name}{field}-{number + 1}.fits"
            path.parent.mkdir(parents=True, exist_ok=True)
            noise = np.random.default_rng([field, number]).normal(0, 1, make_image(number).shape)
            header = make_header(number, OBJECT=f"{name}{field}", CRVAL1=east)
            fits.PrimaryHDU((make_image(number) + noise).astype(np.float32), header).writeto(path)
            for asteroid in ASTEROIDS:
                wcs = make_wcs(DITHERS[number])
                wcs.wcs.crval = [east, 12.0]
                ra, dec = wcs.all_pix2world([place(asteroid, number)], 1)[0]
                known = f"{ra:.7f},{dec:.7f},20.5,{RATE},80.0,1"
                lines.append(f"{asteroid}-{field},{START + number * STEP:.8f},{known}")
    detect_frames([folder])
    (folder / "asteroids.csv").write_text("\n".join(lines) + "\n")
    return folder
