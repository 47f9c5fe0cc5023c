from math import gamma

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.synthetic.simulate.render import (
    DE_VAUCOULEURS_MIXTURE,
    EXPONENTIAL_MIXTURE,
    MOFFAT_MIXTURE,
    Psf,
    add_galaxies,
    add_points,
    add_trails,
    box_flux,
    trail_points,
)

PSF = Psf(3.6)


def one(*values: float) -> list[np.ndarray]:
    return [np.array([value]) for value in values]


def moments(image: np.ndarray, reach: float = 20) -> tuple[float, float]:
    rows, columns = np.indices(image.shape) + 1
    return float((image * columns).sum() / image.sum()), float((image * rows).sum() / image.sum())


@given(st.floats(45, 56), st.floats(45, 56), st.floats(2.7, 6))
def test_a_star_keeps_its_flux_and_place(x, y, fwhm):
    image = np.zeros((100, 100), np.float32)
    add_points(image, *one(x, y, 1e4), Psf(fwhm))
    assert image.sum() == pytest.approx(1e4, rel=0.03)
    column, row = moments(image)
    assert (column, row) == pytest.approx((x, y), abs=0.05)


def test_a_star_has_its_width_at_half_maximum():
    radii = np.array([0.0, 1.8])
    peak, half = PSF.profile(radii, np.zeros(2))
    assert half / peak == pytest.approx(0.5)


def test_an_elongated_star_keeps_its_flux_and_direction():
    image = np.zeros((101, 101), np.float32)
    add_points(image, *one(51, 51, 1e5), Psf(4, ellipticity=0.2, angle=90))
    assert image.sum() == pytest.approx(1e5, rel=0.02)
    assert image[54, 50] > image[50, 54]


def test_sources_outside_leave_only_their_wings():
    image = np.zeros((50, 60), np.float32)
    add_points(image, *one(-3.0, 20.0, 1e5), PSF)
    assert image[19, 0] == image.max() > 0
    add_points(image, *one(-5000.0, 20.0, 1e5), PSF)
    assert np.isfinite(image).all()


def test_many_sources_are_the_sum_of_single_ones():
    random = np.random.default_rng(0)
    x, y, flux = random.uniform(-5, 70, 300), random.uniform(-5, 60, 300), 10 ** random.uniform(1, 6, 300)
    together, apart = np.zeros((50, 60), np.float32), np.zeros((50, 60), np.float32)
    add_points(together, x, y, flux, PSF)
    for row in range(300):
        add_points(apart, x[row : row + 1], y[row : row + 1], flux[row : row + 1], PSF)
    assert np.allclose(together, apart, rtol=1e-4, atol=1e-2)


def test_no_sources_change_nothing():
    image = np.zeros((20, 20), np.float32)
    add_points(image, *[np.empty(0)] * 3, PSF)
    add_galaxies(image, *[np.empty(0)] * 6, np.empty(0, bool), PSF)
    assert not image.any()


@given(st.floats(-30, 30), st.floats(-30, 30))
def test_a_trail_is_as_long_as_the_motion_and_centred(dx, dy):
    image = np.zeros((120, 120), np.float32)
    add_trails(image, *one(60.3, 59.8, dx, dy, 1e6), PSF)
    assert moments(image) == pytest.approx((60.3, 59.8), abs=0.1)
    rows, columns = np.indices(image.shape) + 1
    length = np.hypot(dx, dy)
    along = (columns - 60.3) * dx + (rows - 59.8) * dy
    inside = np.abs(along) <= length**2 / 2 + 2 * length
    assert image[inside].sum() > 0.8 * 1e6 or length < 3


def test_trail_points_share_the_flux_and_are_close():
    owner, x, _, share = trail_points(*[np.array([5.0, 9.0])] * 2, np.array([0.0, 30.0]), np.array([0.0, 0.0]), PSF)
    assert np.allclose(np.bincount(owner, weights=share), 1)
    assert np.diff(x[owner == 1]).max() <= 0.25 * PSF.fwhm
    assert x[owner == 1].mean() == pytest.approx(9)


def test_box_flux_is_what_the_image_holds():
    image = np.zeros((60, 60), np.float32)
    arguments = one(30.4, 28.7, 6.0, -3.0, 1e5)
    add_trails(image, *arguments, PSF)
    expected = image[26:31, 27:32].sum()
    assert box_flux(*arguments, PSF, 5)[0] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("spiral", [True, False])
def test_a_galaxy_keeps_its_flux_and_is_softer_than_a_star(spiral):
    galaxy, star = np.zeros((301, 301), np.float32), np.zeros((301, 301), np.float32)
    shape = [*one(3.0, 0.6, 0.4), np.array([spiral])]
    add_galaxies(galaxy, *one(151, 151, 1e5), *shape, PSF)
    add_points(star, *one(151, 151, 1e5), PSF)
    assert galaxy.sum() == pytest.approx(1e5, rel=0.03)
    assert galaxy.max() < 0.6 * star.max()
    assert moments(galaxy) == pytest.approx((151, 151), abs=0.05)


def test_a_galaxy_lies_along_its_angle():
    image = np.zeros((101, 101), np.float32)
    add_galaxies(image, *one(51, 51, 1e5, 8.0, 0.3, np.pi / 2), np.array([True]), PSF)
    assert image[60, 50] > 3 * image[50, 60]


def test_a_point_like_galaxy_is_a_star():
    galaxy, star = np.zeros((61, 61), np.float32), np.zeros((61, 61), np.float32)
    add_galaxies(galaxy, *one(31.2, 30.6, 1e5, 1e-3, 0.9, 0.0), np.array([True]), PSF)
    add_points(star, *one(31.2, 30.6, 1e5), PSF)
    assert np.abs(galaxy - star).max() < 0.01 * star.max()


def exponential(radius: np.ndarray) -> np.ndarray:
    return 1.67835**2 / (2 * np.pi) * np.exp(-1.67835 * radius)


def de_vaucouleurs(radius: np.ndarray) -> np.ndarray:
    return 7.66925**8 / (np.pi * gamma(9)) * np.exp(-7.66925 * radius**0.25)


def moffat(radius: np.ndarray) -> np.ndarray:
    return 1.5 / np.pi * (1 + radius**2) ** -2.5


@pytest.mark.parametrize(
    ("mixture", "profile", "furthest", "tolerance"),
    [
        (MOFFAT_MIXTURE, moffat, 12, 0.01),
        (EXPONENTIAL_MIXTURE, exponential, 8, 0.01),
        (DE_VAUCOULEURS_MIXTURE, de_vaucouleurs, 12, 0.08),
    ],
)
def test_mixtures_are_the_profiles_they_stand_for(mixture, profile, furthest, tolerance):
    share, sigma = mixture
    assert share.sum() == pytest.approx(1, abs=1e-4)
    radius = np.geomspace(0.01, furthest, 500)
    sum_ = (share / (2 * np.pi * sigma**2)) @ np.exp(-(radius**2) / (2 * sigma[:, None] ** 2))
    exact = profile(radius)
    assert np.abs(radius * (sum_ - exact)).max() < tolerance * (radius * exact).max()
