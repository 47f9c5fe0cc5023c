"""Normalising and upscaling against NumPy and by hand."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import convolve1d

from ceres_fast.model.stem import BORDER, BRIGHTEST, NORMALISATIONS, SIGMA_OF_MAD, Normalise, Upscale, in_noise

# No detector counts millionths, and what is 1e-38 apart a network's arithmetic may treat as equal.
ADU = st.floats(-1000, 65535, width=32).map(lambda value: value if abs(value) > 1e-6 else 0.0)
STAMPS = st.sampled_from([1, 3]).flatmap(lambda planes: arrays(np.float32, (2, 4, 6, planes), elements=ADU))


def expected_minmax(stamps: np.ndarray) -> np.ndarray:
    low, high = (function(stamps, axis=(1, 2), keepdims=True) for function in (np.min, np.max))
    return (stamps - low) / np.where(high > low, high - low, 1)


def expected_asinh(stamps: np.ndarray) -> np.ndarray:
    centred = stamps - np.median(stamps, axis=(1, 2), keepdims=True)
    deviation = np.median(np.abs(centred), axis=(1, 2), keepdims=True)
    return np.arcsinh(centred / np.where(deviation > 0, deviation, 1))


def expected_noise(stamps: np.ndarray) -> np.ndarray:
    border = np.ones(stamps.shape[1:3], bool)
    border[BORDER:-BORDER, BORDER:-BORDER] = False
    difference = stamps - np.median(stamps[:, border], axis=1)[:, None, None]
    deviations = np.abs(difference[:, border])
    sigma = np.float32(SIGMA_OF_MAD) * np.sort(deviations, axis=1)[:, deviations.shape[1] // 2]
    for number, plane in np.argwhere(sigma == 0):
        others = np.sort(deviations[number, :, plane])
        others = others[others > 0]
        sigma[number, plane] = SIGMA_OF_MAD * others[len(others) // 2] if len(others) else 0
    sigma = sigma[:, None, None]
    sigma = np.where(sigma > 0, sigma, np.abs(difference).max(axis=(1, 2), keepdims=True) / BRIGHTEST)
    scaled = difference / np.where(sigma > 0, sigma, 1)
    planes = [scaled]
    if stamps.shape[3] == 1:
        smooth = convolve1d(convolve1d(scaled, SMOOTH, axis=1, mode="constant"), SMOOTH, axis=2, mode="constant")
        planes.append(smooth / (SMOOTH**2).sum())
    seen = [np.clip(np.arcsinh(plane) / np.arcsinh(BRIGHTEST), -1, 1) for plane in planes]
    return np.concatenate([*seen, *([expected_minmax(stamps)] if stamps.shape[3] == 1 else [])], axis=3)


SMOOTH = np.array([1, 4, 6, 4, 1]) / 16
EXPECTED = {"minmax": expected_minmax, "asinh": expected_asinh, "noise": expected_noise}


def normalised(kind: str, stamps: np.ndarray) -> np.ndarray:
    return keras.ops.convert_to_numpy(Normalise(kind)(stamps))


def detected(count: int = 5) -> np.ndarray:
    """Stamps of noise on sky from faint to nearly saturated, with a source."""
    random = np.random.default_rng(4)
    y, x = np.mgrid[-16:16, -16:16]
    level = np.geomspace(20, 50000, count)[:, None, None]
    stamps = level + np.sqrt(level) * random.normal(size=(count, 32, 32)) + 5000 * np.exp(-(x**2 + y**2) / 8)
    return stamps[..., None].astype(np.float32)


def test_every_normalisation_is_tested() -> None:
    assert NORMALISATIONS.keys() == EXPECTED.keys()


@pytest.mark.parametrize("kind", EXPECTED)
def test_normalising_is_that_of_numpy(kind: str) -> None:
    np.testing.assert_allclose(normalised(kind, detected()), EXPECTED[kind](detected()), atol=1e-5)


@pytest.mark.parametrize("kind", ["minmax", "asinh"])
@settings(max_examples=50, deadline=None)
@given(stamps=STAMPS)
def test_any_stamp_gives_what_numpy_gives(kind: str, stamps: np.ndarray) -> None:
    found = normalised(kind, stamps)
    # A MAD of a few ulp of 65535 ADU decides the scale, so both sides are worked out in float32.
    np.testing.assert_allclose(found, EXPECTED[kind](stamps), atol=1e-5, rtol=1e-5)
    assert np.isfinite(found).all()
    if kind == "minmax":
        assert ((found >= 0) & (found <= 1)).all()


@pytest.mark.parametrize("kind", EXPECTED)
@pytest.mark.parametrize("level", [0, -300, 65535, 1e9, -1e-6])
def test_a_constant_stamp_becomes_zero(kind: str, level: float) -> None:
    assert (normalised(kind, np.full((1, 32, 32, 1), level, np.float32)) == 0).all()


@pytest.mark.parametrize("kind", EXPECTED)
def test_each_stamp_is_normalised_by_itself(kind: str) -> None:
    among = normalised(kind, detected())
    alone = np.concatenate([normalised(kind, stamp[None]) for stamp in detected()])
    np.testing.assert_array_equal(alone, among)


def test_one_bright_pixel_on_a_constant_sky_is_compressed_not_infinite() -> None:
    stamp = np.full((1, 32, 32, 1), 500, np.float32)
    stamp[0, 16, 16] = 65535  # the MAD is 0
    found = normalised("asinh", stamp)
    assert found.max() == pytest.approx(np.arcsinh(65035), rel=1e-6)
    assert np.count_nonzero(found) == 1


@settings(max_examples=20, deadline=None)
@given(stamps=arrays(np.float32, (2, 10, 10, 1), elements=ADU))
def test_noise_of_any_stamp_is_within_its_bounds(stamps: np.ndarray) -> None:
    found = normalised("noise", stamps)
    assert (np.abs(found) <= 1).all()  # nor NaN


def test_a_faint_and_a_bright_source_on_the_same_sky_look_different() -> None:
    random = np.random.default_rng(1)
    y, x = np.mgrid[-16:16, -16:16]
    source = np.exp(-(x**2 + y**2) / 8)[None, ..., None]
    sky = random.normal(500, 10, (2, 32, 32, 1))
    faint, bright = (normalised("noise", (sky + flux * source).astype(np.float32)) for flux in (50, 5000))
    assert 0.35 < faint[..., 0].max() < 0.6
    assert bright[..., 0].max() == 1


@pytest.mark.parametrize("damage", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_sky(damage: float) -> None:
    stamps = detected()
    stamps[:, 3:9, 20:24] = damage
    stamps[2] = damage
    found = normalised("noise", stamps)
    assert np.isfinite(found).all()
    assert (found[2] == 0).all()
    whole = normalised("noise", detected())
    assert np.abs(found[0] - whole[0])[10:, :16].max() < 0.05


@pytest.mark.parametrize(
    ("border", "expected"),
    [
        ("whole ADU of a quiet sky", (0.2, 2.0)),
        ("padding on three quarters", (8, 12)),
        ("a neighbour on a quarter", (9, 21)),
        ("one value", (49, 51)),
    ],
)
def test_noise_of_borders_that_are_none(border: str, expected: tuple[float, float]) -> None:
    random = np.random.default_rng(3)
    stamp = random.normal(500, 10, (1, 32, 32, 1))
    if border.startswith("whole"):
        stamp = np.round(random.normal(500, 0.3, (1, 32, 32, 1)))
    elif border.startswith("padding"):
        stamp[:, 8:] = 500
    elif border.startswith("a neighbour"):
        stamp[:, :, :6] += 5000
    else:
        stamp[:] = 500
        stamp[0, 16, 16] = 5500
    _, noise = in_noise(stamp.astype(np.float32).transpose(0, 3, 1, 2))
    assert expected[0] < float(keras.ops.convert_to_numpy(noise).item()) < expected[1]


def test_median_of_an_odd_number_of_pixels() -> None:
    stamp = np.array([1, 2, 3, 10, 100], np.float32).reshape(1, 1, 5, 1)  # median 3, deviations 2 1 0 7 97: MAD 2
    np.testing.assert_allclose(normalised("asinh", stamp).ravel(), np.arcsinh([-1, -0.5, 0, 3.5, 48.5]), rtol=1e-6)


@pytest.mark.parametrize("policy", ["mixed_float16", "mixed_bfloat16"])
@pytest.mark.parametrize("kind", EXPECTED)
def test_float32_whatever_the_policy(kind: str, policy: str) -> None:
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        layers = Normalise(kind), Upscale(71)
    finally:
        keras.config.set_dtype_policy(before)
    stamps = detected()
    stamps[0, 3, 4] = 65535  # above float16's 65504
    found = layers[0](stamps)
    assert keras.backend.standardize_dtype(found.dtype) == "float32"
    np.testing.assert_allclose(keras.ops.convert_to_numpy(found), EXPECTED[kind](stamps), atol=1e-5)
    assert keras.backend.standardize_dtype(layers[1](found).dtype) == "float32"


def test_upscaling_by_hand() -> None:
    # Pixel centres, not corners, keep their place: output i is at (i + 0.5) / 2 - 0.5, kept inside.
    place = np.array([0, 0.25, 0.75, 1])
    stamp = np.array([[0, 1], [10, 11]], np.float32)[None, :, :, None]
    images = keras.ops.convert_to_numpy(Upscale(4)(stamp))
    assert images.shape == (1, 4, 4, 3)
    for channel in range(3):
        np.testing.assert_allclose(images[0, :, :, channel], 10 * place[:, None] + place, rtol=1e-6)


@pytest.mark.parametrize("size", [71, 75])
def test_upscaling_is_bilinear(size: int) -> None:
    stamps = detected(2)
    place = np.clip((np.arange(size) + 0.5) * 32 / size - 0.5, 0, 31)
    low = np.minimum(place.astype(int), 30)
    weights = np.zeros((size, 32))
    weights[np.arange(size), low] = 1 - (place - low)
    weights[np.arange(size), low + 1] = place - low
    expected = np.einsum("iy,jx,nyx->nij", weights, weights, stamps[..., 0].astype(np.float64))
    images = keras.ops.convert_to_numpy(Upscale(size)(stamps))
    assert images.dtype == np.float32
    np.testing.assert_allclose(images, np.repeat(expected[..., None], 3, axis=3), rtol=1e-5)


def test_a_network_of_32_pixels_sees_the_stamp_itself() -> None:
    stamps = detected()
    np.testing.assert_array_equal(keras.ops.convert_to_numpy(Upscale(32)(stamps)), np.repeat(stamps, 3, axis=3))


def three_planes() -> np.ndarray:
    return np.concatenate([detected() * factor for factor in (1, -0.3, 7)], axis=3)


@pytest.mark.parametrize("kind", EXPECTED)
def test_each_plane_is_normalised_by_itself(kind: str) -> None:
    together = normalised(kind, three_planes())
    planes = np.split(three_planes(), 3, axis=3)
    alone = np.concatenate([normalised(kind, plane)[..., :1] for plane in planes], axis=3)  # what is beside it: of one
    np.testing.assert_array_equal(together, alone)


def test_three_planes_become_the_three_channels() -> None:
    images = keras.ops.convert_to_numpy(Upscale(71)(three_planes()))
    assert images.shape == (5, 71, 71, 3)
    for channel, plane in enumerate(np.split(three_planes(), 3, axis=3)):
        np.testing.assert_array_equal(images[..., channel], keras.ops.convert_to_numpy(Upscale(71)(plane))[..., 0])


def test_an_unknown_normalisation_is_refused() -> None:
    with pytest.raises(KeyError, match="zscale"):
        Normalise("zscale")(detected())


QUIET = """
import numpy as np
from ceres_fast.libraries.tensorflow_quiet import tf
from ceres_fast.model.side import SideNumbers
from ceres_fast.model.stem import Normalise

stamps = np.ones((2, 32, 32, 1), np.float32)
tf.function(lambda stamps: (Normalise("noise")(stamps), SideNumbers()(stamps)))(stamps)
"""


def test_no_library_complains_of_what_it_is_made_of() -> None:
    done = subprocess.run([sys.executable, "-c", QUIET], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
