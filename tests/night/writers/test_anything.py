"""Any night, whatever is unknown in it and whatever things are called: every file is one of its format."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

from ceres_fast.classify.account import CLASSIFIED
from ceres_fast.night.detections import Night, table_of
from ceres_fast.night.record import ExposureRecord, FieldRecord
from ceres_fast.night.writers import write_outputs
from ceres_fast.truth.core import read_truth

from .nights import OBSERVATORY

LETTERS = list("aZ9 ,|\"'<>&{};#\n\t\x85\u2028é星\\%\udce9")
NOT_KNOWN = [np.nan, np.inf, -np.inf, 0.0, -0.0, 1e300, -1e300]


def any_night(seed: int, output: Path) -> Night:
    """Return a night of up to 40 detections of four frames and tracklets, a fifth of the numbers not known."""
    random = np.random.default_rng(seed)
    n = int(random.integers(0, 40))

    def word() -> str:
        return "".join(random.choice(LETTERS, int(random.integers(0, 9))))

    def numbers(low: float, high: float, unknown: list[float] = NOT_KNOWN) -> np.ndarray:
        return np.where(random.random(n) < 0.2, random.choice([*unknown, low, high], n), random.uniform(low, high, n))

    def some(what: Callable[[], object]) -> list[object]:
        return [what() for _ in range(n)]

    frames = [f"/night/{word()}{number}.fits" for number in range(4)]
    tracklets = [word() for _ in range(4)]
    table = table_of(
        {
            "detection": [f"{word()}:{row}" for row in range(n)],
            "frame": some(lambda: random.choice(frames)),
            "tracklet": some(lambda: random.choice(tracklets)),
            "filter": some(word),
            "observatory": ["950"] * n,
            "hdu": random.integers(0, 2, n),
            "mjd": numbers(50_000, 80_000, [np.nan]),
            "ra": numbers(0, 360, [np.nan]),
            "dec": numbers(-90, 90, [np.nan]),
            "x": numbers(0, 2000, [np.nan]),
            "y": numbers(0, 2000, [np.nan]),
            **{name: numbers(0, 1) for name in ("position_error", "magnitude_error", "pixel_scale")},
            "exposure": numbers(0, 1000),
            "magnitude": numbers(10, 25),
            "fwhm": numbers(1, 5),
            "probability": numbers(0, 1, [np.nan]),
            "tracklet_probability": numbers(0, 1, [np.nan]),
            "flags": random.integers(0, 4096, n),
            "kept": random.random(n) < 0.8,
        }
    )
    exposures = [
        ExposureRecord(frame=frame, catalogue="none", table=f"{row}/t.cat", signature=[], fate=CLASSIFIED)
        for row, frame in enumerate(frames)
    ]
    return Night(output, [FieldRecord(name="A", version=1, provisional=False, settings="", exposures=exposures)], table)


@pytest.mark.parametrize("seed", range(10))
def test_every_file_is_one_of_its_format(seed: int, tmp_path: Path) -> None:
    ades = pytest.importorskip("ades", reason="iau-ades is not installed (pip install 'ceres-fast[train]')")
    from lxml import etree

    night = any_night(seed, tmp_path)
    wanted = ["heliolinx", "ades-psv", "ades-xml", "mpc80", "ds9", "votable"]
    files = write_outputs(night, wanted, tmp_path, OBSERVATORY)
    assert len(Table.read(tmp_path / "night.vot")) == len(night.detections)
    placed = night.detections["kept"] & np.isfinite([night.detections[name] for name in ("mjd", "ra", "dec")]).all(
        axis=0
    )
    assert len((tmp_path / "heliolinx.csv").read_text(encoding="utf-8").split("\n")) == placed.sum() + 2
    if tmp_path / "ades.xml" in files:
        schema = etree.XMLSchema(etree.parse(Path(ades.__file__).parent / "data" / "xsd" / "submit.xsd"))
        schema.assertValid(etree.parse(tmp_path / "ades.xml"))
        xml, psv, columns = (read_truth(tmp_path / name) for name in ("ades.xml", "ades.psv", "mpc80.txt"))
        assert len(xml) == len(psv) == len(columns)


@pytest.mark.parametrize("seed", range(10))
def test_every_region_is_one(seed: int, tmp_path: Path) -> None:
    regions = pytest.importorskip("regions", reason="regions is not here; tools/output-readers tries it")
    for path in write_outputs(any_night(seed, tmp_path), ["ds9"], tmp_path):
        assert len(regions.Regions.read(path, format="ds9")) == len(path.read_text(encoding="utf-8").splitlines()) - 2
