"""A tiny field: stars, two asteroids and a hot spot in four dithered exposures."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.wcs import WCS

from ceres_fast.detect import detect_frames
from ceres_fast.detect.source_extractor import PROGRAMS
from ceres_fast.synthetic.simulate.constants import CONSTANTS
from ceres_fast.synthetic.simulate.frame import render_exposure
from ceres_fast.synthetic.simulate.frame import write_frame as write_rendered
from ceres_fast.synthetic.simulate.pointing import plan_field
from ceres_fast.synthetic.simulate.sky import build_scene

SHAPE = (160, 200)
SCALE = 0.4
SEEING = 1.2
EXPOSURE = 60.0
START = 60310.9
STEP = 780 / 86400
"""From one exposure to the next, d: an asteroid of 0.1 arcsec/min has left its place then, at this seeing."""

RATE = 0.19
"""arcsec/min of both asteroids."""

STARS = ((40.3, 30.7), (150.2, 120.9), (60.5, 130.1), (120.0, 75.0), (20.0, 90.0), (175.0, 40.0))
ASTEROIDS = {"A1": (100.0, 40.0, 6.0, 1.0), "A2": (90.0, 110.0, -5.0, -4.0)}
DITHERS = ((0, 0), (9, -7), (-8, 6), (5, 11))
HOT = (45, 60)


def make_wcs(dither: tuple[float, float] = (0, 0)) -> WCS:
    """Return the coordinates of an exposure whose pointing is moved by some pixels."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype = ["RA---TAN", "DEC--TAN"]
    wcs.wcs.crval = [359.999, 12.0]
    wcs.wcs.crpix = [SHAPE[1] / 2 + dither[0], SHAPE[0] / 2 + dither[1]]
    wcs.wcs.cd = [[-SCALE / 3600, 0], [0, SCALE / 3600]]
    return wcs


def draw(image: np.ndarray, x: float, y: float, flux: float, width: float = SEEING / SCALE) -> None:
    """Add a star at a 1-based position to an image."""
    rows, columns = np.mgrid[: image.shape[0], : image.shape[1]]
    sigma = width / 2.355
    distance = (columns - x + 1) ** 2 + (rows - y + 1) ** 2
    image += flux / (2 * np.pi * sigma**2) * np.exp(-distance / 2 / sigma**2)


def make_header(number: int = 0, **other: object) -> fits.Header:
    """Return the header of an exposure, counted from 0."""
    header = make_wcs(DITHERS[number]).to_header()
    header.update(
        {
            "OBJECT": "F0001",
            "CCDNAME": "CCD4",
            "MJD-OBS": START + number * STEP - EXPOSURE / 2 / 86400,
            "EXPTIME": EXPOSURE,
            "FILTER": "r",
            "SEEING": SEEING,
            "GAIN": 2.8,
            "SATURATE": 60000.0,
            "MAGZPT": 25.0,
        }
    )
    header.update(other)
    return header


def place(name: str, number: int) -> tuple[float, float]:
    """Return the 1-based position of an asteroid in an exposure."""
    x, y, vx, vy = ASTEROIDS[name]
    return x + number * vx + DITHERS[number][0], y + number * vy + DITHERS[number][1]


def make_image(number: int = 0) -> np.ndarray:
    """Draw an exposure."""
    image = np.random.default_rng(number).normal(200, 3, SHAPE)
    for x, y in STARS:
        draw(image, x + DITHERS[number][0], y + DITHERS[number][1], 4000)
    for name in ASTEROIDS:
        draw(image, *place(name, number), 3000)
    image[HOT[0] : HOT[0] + 3, HOT[1] : HOT[1] + 3] += 500
    return image


@dataclass(frozen=True)
class Field:
    """Where the files of the tiny field are."""

    folder: Path
    frames: list[Path]
    truth: Path

    def catalogue(self, number: int) -> Path:
        return self.folder / "F0001" / "sextractor_cat" / f"F0001-{number + 1}.cat"


@pytest.fixture
def write_frame(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes one exposure to a file."""

    def write(name: str = "frame.fits", number: int = 0, data: np.ndarray | None = None, **header: object) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        image = make_image(number).astype(np.float32) if data is None else data
        fits.PrimaryHDU(image, make_header(number, **header)).writeto(path)
        return path

    return write


@pytest.fixture
def field(tmp_path: Path, write_frame: Callable[..., Path]) -> Field:
    """Four exposures with catalogues, and the truth table."""
    frames = [write_frame(f"night/F0001/resamp/F0001-{number + 1}.fits", number) for number in range(4)]
    detect_frames([tmp_path / "night"])
    lines = ["designation,mjd,ra,dec,magnitude,rate,position_angle,validated"]
    for number in range(4):
        for name in ASTEROIDS:
            ra, dec = make_wcs(DITHERS[number]).all_pix2world([place(name, number)], 1)[0]
            lines.append(f"{name},{START + number * STEP:.8f},{ra:.7f},{dec:.7f},20.5,{RATE},80.0,1")
    truth = tmp_path / "night" / "asteroids.csv"
    truth.write_text("\n".join(lines) + "\n")
    return Field(tmp_path / "night", frames, truth)


@pytest.fixture(scope="session")
def source_extractor() -> str:
    """The path of the program SExtractor."""
    found = next((path for name in PROGRAMS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip("SExtractor is not here: install Debian's source-extractor")
    return found


@pytest.fixture(scope="session")
def simulated_frame(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated frame of 800 x 1000 pixels, with everything that the simulation knows; not to be changed."""
    scene = build_scene(plan_field("F0001", 58782, 0, 1, 7, CONSTANTS), 7, (1000, 800), CONSTANTS)
    path = tmp_path_factory.mktemp("simulated") / "F0001-1.fits"
    write_rendered(path, render_exposure(scene, scene.field.exposures[0]))
    return path
