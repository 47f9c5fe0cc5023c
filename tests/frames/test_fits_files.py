"""Opening FITS files and reading headers that break the standard."""

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast.errors import InputError
from ceres_fast.frames.fits_files import check_whole, each_hdu, fits_files, open_fits, readable_header
from ceres_fast.frames.reading import find_frames


def test_unreadable_cards_are_left_out():
    good = fits.Header([("OBJECT", "F1"), ("GAIN", 2.8, "e-/ADU"), ("HISTORY", "made"), ("COMMENT", "by hand")])
    text = good.tostring(padding=False, endcard=False) + "SEEING  = 1.2\x00".ljust(80)
    header = readable_header(fits.Header.fromstring(text))
    assert header == good
    assert header.comments["GAIN"] == "e-/ADU"


def test_files_are_sorted_and_hidden_ones_are_passed_over(tmp_path):
    for name in ("b.fits", "a.FIT", "sub/c.fts.gz", ".d.fits", ".sub/e.fits", "f.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.name for path in fits_files(tmp_path)] == ["a.FIT", "b.fits", "c.fts.gz"]


def test_errors_of_the_reader_itself_name_the_file(tmp_path):
    path = tmp_path / "a.fits"
    fits.PrimaryHDU().writeto(path)
    with pytest.raises(InputError, match=r"a\.fits: is not a readable FITS file \('nowhere'\)"), open_fits(path):
        raise KeyError("nowhere")


def test_linked_folders_are_searched_once(tmp_path):
    (tmp_path / "elsewhere/resamp").mkdir(parents=True)
    (tmp_path / "elsewhere/resamp/a.fits").touch()
    (tmp_path / "night").mkdir()
    (tmp_path / "night/F1").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/round").symlink_to(tmp_path / "night")
    assert fits_files(tmp_path / "night") == [tmp_path / "night/F1/resamp/a.fits"]


def test_a_folder_that_cannot_be_read_is_said(tmp_path, monkeypatch, capsys):
    def refused(place):
        raise PermissionError(13, "Permission denied", str(place))

    monkeypatch.setattr("os.scandir", refused)
    assert fits_files(tmp_path) == []
    assert f"{tmp_path}: cannot be read (Permission denied)" in capsys.readouterr().err


def test_a_file_that_goes_on_is_not_whole(tmp_path):
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((4, 5)))]).writeto(path)
    with open_fits(path) as hdus:
        check_whole(path, hdus)
    path.write_bytes(path.read_bytes()[:4000])
    with open_fits(path) as hdus, pytest.raises(InputError, match=r"a\.fits: its extension 1 cannot be read"):
        check_whole(path, hdus)
    assert find_frames([tmp_path]) == [path]


def test_an_extension_of_negative_size_is_no_endless_file(tmp_path):
    path = tmp_path / "a.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU(np.zeros((4, 5)))]).writeto(path)
    content = path.read_bytes().replace(b"NAXIS1  =                    5", b"NAXIS1  =             -9999999")
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"a\.fits: is not a readable FITS"), open_fits(path) as hdus:
        list(each_hdu(hdus))
    assert find_frames([tmp_path]) == [path]
