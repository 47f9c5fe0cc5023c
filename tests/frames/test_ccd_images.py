"""Telling the images of CCDs from maps: by their names, and by what unnamed extensions lack."""

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast import console
from ceres_fast.errors import InputError
from ceres_fast.frames.camera import Camera
from ceres_fast.frames.reading import read_frame, read_headers

from ..mosaic_files import CCDS, ccd_header, pixels
from ..tiny_field import SHAPE, make_header, make_image

IMAGE = make_image().astype(np.float32)
PLAIN = np.zeros(SHAPE, np.float32)
ONES = np.ones(SHAPE, np.float32)


def write(path, *hdus, header=None):
    fits.HDUList([fits.PrimaryHDU(header=header), *hdus]).writeto(path)
    return path


def ccds(path, camera=None):
    return [head.info.hdu for head in read_headers(path, *([camera] if camera else []))]


@pytest.mark.parametrize("kind", [fits.ImageHDU, fits.CompImageHDU])
def test_unnamed_mask_and_variance_are_no_ccds(tmp_path, capsys, kind):
    console._printed.clear()
    path = write(tmp_path / "F1.fits", kind(IMAGE, make_header()), kind(PLAIN), kind(ONES))
    assert ccds(path) == [1]
    assert np.allclose(read_frame(path).data, IMAGE, atol=5)
    assert capsys.readouterr().err.count("F1.fits: its extensions [2], [3] have no names (EXTNAME)") == 1


def test_unnamed_maps_that_copy_the_coordinates_of_their_image_are_no_ccds(tmp_path):
    header = make_header()
    maps = (fits.ImageHDU(PLAIN, header), fits.ImageHDU(ONES, header))
    assert ccds(write(tmp_path / "F1.fits", fits.ImageHDU(IMAGE, header), *maps)) == [1]
    fits.HDUList([fits.PrimaryHDU(IMAGE, header), *maps]).writeto(tmp_path / "F2.fits")
    assert ccds(tmp_path / "F2.fits") == [0]


def test_unnamed_maps_of_each_ccd_of_a_mosaic(tmp_path):
    hdus = []
    for part in range(CCDS):
        hdus += [fits.ImageHDU(pixels(part), ccd_header(part)), fits.ImageHDU(PLAIN)]
    assert ccds(write(tmp_path / "m.fits", *hdus)) == [1, 3, 5]


def test_unnamed_ccds_that_say_who_they_are_may_have_the_same_coordinates(tmp_path):
    hdus = [fits.ImageHDU(pixels(part), make_header(CCDNAME=f"A{part}")) for part in range(CCDS)]
    assert ccds(write(tmp_path / "m.fits", *hdus)) == [1, 2, 3]


def test_unnamed_ccds_of_different_gains_may_have_the_same_coordinates(tmp_path):
    hdus = [fits.ImageHDU(pixels(part), make_header(GAIN=1.5 + 0.1 * part)) for part in range(CCDS)]
    assert ccds(write(tmp_path / "m.fits", *hdus)) == [1, 2, 3]


def test_raw_mosaics_without_coordinates_stay_mosaics(tmp_path):
    path = write(tmp_path / "m.fits", *(fits.ImageHDU(pixels(part)) for part in range(CCDS)), header=make_header())
    assert ccds(path) == [1, 2, 3]


@pytest.mark.parametrize("card", [None, ("DETSEC", "[1:200,1:160]"), ("CCDNAME", "A5530-3")])
def test_a_ccd_whose_coordinates_were_not_found_is_one_nevertheless(tmp_path, card):
    whole = [fits.ImageHDU(pixels(part), ccd_header(part)) for part in range(CCDS - 1 if card is None else 1)]
    lost = fits.ImageHDU(pixels(2), fits.Header([card] if card else []))
    assert len(ccds(write(tmp_path / "m.fits", *whole, lost))) == len(whole) + 1


def test_of_two_unnamed_ccds_one_may_have_no_coordinates(tmp_path):
    own, lost = fits.ImageHDU(pixels(0), ccd_header(0)), fits.Header([("RDNOISE", 5.2)])
    # Maps stand behind their image; those who say the noise of a detector are none.
    assert ccds(write(tmp_path / "first.fits", fits.ImageHDU(pixels(1)), own)) == [1, 2]
    assert ccds(write(tmp_path / "second.fits", own, fits.ImageHDU(pixels(1), lost))) == [1, 2]
    assert ccds(write(tmp_path / "third.fits", own, fits.ImageHDU(pixels(1)))) == [1]


def test_a_named_extension_without_coordinates_is_a_ccd(tmp_path):
    path = write(tmp_path / "m.fits", fits.ImageHDU(IMAGE, make_header()), fits.ImageHDU(pixels(1), name="im2"))
    assert ccds(path) == [1, 2]


def test_a_profile_says_what_extensions_are_by_number_and_by_name(tmp_path):
    bad = PLAIN.copy()
    bad[3, 4] = 1
    path = write(tmp_path / "F1.fits", fits.ImageHDU(IMAGE, make_header()), fits.ImageHDU(bad), fits.ImageHDU(ONES))
    camera = Camera(extensions={"[2]": "mask", "[3]": "other"})
    assert ccds(path, camera) == [1]
    assert np.argwhere(np.isnan(read_frame(path, camera=camera).data)).tolist() == [[3, 4]]
    assert ccds(path, Camera(extensions={"[2]": "image", "[3]": "image"})) == [1, 2, 3]
    named = write(tmp_path / "F2.fits", fits.ImageHDU(IMAGE, make_header()), fits.ImageHDU(bad, name="DATA_QUALITY_2"))
    assert ccds(named) == [1, 2]
    camera = Camera(extensions={"Data Quality": "mask"})
    assert np.argwhere(np.isnan(read_frame(named, camera=camera).data)).tolist() == [[3, 4]]
    sky = write(tmp_path / "F3.fits", fits.ImageHDU(IMAGE, make_header(), name="SKY"))
    assert ccds(sky, Camera(extensions={"SKY": "image"})) == [1]
    with pytest.raises(InputError, match=r"F3\.fits: has no two-dimensional image but maps, by their names: SKY"):
        ccds(sky)


def test_pictures_of_hubble_are_one_ccd_each(tmp_path):
    header = make_header()
    names = ("SCI", "ERR", "DQ")
    hdus = [fits.ImageHDU(IMAGE, header, name=name, ver=ver) for ver in (1, 2) for name in names]
    hdus += [fits.ImageHDU(np.zeros((32, 64), np.float32), name="D2IMARR")]
    hdus += [fits.ImageHDU(np.zeros((32, 64), np.float32), name="WCSDVARR", ver=1)]
    assert ccds(write(tmp_path / "flc.fits", *hdus)) == [1, 4]
    drizzled = [fits.ImageHDU(IMAGE, header, name=name) for name in ("SCI", "WHT", "CTX")]
    assert ccds(write(tmp_path / "drz.fits", *drizzled)) == [1]
    infrared = [fits.ImageHDU(IMAGE, header, name=name) for name in ("SCI", "ERR", "DQ", "SAMP", "TIME")]
    assert ccds(write(tmp_path / "flt.fits", *infrared)) == [1]


def test_the_cube_of_which_exposures_were_combined_is_no_ccd(tmp_path):
    """JWST's CON has one plane per 32 exposures, and so is two-dimensional where there are few."""
    hdus = [fits.ImageHDU(IMAGE, make_header(), name="SCI"), fits.ImageHDU(ONES[None], make_header(), name="CON")]
    assert ccds(write(tmp_path / "i2d.fits", *hdus)) == [1]


@pytest.mark.parametrize("blank", ["", "N/A", None])
def test_a_card_of_an_extension_that_says_nothing_gives_way_to_the_primary_header(tmp_path, blank):
    said = fits.Header({"OBJECT": "F7", "DATE-OBS": "2023-02-25T12:00:00", "FILTER": "g", "GAIN": 1.5})
    own = make_header(**{"OBJECT": blank, "DATE-OBS": blank, "FILTER": blank, "GAIN": 2.0})
    del own["MJD-OBS"]
    (head,) = read_headers(write(tmp_path / "F1.fits", fits.ImageHDU(IMAGE, own), header=said))
    assert (head.info.field, head.info.filter, head.info.gain) == ("F7", "g", 2.0)
    assert head.info.mjd == pytest.approx(60000.5 + 30 / 86400)
