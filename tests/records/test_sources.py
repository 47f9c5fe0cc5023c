"""Units of work: every file is listed by one of them, whatever the source."""

import shutil
from collections import Counter
from pathlib import Path

import pytest

from ceres_fast.errors import InputError
from ceres_fast.records import sources as records_sources
from ceres_fast.records.scheduler import Workers
from ceres_fast.records.sources import find_sources
from ceres_fast.records.units import Choice
from ceres_fast.selection.rules import Rules

from ..survey_files import write_field

CHOICE = Choice((), Rules(), "skip", "error")
TRUTH = "designation,mjd,ra,dec\nA,60000.1,150,2\n"


@pytest.fixture
def frames(tmp_path):
    """Two fields of three exposures, a bad frame, one of another filter, a mask, and a truth table."""
    folder = tmp_path / "night"
    for field in ("F0001", "F0002"):
        write_field(folder, field=field)
    (folder / "F0002" / "resamp" / "F0002-1.fits").write_bytes(b"no FITS")
    shutil.copy(folder / "F0001/resamp/F0001-1.fits", folder / "F0001/resamp/F0001-1.mask.fits")
    (folder / "asteroids.csv").write_text(TRUTH)
    return folder


def units_of(folder, choice=CHOICE):
    (source,) = find_sources([folder], None)
    return source, source.units(choice, Workers())


def test_a_field_is_one_unit_and_the_rest_is_listed(frames):
    source, units = units_of(frames)
    assert [(unit.kind, unit.name) for unit in units] == [
        ("frames", "night/F0001/resamp/F0001-1.fits"),
        ("frames", "night/F0002/resamp/F0002-2.fits"),
        ("files", "night/F0002/resamp/F0002-1.fits"),
    ]
    assert [len(unit.files) for unit in units] == [7, 4, 3]
    listed = Counter(file.path for unit in units for file in unit.listed)
    assert set(listed) == set(source.files) == {file for file in frames.rglob("*") if file.is_file()}
    assert set(listed.values()) == {1}
    assert source.counts["bad_frames"] == 1
    assert source.counts["frames_found"] == 6


def test_frames_that_are_not_selected_are_listed(frames):
    source, units = units_of(frames, Choice((("FILTER", ("z",)),), Rules(), "skip", "error"))
    assert {unit.kind for unit in units} == {"files"}
    assert sum(len(unit.listed) for unit in units) == len(source.files)


def test_headers_are_read_in_pieces(frames, monkeypatch):
    whole = units_of(frames)
    monkeypatch.setattr(records_sources, "HEADERS_AT_ONCE", 1)
    source, units = units_of(frames)
    assert [unit for unit in units if unit.kind == "frames"] == [unit for unit in whole[1] if unit.kind == "frames"]
    assert source.counts == whole[0].counts


def test_a_truth_table_that_cannot_be_read_is_the_first_thing_said(frames):
    (frames / "asteroids.csv").write_text("designation,mjd\nA,60000\n")
    with pytest.raises(InputError, match=r"asteroids\.csv"):
        units_of(frames)


def test_stamps_come_some_at_a_time(class_folders, monkeypatch):
    monkeypatch.setattr(records_sources, "STAMPS_AT_ONCE", 50)
    source, units = units_of(class_folders)
    assert [len(unit.files) for unit in units] == [50, 50, 20]
    assert [file.path for unit in units for file in unit.listed] == source.files
    assert len({unit.name for unit in units}) == 3


@pytest.mark.parametrize("kind", ["frames", "stamps"])
def test_only_alerts_have_more_planes(frames, class_folders, kind):
    choice = Choice((), Rules(), "skip", "error", ("science", "template", "difference"))
    with pytest.raises(InputError, match="has one plane, and --planes asks for science, template, difference"):
        units_of(frames if kind == "frames" else class_folders, choice)


def test_no_name_is_a_path_of_this_machine(frames, tmp_path):
    truth = Path(shutil.move(frames / "asteroids.csv", tmp_path / "known.csv"))
    (source,) = find_sources([frames], truth)
    for unit in source.units(CHOICE, Workers()):
        assert str(tmp_path) not in "".join((unit.name, *(file.name for file in unit.files)))
