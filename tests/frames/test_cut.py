"""Where a detection lands in its stamp, at every edge, with every kind of missing pixel."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.frames.cut import MOST_MISSING, MostMissing, cut_stamps, fill_missing, too_few_pixels
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
    if outside[CENTRE, CENTRE]:
        assert np.isnan(stamps).all()
        assert too_few_pixels(stamps, padded)[0] == (not outside.all())
        return
    assert not too_few_pixels(stamps, padded)[0]
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
    image[33, 40:45] = missing
    stamps, padded, filled = cut_stamps(image, np.array([41.0, 20.0]), np.array([31.0, 60.0]))
    good = np.isfinite(slow_stamp(image, 41, 31))
    assert filled.tolist() == [5, 0]
    assert padded[0] == 0
    assert (stamps[0][~good] == np.median(slow_stamp(image, 41, 31)[good]).astype(np.float32)).all()


def test_both_infinities_in_a_stamp_are_missing():
    image = IMAGE.copy()
    image[33, 40:42] = np.inf, -np.inf
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


def masked(mask, x=41.0, y=31.0, most=MOST_MISSING):
    """Cut a stamp that lacks pixels, bool (32, 32), and return it, how many are outside, and how many are missing."""
    image = np.pad(IMAGE, STAMP_SIZE, constant_values=1)
    column, row = (int(np.floor(place - 0.5)) - CENTRE + STAMP_SIZE for place in (x, y))
    image[row : row + STAMP_SIZE, column : column + STAMP_SIZE][mask] = np.nan
    inside = image[STAMP_SIZE:-STAMP_SIZE, STAMP_SIZE:-STAMP_SIZE]
    return tuple(each[0] for each in cut_stamps(inside, np.array([x]), np.array([y]), most))


def missing_pixels(share, central, seed):
    """Return a mask of a share of the pixels of a stamp, so many of them of the nine in the middle."""
    random = np.random.default_rng(seed)
    middle = np.zeros((STAMP_SIZE, STAMP_SIZE), bool)
    middle[CENTRE - 1 : CENTRE + 2, CENTRE - 1 : CENTRE + 2] = True
    mask = np.zeros(STAMP_SIZE**2, bool)
    mask[random.permutation(np.flatnonzero(~middle))[: round(share * STAMP_SIZE**2) - central]] = True
    mask[random.permutation(np.flatnonzero(middle))[:central]] = True
    return mask.reshape(STAMP_SIZE, STAMP_SIZE)


@given(st.integers(513, 1015), st.integers(0, 9), st.integers(0, 99))
def test_nothing_is_left_of_a_stamp_with_most_pixels_missing(number, central, seed):
    stamp, padded, filled = masked(missing_pixels(number / STAMP_SIZE**2, min(central, number), seed))
    assert np.isnan(stamp).all()
    assert (padded, filled) == (0, number)
    assert too_few_pixels(stamp[None])[0]


@given(st.integers(9, 512), st.integers(0, 9), st.integers(0, 99))
def test_up_to_a_half_the_pixels_around_the_detection_decide(number, central, seed):
    stamp, _, filled = masked(missing_pixels(number / STAMP_SIZE**2, central, seed))
    assert filled == number
    assert np.isfinite(stamp).all() == (central == 0)


@given(st.integers(1, NX), st.integers(1, NY))
def test_the_edge_alone_never_takes_too_much_of_what_is_on_the_frame(x, y):
    stamps, padded, _ = cut_stamps(IMAGE, np.array([float(x)]), np.array([float(y)]))
    assert np.isfinite(stamps).all()
    assert padded[0] <= 0.75 * STAMP_SIZE**2


def test_at_the_edge_other_missing_pixels_count_with_it():
    one = np.zeros((STAMP_SIZE, STAMP_SIZE), bool)
    one[-1, -1] = True
    stamp, padded, filled = masked(one, x=2, y=2)  # in the corner, more than half is outside already
    assert np.isnan(stamp).all()
    assert padded > STAMP_SIZE**2 / 2
    assert filled == 1
    assert too_few_pixels(stamp[None], padded)[0]
    stamp, padded, _ = masked(one, x=2, y=35)  # at the edge, not quite
    assert np.isfinite(stamp).all()
    assert padded > 0


def test_how_much_may_be_missing_is_for_the_rules_to_say():
    mask = missing_pixels(0.9, 9, 0)
    assert np.isfinite(masked(mask, most=MostMissing(0.91, 9))[0]).all()
    assert np.isnan(masked(mask, most=MostMissing(0.89, 9))[0]).all()
    assert np.isnan(masked(mask, most=MostMissing(1.0, 8))[0]).all()
    assert np.isnan(masked(missing_pixels(0.01, 1, 0), most=MostMissing(1.0, 0))[0]).all()


def test_fill_missing_blanks_what_has_too_few_pixels():
    stamps = np.stack([IMAGE[:32, :32]] * 3)
    stamps[0, :17] = np.inf
    stamps[1, CENTRE, CENTRE : CENTRE + 2] = np.nan
    stamps[2, :5] = np.nan
    assert fill_missing(stamps).tolist() == [17 * 32, 2, 5 * 32]
    assert too_few_pixels(stamps).tolist() == [True, True, False]
    assert np.isnan(stamps[:2]).all()
    assert np.isfinite(stamps[2]).all()
