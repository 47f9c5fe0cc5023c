"""Sources are found where they were drawn, and measured as SExtractor measures them."""

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast.detect import COLUMNS, detect_frame
from ceres_fast.frames.reading import read_frame

from ..tiny_field import ASTEROIDS, SCALE, SEEING, SHAPE, STARS, draw, make_image, make_wcs, place


def nearest(table, x, y):
    return table[np.argmin(np.hypot(table["X_IMAGE"] - x, table["Y_IMAGE"] - y))]


def test_sources_are_measured(write_frame):
    table = detect_frame(read_frame(write_frame()))
    assert table.colnames == list(COLUMNS)
    assert len(table) == len(STARS) + len(ASTEROIDS) + 1
    for (x, y), flux in [*((star, 4000) for star in STARS), *((place(name, 0), 3000) for name in ASTEROIDS)]:
        row = nearest(table, x, y)
        assert (row["X_IMAGE"], row["Y_IMAGE"]) == pytest.approx((x, y), abs=0.1)
        assert row["FLUX_AUTO"] == pytest.approx(flux, rel=0.1)
        assert row["MAG_AUTO"] == pytest.approx(25 - 2.5 * np.log10(flux), abs=0.12)
        assert row["FWHM_IMAGE"] == pytest.approx(SEEING / SCALE, rel=0.15)
        assert row["BACKGROUND"] == pytest.approx(200, abs=3)
        assert row["FLAGS"] == 0
    ra, dec = make_wcs().all_pix2world(table["X_IMAGE"], table["Y_IMAGE"], 1)
    np.testing.assert_allclose(table["ALPHA_J2000"], ra, atol=1e-9)
    np.testing.assert_allclose(table["DELTA_J2000"], dec, atol=1e-9)


def test_flags_are_sextractors(write_frame):
    image = np.random.default_rng(0).normal(200, 3, SHAPE)
    draw(image, 100, 80, 2e6)
    image = np.minimum(image, 60000)
    draw(image, 30, 1, 4000)
    draw(image, 40, 120, 4000)
    draw(image, 45, 120, 3000)
    table = detect_frame(read_frame(write_frame(data=image.astype(np.float32))))
    assert nearest(table, 100, 80)["FLAGS"] & 4
    assert nearest(table, 30, 1)["FLAGS"] & 8
    assert nearest(table, 40, 120)["FLAGS"] & 2
    assert not nearest(table, 40, 120)["FLAGS"] & (4 | 8)


def test_missing_pixels_are_masked(write_frame):
    image = make_image()
    image[:40] = np.nan
    image[100, 100] = np.inf
    table = detect_frame(read_frame(write_frame(data=image.astype(np.float32))))
    assert table["Y_IMAGE"].min() > 40
    assert np.isfinite(table["FLUX_AUTO"]).all()


def test_noise_alone_gives_a_table_with_all_columns(write_frame):
    noise = np.random.default_rng(0).normal(0, 1, SHAPE).astype(np.float32)
    table = detect_frame(read_frame(write_frame(data=noise)), threshold=20)
    assert len(table) == 0
    assert table.colnames == list(COLUMNS)


def test_frame_without_coordinates_has_no_sky_positions(tmp_path):
    fits.PrimaryHDU(make_image().astype(np.float32)).writeto(tmp_path / "frame.fits")
    table = detect_frame(read_frame(tmp_path / "frame.fits"))
    assert "ALPHA_J2000" not in table.colnames
    assert "X_IMAGE" in table.colnames


@pytest.mark.parametrize("name", ["astride_ystar_streak_512.fits", "sep_eso_ntt_emmi_256.fits"])
def test_real_frames(shared_data, name):
    table = detect_frame(read_frame(shared_data / "frames" / name))
    assert len(table) > 20
    assert (table["MAG_AUTO"] <= 99).all()


@pytest.mark.parametrize("zero_point", ["N/A", None, 0.0])
def test_a_zero_point_that_is_no_number_is_none(write_frame, zero_point):
    table = detect_frame(read_frame(write_frame(MAGZPT=zero_point)))
    np.testing.assert_allclose(table["MAG_AUTO"], -2.5 * np.log10(table["FLUX_AUTO"]))
