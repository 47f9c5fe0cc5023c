"""The star image is the one that the stars were drawn with."""

from __future__ import annotations

import numpy as np
import pytest

from ceres_fast.detect import detect_frame
from ceres_fast.errors import InputError
from ceres_fast.frames.reading import read_frame
from ceres_fast.synthetic.inject.stars import StarImage, find_stars, measure_stars
from ceres_fast.synthetic.simulate.render import Psf

from .conftest import PSF, SIDE, SKY, pixels_of, star_places

STEPS = np.arange(-25, 26, dtype=np.float32)


def full_width(psf):
    """Return the FWHM of a profile in pixels: the diameter of the circle with the area above half of its peak."""
    steps = np.arange(-15, 15.01, 0.05)
    share = psf.profile(steps[None, :], steps[:, None])
    return 2 * np.sqrt((share > share.max() / 2).sum() * 0.05**2 / np.pi)


def measured(path):
    frame = read_frame(path)
    # The known sky: one that is measured takes up to 2 % of the light of stars that stand so close.
    return measure_stars(frame, np.full(frame.data.shape, SKY), detect_frame(frame))


def light_within(psf, radius, at=(0.0, 0.0)):
    dx, dy = STEPS[None, :] - np.float32(at[0]), STEPS[:, None] - np.float32(at[1])
    return psf.profile(dx, dy)[np.hypot(dx, dy) < radius].sum()


@pytest.mark.parametrize("at", [(0.0, 0.0), (0.5, -0.3)])
def test_profile_is_the_known_one(write_frame, at):
    psf = measured(write_frame())
    assert isinstance(psf, StarImage)
    assert psf.stars > 20
    assert full_width(psf) == pytest.approx(full_width(PSF), rel=0.03)
    for radius in (3, 6, 20):
        assert light_within(psf, radius, at) == pytest.approx(light_within(PSF, radius, at), rel=0.02)


def test_elongation_is_kept(write_frame):
    share = measured(write_frame()).profile(STEPS[None, :], STEPS[:, None]).astype(float)
    true = PSF.profile(STEPS[None, :], STEPS[:, None]).astype(float)
    core = np.hypot(STEPS[None, :], STEPS[:, None]) < 6
    across = (share * STEPS[None, :] * STEPS[:, None])[core].sum()
    assert across == pytest.approx((true * STEPS[None, :] * STEPS[:, None])[core].sum(), abs=0.05)
    assert across > 0.1


def test_profile_is_nowhere_negative_and_sums_to_one(write_frame):
    share = measured(write_frame()).profile(STEPS[None, :], STEPS[:, None])
    assert share.min() >= 0
    assert share.sum() == pytest.approx(1, abs=0.005)


def test_few_stars_give_a_moffat_profile_of_their_width(write_frame, capsys):
    psf = measured(write_frame(data=pixels_of(0, stars=5).astype(np.float32)))
    assert isinstance(psf, Psf)
    assert psf.fwhm == pytest.approx(PSF.fwhm, rel=0.1)
    assert "5 isolated, unsaturated stars" in capsys.readouterr().err


@pytest.mark.parametrize("stars", [0, 2])
def test_too_few_stars_are_an_error(write_frame, stars):
    with pytest.raises(InputError, match=rf"{stars} isolated, unsaturated stars; expected 3 at least"):
        measured(write_frame(data=pixels_of(0, stars=stars).astype(np.float32)))


def test_saturated_frame_has_no_stars(write_frame):
    image = np.minimum(pixels_of(0, flux=5e6), 30000).astype(np.float32)
    with pytest.raises(InputError, match="0 isolated, unsaturated stars"):
        measured(write_frame(data=image))


def test_stars_beside_missing_pixels_edges_and_neighbours_are_not_used(write_frame):
    image = pixels_of(0).astype(np.float32)
    gap, twin = star_places(0)[12], star_places(0)[8]
    image[int(gap[1]) + 5, :] = np.nan
    image[int(twin[1]) + 7 : int(twin[1]) + 10, int(twin[0]) : int(twin[0]) + 3] += 3000
    frame = read_frame(write_frame(data=image))
    found = detect_frame(frame)
    rows, width = find_stars(frame, found)
    places = np.stack([found["X_IMAGE"], found["Y_IMAGE"]], axis=1)[rows]
    assert width == pytest.approx(PSF.fwhm / 0.738, rel=0.1)
    assert len(rows) > 18
    assert np.hypot(*(places - gap).T).min() > 10
    assert np.hypot(*(places - twin).T).min() > 10
    assert (places > 15).all()
    assert (places < SIDE - 15).all()
