"""Reading frames of every kind, finding them, and refusing what is none."""

import contextlib
import gzip
import math
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.frames.info import FrameInfo
from ceres_fast.frames.reading import (
    PASSED_OVER,
    find_frames,
    frame_stem,
    list_frames,
    read_frame,
    read_info,
    relative_to_sources,
)

from ..tiny_field import SCALE, SHAPE, make_header, make_image, make_wcs

IMAGE = np.rint(make_image()).astype(np.uint16)


def packed(path, kind):
    """Write the same pixels in one of the ways that cameras and archives do."""
    header = make_header()
    match kind:
        case "uint16":
            fits.PrimaryHDU(IMAGE, header).writeto(path)
        case "scaled":
            hdu = fits.PrimaryHDU(IMAGE.astype(np.float64), header)
            hdu.scale("int16", bscale=0.5, bzero=2000)
            hdu.writeto(path)
        case "float":
            fits.PrimaryHDU(IMAGE.astype(">f8"), header).writeto(path)
        case "compressed":
            fits.HDUList([fits.PrimaryHDU(), fits.CompImageHDU(IMAGE, header)]).writeto(path)
        case "extension":
            primary = fits.PrimaryHDU(header=fits.Header({"OBJECT": "F0001", "EXPTIME": 60.0}))
            image = fits.ImageHDU(IMAGE, header, name="IM1")
            del image.header["OBJECT"], image.header["EXPTIME"]
            weight = fits.ImageHDU(np.ones(SHAPE, np.float32), name="WEIGHT")
            fits.HDUList([primary, image, weight]).writeto(path)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("F0001-1.fits", "uint16"),
        ("F0001-1.fit", "scaled"),
        ("F0001-1.fts", "float"),
        ("F0001-1.fits.fz", "compressed"),
        ("F0001-1.fits.gz", "uint16"),
        ("F0001-1.fits.bz2", "float"),
        ("F0001-1.FITS", "extension"),
    ],
)
def test_every_kind_of_fits_gives_the_same_frame(tmp_path, name, kind):
    packed(tmp_path / name, kind)
    assert find_frames([tmp_path]) == [tmp_path / name]
    frame = read_frame(tmp_path / name)
    np.testing.assert_allclose(frame.data, IMAGE, atol=1e-6)
    assert frame.data.dtype == np.float32
    assert frame.data.dtype.isnative
    info = frame.info
    assert read_info(tmp_path / name) == info
    assert (info.frame, info.field, info.ccd, info.filter) == ("F0001-1", "F0001", "CCD4", "r")
    assert (info.exposure, info.seeing, info.gain, info.saturation) == (60, 1.2, 2.8, 60000)
    assert info.mjd == pytest.approx(60310.9)
    assert info.pixel_scale == pytest.approx(SCALE)
    assert info.shape == SHAPE
    assert info.night == 60310
    np.testing.assert_allclose(frame.wcs.all_pix2world([[5, 6]], 1), make_wcs().all_pix2world([[5, 6]], 1))


def test_missing_pixels_stay_nan(write_frame):
    data = make_image()
    data[3, 4] = np.nan
    assert np.argwhere(np.isnan(read_frame(write_frame(data=data)).data)).tolist() == [[3, 4]]


def test_blank_of_integer_frames_is_missing(tmp_path):
    hdu = fits.PrimaryHDU(IMAGE.astype(np.int16), make_header(BLANK=-1))
    hdu.data[3, 4] = -1
    hdu.writeto(tmp_path / "frame.fits")
    assert np.argwhere(np.isnan(read_frame(tmp_path / "frame.fits").data)).tolist() == [[3, 4]]


@pytest.mark.parametrize("name", ["astride_ystar_streak_512.fits", "sep_eso_ntt_emmi_256.fits"])
def test_real_frames_with_odd_headers(shared_data, name):
    frame = read_frame(shared_data / "frames" / name)
    assert np.isfinite(frame.data).all()
    assert frame.data.std() > 0
    assert (frame.wcs is not None) == name.startswith("astride")
    assert frame.info.exposure in (60, 1200)


def test_scaled_integers_of_a_real_frame(shared_data):
    frame = read_frame(shared_data / "frames" / "sep_eso_ntt_emmi_256.fits")
    assert frame.header["DATAMIN"] - 0.01 <= frame.data.min()
    assert frame.data.max() <= frame.header["DATAMAX"] * 1.000001
    assert math.isnan(frame.info.pixel_scale)


def break_frame(path, how):
    whole = path.read_bytes()
    match how:
        case "empty":
            path.write_bytes(b"")
        case "cut in the header":
            path.write_bytes(whole[:1000])
        case "cut after the header":
            path.write_bytes(whole[: len(whole) - 128000])
        case "cut in the pixels":
            path.write_bytes(whole[:-5000])
        case "text":
            path.write_text("no frame at all\n" * 300)
        case "cut and packed":
            path.write_bytes(gzip.compress(whole)[:-3000])
        case "folder":
            path.unlink()
            path.mkdir()
        case "missing":
            path.unlink()


@pytest.mark.parametrize(
    "how",
    [
        "empty",
        "cut in the header",
        "cut after the header",
        "cut in the pixels",
        "text",
        "cut and packed",
        "folder",
        "missing",
    ],
)
def test_broken_files_are_named(write_frame, how):
    path = write_frame()
    break_frame(path, how)
    for read in (read_frame, read_info):
        with pytest.raises(InputError, match=r"frame\.fits: .*expected.*FITS"):
            read(path)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (np.zeros(SHAPE, np.float32), "every pixel is 0"),
        (np.full(SHAPE, 65535, np.uint16), "every pixel is 65535"),
        (np.full(SHAPE, np.nan, np.float32), "no pixel has a value"),
        (np.zeros((3, *SHAPE), np.float32), "no two-dimensional image"),
        (np.zeros(100, np.float32), "no two-dimensional image"),
    ],
)
def test_frames_without_a_picture_are_refused(tmp_path, data, problem):
    fits.PrimaryHDU(data).writeto(tmp_path / "dead.fits")
    with pytest.raises(InputError, match=rf"dead\.fits: .*{problem}"):
        read_frame(tmp_path / "dead.fits")


def test_a_ccd_of_a_mosaic_must_be_named(tmp_path):
    images = [fits.ImageHDU(IMAGE, name=f"CCD{number}") for number in range(4)]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(tmp_path / "mosaic.fits")
    with pytest.raises(InputError, match=r"mosaic\.fits: holds 4 images; expected .*\[1\], \[2\], \[3\], \[4\]"):
        read_frame(tmp_path / "mosaic.fits")
    with pytest.raises(InputError, match=r"mosaic\.fits\[9\]: is not the image of a CCD"):
        read_frame(tmp_path / "mosaic.fits", 9)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    flips=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=20), packed_as=st.booleans()
)
@example(flips=[(0.591238608053901, 0)], packed_as=True)  # an error of CFITSIO's own type
def test_flipped_bytes_give_a_frame_or_one_clear_error(tmp_path, flips, packed_as):
    path = tmp_path / "flipped.fits"
    path.unlink(missing_ok=True)
    packed(path, "compressed" if packed_as else "uint16")
    content = bytearray(path.read_bytes())
    for place, value in flips:
        content[int(place * min(8000, len(content) - 1))] = value
    path.write_bytes(content)
    with contextlib.suppress(InputError):
        assert read_frame(path).data.ndim == 2


def test_find_frames_passes_over_what_is_no_frame(tmp_path, write_frame):
    frames = [write_frame(f"a/{name}.fits") for name in ("F2-1", "F1-1")]
    write_frame("a/F1-1.weight.fits")
    write_frame("a/.hidden.fits")
    write_frame("a/.partial/F9-1.fits")
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(Table({"X": [1.0]}))]).writeto(tmp_path / "a" / "F1-1.cat.fits")
    (tmp_path / "a" / "F1-1.cat").write_text("# 1 X_IMAGE\n")
    broken = tmp_path / "a" / "z.fits"
    broken.write_bytes(b"")
    assert find_frames([tmp_path]) == [*sorted(frames), broken]
    assert find_frames([frames[0], tmp_path, tmp_path / "a"]) == [*sorted(frames), broken]
    assert find_frames(frames) == sorted(frames)


def test_a_frame_that_lost_its_image_is_none_to_pass_over(tmp_path, write_frame):
    frame = write_frame()
    lost = fits.getheader(frame)
    for name in ("SIMPLE", "BITPIX", "NAXIS", "NAXIS1", "NAXIS2"):
        lost.pop(name, None)
    fits.PrimaryHDU(None, lost).writeto(tmp_path / "lost.fits")
    fits.HDUList([fits.PrimaryHDU(), fits.ImageHDU()]).writeto(tmp_path / "lost-too.fits")
    found = find_frames([tmp_path])
    assert [path.name for path in found if path != frame] == ["lost-too.fits", "lost.fits"]
    for path in found:
        if path != frame:
            with pytest.raises(InputError, match="has no two-dimensional image"):
                read_info(path)


def test_what_is_passed_over_is_listed_with_the_reason(tmp_path, write_frame):
    frame = write_frame("a/F1-1.fits")
    write_frame("a/F1-1.weight.fits")
    write_frame("a/F1_mask.fits.gz")
    write_frame("a/.F1-2.fits")
    write_frame("a/.partial/F9-1.fits")
    (tmp_path / "a" / "link.fits").symlink_to(frame)
    (tmp_path / "a" / "nowhere.fits").symlink_to(tmp_path / "gone.fits")
    table = fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(Table({"X": [1.0]}))])
    table.writeto(tmp_path / "a" / "F1-1.cat.fits")
    listing = list_frames([tmp_path, frame])
    assert listing.frames == [frame, tmp_path / "a" / "nowhere.fits"]
    assert {path.name: why for path, why in listing.passed_over.items()} == {
        "F1-1.weight.fits": PASSED_OVER["map"],
        "F1_mask.fits.gz": PASSED_OVER["map"],
        ".F1-2.fits": PASSED_OVER["hidden"],
        "link.fits": PASSED_OVER["again"],
        "F1-1.cat.fits": PASSED_OVER["table"],
    }


def test_nothing_found_is_said(tmp_path):
    with pytest.raises(CeresFastError, match="no frames found"):
        find_frames([tmp_path])
    with pytest.raises(InputError, match="nowhere: does not exist"):
        find_frames([tmp_path / "nowhere"])
    with pytest.raises(CeresFastError, match="no source"):
        find_frames([])


def test_a_named_catalogue_is_no_frame(tmp_path):
    path = tmp_path / "F1-1.cat.fits"
    fits.HDUList([fits.PrimaryHDU(), fits.table_to_hdu(Table({"X": [1.0]}))]).writeto(path)
    with pytest.raises(InputError, match=r"F1-1\.cat\.fits: has no two-dimensional image"):
        read_info(find_frames([path])[0])


def test_links_to_one_frame_count_once(tmp_path, write_frame):
    path = write_frame()
    (tmp_path / "link.fits").symlink_to(path)
    shutil.copy(path, tmp_path / "copy.fits")
    assert len(find_frames([tmp_path])) == 2


@pytest.mark.parametrize("name", ["a.b-1.fits", "a.b-1.FITS.fz", "a.b-1.fit.gz", "a.b-1.fts", "a.b-1.fits.xz"])
def test_stem(tmp_path, name):
    assert frame_stem(tmp_path / name) == "a.b-1"


def test_frames_are_named_by_their_place_in_a_source(tmp_path, monkeypatch):
    for name in ("a", "b"):
        (tmp_path / name / "night").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "a")
    here, other, there = Path(), Path("../b"), tmp_path / "a"
    assert relative_to_sources(Path("night/1.fits"), [other, here]) == Path("night/1.fits")
    assert relative_to_sources(there / "night" / "1.fits", [here, there]) == Path("night/1.fits")
    assert relative_to_sources(Path("../b/night/1.fits"), [here, other]) == Path("night/1.fits")
    assert relative_to_sources(Path("../b/night/1.fits"), [here]) == Path("1.fits")


def test_what_is_known_of_a_frame_is_equal_where_nothing_else_is_known(tmp_path):
    info = FrameInfo(tmp_path / "F1.fits", "F1")
    assert info == replace(info)
    assert hash(info) == hash(replace(info))
    assert info != replace(info, gain=2.0)
    assert info != "F1"
