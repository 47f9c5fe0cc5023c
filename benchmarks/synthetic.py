"""Stamps to measure speed with: what is on them does not matter, that they are FITS files does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from astropy.io import fits

from ceres_fast.stamps import CLASSES, STAMP_SIZE


def write_stamps(folder: Path, count: int, *, seed: int) -> list[Path]:
    """Write `count` FITS stamps, a folder per class, far apart on the sky; returns their paths, mixed."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:STAMP_SIZE, :STAMP_SIZE] - STAMP_SIZE / 2
    paths = []
    for number in range(count):
        label = number % len(CLASSES)
        path = folder / CLASSES[label] / f"{number:06}.fits"
        path.parent.mkdir(parents=True, exist_ok=True)
        width = (1.0, 6.0)[label]
        stamp = random.normal(1000, 30, x.shape) + 500 * np.exp(-(x**2 + y**2) / width)
        hdu = fits.PrimaryHDU(stamp.astype(np.float32))
        hdu.header["FIELD"] = f"F{number:06}"
        hdu.writeto(path)
        paths.append(path)
    return paths
