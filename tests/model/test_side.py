"""Side numbers: what they say of sources that are known, and of stamps that nobody wants."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from ceres_fast.model.side import LIMIT, SIDE_NUMBERS, SideNumbers, side_numbers

NOISE = 10.0


def measured(stamps: np.ndarray) -> dict[str, np.ndarray]:
    """Return the numbers of one-plane stamps as they were before they were made equally large."""
    found = keras.ops.convert_to_numpy(side_numbers(stamps.astype(np.float32)))
    units = np.array(list(SIDE_NUMBERS.values()))
    return dict(zip(SIDE_NUMBERS, (found * units[:, 1] + units[:, 0]).T, strict=True))


def source(flux: float, widths: tuple[float, float] = (1.5, 1.5), count: int = 40) -> np.ndarray:
    random = np.random.default_rng(2)
    y, x = np.mgrid[:32, :32] - 15.5
    shape = np.exp(-(x**2) / 2 / widths[0] ** 2 - y**2 / 2 / widths[1] ** 2)
    stamps = random.normal(300, NOISE, (count, 32, 32)) + flux * shape / shape.sum()
    return stamps[..., None]


def test_fluxes_are_in_units_of_their_noise() -> None:
    nothing, there = measured(source(0)), measured(source(4000))
    for name in ("inner_flux", "outer_flux"):
        assert abs(np.sinh(nothing[name]).mean()) < 0.7
        assert 0.6 < np.sinh(nothing[name]).std() < 1.5
    pixels = 28.3  # of a circle of 3 pixels; 0.865 of the flux of this source is in it
    assert np.sinh(there["inner_flux"]).mean() == pytest.approx(0.865 * 4000 / NOISE / np.sqrt(pixels), rel=0.1)
    assert (there["peak"] > nothing["peak"]).all()
    assert there["scatter"].mean() == pytest.approx(1, abs=0.03)


def test_shapes_tell_a_point_from_a_trail_and_from_a_cosmic_ray() -> None:
    star, trail, ray = measured(source(2e4)), measured(source(2e4, (4, 1.5))), measured(source(2e4, (0.4, 0.4)))
    assert star["elongation"].max() < 0.2 < 0.5 < trail["elongation"].min()
    assert ray["size"].max() < star["size"].min()
    assert star["concentration"].max() < ray["concentration"].min()


def test_flips_and_rotations_do_not_change_them() -> None:
    stamps = source(3000, (3, 1.5), 5).astype(np.float32)
    expected = keras.ops.convert_to_numpy(side_numbers(stamps))
    for turns in range(4):
        for view in (stamps, stamps[:, :, ::-1]):
            turned = np.ascontiguousarray(np.rot90(view, turns, (1, 2)))
            np.testing.assert_allclose(keras.ops.convert_to_numpy(side_numbers(turned)), expected, atol=2e-4)


@pytest.mark.parametrize("value", [0, 65535, -1e9, np.nan, np.inf])
def test_stamps_that_show_nothing_have_finite_numbers(value: float) -> None:
    found = keras.ops.convert_to_numpy(side_numbers(np.full((2, 32, 32, 3), value, np.float32)))
    assert found.shape == (2, 3 * len(SIDE_NUMBERS))
    assert (np.abs(found) <= LIMIT).all()


def test_each_plane_has_its_own() -> None:
    planes = np.concatenate([source(flux, count=4) for flux in (0, 2000, 30000)], axis=3).astype(np.float32)
    together = keras.ops.convert_to_numpy(side_numbers(planes)).reshape(4, 3, -1)
    for plane in range(3):
        alone = keras.ops.convert_to_numpy(side_numbers(planes[..., plane : plane + 1]))
        np.testing.assert_allclose(together[:, plane], alone, atol=1e-4)


def test_float32_whatever_the_policy() -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_float16")
    try:
        found = SideNumbers()(np.full((1, 32, 32, 1), 65535, np.float32))
    finally:
        keras.config.set_dtype_policy(before)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
