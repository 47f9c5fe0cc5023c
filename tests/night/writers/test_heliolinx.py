"""Files for heliolinx: its own program reads them in `tools/output-readers`; here, its rules by hand."""

import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ceres_fast.night.detections import Night
from ceres_fast.night.writers import write_outputs
from ceres_fast.night.writers.heliolinx import COLUMN_FORMAT, NAME

from .nights import AWKWARD, OBSERVATORY, PLAIN, a_night, empty_night

HELIOLINX = "CERES_FAST_HELIOLINX"
"""Names the folder that `tools/output-readers` has made."""


def read(folder: Path) -> dict[str, list[str]]:
    """Read as make_tracklets does: lines split at commas, whatever is quoted, and columns as the other file says."""
    columns = dict(line.split() for line in (folder / COLUMN_FORMAT).read_text().splitlines())
    lines = [line.split(",") for line in (folder / NAME).read_text(encoding="utf-8").splitlines()[1:]]
    assert all(len(",".join(line)) >= 30 for line in lines), "it passes over shorter lines"
    return {name: [line[int(number) - 1] for line in lines] for name, number in columns.items()}


def written(night: Night, folder: Path, **more: object) -> dict[str, list[str]]:
    write_outputs(night, ["heliolinx"], folder, OBSERVATORY, **more)
    return read(folder)


def test_what_it_reads_is_what_is_known(tmp_path: Path) -> None:
    night = a_night()
    found = written(night, tmp_path, known={PLAIN: "2004 JQ12"})
    rows = night.detections[np.isfinite(night.detections["ra"]) & night.detections["kept"]]
    for column, name in (("MJDCOL", "mjd"), ("RACOL", "ra"), ("DECCOL", "dec")):
        np.testing.assert_allclose(np.array(found[column], float), rows[name], atol=1e-8)
    assert len(set(found["IDCOL"])) == len(rows)
    assert max(map(len, found["IDCOL"])) < 20
    assert found["DETQUALCOL"] == ["969"] * 4 + ["799"] * 3 + ["599", "0"]
    assert found["KNOWNOBJCOL"] == ["999"] * 4 + ["0"] * 5
    assert found["BANDCOL"] == ["r"] * 4 + ["V"] * 3 + ["r"] * 2
    assert set(found["OBSCODECOL"]) == {"950"}
    # What is not known is what heliolinx takes for it.
    assert found["MAGCOL"][2:5] == ["99.999", "20.200", "99.999"]
    assert found["SIGALONGCOL"] == ["0.1000"] * 4 + ["1.0000"] * 5


def test_what_was_not_scored_or_looked_up_is_not_known(tmp_path: Path) -> None:
    night = a_night(probability=[np.nan] * 11, tracklet_probability=[np.nan] * 11)
    found = written(night, tmp_path)
    assert set(found["DETQUALCOL"]) == set(found["KNOWNOBJCOL"]) == {"-1"}


def test_a_band_is_a_letter(tmp_path: Path) -> None:
    write_outputs(a_night(filter=["r", "R", "sdss r", ",", "é", "", *["r"] * 5]), ["heliolinx"], tmp_path)
    assert read(tmp_path)["BANDCOL"] == ["r", "R", "V", "V", "V", "V", "r", "r", "r"]
    bands = {"r": "Sr", "R": "Rc", "o": "Ao", ",": "UNK"}
    night = a_night(filter=["r", "R", "o", ",", *["g"] * 7])
    write_outputs(night, ["heliolinx"], tmp_path, replace(OBSERVATORY, bands=bands), overwrite=True)
    assert read(tmp_path)["BANDCOL"] == ["r", "R", "o", "V", *["g"] * 5]


def test_a_night_without_detections_has_a_header(tmp_path: Path) -> None:
    assert written(empty_night(), tmp_path)["IDCOL"] == []


def test_its_program_reads_them(tmp_path: Path) -> None:
    programs = Path(os.environ.get(HELIOLINX, "/nowhere"))
    if not shutil.which("make_tracklets_new", path=programs):
        pytest.skip(f"heliolinx's make_tracklets is not here; tools/output-readers builds it (${HELIOLINX})")
    found = written(a_night(), tmp_path)
    files = {"-dets": NAME, "-colformat": COLUMN_FORMAT, "-earth": programs / "earth.csv"}
    files |= {"-obscode": programs / "observatories.txt", "-pairdets": "pairs.csv", "-maxvel": "4", "-mintrkpts": "3"}
    arguments = [str(each) for pair in files.items() for each in pair]
    subprocess.run([programs / "make_tracklets_new", *arguments], cwd=tmp_path, check=True, capture_output=True)
    pairs = np.genfromtxt(tmp_path / "pairs.csv", delimiter=",", names=True, dtype=None, encoding="utf-8", comments="%")
    assert pairs["det_qual"].tolist()[:4] == [int(each) for each in found["DETQUALCOL"][:4]]
    assert AWKWARD not in str(pairs)
