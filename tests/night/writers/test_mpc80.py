"""80 columns: what reads truth reads them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError
from ceres_fast.night.writers import write_outputs
from ceres_fast.night.writers.mpc80 import line
from ceres_fast.night.writers.observations import PERMANENT, PROVISIONAL, Observation, designations, names_of
from ceres_fast.truth import mpc80
from ceres_fast.truth.core import read_truth
from ceres_fast.truth.found import Found, observation

from .nights import AWKWARD, OBSERVATORY, PLAIN, a_night

pytest.importorskip("ades", reason="iau-ades is not installed (pip install 'ceres-fast[train]')")


def test_a_report_is_read_back(tmp_path: Path) -> None:
    night = a_night()
    write_outputs(night, ["mpc80"], tmp_path, OBSERVATORY, known={PLAIN: "433 Eros"})
    truth = read_truth(tmp_path / "mpc80.txt")
    np.testing.assert_allclose(truth["mjd"], night.detections["mjd"][:7], atol=1e-6)
    assert truth["designation"].tolist() == ["433"] * 4 + [names_of([PLAIN, AWKWARD])[AWKWARD]] * 3
    assert truth["magnitude"].tolist()[:2] == [20.0, 20.12]
    assert set(truth["observatory"]) == {"950"}
    lines = (tmp_path / "mpc80.txt").read_text().splitlines()
    assert lines[0] == "COD 950"
    assert {len(each) for each in lines[6:]} == {80}
    assert {each[13:15] for each in lines[6:]} == {"@C"}
    assert [each[65:71] for each in lines[6:9]] == ["20.00r", "20.12r", "      "]


@pytest.mark.parametrize(
    ("band", "letter"),
    [
        ("Sr", "r"),
        ("Pw", "w"),
        ("Vj", "V"),
        ("Rc", "R"),
        ("Bj", "B"),
        ("Ac", "c"),
        ("G", "G"),
        ("Gr", "G"),
        ("UNK", " "),
    ],
)
def test_a_band_has_the_letter_of_the_columns(band: str, letter: str) -> None:
    each = Observation("a", "b123456", "", "", 61373.1, 10, -1, 0.1, 20, 0.1, band, 60)
    written = line(OBSERVATORY, each)
    assert (written[65:71], len(written)) == (f"20.00{letter}", 80)


@pytest.mark.parametrize(("mode", "note"), [("CCD", "C"), ("CMO", "B"), ("VID", "n"), ("PHO", " "), ("TDI", "C")])
def test_a_mode_has_its_note(mode: str, note: str) -> None:
    each = Observation("a", "b123456", "", "", 61373.1, 10, -1, 0.1, 20, 0.1, "Sr", 60)
    assert line(replace(OBSERVATORY, mode=mode), each)[14] == note


def test_a_code_of_four_characters_does_not_fit(tmp_path: Path) -> None:
    with pytest.raises(CeresFastError, match="three characters"):
        write_outputs(a_night(), ["mpc80"], tmp_path, replace(OBSERVATORY, code="A123"))


@settings(max_examples=200, deadline=None)
@given(
    mjd=st.floats(50_000, 80_000),
    ra=st.floats(0, 360) | st.just(359.9999999),
    dec=st.floats(-90, 90) | st.sampled_from([-90.0, 90.0, -0.0, -1e-9]),
    name=st.sampled_from(["", "433", "2004 JQ12", "2040 P-L", "29P", "C/2019 Q4", "620001"]),
    own=st.text(max_size=20),
)
def test_any_observation_is_read_back(mjd: float, ra: float, dec: float, name: str, own: str) -> None:
    permanent, provisional = (name, "") if name.rstrip("P").isdigit() else ("", name)
    tracklet = names_of([own])[own]
    written = line(OBSERVATORY, Observation(own, tracklet, permanent, provisional, mjd, ra, dec, 0.1, 20, 0.1, "r", 60))
    (found,) = mpc80.rows(written)
    assert isinstance(found, Found)
    assert not isinstance(found.values, str | None)
    read = observation(found.values)
    assert (read.designation, read.observatory) == (name or tracklet, "950")
    assert abs(read.mjd - mjd) < 1e-6
    assert abs((read.ra - ra + 180) % 360 - 180) <= 0.5001 * 0.001 / 240
    assert abs(read.dec - dec) <= 0.5001 * 0.01 / 3600


@settings(max_examples=200, deadline=None)
@given(
    st.from_regex(PERMANENT, fullmatch=True) | st.from_regex(PROVISIONAL, fullmatch=True) | st.from_regex(r"\d{1,9}P?")
)
def test_any_name_that_is_reported_has_columns_and_is_read_back(name: str) -> None:
    permanent, provisional = designations(name)
    each = Observation("a", "b123456", permanent, provisional, 61373.1, 10, -1, 0.1, 20, 0.1, "Sr", 60)
    written = line(OBSERVATORY, each)
    if written[5] == "_" and not provisional.startswith("2025"):
        return  # more than 619 times the same letters: packed so from 2025 on, and nobody has it from before
    (found,) = mpc80.rows(written)
    assert isinstance(found, Found)
    assert not isinstance(found.values, str | None)
    assert (observation(found.values).designation, len(written)) == (permanent or provisional or "b123456", 80)
