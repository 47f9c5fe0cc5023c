"""Where a detection lands in its stamp, at every edge, with every kind of missing pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.frames.cut import cut_stamps, fill_missing
from ceres_fast.stamps import CENTRE, STAMP_SIZE

NY, NX = 70, 90
IMAGE = np.random.default_rng(1).permutation(NY * NX).reshape(NY, NX).astype(np.float32)


def slow_stamp(image, x, y):
    """Cut one stamp pixel by pixel; what is outside is NaN."""
    column, row = int(np.floor(x - 0.5)), int(np.floor(y - 0.5))
    stamp = np.full((STAMP_SIZE, STAMP_SIZE), np.nan)
    for j in range(STAMP_SIZE):
        for i in range(STAMP_SIZE):
            yy, xx = row + j - CENTRE, column + i - CENTRE
            if 0 <= yy < image.shape[0] and 0 <= xx < image.shape[1]:
                stamp[j, i] = image[yy, xx]
    return stamp


@given(st.floats(-60, NX + 60), st.floats(-60, NY + 60))
def test_stamp_equals_one_cut_pixel_by_pixel(x, y):
    stamps, padded, filled = cut_stamps(IMAGE, np.array([x]), np.array([y]))
    expected = slow_stamp(IMAGE, x, y)
    outside = np.isnan(expected)
    assert padded[0] == outside.sum()
    assert filled[0] == 0
    if outside.all():
        assert np.isnan(stamps).all()
        return
    expected[outside] = np.median(expected[~outside])
    np.testing.assert_array_equal(stamps[0], expected.astype(np.float32))


@given(st.integers(1, NX), st.integers(1, NY), st.floats(-0.5, 0.499), st.floats(-0.5, 0.499))
def test_pixel_of_the_detection_is_at_the_centre(column, row, dx, dy):
    stamps, _, _ = cut_stamps(IMAGE, np.array([column + dx]), np.array([row + dy]))
    assert stamps[0, CENTRE, CENTRE] == IMAGE[row - 1, column - 1]


def test_halves_are_rounded_up():
    stamps, _, _ = cut_stamps(IMAGE, np.array([40.5, 41.49]), np.array([30.0, 30.0]))
    assert (stamps[:, CENTRE, CENTRE] == IMAGE[29, 40]).all()


@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_missing_pixels_get_the_median_of_the_others_and_are_counted(missing):
    image = IMAGE.copy()
    image[30, 40:45] = missing
    stamps, padded, filled = cut_stamps(image, np.array([41.0, 20.0]), np.array([31.0, 60.0]))
    good = np.isfinite(slow_stamp(image, 41, 31))
    assert filled.tolist() == [5, 0]
    assert padded[0] == 0
    assert (stamps[0][~good] == np.median(slow_stamp(image, 41, 31)[good]).astype(np.float32)).all()


def test_both_infinities_in_a_stamp_are_missing():
    image = IMAGE.copy()
    image[30, 40:42] = np.inf, -np.inf
    stamps, _, filled = cut_stamps(image, np.array([41.0]), np.array([31.0]))
    assert filled[0] == 2
    assert np.isfinite(stamps).all()


def test_sum_beyond_float32_is_not_missing():
    image = np.full((40, 40), 3e38, np.float32)
    stamps, _, filled = cut_stamps(image, np.array([20.0]), np.array([20.0]))
    assert filled[0] == 0
    assert (stamps == np.float32(3e38)).all()


@pytest.mark.parametrize("position", [np.nan, np.inf, -np.inf, 1e300])
def test_impossible_position_gives_an_empty_stamp(position):
    stamps, padded, filled = cut_stamps(IMAGE, np.array([position, 50.0]), np.array([30.0, 30.0]))
    assert np.isnan(stamps[0]).all()
    assert np.isfinite(stamps[1]).all()
    assert padded.tolist() == [STAMP_SIZE**2, 0]
    assert filled.tolist() == [0, 0]


def test_frame_smaller_than_a_stamp_is_padded():
    stamps, padded, _ = cut_stamps(IMAGE[:10, :12], np.array([6.0]), np.array([5.0]))
    assert padded[0] == STAMP_SIZE**2 - 120
    assert np.isfinite(stamps).all()


@pytest.mark.parametrize("shape", [(40, 50), (10, 10)])
def test_no_detections_give_no_stamps(shape):
    stamps, padded, filled = cut_stamps(np.zeros(shape, np.float32), np.array([]), np.array([]))
    assert stamps.shape == (0, STAMP_SIZE, STAMP_SIZE)
    assert padded.shape == filled.shape == (0,)


def test_stamps_are_copies_in_native_float32():
    image = np.asfortranarray(IMAGE.astype(">i4"))
    stamps, _, _ = cut_stamps(image, np.array([40.0]), np.array([30.0]))
    stamps[:] = -1
    assert stamps.dtype == np.float32
    assert stamps.dtype.isnative
    assert image.min() == 0


def test_wrong_shapes_are_refused():
    with pytest.raises(ValueError, match="not \\(ny, nx\\)"):
        cut_stamps(IMAGE[None], np.array([1.0]), np.array([1.0]))
    with pytest.raises(ValueError, match="x has shape"):
        cut_stamps(IMAGE, np.array([1.0, 2.0]), np.array([1.0]))


def test_fill_missing_leaves_a_hopeless_stamp_empty():
    stamps = np.full((2, STAMP_SIZE, STAMP_SIZE), np.inf, np.float32)
    stamps[1] = 5
    assert fill_missing(stamps).tolist() == [STAMP_SIZE**2, 0]
    assert np.isnan(stamps[0]).all()
