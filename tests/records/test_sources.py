"""Units of work: every file is listed by one of them, whatever the source."""

import gzip
import json
import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from astropy.io import fits

from ceres_fast.errors import InputError
from ceres_fast.frames.camera import GENERIC, Camera
from ceres_fast.machine.scheduler import Workers
from ceres_fast.records import sources as records_sources
from ceres_fast.records.parts import PartMaker
from ceres_fast.records.sources import find_sources
from ceres_fast.records.units import Choice
from ceres_fast.selection.rules import Rules
from ceres_fast.stamps import PLANES

from ..alert_files import RUBIN_SCHEMA, avro, message, rubin, write_tar, ztf
from ..survey_files import write_field
from ..tiny_records import write_stamps

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


@pytest.fixture
def apart(frames):
    """The same, with the second field beside the first."""
    for frame in frames.glob("F0002/resamp/F0002-[23].fits"):
        fits.setval(frame, "CRVAL1", value=151.0)
    return frames


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


def test_a_profile_of_the_camera_decides_what_parts_are_and_which_maps_they_have(frames):
    camera = Camera(files=({"frame": "F0001", "map": "quality_F0001", "kind": "mask"},), no_data_bits=(3,))
    shutil.copy(frames / "F0001/resamp/F0001-1.fits", frames / "F0001/resamp/quality_F0001-1.fits")
    sources = [find_sources([frames], None, None, each)[0] for each in (GENERIC, Camera(origin=0), camera)]
    units = [source.units(CHOICE, Workers()) for source in sources]
    make = PartMaker(frames, CHOICE)
    assert len({make.key(of[0]) for of in units}) == 3
    assert [info.camera for info in units[2][0].frames] == [camera] * 3
    assert "quality_F0001-1.fits" in {file.path.name for file in units[2][0].files}
    assert sources[2].counts["frames_found"] == 6


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


def test_stamps_have_one_plane(frames, class_folders):
    choice = Choice((), Rules(), "skip", "error", PLANES)
    with pytest.raises(InputError, match="has one plane, and --planes asks for science, template, difference"):
        units_of(class_folders, choice)
    assert units_of(frames, choice)[1][0].kind == "frames"


def test_what_is_asked_of_the_other_exposures_decides_what_a_part_is(frames):
    _, (unit, *_) = units_of(frames)
    asked = (
        {},
        {"planes": PLANES},
        {"forced": True},
        {"rules": Rules(forced_limit=0.4)},
        {"rules": Rules(forced_limit=0.5)},
        {"forced": True, "template": Path("a.fits"), "template_sha256": "01"},
        {"forced": True, "template": Path("a.fits"), "template_sha256": "02"},
    )
    assert len({PartMaker(frames, replace(CHOICE, **each)).key(unit) for each in asked}) == len(asked)


def test_no_name_is_a_path_of_this_machine(frames, tmp_path):
    truth = Path(shutil.move(frames / "asteroids.csv", tmp_path / "known.csv"))
    (source,) = find_sources([frames], truth)
    for unit in source.units(CHOICE, Workers()):
        assert str(tmp_path) not in "".join((unit.name, *(file.name for file in unit.files)))


def test_the_schemas_of_alerts_are_listed(tmp_path):
    folder = tmp_path / "night"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.avro").write_bytes(message(rubin()))
    (folder / "900.avsc").write_text(json.dumps(RUBIN_SCHEMA))
    source, units = units_of(folder)
    assert {file.name for unit in units for file in unit.listed} == {f"night/{name}" for name in ("900.avsc", *FILES)}
    assert len(source.files) == 4
    (unit,) = units_of(folder / "0.avro")[1]
    assert [file.path for file in unit.files] == [folder / "0.avro", folder / "900.avsc"]


FILES = [f"{number}.avro" for number in range(3)]


def test_a_stamp_has_the_one_name_of_its_asteroid(tmp_path):
    folder = write_stamps(tmp_path / "stamps")
    written = ["2004JQ12", "2004 JQ12", "0012345", "12345"]
    for name, path in zip(written, sorted((folder / "asteroid").iterdir()), strict=False):
        with fits.open(path, mode="update") as hdus:
            hdus[0].header["SSNAME"] = name
    (unit,) = units_of(folder)[1]
    ((table, _),) = unit.tables(CHOICE)
    assert table["designation"][table["label"] == 1].tolist()[:4] == ["2004 JQ12", "2004 JQ12", "12345", "12345"]


OTHERS = {
    "a.csv": (b"ra,dec\n1,2\n", "CSV"),
    "a.h5": (b"\x89HDF\r\n\x1a\n" + bytes(100), "HDF5"),
    "a.zip": (b"PK\x03\x04" + bytes(100), "a zip archive"),
    "a.tar.bz2": (b"BZh9" + bytes(range(100)), "bzip2"),
    "a.tar.xz": (b"\xfd7zXZ\0" + bytes(100), "xz"),
    "a.json": (b"{}", "JSON"),
    "a.parquet": (b"PAR1" + bytes(100) + b"PAR1", "Parquet"),
    "a.bin": (bytes(100), "an unknown format"),
    "a": (avro(ztf()), "Avro"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_a_folder_in_another_format_is_named(tmp_path, name):
    content, what = OTHERS[name]
    (tmp_path / name).write_bytes(content)
    (tmp_path / ".hidden").write_bytes(b"")
    with pytest.raises(InputError, match=rf"but files of {what} \(1\); the first is {name}; expected .*\.avro"):
        find_sources([tmp_path], None)


@pytest.mark.parametrize("name", [name for name in OTHERS if name not in ("a", "a.parquet", "a.bin")])
def test_a_file_in_another_format_is_named(tmp_path, name):
    content, what = OTHERS[name]
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"is not a folder, and no file of alerts but {what}; expected .*\.avro"):
        find_sources([tmp_path / name], None)


def test_frames_with_other_files_beside_them_are_frames(frames):
    for name, (content, _) in OTHERS.items():
        (frames / name).write_bytes(content)
    (frames / "empty.tar.gz").write_bytes(gzip.compress(b""))
    write_tar(frames / "code.tar", {"a.py": b""})
    source, units = units_of(frames)
    assert source.kind == "frames"
    assert [unit.kind for unit in units] == ["frames", "frames", "files"]


def test_what_is_no_exposure_of_the_sky_is_listed_and_in_no_field(apart):
    for name in ("F0001/resamp/F0001-2.fits", "F0002/resamp/F0002-3.fits"):
        fits.setval(apart / name, "IMAGETYP", value="dark")
    source, units = units_of(apart)
    assert [(unit.name, len(getattr(unit, "frames", ()))) for unit in units] == [
        ("night/F0001/resamp/F0001-1.fits", 2),
        ("night/F0002/resamp/F0002-2.fits", 1),
        ("night/F0001/resamp/F0001-2.fits", 0),
    ]
    assert source.counts["frames_of_no_sky"] == 2
    assert {file.path for unit in units for file in unit.listed} == set(source.files)


def test_exposures_that_stand_alone_are_warned_of(apart, capsys):
    for exposure in (2, 3):
        (apart / f"F0001/resamp/F0001-{exposure}.fits").unlink()
    units_of(apart)
    said = capsys.readouterr().err
    assert (
        "F0001-1.fits: no other exposure of the same field, CCD and night was given, so nothing can be called" in said
    )
    assert "all their stars become non-asteroids" in said
    assert "Give all exposures of a field together" in said
    units_of(apart, Choice((), Rules(remove_stationary=False), "skip", "error"))
    assert "no other exposure" not in capsys.readouterr().err


def test_a_name_that_the_sky_corrects_decides_what_a_part_is(apart):
    make = PartMaker(apart, CHOICE)
    _, (before, *_) = units_of(apart)
    fits.setval(apart / "F0001/resamp/F0001-1.fits", "OBJECT", value="F0001 a")
    _, (after, *_) = units_of(apart)
    assert {info.field for info in after.frames} == {"F0001 a"}
    assert before.decides != after.decides
    assert make.key(before) != make.key(after)
