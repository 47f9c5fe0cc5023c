"""Small sets of stamps, as columns and as a folder per class of FITS files."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast.records.build import build_records
from ceres_fast.records.manifest import Manifest
from ceres_fast.stamps import COLUMNS, stamp_table

FIELDS, PER_FIELD = 12, 10


def some_columns(count: int, **known: object) -> dict[str, np.ndarray]:
    """Return the columns of `count` stamps with random pixels; every third is an asteroid."""
    random = np.random.default_rng(1)
    stamps = random.normal(1000, 30, (count, 32, 32)).astype(np.float32)
    table = stamp_table(stamps, **{"label": np.arange(count) % 3 == 0, **known})
    return {name: np.asarray(table[name]) for name in ("stamp", *(column.name for column in COLUMNS))}


@pytest.fixture(name="some_columns", scope="session")
def _some_columns() -> Callable[..., dict[str, np.ndarray]]:
    return some_columns


@pytest.fixture(scope="session")
def class_folders(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """120 stamps of 12 fields, a folder per class; every asteroid is in three stamps of its field."""
    folder = tmp_path_factory.mktemp("sources") / "stamps"
    random = np.random.default_rng(2)
    for number in range(FIELDS * PER_FIELD):
        field, place = divmod(number, PER_FIELD)
        asteroid = place < 3
        header = fits.Header()
        header["FIELD"], header["RCID"], header["PIXSCALE"] = f"F{field:02d}", 1, 0.5
        header["RA"], header["DEC"], header["MJD-OBS"] = 10.0 + field, 5.0 + place / 10, 60000.25 + place / 1000
        header["FILTER"], header["KIND"] = "r", "asteroid" if asteroid else "bogus" if place % 2 else "stationary"
        if asteroid:
            header["SSNAME"] = f"2020 A{field}"
        path = folder / ("asteroid" if asteroid else "non_asteroid") / f"s{number:03d}.fits"
        path.parent.mkdir(parents=True, exist_ok=True)
        fits.writeto(path, random.normal(500 + number, 20, (32, 32)).astype(np.float32), header)
    return folder


@pytest.fixture(scope="session")
def built(class_folders: Path, tmp_path_factory: pytest.TempPathFactory) -> Manifest:
    """Records of `class_folders` with 3 shards a split; not to be changed."""
    return build_records([class_folders], tmp_path_factory.mktemp("built") / "records", shards=3)


@pytest.fixture
def copied(built: Manifest, tmp_path: Path) -> Path:
    """The folder of a copy of `built`, to be damaged."""
    folder = tmp_path / "records"
    folder.mkdir()
    for file in built.folder.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return folder
