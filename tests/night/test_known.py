"""Tracklets that are known objects are named; nothing is asked unless that is wanted."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from astropy.table import QTable, Table
from hypothesis import given, settings
from hypothesis import strategies as st

from ceres_fast.console import warnings_kept
from ceres_fast.errors import CeresFastError
from ceres_fast.night import known
from ceres_fast.night.known import DRIFT, OFFSET, known_of, motion_of
from ceres_fast.truth.skybot import SKYBOT

from .nights import EXPOSURES, STEP, night_of, positions, tracklet_rows

FIRST, FIELD = 61000.25, "F0001, 2025-11-20"
SPAN = STEP * (EXPOSURES - 1)


def eros(**changed: object) -> dict:
    return tracklet_rows(
        **{"name": f"{FIELD}: 1", "field": FIELD, "ra": 10.0, "dec": 5.0, "rate": 0.6, "angle": 250.0, "first": FIRST}
        | changed
    )


def truth(path: Path, name: str = "433", *, east: float = 0.0, rate: float = 0.6, hours: float = 0.0) -> Path:
    """Write a table of an object at the first and last time, off to the east by so many arcsec, or at another rate."""
    times = FIRST + np.array([0, SPAN]) + hours / 24
    ra, dec = positions(10.0, 5.0, rate, 250.0, times, times[0])
    ra = ra + east / 3600 / math.cos(math.radians(5))
    Table({"designation": [name] * 2, "mjd": times, "ra": ra, "dec": dec, "magnitude": [19.0, 19.2]}).write(
        path, format="ascii.csv", overwrite=True
    )
    return path


def test_a_known_object_is_named_with_how_near_it_is(tmp_path: Path) -> None:
    other = tracklet_rows(f"{FIELD}: 2", FIELD, 10.1, 5.1, 0.6, 250.0, FIRST)
    found = known_of(night_of(eros(), other), truth(tmp_path / "known.csv", east=3.0), tmp_path)
    assert found["tracklet"].tolist() == [f"{FIELD}: 1", f"{FIELD}: 2"]
    assert found["name"].tolist() == ["433", ""]
    assert found["source"].tolist() == ["known.csv", "known.csv"]
    assert found["separation"][0] == pytest.approx(3.0, abs=0.01)
    assert found["rate_difference"][0] == pytest.approx(0, abs=1e-3)
    assert found["magnitude"][0] == pytest.approx(19.1, abs=0.01)
    assert np.isnan([found["separation"][1], found["magnitude"][1]]).all()


@pytest.mark.parametrize(
    ("east", "rate", "named"),
    [
        (0.9 * OFFSET, 0.6, True),
        (1.1 * OFFSET, 0.6, False),
        (0.0, 0.6 + 0.9 * DRIFT / SPAN / 1440, True),
        (0.0, 0.6 + 1.1 * DRIFT / SPAN / 1440, False),
    ],
)
def test_it_must_be_there_and_move_so(tmp_path: Path, east: float, rate: float, named: bool) -> None:
    found = known_of(night_of(eros()), truth(tmp_path / "known.csv", east=east, rate=rate), tmp_path)
    assert found["name"].tolist() == ["433" if named else ""]


def test_of_two_the_nearest_is_taken_and_two_tracklets_may_be_one_object(tmp_path: Path) -> None:
    near, far = (truth(tmp_path / f"{east}.csv", f"at {east}", east=east) for east in (2, 5))
    (tmp_path / "known.csv").write_text(far.read_text() + near.read_text().split("\n", 1)[1])
    night = night_of(eros(), eros(name=f"{FIELD}: 2", ra=10.0 + 1 / 3600))
    assert known_of(night, tmp_path / "known.csv", tmp_path)["name"].tolist() == ["at 2", "at 2"]


def test_at_the_end_of_right_ascension_and_near_the_pole(tmp_path: Path) -> None:
    times = FIRST + np.array([0, SPAN])
    for ra, dec, rate in ((359.9999, 0.0, 2.0), (120.0, 89.5, 0.5)):
        row = tracklet_rows("T", FIELD, ra, dec, rate, 90.0, FIRST)
        places = positions(ra, dec, rate, 90.0, times, FIRST)
        table = Table({"designation": ["7", "7"], "mjd": times, "ra": places[0], "dec": places[1]})
        table.write(tmp_path / "known.csv", format="ascii.csv", overwrite=True)
        found = known_of(night_of(row), tmp_path / "known.csv", tmp_path)
        assert found["name"].tolist() == ["7"]
        assert found["separation"][0] < 0.2


def test_what_has_no_predictions_around_it_is_not_looked_up_and_that_is_said(tmp_path: Path) -> None:
    with warnings_kept() as warned:
        found = known_of(night_of(eros()), truth(tmp_path / "known.csv", hours=200), tmp_path)
    assert found["source"].tolist() == [""]
    assert "not looked up" in warned[0]


def test_of_an_object_whose_motion_is_not_known_that_is_said(tmp_path: Path) -> None:
    path = truth(tmp_path / "known.csv")
    lines = path.read_text().splitlines()
    path.write_text("\n".join(lines[:2]) + "\n")
    with warnings_kept() as said:
        assert known_of(night_of(eros()), path, tmp_path)["name"].tolist() == [""]
    assert "has one place within 2 hours, and no motion (rate, position_angle), of 1 objects (433)" in said[0]
    path.write_text(f"{lines[0]},rate,position_angle\n{lines[1]},0.6,250\n")
    with warnings_kept() as said:
        assert known_of(night_of(eros()), path, tmp_path)["name"].tolist() == ["433"]
    assert said == []


def test_no_source_no_tracklets_one_time_no_places(tmp_path: Path) -> None:
    source = truth(tmp_path / "known.csv")
    assert known_of(night_of(eros()), None, tmp_path)["source"].tolist() == [""]
    assert len(known_of(night_of(), source, tmp_path)) == 0
    single, same, lost = eros(exposures=1), eros(), eros()
    same["mjd"] = [FIRST] * EXPOSURES
    lost["ra"] = [math.nan] * EXPOSURES
    for each in (single, same, lost):
        found = known_of(night_of(each), source, tmp_path)
        assert (found["name"].tolist(), found["source"].tolist()) == ([""], [""])


def test_some_places_that_are_not_known_are_passed_over(tmp_path: Path) -> None:
    row = eros()
    row["dec"][1] = math.nan
    assert known_of(night_of(row), truth(tmp_path / "known.csv"), tmp_path)["name"].tolist() == ["433"]


@settings(max_examples=50, deadline=None)
@given(
    st.floats(0, 359.99),
    st.floats(-80, 80),
    st.floats(0.05, 60),
    st.floats(0, 359.9),
    st.permutations(range(EXPOSURES)),
)
def test_motion_is_what_it_was_made_with(ra: float, dec: float, rate: float, angle: float, order: list[int]) -> None:
    times = (FIRST + STEP * np.arange(EXPOSURES))[order]
    motion = motion_of(times, *positions(ra, dec, rate, angle, times, times[0]))
    assert motion.rate == pytest.approx(rate, rel=0.03)
    assert math.cos(math.radians(motion.position_angle - angle)) > 0.99


def test_no_motion_of_one_time_or_of_nothing() -> None:
    one = np.array([1.0])
    for each in (one[:0], one, np.array([1.0, 1.0]), np.array([1.0, math.nan])):
        assert np.isnan(motion_of(each, each, each)).all()


# The service


def answer(ra: float, dec: float, rate: float, angle: float) -> Table:
    """Return SkyBoT's answer with one object."""
    imcce = pytest.importorskip("ceres_fast.truth.skybot")
    import astropy.units as u

    table = QTable()
    table["Number"], table["Name"], table["Type"] = [433], ["Eros"], ["NEA>Amor"]
    table["RA"], table["DEC"], table["V"], table["posunc"] = (
        [ra] * u.deg,
        [dec] * u.deg,
        [19.0] * u.mag,
        [0.1] * u.arcsec,
    )
    table["RA_rate"] = [rate * 60 * math.sin(math.radians(angle))] * u.arcsec / u.hour
    table["DEC_rate"] = [rate * 60 * math.cos(math.radians(angle))] * u.arcsec / u.hour
    return imcce.from_skybot(table, FIRST, "950")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple]:
    """What the service, which is none here, is asked."""
    asked: list[tuple] = []

    def ask(centre: tuple[float, float], radius: float, mjd: float, observatory: str) -> Table:
        asked.append((centre, radius, mjd, observatory))
        ra, dec = positions(10.0, 5.0, 0.6, 250.0, np.array([mjd]), FIRST)
        table = answer(ra[0], dec[0], 0.6, 250.0)
        table["mjd"] = mjd
        return table

    monkeypatch.setattr(known, "query_skybot", ask)
    monkeypatch.delenv("CERES_FAST_OFFLINE", raising=False)
    return asked


def test_skybot_is_asked_once_for_each_field(tmp_path: Path, asked: list[tuple], capsys: pytest.CaptureFixture) -> None:
    other = tracklet_rows("F2, 2025-11-20: 1", "F2, 2025-11-20", 40.0, -5.0, 1.0, 10.0, FIRST)
    night = night_of(eros(), other)
    found = known_of(night, SKYBOT, tmp_path / "known")
    assert found["name"].tolist() == ["433", ""]
    assert found["source"].tolist() == ["SkyBoT", "SkyBoT"]
    assert found["separation"][0] < 0.1
    assert len(asked) == 4
    assert asked[0][0] == pytest.approx((10.0, 5.0), abs=0.01)
    assert [each[2] for each in asked[:2]] == pytest.approx([FIRST, FIRST + SPAN], abs=1e-6)
    said = capsys.readouterr().out
    assert said.count("asking https://") == 1
    assert "their places, times and observatory" in " ".join(said.split())
    again = known_of(night, SKYBOT, tmp_path / "known")
    assert len(asked) == 4
    assert "asking" not in capsys.readouterr().out
    assert (again["name"] == found["name"]).all()
    assert len(list((tmp_path / "known").iterdir())) == 2


def test_another_time_is_asked_for_anew(tmp_path: Path, asked: list[tuple]) -> None:
    known_of(night_of(eros()), SKYBOT, tmp_path)
    known_of(night_of(eros(exposures=3)), SKYBOT, tmp_path)
    assert len(asked) == 4


def test_in_long_fields_it_is_asked_every_hour(tmp_path: Path, asked: list[tuple]) -> None:
    known_of(night_of(eros(exposures=30)), SKYBOT, tmp_path)
    assert [(each[2] - FIRST) * 24 for each in asked] == pytest.approx([0, 1, 2, 29 * STEP * 24], abs=0.2)


def test_an_empty_sky_is_an_answer(tmp_path: Path, asked: list[tuple], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "query_skybot", lambda *_: Table())
    found = known_of(night_of(eros()), SKYBOT, tmp_path)
    assert (found["name"].tolist(), found["source"].tolist()) == ([""], ["SkyBoT"])
    monkeypatch.setattr(known, "query_skybot", None)
    assert known_of(night_of(eros()), SKYBOT, tmp_path)["source"].tolist() == ["SkyBoT"]


def test_a_service_that_does_not_answer_is_said_once_and_asked_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = []

    def ask(*arguments: object) -> Table:
        tried.append(arguments)
        raise CeresFastError("SkyBoT could not be asked (no route to host).")

    monkeypatch.setattr(known, "query_skybot", ask)
    monkeypatch.delenv("CERES_FAST_OFFLINE", raising=False)
    other = tracklet_rows("F2, 2025-11-20: 1", "F2, 2025-11-20", 40.0, -5.0, 1.0, 10.0, FIRST)
    with warnings_kept() as warned:
        found = known_of(night_of(eros(), other), SKYBOT, tmp_path)
    assert found["source"].tolist() == ["", ""]
    assert len(tried) == len(warned) == 1
    assert "not looked up" in warned[0]
    assert list(tmp_path.iterdir()) == []


def test_where_the_network_is_forbidden_what_was_kept_is_used(
    tmp_path: Path, asked: list[tuple], monkeypatch: pytest.MonkeyPatch
) -> None:
    known_of(night_of(eros()), SKYBOT, tmp_path)
    monkeypatch.setenv("CERES_FAST_OFFLINE", "1")
    other = tracklet_rows("F2, 2025-11-20: 1", "F2, 2025-11-20", 40.0, -5.0, 1.0, 10.0, FIRST)
    with warnings_kept() as warned:
        found = known_of(night_of(eros(), other), SKYBOT, tmp_path)
    assert found["source"].tolist() == ["SkyBoT", ""]
    assert len(asked) == 2
    assert "CERES_FAST_OFFLINE" in warned[0]


def test_who_looks_must_be_known(tmp_path: Path, asked: list[tuple]) -> None:
    row = eros()
    row["observatory"] = ["La Palma"] * EXPOSURES
    with pytest.raises(CeresFastError, match="--observatory CODE"):
        known_of(night_of(row), SKYBOT, tmp_path)
    with pytest.raises(CeresFastError, match="cannot look from !!!"):
        known_of(night_of(row), SKYBOT, tmp_path, observatory="!!!")
    known_of(night_of(row), SKYBOT, tmp_path, observatory="950")
    assert {each[3] for each in asked} == {"950"}


@pytest.mark.parametrize("content", ["", "x", "# %ECSV 1.0\n", "# %ECSV 1.0\n# ---\n# datatype: []\n"])
def test_an_answer_that_is_broken_is_named(tmp_path: Path, asked: list[tuple], content: str) -> None:
    known_of(night_of(eros()), SKYBOT, tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_text(content)
    with pytest.raises(CeresFastError, match=f"{kept.name}.*Delete it"):
        known_of(night_of(eros()), SKYBOT, tmp_path)
