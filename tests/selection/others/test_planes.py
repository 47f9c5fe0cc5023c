"""Template and difference planes of stamps, made of other exposures."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ceres_fast.frames.cut import MostMissing, cut_stamps
from ceres_fast.selection.others.planes import template_and_difference
from ceres_fast.stamps import CENTRE, STAMP_SIZE
from tests.selection.others.painted import Night, Shot, mover, stars

ASTEROIDS = np.array([mover(10, -10), mover(-20, 25)])
SKY = stars(low=3.0, high=3.8)
SKY = SKY[np.hypot(*(SKY[:, None, :2] - ASTEROIDS[:, :2]).transpose(2, 0, 1)).min(axis=1) > 9]
OFFSETS = np.arange(STAMP_SIZE) - CENTRE
CORE = np.hypot(OFFSETS[None], OFFSETS[:, None]) < 3

TAKEN: dict[str, dict[str, Any]] = {
    "alike": {},
    "dithered by parts of pixels": {"dither": (7.3, -4.6)},
    "turned": {"turned": 33.0},
    "finer pixels": {"scale": 0.35, "shape": (300, 300)},
    "coarser pixels": {"scale": 0.6, "shape": (180, 180)},
    "four times as long": {"factor": 4.0, "noise": 10.0},
    "coordinates wrong by 0.5 arcsec": {"off": (0.4, -0.3)},
    "distorted": {"sip": 1e-4},
    "coordinates in the catalogue only": {"says": "catalogue", "dither": (5.5, 3.3)},
}


def centre(stamps: np.ndarray) -> np.ndarray:
    """Return the places (x, y) of sources in the middle of stamps, against their `CENTRE`, (n, 2)."""
    found = np.zeros((len(stamps), 2))
    for _ in range(8):
        x, y = OFFSETS - found[:, :1], OFFSETS - found[:, 1:]
        weight = np.exp(-(x[:, None] ** 2 + y[:, :, None] ** 2) / 3) * stamps
        total = weight.sum(axis=(1, 2))
        step = [(weight * x[:, None]).sum(axis=(1, 2)) / total, (weight * y[:, :, None]).sum(axis=(1, 2)) / total]
        found += 2 * np.stack(step, axis=1)
    return found


@pytest.mark.parametrize("how", TAKEN)
def test_stars_vanish_in_the_difference_and_asteroids_stay_whole(how: str) -> None:
    shot = Shot(20, **TAKEN[how])
    night = Night([Shot(0), shot], SKY, ASTEROIDS)
    others = night.others()
    fixed, moving = night.rows(0, margin=30)
    template, difference = others.planes(0, fixed)
    assert template.shape == difference.shape == (len(fixed), STAMP_SIZE, STAMP_SIZE)
    assert template.dtype == difference.dtype == np.float32
    science = template + difference
    bright = SKY[fixed, 2] > 3000
    assert np.abs(centre(science) - centre(template))[bright].max() < 0.1
    flux, there = science[:, CORE].sum(axis=1), template[:, CORE].sum(axis=1)
    assert np.median(there / flux) == pytest.approx(1, abs=0.03)
    # The other one's noise, too, is scaled to the stamp's, and smoothed or not as its pixels are finer or coarser.
    noise = np.std([template[SKY[fixed, 2].argmin()][:4], difference[SKY[fixed, 2].argmin()][:4]], axis=(1, 2))
    assert 5 < noise[1] < 16
    peak = np.abs(difference[:, CORE]).max(axis=1)
    assert (peak < 5 * noise[1] + 0.03 * science[:, CENTRE, CENTRE]).all()
    template, difference = others.planes(0, moving)
    assert difference[:, CORE].sum(axis=1) == pytest.approx((template + difference)[:, CORE].sum(axis=1), rel=0.12)


def test_the_noise_of_a_difference_is_that_of_both_exposures() -> None:
    night = Night([Shot(0), Shot(30, dither=(4, -3))], SKY[:20])
    empty = np.array([[30.0, 110.0], [160.0, 40.0], [110.0, 170.0]]).T
    others = night.others()
    pairs = [(each.image, each.link) for each in others.links(0)]
    _, difference = template_and_difference(others.image(0), pairs, empty[0], empty[1], MostMissing())
    spread = np.percentile(difference, (15.87, 84.13))
    assert (spread[1] - spread[0]) / 2 == pytest.approx(5 * np.sqrt(2), rel=0.1)


def test_a_template_is_the_median_of_all_that_looked() -> None:
    """Of three, a trail in one is gone; of two, half of it is left."""
    at = np.array([[60.0, 110.0], [100.0, 92.0], [140.0, 111.0]]).T
    for missing, low, high in ((False, 0, 1500), (True, 4000, 6000)):
        night = Night([Shot(0), *(Shot(30 * number, dither=(number, 0)) for number in (1, 2, 3))], SKY[:20])
        trail, other = night.pixels["painted-1.fits"], night.pixels["painted-3.fits"]
        assert trail is not None
        assert other is not None
        trail[100:103] += 1e4
        if missing:
            other[100:103] = np.nan
        others = night.others()
        pairs = [(each.image, each.link) for each in others.links(0)]
        template, _ = template_and_difference(others.image(0), pairs, at[0], at[1], MostMissing())
        assert low < template.max(axis=(1, 2)).min()
        assert template.max() < high


def test_where_nobody_looked_the_planes_are_nan_and_what_is_missing_is_filled() -> None:
    night = Night([Shot(0), Shot(30, dither=(-70.0, 0.0))], SKY, ASTEROIDS)
    here, rows = night.exposures[0], np.concatenate(night.rows(0))
    template, difference = night.others().planes(0, rows)
    unseen, partly = here.x[rows] < 70, (here.x[rows] > 75) & (here.x[rows] < 86)
    assert unseen.sum() > 5
    assert np.isnan(template[unseen]).all()
    assert np.isnan(difference[unseen]).all()
    assert partly.any()
    assert np.isfinite(template[here.x[rows] > 75]).all()
    for stamp, left in zip(difference[partly], here.x[rows][partly], strict=True):
        first = int(np.ceil(71 - np.floor(left + 0.5))) + CENTRE  # of the columns that the other one has
        assert first > 0
        assert np.ptp(stamp[:, : first - 1]) == 0


def test_how_much_may_be_missing_is_the_rule_of_stamps() -> None:
    night = Night([Shot(0), Shot(30, dither=(-70.0, 0.0))], SKY)
    rows = night.rows(0)[0]
    x = np.where(np.abs(night.exposures[0].y[rows] - 100) < 80, night.exposures[0].x[rows], np.nan)
    known = {most: np.isfinite(night.others(most_missing=most).planes(0, rows)[0][:, 0, 0]) for most in (0.05, 0.5)}
    assert known[0.05].sum() < known[0.5].sum()
    assert known[0.05][(x > 87) & (x < 180)].all()
    pixels = night.pixels["painted-1.fits"]
    assert pixels is not None
    row = rows[np.nanargmin(np.abs(x - 130))]
    wcs = night.exposures[1].wcs
    assert wcs is not None
    there = wcs.all_world2pix(night.exposures[0].ra[row], night.exposures[0].dec[row], 0)
    pixels[round(float(there[1])), round(float(there[0]))] = np.nan
    assert np.isnan(night.others().planes(0, np.array([row]))[0]).all()
    assert np.isfinite(night.others(most_missing_at_centre=9).planes(0, np.array([row]))[0]).all()


def test_a_stamp_at_the_edge_has_no_star_in_its_difference_that_only_the_template_could_see() -> None:
    """What is outside the frame holds the median of what is inside, and the template shows what is there."""
    edge = np.array([[-48.0, 0.0, 6000.0], [-52.0, 3.0, 20000.0], [44.0, 44.0, 6000.0], [0.0, -48.5, 6000.0]])
    night = Night([Shot(0), Shot(30, dither=(-12.0, -12.0)), Shot(60, dither=(12.0, 12.0))], np.vstack([SKY, edge]))
    here, (fixed, _) = night.exposures[0], night.rows(0)
    rows = fixed[np.minimum(np.minimum(here.x, here.y), np.minimum(200 - here.x, 200 - here.y))[fixed] < 14]
    template, difference = night.others().planes(0, rows)
    known = np.isfinite(template[:, 0, 0])
    assert known.sum() > 4
    assert template[known].max() > 1000
    assert np.abs(difference[known]).max() < 60
    _, padded, _ = cut_stamps(night.others().image(0).data, here.x[rows], here.y[rows])
    assert (padded > 0).all()
    np.testing.assert_array_equal(np.isnan(difference[:, 0, 0]), ~known)


def test_missing_pixels_of_the_exposure_itself_are_filled_in_the_difference() -> None:
    night = Night([Shot(0), Shot(30)], SKY)
    pixels = night.pixels["painted-0.fits"]
    assert pixels is not None
    rows = night.rows(0, margin=30)[0]
    here = night.exposures[0]
    for row in rows:
        column, line = round(here.x[row]) - 1, round(here.y[row]) - 1
        pixels[line - 8 : line - 5, column - 8 : column + 8] = np.nan
    template, difference = night.others().planes(0, rows)
    good = np.isfinite(difference[:, 0, 0])
    assert good.sum() > 5
    assert np.isfinite(template[good]).all()
    assert np.isfinite(difference[good]).all()
    assert np.abs(difference[good]).max() < 60


def test_what_has_no_place_has_no_planes() -> None:
    night = Night([Shot(0), Shot(30)], np.vstack([SKY, [500.0, 0.0, 1e4]]))
    for plane in night.others().planes(0, np.array([len(SKY)])):
        assert np.isnan(plane).all()
    for plane in night.others().planes(0, np.array([], int)):
        assert plane.shape == (0, STAMP_SIZE, STAMP_SIZE)
    for plane in Night([Shot(0)], SKY).others().planes(0, np.arange(3)):
        assert np.isnan(plane).all()


def test_more_detections_than_are_made_at_a_time_are_each_what_they_are_alone() -> None:
    night = Night([Shot(0), Shot(30, dither=(3.3, 1.2))], SKY)
    rows = np.tile(night.rows(0, margin=5)[0], 12)
    assert len(rows) > 300
    others = night.others()
    once = others.planes(0, rows)
    for plane, alone in zip(once, others.planes(0, rows[-3:]), strict=True):
        np.testing.assert_array_equal(plane[-3:], alone)
        np.testing.assert_array_equal(plane[: len(rows) // 12], plane[-len(rows) // 12 :])


def test_nothing_is_changed_in_the_images() -> None:
    night = Night([Shot(0), Shot(30)], SKY)
    others = night.others()
    before = [others.image(e).data.copy() for e in (0, 1)]
    others.forced(0, np.arange(9))
    others.planes(0, np.arange(9))
    for e in (0, 1):
        np.testing.assert_array_equal(others.image(e).data, before[e])
