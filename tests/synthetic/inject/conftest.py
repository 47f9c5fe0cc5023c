"""A small field with many stars of a known profile, in three dithered exposures."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from ceres_fast.synthetic.simulate.render import Psf, add_points

SIDE = 300
SCALE = 0.4
GAIN = 2.0
SKY = 400.0
NOISE = 14.0
ZERO_POINT = 26.0
PSF = Psf(3.2, 2.5, 0.15, 30.0)
DITHERS = ((0.0, 0.0), (6.0, -4.0), (-5.0, 3.0))
MIDDLES = tuple(60310.9 + np.arange(3) * 300 / 86400)
EXPOSURE = 60.0


def wcs_of(number: int) -> WCS:
    """Return the coordinates of an exposure, with a distortion."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN-SIP", "DEC--TAN-SIP"]
    wcs.wcs.crval = [359.9995, 12.0]
    wcs.wcs.crpix = [SIDE / 2 + DITHERS[number][0], SIDE / 2 + DITHERS[number][1]]
    wcs.wcs.cd = [[-SCALE / 3600, 0], [0, SCALE / 3600]]
    wcs.wcs.set()
    from astropy.wcs import Sip

    a = np.zeros((3, 3))
    a[2, 0] = 2e-5
    wcs.sip = Sip(a, a.T, None, None, wcs.wcs.crpix)
    return wcs


def header_of(number: int, **other: object) -> fits.Header:
    """Return the header of an exposure, counted from 0."""
    header = wcs_of(number).to_header(relax=True)
    header.update(
        {
            "OBJECT": "F0001",
            "CCDNAME": "A",
            "MJD-OBS": MIDDLES[number] - EXPOSURE / 2 / 86400,
            "EXPTIME": EXPOSURE,
            "GAIN": GAIN,
            "SATURATE": 30000.0,
            "MAGZPT": ZERO_POINT,
        }
    )
    header.update(other)
    return header


def star_places(number: int) -> np.ndarray:
    """Return the 1-based places of the stars in an exposure, shape (25, 2)."""
    grid = np.stack(np.meshgrid(np.arange(5), np.arange(5)), axis=-1).reshape(-1, 2) * 56.0 + 36
    return grid + np.random.default_rng(7).uniform(-2, 2, grid.shape) + DITHERS[number]


def pixels_of(number: int, stars: int = 25, flux: float = 60_000) -> np.ndarray:
    """Draw an exposure, ADU, float64; `flux` is that of the stars, in electrons."""
    random = np.random.default_rng(number)
    light = np.zeros((SIDE, SIDE), np.float32)
    places = star_places(number)[:stars]
    brightness = flux * np.random.default_rng(8).uniform(0.5, 2, 25)[:stars]
    add_points(light, places[:, 0], places[:, 1], brightness, PSF)
    return SKY + random.poisson(light) / GAIN + random.normal(0, NOISE, light.shape)


@pytest.fixture
def write_frame(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes one exposure as unsigned integers, or the pixels it is given."""

    def write(
        name: str = "night/F0001/resamp/F0001-1.fits", number: int = 0, data: np.ndarray | None = None, **header: object
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = pixels_of(number).round().astype(np.uint16) if data is None else data
        fits.PrimaryHDU(image, header_of(number, **header)).writeto(path)
        return path

    return write


@pytest.fixture
def night(tmp_path: Path, write_frame: Callable[..., Path]) -> Path:
    """The folder with the three exposures of the field."""
    for number in range(3):
        write_frame(f"night/F0001/resamp/F0001-{number + 1}.fits", number)
    return tmp_path / "night"
