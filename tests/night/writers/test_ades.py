"""ADES: validated by iau-ades, and read by what reads truth."""

import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError
from ceres_fast.night.detections import Night
from ceres_fast.night.writers import write_outputs
from ceres_fast.night.writers.ades import values
from ceres_fast.night.writers.observations import Observation
from ceres_fast.truth.core import read_truth

from .nights import OBSERVATORY, PLAIN, a_night, empty_night

pytest.importorskip("ades", reason="iau-ades is not installed (pip install 'ceres-fast[train]')")

BOTH = ["ades-psv", "ades-xml"]


def written(night: Night, folder: Path, **more: object) -> list[Path]:
    return write_outputs(night, BOTH, folder, OBSERVATORY, **more)


def ades(*arguments: str, folder: Path) -> None:
    """Run a program of iau-ades: it ends the process at an error, and keeps its state."""
    subprocess.run([sys.executable, "-m", *arguments], cwd=folder, check=True, capture_output=True)


def test_iau_ades_finds_both_valid_and_the_same(tmp_path: Path) -> None:
    written(a_night(), tmp_path, known={PLAIN: "(433) Eros"})
    ades("ades.psvtoxml", "ades.psv", "converted.xml", folder=tmp_path)
    assert (tmp_path / "converted.xml").read_text().split() == (tmp_path / "ades.xml").read_text().split()
    ades("ades.valall", "ades.xml", folder=tmp_path)
    verdict = (tmp_path / "valall.file").read_text()
    assert verdict.split("\n")[:4] == [f"{each} is OK" for each in ("submit", "submithuman", "general", "generalhuman")]


@pytest.mark.parametrize("name", ["ades.psv", "ades.xml"])
def test_what_is_read_back_is_what_was_measured(name: str, tmp_path: Path) -> None:
    night = a_night()
    written(night, tmp_path, known={PLAIN: "K04J12Q"})
    truth = read_truth(tmp_path / name)
    rows = night.detections[:7]
    np.testing.assert_allclose(truth["mjd"], rows["mjd"], atol=1e-3 / 86400)
    np.testing.assert_allclose(truth["ra"], rows["ra"], atol=1e-7)
    np.testing.assert_allclose(truth["dec"], rows["dec"], atol=1e-7)
    np.testing.assert_allclose(truth["magnitude"], [20.0, 20.12, np.nan, 20.2, np.nan, np.nan, np.nan])
    assert truth["designation"].tolist()[:4] == ["2004 JQ12"] * 4
    assert len(set(truth["designation"])) == 2
    assert set(truth["observatory"]) == {"950"}
    assert len(truth.meta["counts"]) == 0


def test_without_three_exposures_there_is_no_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(written(a_night(), tmp_path)) == 2
    two = a_night(mjd=[61373.1, 61373.1, 61373.2, 61373.2, *[61373.2] * 7])
    assert written(two, tmp_path, overwrite=True) == []
    assert "fewer than 3 exposures: 2" in " ".join(capsys.readouterr().err.split())
    assert list(tmp_path.iterdir()) == []
    assert written(empty_night(), tmp_path) == []


def test_who_observed_must_be_known(tmp_path: Path) -> None:
    with pytest.raises(CeresFastError, match="--observatory FILE"):
        write_outputs(a_night(), ["ades-psv", "ds9"], tmp_path)
    assert list(tmp_path.iterdir()) == []


@cache
def schema() -> Any:
    from ades import adesutility
    from lxml import etree

    return etree.XMLSchema(etree.parse(Path(adesutility.__file__).parent / "data" / "xsd" / "submit.xsd"))


finite = {"allow_nan": False, "allow_infinity": False}


@settings(max_examples=50, deadline=None)
@given(
    mjd=st.floats(50_000, 80_000, **finite),
    ra=st.floats(0, 360, **finite),
    dec=st.floats(-90, 90, **finite),
    error=st.floats(1e-9, 99) | st.just(np.nan),
    magnitude=st.floats(-5, 30) | st.just(np.nan),
    magnitude_error=st.floats(1e-9, 99) | st.just(np.nan),
    exposure=st.floats(),
)
def test_any_numbers_fit_the_schema(
    mjd: float, ra: float, dec: float, error: float, magnitude: float, magnitude_error: float, exposure: float
) -> None:
    from lxml import etree

    each = Observation("t", "bcdfg12", "", "", mjd, ra, dec, error, magnitude, magnitude_error, "Sr", exposure)
    optical = etree.Element("optical")
    for name, text in next(values(OBSERVATORY, [each])).items():
        etree.SubElement(optical, name).text = text
    schema().assertValid(optical)
