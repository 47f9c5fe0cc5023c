"""A frame with light added is the same file in all else."""

from __future__ import annotations

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast.errors import InputError
from ceres_fast.synthetic.inject.paint import KEYWORD, Layer, Paint, write_injected

IMAGE = np.random.default_rng(0).normal(500, 10, (60, 80))
ROW, COLUMN, ADDED = np.array([5, 6, 9, 20]), np.array([7, 8, 9, 20]), np.array([100.0, 1e9, 50.0, 3.0])
LIMIT = 20_000.0


def holed():
    image = IMAGE.astype(np.float32)
    image[9, 9] = np.nan
    return image


def scaled():
    hdu = fits.PrimaryHDU(IMAGE.copy())
    hdu.scale("int16", bscale=2.5, bzero=500)
    return hdu


KINDS = {
    "u16.fits": lambda: [fits.PrimaryHDU(IMAGE.astype(np.uint16))],
    "i16.fits": lambda: [fits.PrimaryHDU(IMAGE.astype(np.int16))],
    "i32.fits.gz": lambda: [fits.PrimaryHDU(IMAGE.astype(np.int32))],
    "f32.fits": lambda: [fits.PrimaryHDU(holed())],
    "f64.fits.gz": lambda: [fits.PrimaryHDU(holed().astype(np.float64))],
    "scaled.fits": lambda: [scaled()],
    "second.fits": lambda: [fits.PrimaryHDU(), fits.ImageHDU(IMAGE.astype(np.uint16), name="CCD1")],
    "rice.fits.fz": lambda: [fits.PrimaryHDU(), fits.CompImageHDU(IMAGE.astype(np.uint16))],
    "gzip.fits.fz": lambda: [
        fits.PrimaryHDU(),
        fits.CompImageHDU(holed(), compression_type="GZIP_2", quantize_level=0),
    ],
    "quantised.fits.fz": lambda: [
        fits.PrimaryHDU(),
        fits.CompImageHDU(holed(), quantize_level=16, quantize_method=1, dither_seed=7),
    ],
}


def inject(tmp_path, name, hdus=None, added=ADDED):
    source, target = tmp_path / name, tmp_path / "out" / name
    more = fits.BinTableHDU.from_columns([fits.Column("A", "J", array=[1, 2])], name="EXTRA")
    fits.HDUList([*(hdus or KINDS[name]()), more]).writeto(source)
    before = source.read_bytes()
    number = 0 if hdus or len(KINDS[name]()) == 1 else 1
    layer = Layer(Paint(ROW, COLUMN, added), 4, LIMIT, np.random.default_rng(1))
    write_injected(source, target, {number: layer}, seed=3)
    assert source.read_bytes() == before
    return source, target, number


@pytest.mark.parametrize("name", KINDS)
def test_only_the_light_and_the_header_change(tmp_path, name):
    source, target, number = inject(tmp_path, name)
    with fits.open(source) as old, fits.open(target) as new:
        assert [type(hdu) for hdu in new] == [type(hdu) for hdu in old]
        assert [hdu.name for hdu in new] == [hdu.name for hdu in old]
        assert new["EXTRA"].data["A"].tolist() == [1, 2]
        assert new[number].data.dtype == old[number].data.dtype
        assert new[number].header["BITPIX"] == old[number].header["BITPIX"]
        for card in ("BZERO", "BSCALE", "ZCMPTYPE", "ZTILE1"):
            assert new[number].header.get(card) == old[number].header.get(card)
        assert new[number].header[KEYWORD] == 4
        assert "4 synthetic asteroids added (seed 3)" in str(new[number].header["HISTORY"])
        before, after = old[number].data.astype(float), new[number].data.astype(float)
        assert np.array_equal(np.isnan(before), np.isnan(after))
        difference = np.nan_to_num(after - before)
        least = 1.3 if name == "quantised.fits.fz" else 2.5 if name == "scaled.fits" else 1e-3
        assert difference[5, 7] == pytest.approx(100, abs=least)
        assert after[6, 8] == pytest.approx(LIMIT, abs=least)
        difference[ROW, COLUMN] = 0
        assert np.abs(difference).max() <= (1.3 if name == "quantised.fits.fz" else 0)


def test_blank_and_saturated_pixels_stay_and_integers_do_not_wrap(tmp_path):
    image = np.full((30, 30), 30_000, np.int16)
    image[5, 7], image[20, 20] = -1, 100
    hdu = fits.PrimaryHDU(image)
    hdu.header["BLANK"] = -1
    _, target, _ = inject(tmp_path, "blank.fits", [hdu], np.array([5.0, 1e9, 10.0, 1e9]))
    with fits.open(target, do_not_scale_image_data=True) as hdus:
        assert hdus[0].data[ROW, COLUMN].tolist() == [-1, 30_000, 30_000, int(LIMIT)]


def test_integers_do_not_wrap_where_no_saturation_is_known(tmp_path):
    source, target = tmp_path / "a.fits", tmp_path / "b.fits"
    fits.PrimaryHDU(np.full((30, 30), 60_000, np.uint16)).writeto(source)
    layer = Layer(Paint(ROW, COLUMN, np.full(4, 1e7)), 1, np.nan, np.random.default_rng(1))
    write_injected(source, target, {0: layer}, seed=0)
    assert (fits.getdata(target)[ROW, COLUMN] == 65535).all()


def test_fractions_of_integers_are_kept_in_the_mean(tmp_path):
    source, target = tmp_path / "a.fits", tmp_path / "b.fits"
    fits.PrimaryHDU(np.zeros((100, 100), np.int16)).writeto(source)
    row, column = (part.ravel() for part in np.mgrid[:100, :100])
    layer = Layer(Paint(row, column, np.full(10_000, 0.3)), 1, np.nan, np.random.default_rng(1))
    write_injected(source, target, {0: layer}, seed=0)
    assert fits.getdata(target).mean() == pytest.approx(0.3, abs=0.02)


def test_stale_checksums_go(tmp_path):
    source, target = tmp_path / "a.fits", tmp_path / "b.fits"
    fits.PrimaryHDU(IMAGE).writeto(source, checksum=True)
    layer = Layer(Paint(ROW, COLUMN, ADDED), 1, np.nan, np.random.default_rng(1))
    write_injected(source, target, {0: layer}, seed=0)
    with fits.open(target, checksum=True) as hdus:  # a wrong sum would be warned of, and warnings are errors
        assert hdus[0].data[5, 7] == IMAGE[5, 7] + 100
        assert "DATASUM" not in hdus[0].header


@pytest.mark.parametrize("name", ["plane.fits", "plane.fits.fz"])
def test_one_plane_of_a_cube_gets_the_light_that_an_image_gets(tmp_path, name):
    kind = fits.CompImageHDU if name.endswith("fz") else fits.PrimaryHDU
    hdus = [kind(IMAGE.astype(np.int32)[None])]
    if name.endswith("fz"):
        hdus.insert(0, fits.PrimaryHDU())
    fits.HDUList(hdus).writeto(tmp_path / name)
    layer = Layer(Paint(ROW, COLUMN, ADDED), 4, LIMIT, np.random.default_rng(1))
    write_injected(tmp_path / name, tmp_path / "out" / name, {len(hdus) - 1: layer}, seed=3)
    after = fits.getdata(tmp_path / "out" / name, len(hdus) - 1)
    assert after.shape == (1, *IMAGE.shape)
    assert after[0, 5, 7] == int(IMAGE[5, 7]) + 100
    assert after[0, 0, 0] == int(IMAGE[0, 0])


def test_no_light_makes_a_pixel_missing(tmp_path):
    image = np.full((30, 30), 100, np.int16)
    hdu = fits.PrimaryHDU(image)
    hdu.header["BLANK"] = int(LIMIT)
    _, target, _ = inject(tmp_path, "blank.fits", [hdu], np.array([5.0, 1e9, 10.0, 1e9]))
    with fits.open(target, do_not_scale_image_data=True) as hdus:
        assert not (hdus[0].data == int(LIMIT)).any()


def test_a_file_that_cannot_be_copied_leaves_nothing(tmp_path, monkeypatch):
    source, target = tmp_path / "a.fits", tmp_path / "b.fits"
    fits.PrimaryHDU(IMAGE).writeto(source)

    def fails(hdus, path, **_):
        path.write_bytes(b"half of it")
        raise fits.VerifyError("an odd card")

    monkeypatch.setattr(fits.HDUList, "writeto", fails)
    layer = Layer(Paint(ROW, COLUMN, ADDED), 1, np.nan, np.random.default_rng(1))
    with pytest.raises(InputError, match=r"a\.fits: cannot be copied \(an odd card\)"):
        write_injected(source, target, {0: layer}, seed=0)
    assert not target.exists()
