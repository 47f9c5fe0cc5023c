"""Images without their sky: fluxes, errors, values between pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ceres_fast.frames.info import FrameInfo
from ceres_fast.selection.others.images import Image
from tests.selection.others.painted import Shot, paint

INFO = FrameInfo(Path("a.fits"), "a", shape=(200, 200))


def image(x: float = 100.3, y: float = 80.7, noise: float = 5.0) -> Image:
    """Return an image with one star of 10,000 ADU."""
    return Image(INFO, paint(Shot(noise=noise), np.array([x]), np.array([y]), np.array([1e4]), 1))


def test_a_wide_aperture_has_the_whole_flux_and_the_sky_none() -> None:
    made = image()
    flux, error = made.flux(np.array([100.3, 30.0]), np.array([80.7, 150.0]), 8.0)
    assert flux[0] == pytest.approx(1e4, abs=4 * error[0])
    assert abs(flux[1]) < 4 * error[1]
    assert error[0] == pytest.approx(5 * np.sqrt(np.pi) * 8, rel=0.3)


def test_noise_that_is_correlated_has_a_larger_error() -> None:
    """Of resampled frames the scatter of pixels says too little."""
    random = np.random.default_rng(1).normal(0, 5, (300, 300))
    smooth = np.mean([np.roll(random, shift, (0, 1)) for shift in ((0, 0), (0, 1), (1, 0), (1, 1))], axis=0)
    radius = 4.0
    made = Image(INFO, smooth.astype(np.float32))
    _, error = made.flux(np.array([150.0]), np.array([150.0]), radius)
    assert error[0] > 1.5 * smooth.std() * np.sqrt(np.pi) * radius


@pytest.mark.parametrize(
    ("x", "y"), [(np.nan, 5.0), (5.0, np.nan), (1.0, 50.0), (50.0, 200.0), (-1e9, 1e9), (np.inf, 0.0)]
)
def test_an_aperture_that_is_not_whole_has_no_flux(x: float, y: float) -> None:
    flux, error = image().flux(np.array([x, 100.0]), np.array([y, 100.0]), 2.0)
    assert np.isnan([flux[0], error[0]]).all()
    assert np.isfinite([flux[1], error[1]]).all()


@pytest.mark.parametrize("radius", [1e3, 1e9])
def test_an_aperture_larger_than_the_frame_is_never_whole(radius: float) -> None:
    assert np.isnan(image().flux(np.array([100.0]), np.array([100.0]), radius)[0]).all()


def test_the_frame_that_was_given_is_not_changed() -> None:
    pixels = paint(Shot(), np.array([100.0]), np.array([100.0]), np.array([1e4]), 1)
    pixels[3, 3] = np.nan
    kept = pixels.copy()
    made = Image(INFO, pixels)
    np.testing.assert_array_equal(pixels, kept)
    assert made.missing is not None
    assert np.isnan(made.with_missing[3, 3])
    assert made.data[3, 3] == 0


def test_between_the_pixels_a_star_is_what_it_is() -> None:
    made, moved = image(100.0, 80.0, noise=0.01), image(100.5, 80.25, noise=0.01)
    y, x = np.mgrid[72:89.0, 92:109.0]
    found = made.resampled(x - 0.5, y - 0.25)
    expected = moved.data[71:88, 91:108]
    assert np.abs(found - expected).max() < 0.02 * expected.max()
    np.testing.assert_allclose(made.resampled(x, y), made.data[71:88, 91:108], atol=0.02)


def test_off_the_frame_and_beside_missing_pixels_there_is_nothing() -> None:
    pixels = paint(Shot(), np.array([100.0]), np.array([100.0]), np.array([1e4]), 1)
    pixels[49, 59] = np.nan
    made = Image(INFO, pixels)
    x = np.array([0.9, 1.0, 200.0, 200.1, 60.0, 60.9, 61.6, 62.0, np.nan])
    found = made.resampled(x, np.full(9, 50.0))
    assert np.isnan(found).tolist() == [True, False, False, True, True, True, False, False, True]


def test_centres_are_found_and_none_where_nothing_is() -> None:
    made = image()
    x, y = made.centred(np.array([101.0, -5.0, 300.0, np.nan]), np.array([80.0, 5.0, 5.0, 5.0]), 3.0)
    assert [x[0], y[0]] == pytest.approx([100.3, 80.7], abs=0.05)
    assert np.isnan(x[1:]).all()
    nobody = made.centred(np.array([]), np.array([]), 3.0)
    assert [len(each) for each in nobody] == [0, 0]


@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (40, 30), (1000, 8)])
def test_small_frames(shape: tuple[int, int]) -> None:
    made = Image(INFO, np.random.default_rng(1).normal(100, 3, shape).astype(np.float32))
    flux, _ = made.flux(np.array([shape[1] / 2]), np.array([shape[0] / 2]), 1.0)
    assert flux.shape == (1,)
    assert made.resampled(np.ones(2), np.ones(2)).shape == (2,)


@pytest.mark.parametrize("value", [np.nan, 0.0, 7.0, 65535.0])
def test_a_frame_of_one_value_has_no_flux(value: float) -> None:
    made = Image(INFO, np.full((100, 100), value, np.float32))
    flux, error = made.flux(np.array([50.0]), np.array([50.0]), 3.0)
    assert np.isnan(flux[0]) == np.isnan(value)
    assert not flux[0] > 3 * error[0]
