"""FITS files that were refused or misread though all that is needed is in them."""

import gzip
import io
import shutil

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast import console
from ceres_fast.catalogues import read_catalogue
from ceres_fast.detect import ENGINES, detect_frames
from ceres_fast.errors import InputError
from ceres_fast.frames.cut import cut_stamps
from ceres_fast.frames.reading import read_frame


@pytest.fixture(autouse=True)
def nothing_said(monkeypatch):
    monkeypatch.setattr(console, "_printed", set())


@pytest.fixture
def case(tmp_path, shared_cases):
    """Return a copy of the files of a case."""

    def copy(name):
        shutil.copytree(shared_cases / "frames" / name, tmp_path / "case", copy_function=shutil.copyfile)
        return tmp_path / "case"

    return copy


@pytest.fixture(params=ENGINES)
def engine(request):
    """Each engine, where it is installed."""
    if request.param == "source-extractor":
        request.getfixturevalue("source_extractor")
    return request.param


@pytest.mark.parametrize("packed", ["plain", "gzip", "tiles"])
def test_blank_of_unsigned_integers_is_missing(case, packed, tmp_path):
    """astropy PR 16550: images of unsigned integers are kept in their type, and BLANK is to be applied by hand."""
    path = case("06-blank-uint16") / "blank.fits"
    with fits.open(path, do_not_scale_image_data=True) as hdus:
        stored, header = hdus[0].data.copy(), hdus[0].header.copy()
    assert (stored == header["BLANK"]).sum() == 10240
    match packed:
        case "gzip":
            packed_path = path.with_suffix(".fits.gz")
            packed_path.write_bytes(gzip.compress(path.read_bytes()))
            path = packed_path
        case "tiles":
            tiles = fits.CompImageHDU(stored, do_not_scale_image_data=True)
            tiles.header.update({name: header[name] for name in ("BZERO", "BSCALE", "BLANK")})
            fits.HDUList([fits.PrimaryHDU(), tiles]).writeto(path := path.with_suffix(".fits.fz"))
    data = read_frame(path).data
    np.testing.assert_array_equal(np.isnan(data), stored == header["BLANK"])
    row, column = np.argwhere(np.isnan(data)).mean(axis=0)
    _, _, filled = cut_stamps(data, np.array([column + 1]), np.array([row + 1]))
    assert filled[0] > 0


def test_a_keyword_that_is_not_ascii_is_left_out(case, engine, capsys):
    """esheldon/fitsio 295: the card ``;\\xcc.S =  351/ no comment``."""
    folder = case("14-keyword-not-ascii")
    (folder / "a.fits").rename(folder / "c.fits")  # the bad one comes last, and a catalogue for each
    found = detect_frames([folder], engine=engine, format="FITS_LDAC", on_error="skip")
    assert found == [folder / "b.cat", folder / "c.cat"]
    bad, good = (read_catalogue(path) for path in reversed(found))
    assert len(bad.table) > 0
    assert len(bad.headers[0]) > 10
    said = capsys.readouterr().err
    assert said.count("may not be written by the FITS standard") == 1
    assert "the card ';" in said
    assert len(good.table) > 0


def test_a_last_block_that_is_not_full_is_read(case, engine, capsys):
    """indilib/indi 1733: a program of many cameras wrote all frames so. astropy and SExtractor read them."""
    folder = case("15-file-without-padding")
    path = folder / "nopad.fits"
    content = path.read_bytes()
    full = path.with_name("full.fits")
    full.write_bytes(content + bytes(-len(content) % 2880))
    (folder / "again.fits").write_bytes(content)
    again, whole, short = (read_catalogue(found).table for found in detect_frames([folder], engine=engine))
    assert len(whole) == 5
    for table in (again, short):
        np.testing.assert_array_equal(table["X_IMAGE"], whole["X_IMAGE"])
    said = capsys.readouterr().err
    assert said.count("its last block is not filled to 2880 bytes") == 1
    assert "again.fits" in said
    path.write_bytes(content[:-1])
    with pytest.raises(InputError, match=r"nopad\.fits: is not a readable FITS file \(it is cut off"):
        read_frame(path)


def test_one_plane_of_a_cube_is_an_image(case, engine):
    """libvips 3265, CARTA 1315: cameras and stacks of one plane have NAXIS = 3 and NAXIS3 = 1."""
    folder = case("16-naxis3-1")
    with fits.open(folder / "naxis3.fits") as hdus:
        header, data = hdus[0].header.copy(), hdus[0].data.copy()
    assert data.ndim == 3
    plane = io.BytesIO()
    del header["NAXIS3"]
    fits.PrimaryHDU(data[0], header).writeto(plane)
    (folder / "plane.fits").write_bytes(plane.getvalue())
    cube, flat = (read_catalogue(found).table for found in detect_frames([folder], engine=engine))
    assert len(flat) == 5
    assert cube.colnames == flat.colnames
    for name in ("X_IMAGE", "ALPHA_J2000"):
        if name in flat.colnames:
            np.testing.assert_array_equal(cube[name], flat[name])
    np.testing.assert_array_equal(read_frame(folder / "naxis3.fits").data, data[0].astype(np.float32))
