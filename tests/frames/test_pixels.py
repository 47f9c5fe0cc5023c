"""Pixels in ADU, whatever is stored: scaled as astropy does, and missing where they are BLANK."""

import gzip
import io
import warnings

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from ceres_fast import console
from ceres_fast.errors import InputError
from ceres_fast.frames.fits_files import open_fits
from ceres_fast.frames.pixels import numbers, pixels
from ceres_fast.frames.reading import read_frame, read_headers
from ceres_fast.frames.stamp_folders import read_stamp

from ..mosaic_files import spot
from ..tiny_field import SHAPE, make_header, make_image

IMAGE = make_image().round()
STORED = {"uint8": np.uint8, "int16": np.int16, "int32": np.int32, "int64": np.int64}
UNSIGNED = {"uint8": -(2**7), "int16": 2**15, "int32": 2**31, "int64": 2**63}
CONTAINERS = ("plain", "gzip", "extension", "tiles")


def write(path, stored, container="plain", **cards):
    """Write numbers as they are to be stored, and the cards that say what they mean."""
    header = fits.Header({name: value for name, value in cards.items() if value is not None})
    hdu = (fits.CompImageHDU if container == "tiles" else fits.ImageHDU)(stored, do_not_scale_image_data=True)
    hdu.header.update(header)
    hdus = [fits.PrimaryHDU(), hdu]
    if container in ("plain", "gzip"):
        hdus = [fits.PrimaryHDU(stored, do_not_scale_image_data=True)]
        hdus[0].header.update(header)
    content = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a BLANK that means nothing
        fits.HDUList(hdus).writeto(content)
    path.write_bytes(gzip.compress(content.getvalue(), 1) if container == "gzip" else content.getvalue())
    return path


def read(path):
    with open_fits(path) as hdus:
        return pixels(hdus[-1], path)


kinds = st.sampled_from(sorted(STORED))
containers = st.sampled_from(CONTAINERS)


@st.composite
def stored_images(draw):
    """Integers of some kind, BLANK among them, and how they are scaled."""
    kind, container = draw(kinds), draw(containers)
    limits = np.iinfo(STORED[kind])
    if container == "tiles" and kind == "int64":
        kind, limits = "int32", np.iinfo(np.int32)  # the standard has no tiles of 64 bits
    blank = draw(st.one_of(st.sampled_from([limits.min, 0, limits.max]), st.integers(limits.min, limits.max)))
    near = st.integers(max(limits.min, -1000), min(limits.max, 1000))
    values = draw(st.lists(st.one_of(near, st.just(blank)), min_size=30, max_size=30))
    scaling = draw(st.sampled_from([(None, None), (1, UNSIGNED[kind]), (0.5, 100.0), (None, 1000), (0.5, None)]))
    return kind, container, blank, np.array(values, STORED[kind]).reshape(5, 6), scaling


@settings(max_examples=200)
@given(stored_images())
def test_blank_integers_of_every_kind_are_missing(tmp_path_factory, image):
    _, container, blank, stored, (scale, zero) = image
    path = tmp_path_factory.getbasetemp() / "blank.fits"
    found = read(write(path, stored, container, BLANK=blank, BSCALE=scale, BZERO=zero))
    expected = stored.astype(np.float64) * (scale or 1) + (zero or 0)
    assert found.dtype == np.float32
    assert found.dtype.isnative
    np.testing.assert_array_equal(np.isnan(found), stored == blank)
    np.testing.assert_allclose(found[stored != blank], expected[stored != blank], rtol=1e-7)


@settings(max_examples=100)
@given(stored_images())
def test_without_blank_pixels_are_what_astropy_makes_of_them(tmp_path_factory, image):
    _, container, _, stored, (scale, zero) = image
    path = write(tmp_path_factory.getbasetemp() / "plain.fits", stored, container, BSCALE=scale, BZERO=zero)
    with fits.open(path) as hdus:
        expected = np.array(hdus[-1].data, np.float32)
    np.testing.assert_array_equal(read(path), expected)


def test_unsigned_integers_of_64_bits_keep_their_last_digits(tmp_path):
    values = np.arange(1000, 1030, dtype=np.uint64).reshape(5, 6)
    fits.PrimaryHDU(values).writeto(tmp_path / "a.fits")
    np.testing.assert_array_equal(read(tmp_path / "a.fits"), values.astype(np.float32))


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_floats_have_no_blank(tmp_path, kind, container):
    values = np.arange(30, dtype=kind).reshape(5, 6)
    values[2, 3] = np.nan
    cards = {"BLANK": 7, "BSCALE": 2.0, "BZERO": 5.0} if container != "tiles" else {"BLANK": 7}
    found = read(write(tmp_path / "a.fits", values, container, **cards))
    expected = values * cards.get("BSCALE", 1) + cards.get("BZERO", 0)
    np.testing.assert_allclose(found, expected, atol=0.3 if container == "tiles" else 0)


def test_quantised_floats_keep_their_missing_pixels(tmp_path):
    values = make_image().astype(np.float32)
    values[3, 4] = np.nan
    fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(values, quantize_level=16)]).writeto(tmp_path / "a.fits.fz")
    with fits.open(tmp_path / "a.fits.fz") as hdus:
        expected = np.array(hdus[1].data)
    np.testing.assert_array_equal(read(tmp_path / "a.fits.fz"), expected)
    assert np.argwhere(np.isnan(expected)).tolist() == [[3, 4]]


@pytest.mark.parametrize("as_column", [False, True])
def test_tiles_say_what_is_missing_with_zblank(tmp_path, as_column):
    """Files of fpack have ZBLANK in place of BLANK, as a keyword or as a column with a value for each tile."""
    stored = np.arange(30, dtype=np.int32).reshape(5, 6)
    path = write(tmp_path / "a.fits.fz", stored, "tiles")
    with fits.open(path, disable_image_compression=True) as hdus:
        header, place = hdus[1].header, hdus[1].fileinfo()["datLoc"]
    rows, heap = header["NAXIS2"], header["PCOUNT"]
    content = path.read_bytes()
    table = np.frombuffer(content, ">i4", 2 * rows, place).reshape(rows, 2)
    packed = content[place + 8 * rows :][:heap]
    if as_column:
        table = np.column_stack([table, np.array([3, 9, -5, 20, -5], ">i4")])
        header["NAXIS1"], header["TFIELDS"] = 12, 2
        header.set("TTYPE2", "ZBLANK", after="TFORM1")
        header.set("TFORM2", "1J", after="TTYPE2")
    else:
        header["ZBLANK"] = 9
    data = table.astype(">i4").tobytes() + packed
    path.write_bytes(content[:2880] + header.tostring().encode() + data + bytes(-len(data) % 2880))
    missing = [[0, 3], [1, 3], [3, 2]] if as_column else [[1, 3]]
    assert np.argwhere(np.isnan(read(path))).tolist() == missing


@pytest.mark.parametrize("blank", [65535, -32769, 1.5, "none", True])
def test_a_blank_that_no_pixel_can_hold_is_said_once(tmp_path, capsys, monkeypatch, blank):
    monkeypatch.setattr(console, "_printed", set())
    for name in ("a.fits", "b.fits"):
        stored = np.arange(30, dtype=np.int16).reshape(5, 6)
        assert not np.isnan(read(write(tmp_path / name, stored, BLANK=blank, BZERO=32768))).any()
    said = capsys.readouterr().err
    assert said.count("warning") == 1
    assert f"a.fits: BLANK = {blank} is no number that its pixels can hold (-32768 to 32767)" in said


def test_a_blank_without_a_value_is_none(tmp_path, capsys):
    path = write(tmp_path / "a.fits", np.arange(30, dtype=np.int16).reshape(5, 6), BLANK="", BZERO=32768)
    path.write_bytes(path.read_bytes().replace(b"BLANK   = ''", b"BLANK   =   "))
    assert not np.isnan(read(path)).any()
    assert capsys.readouterr().err == ""


def test_a_blank_that_is_written_as_a_float_counts(tmp_path):
    stored = np.arange(30, dtype=np.int16).reshape(5, 6)
    assert np.isnan(read(write(tmp_path / "a.fits", stored, BLANK=7.0, BZERO=32768))).sum() == 1


@pytest.mark.parametrize("container", CONTAINERS)
def test_frames_and_stamps_have_their_missing_pixels(tmp_path, container):
    stored = (IMAGE - 32768).astype(np.int16)
    stored[3, 4] = -32768
    header = make_header(BLANK=-32768, BZERO=32768, BSCALE=1)
    frame = read_frame(write(tmp_path / "F1.fits", stored, container, **dict(header)))
    assert np.argwhere(np.isnan(frame.data)).tolist() == [[3, 4]]
    np.testing.assert_array_equal(np.delete(frame.data, 3, axis=0), np.delete(IMAGE, 3, axis=0))
    path = write(tmp_path / "stamp.fits", stored[:32, :32], container, BLANK=-32768, BZERO=32768)
    with pytest.raises(InputError, match=r"1 of 1024 pixels are missing"):
        read_stamp(path)
    stamp = read_stamp(path, nan="fill")
    assert stamp.filled == 1
    assert stamp.stamp[3, 4] == np.median(np.delete(IMAGE[:32, :32].ravel(), 3 * 32 + 4))


@pytest.mark.parametrize(
    ("kind", "zero"), [(np.uint8, 0), (np.uint8, -128), (np.int16, 32768), (np.int32, 2**31), (np.int64, 2**63)]
)
def test_maps_of_every_kind_keep_their_bits(tmp_path, kind, zero):
    stored = np.full((5, 6), np.iinfo(kind).min, kind)
    stored[2, 3] += 5
    with open_fits(write(tmp_path / "a.fits", stored, BZERO=zero or None, BLANK=int(stored[0, 0]))) as hdus:
        values = numbers(hdus[0])
    assert values.dtype.kind in "iu"
    assert int(values[2, 3]) - int(values[0, 0]) == 5
    assert (int(values[0, 0]) == 0) == (zero != -128)


@pytest.mark.parametrize("zero", [0, 32768])
def test_masks_are_read_whatever_they_call_blank(tmp_path, zero):
    """BLANK in a mask is left over from the frame it was made from: its numbers are bits."""
    values = spot(3, 4, 1, 0, np.int32) - zero
    fits.PrimaryHDU(IMAGE.astype(np.float32), make_header()).writeto(tmp_path / "F1.fits")
    for name, blank in (("F1_mask.fits", -zero), ("F1.bpm.fits", -32768)):
        write(tmp_path / name, values.astype(np.int16), BLANK=blank, BZERO=zero or None)
    assert np.argwhere(np.isnan(read_frame(tmp_path / "F1.fits").data)).tolist() == [[3, 4]]


def test_weights_that_are_not_known_are_none(tmp_path):
    fits.PrimaryHDU(IMAGE.astype(np.float32), make_header()).writeto(tmp_path / "F1.fits")
    write(tmp_path / "F1.weight.fits", spot(3, 4, 255, 9, np.uint8), BLANK=255)
    assert np.argwhere(np.isnan(read_frame(tmp_path / "F1.fits").data)).tolist() == [[3, 4]]


def one_plane(values, axes):
    return values.reshape((1,) * axes + values.shape)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("container", CONTAINERS)
def test_one_plane_is_an_image(tmp_path, container, axes):
    header = make_header(CTYPE3="FREQ", CRPIX3=1.0, CRVAL3=5e14, CDELT3=1e9, CUNIT3="Hz")
    stored = one_plane(IMAGE.astype(np.int16), axes)
    path = write(tmp_path / "F1.fits", stored, container, **dict(header))
    for name, values in (("F1.weight.fits", spot(3, 4, 0, 1)), ("F1_mask.fits", spot(5, 6))):
        write(tmp_path / name, one_plane(values, axes))
    frame = read_frame(path)
    assert frame.info.shape == SHAPE
    assert frame.info.pixel_scale == pytest.approx(0.4)
    assert np.argwhere(np.isnan(frame.data)).tolist() == [[3, 4], [5, 6]]
    assert frame.data[7, 8] == IMAGE[7, 8]
    (head,) = read_headers(path)
    assert head.info == frame.info


@pytest.mark.parametrize("container", CONTAINERS)
def test_one_plane_is_a_stamp(tmp_path, container):
    stamp = read_stamp(write(tmp_path / "a.fits", one_plane(IMAGE[:32, :32].astype(np.float32), 1), container))
    np.testing.assert_allclose(stamp.stamp, IMAGE[:32, :32], atol=1)
    assert stamp.stamp.shape == (32, 32)


@pytest.mark.parametrize("container", ["plain", "tiles"])
def test_a_cube_says_what_it_is_and_what_to_do(tmp_path, container):
    path = write(tmp_path / "cube.fits", np.stack([IMAGE.astype(np.int16)] * 3), container)
    number = 1 if container == "tiles" else 0
    problem = rf"cube\.fits: has no two-dimensional image: its HDU {number} is a cube of 3 planes; expected the image "
    for read_it in (read_frame, read_headers):
        with pytest.raises(InputError, match=problem + "of a CCD. Write the planes that are frames to files of their"):
            read_it(path)


def test_a_row_is_no_image(tmp_path):
    path = write(tmp_path / "row.fits", np.arange(50, dtype=np.int16))
    with pytest.raises(InputError, match=r"row\.fits: has no two-dimensional image; expected the image of a CCD"):
        read_frame(path)
