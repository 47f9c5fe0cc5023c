"""A mosaic of CCDs has one catalogue, whichever engine made it, and SExtractor's own catalogue of it comes back."""

import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ceres_fast.catalogues import read_catalogue, write_catalogue
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.detect import ENGINES, detect_frames
from ceres_fast.detect import source_extractor as engine
from ceres_fast.errors import InputError
from ceres_fast.frames.reading import read_headers

from ..tiny_field import make_header, make_image

CCDS = 3


@pytest.fixture
def mosaic(tmp_path):
    """Three CCDs with zero points of their own, the second with missing pixels; and each in a file of its own."""
    hdus, single = [fits.PrimaryHDU()], []
    for number in range(CCDS):
        header, image = make_header(number, CCDNAME=f"C{number}", MAGZPT=25.0 + number), make_image(number)
        if number == 1:
            image[:40] = np.nan
        hdus.append(fits.ImageHDU(image.astype(np.float32), header))
        single.append(tmp_path / "single" / f"C{number}.fits")
        single[-1].parent.mkdir(exist_ok=True)
        fits.PrimaryHDU(image.astype(np.float32), header).writeto(single[-1])
    (tmp_path / "mosaic").mkdir()
    fits.HDUList(hdus).writeto(tmp_path / "mosaic" / "M1.fits")
    return tmp_path / "mosaic" / "M1.fits", single


@pytest.mark.parametrize("format", ["ASCII_HEAD", "FITS_LDAC"])
@pytest.mark.parametrize("name", ENGINES)
def test_each_ccd_is_detected_as_by_itself(request, mosaic, name, format):
    if name == "source-extractor":
        request.getfixturevalue("source_extractor")
    whole, single = mosaic
    (path,) = detect_frames([whole], engine=name, format=format)
    catalogue = read_catalogue(path)
    assert catalogue.format == format
    alone = [read_catalogue(one).table for one in detect_frames(single, engine=name, format=format)]
    np.testing.assert_array_equal(catalogue.part, np.repeat(range(CCDS), [len(table) for table in alone]))
    for column in ("X_IMAGE", "Y_IMAGE", "ALPHA_J2000", "MAG_AUTO", "FLAGS"):
        expected = np.concatenate([np.asarray(table[column]) for table in alone])
        np.testing.assert_allclose(catalogue.table[column], expected, rtol=1e-6, atol=2e-4)
    for number, head in enumerate(read_headers(whole)):
        found = read_detections(head, catalogue)
        assert len(found.x) == len(alone[number])
        assert found.info.ccd == f"C{number}"


def test_tables_that_are_not_joined_are_refused_before_the_work(mosaic, source_extractor):
    with pytest.raises(InputError, match=r"M1\.fits: holds 3 CCDs, whose catalogues are not joined in FITS_1\.0"):
        detect_frames([mosaic[0]], engine="source-extractor", format="FITS_1.0")


@pytest.mark.parametrize("kind", ["ASCII_HEAD", "FITS_LDAC"])
def test_what_sextractor_itself_writes_of_a_mosaic_comes_back(tmp_path, mosaic, source_extractor, kind):
    for file in (Path(engine.__file__).parent / "config").iterdir():
        shutil.copyfile(file, tmp_path / file.name)
    with (tmp_path / "default.param").open("a") as parameters:
        parameters.write("EXT_NUMBER\n")
    command = [source_extractor, str(mosaic[0]), "-c", "default.sex", "-CATALOG_TYPE", kind]
    subprocess.run(command, cwd=tmp_path, check=True, capture_output=True)
    catalogue = read_catalogue(tmp_path / "catalogue")
    assert np.unique(catalogue.part).tolist() == list(range(CCDS))
    keep, number = np.arange(len(catalogue.table)) % 3 > 0, np.arange(len(catalogue.table))
    write_catalogue(catalogue, tmp_path / "out", added={"CERES_FLAGS": number}, keep=keep)
    before, after = (tables(tmp_path / name, kind) for name in ("catalogue", "out"))
    assert len(before) == len(after) == (CCDS if kind == "FITS_LDAC" else 1)
    start = 0
    for old, new in zip(before, after, strict=True):
        chosen = keep[start : start + len(old)]
        for column in old.colnames:
            assert np.asarray(old[column])[chosen].tobytes() == np.asarray(new[column]).tobytes()
        np.testing.assert_array_equal(new["CERES_FLAGS"], number[start : start + len(old)][chosen])
        start += len(old)


def tables(path, kind):
    """Read all tables of a catalogue as astropy does."""
    if kind == "ASCII_HEAD":
        return [Table.read(path, format="ascii.sextractor")]
    with fits.open(path) as hdus:
        return [Table.read(hdu) for hdu in hdus if hdu.name == "LDAC_OBJECTS"]
