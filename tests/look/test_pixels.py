"""What pixels say: sky, noise, what is missing and saturated; means of blocks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.frames.reading import read_frame
from ceres_fast.look.pixels import block_means, measure_pixels

from ..tiny_field import make_image


def test_sky_noise_and_pixels_are_counted(write_frame):
    image = make_image().astype(np.float32)
    image[10:20, 30:50] = np.nan
    image[100, 50:57] = 65000
    found = measure_pixels(read_frame(write_frame(data=image)))
    assert found.sky == pytest.approx(200, abs=1)
    assert found.noise == pytest.approx(3, rel=0.1)
    assert (found.missing, found.saturated, found.number) == (200, 7, 160 * 200)
    assert found.thumbnail is None


def test_saturation_that_is_not_known_is_no_count(write_frame):
    assert measure_pixels(read_frame(write_frame(SATURATE=-1))).saturated == -1


@given(st.integers(1, 30), st.integers(1, 30), st.integers(1, 7), st.integers(0, 2**32 - 1))
def test_means_of_blocks_leave_out_what_is_missing(ny, nx, block, seed):
    random = np.random.default_rng(seed)
    data = random.normal(100, 10, (ny, nx)).astype(np.float32)
    data[random.uniform(size=(ny, nx)) < 0.3] = np.nan
    found = block_means(data, block)
    assert found.shape == (-(-ny // block), -(-nx // block))
    for row, column in np.ndindex(found.shape):
        values = data[row * block : (row + 1) * block, column * block : (column + 1) * block]
        good = values[np.isfinite(values)]
        assert found[row, column] == pytest.approx(good.mean() if good.size else np.nan, rel=1e-5, nan_ok=True)


def test_the_copy_for_a_picture_is_small_however_large_the_frame(write_frame):
    found = measure_pixels(read_frame(write_frame(data=np.random.default_rng(0).normal(size=(900, 700)))), widest=100)
    assert (found.block, found.thumbnail.shape) == (9, (100, 78))
