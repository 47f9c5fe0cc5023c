"""Masks and weight maps: what surely has no data is missing, what may be an asteroid is not."""

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast import console
from ceres_fast.errors import InputError
from ceres_fast.frames.camera import GENERIC, Camera
from ceres_fast.frames.missing import companion_files
from ceres_fast.frames.profiles import load_camera
from ceres_fast.frames.reading import find_frames, read_frame, read_headers

from ..mosaic_files import CCDS, spot, write_mosaic
from ..tiny_field import SHAPE, make_header, make_image

IMAGE = make_image().astype(np.float32)


def missing(path, hdu=None):
    return np.argwhere(np.isnan(read_frame(path, hdu).data)).tolist()


def write(path, *maps, name="SCI"):
    image = fits.ImageHDU(IMAGE, make_header(), name=name)
    fits.HDUList([fits.PrimaryHDU(), image, *maps]).writeto(path)
    return path


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("WEIGHT", spot(3, 4, 0, 1, np.float32)),
        ("WHT", spot(3, 4, -1, 7, np.float64)),
        ("IVM", spot(3, 4, np.nan, 7, np.float32)),
        ("MASK", spot(3, 4)),
        ("MASK", spot(3, 4, 255)),
        ("DQ", spot(3, 4, 1, 0, np.int16)),
        ("BPM", spot(3, 4, 7, 0, np.int32)),
    ],
)
def test_what_has_no_data_is_missing(tmp_path, name, values):
    assert missing(write(tmp_path / "F1.fits", fits.ImageHDU(values, name=name))) == [[3, 4]]
    alone = tmp_path / "alone" / "F2.fits"
    alone.parent.mkdir()
    fits.PrimaryHDU(IMAGE, make_header()).writeto(alone)
    fits.PrimaryHDU(values).writeto(alone.with_name(f"F2.{name.lower()}.fits"))
    assert missing(alone) == [[3, 4]]
    assert find_frames([alone.parent]) == [alone]


def test_bits_that_may_be_an_asteroid_are_not_used(tmp_path, capsys):
    console._printed.clear()
    values = spot(3, 4, 2, 0, np.int16)
    values[5, 6] = 64
    path = write(tmp_path / "F1.fits", fits.ImageHDU(values, name="DQ"))
    assert missing(path) == []
    assert missing(path) == []
    assert capsys.readouterr().err.count("F1.fits[2]: is a mask of bits") == 1


@pytest.mark.parametrize("value", [2, 128])
def test_a_single_bit_is_not_yes_and_no(tmp_path, value):
    assert missing(write(tmp_path / "F1.fits", fits.ImageHDU(spot(3, 4, value), name="MASK"))) == []


def test_named_bits_are_used_by_their_names(tmp_path):
    values = spot(3, 4, 1 << 8, 0, np.int32)
    values[5, 6], values[7, 8], values[9, 10] = 1 << 5, 1, 1 << 3
    header = fits.Header({"MP_BAD": 0, "MP_SAT": 1, "MP_CR": 3})
    header["HIERARCH MP_DETECTED"], header["HIERARCH MP_NO_DATA"] = 5, 8
    assert missing(write(tmp_path / "F1.fits", fits.ImageHDU(values, header, name="MASK"))) == [[3, 4], [7, 8]]


def test_noise_maps_are_no_weights(tmp_path):
    maps = [fits.ImageHDU(spot(3, 4, 0, 1, np.float32), name=name) for name in ("VAR", "ERR", "RMS")]
    assert missing(write(tmp_path / "F1.fits", *maps)) == []


def pairs(names, versions=None):
    versions = versions or [1] * CCDS
    return [
        fits.ImageHDU(spot(part, part), name=name, ver=version)
        for part, (name, version) in enumerate(zip(names, versions, strict=True))
    ]


@pytest.mark.parametrize(
    "maps",
    [
        pairs(["MASK_1", "MASK_2", "MASK_3"]),
        pairs(["MASK", "MASK", "MASK"], [1, 2, 3]),
        pairs(["CCD1_MASK", "CCD2_MASK", "CCD3_MASK"]),
        pairs(["CCD1_MASK", "CCD2_MASK", "CCD3_MASK"])[::-1],
        pairs(["BPM00", "BPM01", "BPM02"]),
    ],
)
def test_each_ccd_has_its_own_map(tmp_path, maps):
    path = write_mosaic(tmp_path / "F1.fits", maps=maps)
    assert [missing(path, head.info.hdu) for head in read_headers(path)] == [[[part, part]] for part in range(CCDS)]


def test_science_and_quality_side_by_side(tmp_path):
    hdus = []
    for part in range(CCDS):
        hdus += [fits.ImageHDU(IMAGE, name="SCI", ver=part + 1), fits.ImageHDU(spot(part, 0), name="DQ", ver=part + 1)]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "F1.fits")
    heads = read_headers(tmp_path / "F1.fits")
    assert [head.info.hdu for head in heads] == [1, 3, 5]
    assert heads[0].info.order == (0, 2, 4)
    assert [missing(tmp_path / "F1.fits", head.info.hdu) for head in heads] == [[[part, 0]] for part in range(CCDS)]


def test_maps_of_some_ccds_go_by_number(tmp_path):
    path = write_mosaic(tmp_path / "F1.fits", maps=[fits.ImageHDU(spot(3, 4), name="MASK_2")])
    assert [missing(path, hdu) for hdu in (1, 2, 3)] == [[], [[3, 4]], []]


@pytest.mark.parametrize(
    "names",
    [
        ["CCD1", "CCD2", "MASK_2", "MASK_1"],
        ["CCD1", "CCD2", "CCD2_MASK", "CCD1_MASK"],
        ["SCI_A", "SCI_B", "DQ_B", "DQ_A"],
        ["N-a", "N-b", "MASK N-b", "MASK_N-a"],
    ],
)
def test_the_order_of_maps_does_not_matter_where_numbers_or_names_say_whose_they_are(tmp_path, names):
    path = tmp_path / "F1.fits"
    hdus = [fits.ImageHDU(IMAGE, name=name) for name in names[:2]]
    hdus += [fits.ImageHDU(spot(2 - part, 0), name=name) for part, name in enumerate(names[2:])]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    assert [missing(path, hdu) for hdu in (1, 2)] == [[[1, 0]], [[2, 0]]]


def test_maps_of_unnamed_ccds_go_by_order(tmp_path):
    path = tmp_path / "F1.fits"
    hdus = [fits.ImageHDU(IMAGE), fits.ImageHDU(IMAGE)]
    hdus += [fits.ImageHDU(spot(part, 0), name="MASK") for part in (1, 2)]
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(path)
    assert [missing(path, hdu) for hdu in (1, 2)] == [[[1, 0]], [[2, 0]]]


@pytest.mark.parametrize(("ccds", "mask"), [(("CCD1", "CCD2"), "MASK"), (("N1", "S1"), "MASK_1"), (("A", "B"), "MASK")])
def test_a_map_of_which_it_is_not_clear_whose_it_is_is_not_used(tmp_path, capsys, ccds, mask):
    console._printed.clear()
    path = tmp_path / "F1.fits"
    hdus = [fits.ImageHDU(IMAGE, name=name) for name in ccds]
    fits.HDUList([fits.PrimaryHDU(), *hdus, fits.ImageHDU(spot(1, 0), name=mask)]).writeto(path)
    assert [missing(path, hdu) for hdu in (1, 2)] == [[], []]
    said = " ".join(capsys.readouterr().err.split())
    assert said.count(f"F1.fits: of which of its 2 CCDs [3] {mask} are maps is not clear") == 1


def test_several_masks_of_one_ccd_are_all_used(tmp_path):
    path = write(tmp_path / "F1.fits", fits.ImageHDU(spot(1, 0), name="DQ"), fits.ImageHDU(spot(2, 0), name="FLAGS"))
    assert missing(path) == [[1, 0], [2, 0]]


@pytest.mark.parametrize("name", ["F1.weight.fits", "F1_WEIGHT.fits.fz", "f1.wht.fits.gz", "F1_bpm.fit"])
def test_companion_files_are_found(tmp_path, name):
    frame = write_mosaic(tmp_path / "F1.fits")
    other = write_mosaic(tmp_path / "F10.fits")
    (tmp_path / name).touch()
    (tmp_path / "F1.weight.txt").touch()
    (tmp_path / "F1.rms.fits").touch()
    (tmp_path / "F1.resamp.weight.fits").touch()
    assert companion_files(frame) == [tmp_path / name]
    assert companion_files(other) == []


def bits(*values, dtype=np.uint8):
    """Return a map with these values in the first pixels of its first row."""
    array = np.zeros(SHAPE, dtype)
    array[0, : len(values)] = values
    return array


def read_missing(path, camera=GENERIC):
    return np.argwhere(np.isnan(read_frame(path, camera=camera).data))[:, 1].tolist()


@pytest.mark.parametrize("name", ["BPM", "BADPIX", "BADPIXEL", "BPM2"])
@pytest.mark.parametrize("values", [(1, 2), (1, 8, 9), (255, 1), (1, -1)])
def test_a_bad_pixel_map_of_several_values_is_a_mask_of_bits(tmp_path, capsys, name, values):
    console._printed.clear()
    path = write(tmp_path / "F1.fits", fits.ImageHDU(bits(*values, dtype=np.int16), name=name))
    assert read_missing(path) == []
    assert "F1.fits[2]: is a mask of bits" in capsys.readouterr().err


@pytest.mark.parametrize(("value", "found"), [(1, [0]), (255, [0]), (7, [0]), (-1, [0]), (2, []), (8, []), (16384, [])])
def test_a_bad_pixel_map_of_one_higher_bit_is_a_mask_of_bits(tmp_path, value, found):
    path = write(tmp_path / "F1.fits", fits.ImageHDU(bits(value, dtype=np.int16), name="BPM"))
    assert read_missing(path) == found


def test_bits_without_data_are_those_of_the_profile(tmp_path):
    lco, ztf, decam = (load_camera(name) for name in ("lco", "ztf", "decam"))
    path = write(tmp_path / "F1.fits", fits.ImageHDU(bits(1, 2, 3, 8, 9), name="BPM"))
    assert read_missing(path, lco) == [0, 2, 4]
    only_bits = write(tmp_path / "F2.fits", fits.ImageHDU(bits(2, 8), name="BPM"))
    assert read_missing(only_bits, lco) == []
    for number, dtype in enumerate((np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.float32)):
        mask = bits(1, 2, 0 if dtype == np.uint8 else 512, 0 if dtype == np.uint8 else 1024 + 2, dtype=dtype)
        path = write(tmp_path / f"Z{number}.fits", fits.ImageHDU(mask, name="MASK"))
        assert read_missing(path, ztf) == ([] if dtype == np.uint8 else [2, 3])
    path = write(tmp_path / "F3.fits", fits.ImageHDU(bits(1, 2, 3, 5, 7), name="DQ"))
    assert read_missing(path, decam) == [0]


def test_a_plain_bad_pixel_map_is_applied_whatever_the_bits_of_the_camera_are(tmp_path):
    path = write(tmp_path / "F1.fits")
    fits.PrimaryHDU(bits(0, 1)).writeto(tmp_path / "F1.bpm.fits")
    assert read_missing(path, load_camera("ztf")) == [1]


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.uint16])
def test_the_highest_bit_can_be_named(tmp_path, dtype):
    top = np.dtype(dtype).itemsize * 8 - 1
    mask = bits(1, np.array(1 << top, np.uint64).astype(dtype), dtype=dtype)
    path = write(tmp_path / "F1.fits", fits.ImageHDU(mask, name="MASK"))
    assert read_missing(path, Camera(no_data_bits=(min(top, 62),))) == ([1] if top < 63 else [])


def test_bits_that_a_header_names_come_before_those_of_the_profile(tmp_path):
    mask = fits.ImageHDU(bits(1, 2, 4), fits.Header([("MP_BAD", 2), ("HIERARCH MP_NO_DATA", 999)]), name="MASK")
    assert read_missing(write(tmp_path / "F1.fits", mask), Camera(no_data_bits=(0,))) == [2]


def test_maps_of_the_community_pipeline(tmp_path):
    path = write(tmp_path / "c4d_190928_230000_ooi_r_v1.fits.fz", name="N2")
    weight = np.ones(SHAPE, np.float32)
    weight[0, 1] = 0
    others = [fits.ImageHDU(values, name="N2") for values in (bits(1, 0, 5), weight)]
    for letter, hdu in zip("dw", others, strict=True):
        file = tmp_path / f"c4d_190928_230000_oo{letter}_r_v1.fits.fz"
        fits.HDUList([fits.PrimaryHDU(), hdu]).writeto(file)
    assert read_missing(path) == [1]
    assert read_missing(path, load_camera("decam")) == [0, 1]
    assert find_frames([tmp_path]) == [path]


def test_companions_of_a_mosaic_go_by_the_names_of_the_ccds(tmp_path):
    path = write_mosaic(tmp_path / "F1.fits")
    maps = [fits.ImageHDU(spot(3, part), name=f"CCD{part + 1}") for part in reversed(range(CCDS))]
    fits.HDUList([fits.PrimaryHDU(), *maps]).writeto(tmp_path / "F1_mask.fits")
    assert [missing(path, hdu) for hdu in (1, 2, 3)] == [[[3, 0]], [[3, 1]], [[3, 2]]]


def test_a_companion_of_a_mosaic_has_a_map_per_ccd(tmp_path):
    path = write_mosaic(tmp_path / "F1.fits")
    maps = [fits.CompImageHDU(spot(3, part, 0, 1, np.float32)) for part in range(CCDS)]
    weights = tmp_path / "F1.weight.fits.fz"
    fits.HDUList([fits.PrimaryHDU(), *maps]).writeto(weights)
    assert [missing(path, hdu) for hdu in (1, 2, 3)] == [[[3, 0]], [[3, 1]], [[3, 2]]]
    fits.HDUList([fits.PrimaryHDU(), *maps[:2]]).writeto(weights, overwrite=True)
    with pytest.raises(InputError, match=r"F1\.weight\.fits\.fz: holds 2 images for the 3 of .*F1\.fits"):
        read_frame(path, 1)


def test_a_map_of_another_shape_is_refused(tmp_path):
    path = write(tmp_path / "F1.fits", fits.ImageHDU(np.zeros((5, 6), np.uint8), name="MASK"))
    with pytest.raises(InputError, match=r"F1\.fits\[2\]: is a map of 6x5 pixels; expected 200x160, as .*F1\.fits has"):
        read_frame(path)


def test_a_mask_that_is_upside_down_is_refused(tmp_path):
    path = write(tmp_path / "F1.fits", fits.ImageHDU(spot(3, 4, 0, 1), name="MASK"))
    with pytest.raises(InputError, match=r"F1\.fits\[2\]: marks 100% of .*expected 0 for good pixels"):
        read_frame(path)


@pytest.mark.parametrize(("name", "good", "bad"), [("WEIGHT", 1, -1), ("MASK", 0, 1)])
@pytest.mark.parametrize("share", [0.4, 0.8])
def test_a_map_that_leaves_little_is_said(tmp_path, capsys, name, good, bad, share):
    console._printed.clear()
    values = np.full(SHAPE, good, np.float32)
    values[: int(share * SHAPE[0])] = bad
    path = write(tmp_path / "F1.fits", fits.ImageHDU(values, name=name))
    assert np.isnan(read_frame(path).data).mean() == pytest.approx(share, abs=0.05)
    said = "F1.fits[2]: by this map" in " ".join(capsys.readouterr().err.split())
    assert said == (share > 0.5)


def test_weights_that_leave_nothing_are_named(tmp_path):
    path = write(tmp_path / "F1.fits", fits.ImageHDU(np.zeros(SHAPE, np.float32), name="WEIGHT"))
    with pytest.raises(InputError, match=r"no pixel has a value, after applying .*F1\.fits\[2\]"):
        read_frame(path)


def test_a_broken_companion_is_named(tmp_path):
    path = write(tmp_path / "F1.fits")
    (tmp_path / "F1.weight.fits").write_bytes(b"")
    with pytest.raises(InputError, match=r"F1\.weight\.fits: is empty"):
        read_frame(path)


def test_real_frames_have_no_maps(shared_data):
    for path in (shared_data / "frames").glob("*.fits"):
        assert companion_files(path) == []
        assert not np.isnan(read_frame(path).data).any()
