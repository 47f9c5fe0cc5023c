"""Where the catalogue of a frame is found, and what is said where it is not, or where there are several."""

from pathlib import Path

import pytest

from ceres_fast.catalogues import check_folder, check_one_each, find_catalogue, no_catalogue
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.detect import detect_frames
from ceres_fast.errors import InputError


@pytest.mark.parametrize(
    "place", ["sextractor_cat/F1-1.cat", "resamp/F1-1.cat", "resamp/F1-1.cat.fits", "resamp/F1-1.ecsv"]
)
def test_catalogues_are_found(tmp_path, place):
    assert find_catalogue(tmp_path / "resamp" / "F1-1.fits.fz") is None
    path = tmp_path / place
    path.parent.mkdir()
    path.write_text("x")
    assert find_catalogue(tmp_path / "resamp" / "F1-1.fits.fz") == path


@pytest.mark.parametrize(("current", "frame"), [("resamp", "F1-1.fits"), ("other", "../resamp/F1-1.fits")])
def test_catalogues_are_found_from_the_current_folder(tmp_path, monkeypatch, current, frame):
    for folder in ("resamp", "other", "sextractor_cat"):
        (tmp_path / folder).mkdir()
    (tmp_path / "sextractor_cat" / "F1-1.cat").write_text("x")
    monkeypatch.chdir(tmp_path / current)
    found = find_catalogue(Path(frame))
    assert found is not None
    assert found.samefile(tmp_path / "sextractor_cat" / "F1-1.cat")


def test_a_catalogue_above_the_current_folder_is_found(tmp_path, monkeypatch):
    (tmp_path / "resamp" / "new").mkdir(parents=True)
    (tmp_path / "sextractor_cat").mkdir()
    (tmp_path / "sextractor_cat" / "F1-1.cat").write_text("x")
    monkeypatch.chdir(tmp_path / "resamp" / "new")
    assert find_catalogue(Path("../F1-1.fits")) == Path("../../sextractor_cat/F1-1.cat")


def test_in_a_folder_that_is_named_nothing_else_is_looked_at(tmp_path, write_frame):
    frame = write_frame("night/F1.fits.gz")
    (tmp_path / "night" / "F1.cat").write_text("x")
    folder = tmp_path / "found"
    folder.mkdir()
    assert find_catalogue(frame, folder) is None
    (written,) = detect_frames([frame], output=folder)
    assert find_catalogue(frame, folder) == written == folder / "F1.cat"
    assert len(read_detections(frame, catalogues=folder).x) == 9


def test_two_catalogues_of_one_name_are_refused_there(tmp_path):
    for name in ("F1.cat", "F1.ldac", "F10.csv"):
        (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match=r"night/F1\.fits: has 2 catalogues in .*: F1\.cat, F1\.ldac; expected one"):
        find_catalogue(Path("night/F1.fits"), tmp_path)


def test_where_there_is_none_the_place_and_the_remedy_are_said(write_frame, tmp_path):
    frame = write_frame()
    with pytest.raises(InputError, match=r"expected its catalogue \(frame\.cat, .* beside it or in .*sextractor_cat"):
        read_detections(frame)
    with pytest.raises(InputError, match=rf"in {tmp_path}/none.* Run `ceres-fast detect --output {tmp_path}/none`"):
        read_detections(frame, catalogues=tmp_path / "none")
    assert "frame.fits: is large and has no catalogue" in str(no_catalogue(frame, found="is large"))


def test_a_folder_that_is_none_is_refused(tmp_path):
    (tmp_path / "file").write_text("x")
    for name, problem in (("none", "does not exist"), ("file", "is not a folder")):
        with pytest.raises(InputError, match=f"{name}: {problem}; expected the folder that `ceres-fast detect"):
            check_folder(tmp_path / name)


def test_frames_of_one_name_cannot_share_a_catalogue(tmp_path):
    (tmp_path / "F1.cat").write_text("x")
    frames = [Path("one/F1.fits"), Path("one/F2.fits"), Path("one/F1.fits"), Path("two/F2.fits")]
    check_one_each(frames, tmp_path)  # a mosaic is there once for each CCD, and F2 has no catalogue
    with pytest.raises(InputError, match=r"two/F1\.fits: has the catalogue .*F1\.cat, as one/F1\.fits has"):
        check_one_each([*frames, Path("two/F1.fits")], tmp_path)
