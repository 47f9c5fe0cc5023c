"""Forced fluxes: what is there in other exposures, however these were taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ceres_fast import console
from ceres_fast.selection.others.forced import FORCED, Forced, forced_fluxes
from tests.selection.others.painted import APART, Night, Shot, mover, stars

ASTEROIDS = np.array([mover(10, -10), mover(-20, 25)])
LIMIT = 0.4

TAKEN: dict[str, dict[str, Any]] = {
    "alike": {},
    "dithered by parts of pixels": {"dither": (7.3, -4.6)},
    "turned": {"turned": 33.0},
    "upside down": {"turned": 180.0},
    "finer pixels": {"scale": 0.35, "shape": (300, 300)},
    "coarser pixels": {"scale": 0.7, "shape": (150, 150)},
    "four times as long": {"factor": 4.0, "noise": 10.0},
    "another zero point": {"factor": 1e-3, "noise": 5e-3},
    "seeing 50 % wider": {"seeing": 2.25},
    "seeing a third narrower": {"seeing": 1.0},
    "coordinates wrong by 0.5 arcsec": {"off": (0.4, -0.3)},
    "distorted": {"sip": 1e-4},
    "coordinates in the catalogue only": {"says": "catalogue", "dither": (5.5, 3.3)},
    "gain known": {"gain": 2.0},
    "nothing detected": {"detected": False},
    "seeing not said": {"seeing_said": np.nan},
    "seeing said to be 0": {"seeing_said": 0.0},
}


@pytest.mark.parametrize("how", TAKEN)
def test_a_star_is_as_bright_elsewhere_and_an_asteroid_is_gone(how: str) -> None:
    night = Night([Shot(0), Shot(30, **TAKEN[how])], stars(), ASTEROIDS)
    others = night.others()
    fixed, moving = night.rows(0, margin=12)
    # Of a frame that is turned, the corners see nothing.
    found, asteroids = others.forced(0, fixed), others.forced(0, moving)
    looked = found.looked == 1
    assert looked.sum() > 0.7 * len(fixed)
    assert np.median(found.ratio[looked]) == pytest.approx(1, abs=0.01)
    assert np.abs(found.ratio[looked] - 1).max() < 0.1
    assert found.elsewhere(LIMIT).tolist() == looked.tolist()
    assert (found.seen == looked).all()
    assert np.abs(asteroids.ratio).max() < 0.1
    assert (asteroids.looked == 1).all()
    assert not asteroids.seen.any()
    assert not asteroids.elsewhere(LIMIT).any()


def test_positions_on_the_sky_are_not_needed() -> None:
    night = Night([Shot(0, says=""), Shot(30, says=""), Shot(60, says="", dither=(0.8, -0.6))], stars(), ASTEROIDS)
    fixed, moving = night.rows(0, margin=12)
    assert np.abs(night.others().forced(0, fixed).ratio - 1).max() < 0.1
    assert np.abs(night.others().forced(0, moving).ratio).max() < 0.1


@pytest.mark.parametrize(
    ("here", "there"),
    [
        ({"says": ""}, {}),
        ({}, {"says": ""}),
        ({}, {"off": (5.0, 0.0)}),  # three FWHM: nobody can tell which star is which
        ({}, {"off": (3.0, 1.0)}),
        ({}, {"dither": (500.0, 0.0)}),
        ({}, {"noise": 2000.0}),
        ({}, {"seeing_said": 1e9}),
        ({"seeing_said": np.inf}, {}),
    ],
)
def test_an_exposure_that_cannot_be_compared_has_not_looked(here: dict[str, Any], there: dict[str, Any]) -> None:
    night = Night([Shot(0, **here), Shot(30, **there)], stars(), ASTEROIDS)
    rows = np.concatenate(night.rows(0))
    found = night.others().forced(0, rows)
    assert not found.looked.any()
    assert not found.seen.any()
    assert not found.elsewhere(LIMIT).any()
    assert np.isnan(found.least).all()
    assert np.isnan(found.most).all()


def test_a_crowded_field_with_wrong_coordinates_is_not_compared_by_stars_that_are_others() -> None:
    """With a star everywhere there are some within a FWHM of any place."""
    random = np.random.default_rng(3)
    sky = np.column_stack([random.uniform(-55, 55, (600, 2)), 10 ** random.uniform(2.7, 4.5, 600)])
    for off in ((3.0, 1.0), (10.0, 4.0)):
        night = Night([Shot(0), Shot(30, off=off)], sky, ASTEROIDS)
        assert not night.others().forced(0, np.arange(600)).looked.any(), off
    night = Night([Shot(0), Shot(30, off=(0.5, 0.5))], sky, ASTEROIDS)
    fixed, _ = night.rows(0, margin=12)
    # The others stand out too little from the stars around them.
    assert night.others().forced(0, fixed).elsewhere(LIMIT).mean() > 0.85


def test_what_one_exposure_shows_alone_is_no_star_to_compare_by() -> None:
    """Cosmic rays, more of them than stars, and brighter."""
    night = Night([Shot(0), Shot(30, off=(0.7, 0.5))], stars(20, high=4.0), ASTEROIDS)
    random, here = np.random.default_rng(5), night.exposures[0]
    x, y = random.uniform(10, 190, (2, 100)).round()
    pixels = night.pixels[here.info.place]
    assert pixels is not None
    assert here.wcs is not None
    pixels[y.astype(int) - 1, x.astype(int) - 1] += 2e4
    ra, dec = here.wcs.all_pix2world(x, y, 1)
    more: dict[str, Any] = {
        name: np.append(getattr(here, name), new)
        for name, new in zip(("x", "y", "ra", "dec"), (x, y, ra, dec), strict=True)
    }
    night.exposures[0] = here._replace(**more, rows=np.arange(len(more["x"])))
    others = night.others()
    (linked,) = others.links(0)
    assert linked.link.scale == pytest.approx(1, abs=0.02)
    assert linked.link.correction[2] == pytest.approx([-1.4, 1.0], abs=0.05)
    alone = others.forced(0, np.arange(len(here.x), len(more["x"])))
    assert np.median(alone.least) < 0.05


def test_saturated_stars_are_not_compared() -> None:
    """In the longer exposure those are saturated that are not in the shorter one."""
    sky = stars(60, low=3.0, high=5.5)
    shots = [Shot(0, saturation=6000.0), Shot(30, factor=4.0, noise=10.0, saturation=6000.0)]
    for e in (0, 1):
        night = Night(shots, sky, ASTEROIDS)
        (linked,) = night.others().links(e)
        assert linked.link.scale == pytest.approx((0.25, 4.0)[e], rel=0.02)
    many = Night(shots, stars(40, low=4.6, high=5.5), ASTEROIDS)
    assert not many.others().forced(0, many.rows(0)[0]).looked.any()


def test_few_stars_do_not_do() -> None:
    for number, looked in ((0, 0), (1, 0), (4, 0), (5, 1), (6, 1)):
        night = Night([Shot(0), Shot(30)], stars(60)[:number], ASTEROIDS)
        found = night.others().forced(0, night.rows(0)[1])
        assert (found.looked == looked).all(), number


def test_apertures_must_be_whole() -> None:
    night = Night([Shot(0), Shot(30, dither=(20.0, 0.0))], stars(), ASTEROIDS)
    pixels = night.pixels[night.exposures[1].info.place]
    assert pixels is not None
    pixels[:, 99:102], pixels[50, 70], pixels[60, 80] = np.nan, np.inf, np.nan
    fixed, _ = night.rows(0, margin=3)
    found = night.others().forced(0, fixed)
    x, y = night.exposures[0].x[fixed] + 20, night.exposures[0].y[fixed]
    radius = 0.5 * 1.5 / 0.5
    whole = (x < 200 - radius) & (np.abs(x - 101) > 2.5 + radius)
    cut = (x > 201) | (np.abs(x - 101) < 1)
    clear = np.hypot(x - 71, y - 51) > 5
    assert cut.sum() > 3
    assert (found.looked[cut] == 0).all()
    assert (found.looked[whole & clear] == 1).all()
    assert np.abs(found.ratio[whole & clear] - 1).max() < 0.1


def test_what_is_off_the_frame_or_missing_itself_is_not_told() -> None:
    night = Night([Shot(0), Shot(30)], np.vstack([stars(), [500.0, 0.0, 1e4]]), ASTEROIDS)
    pixels = night.pixels[night.exposures[0].info.place]
    assert pixels is not None
    row = night.rows(0, margin=20)[0][0]
    pixels[round(night.exposures[0].y[row]) - 1, round(night.exposures[0].x[row]) - 1] = np.nan
    found = night.others().forced(0, np.array([60, row]))
    assert np.isnan(found.ratio).all()
    assert not found.looked.any()


@pytest.mark.parametrize("which", [0, 1])
@pytest.mark.parametrize("value", [0.0, 300.0, 65535.0, np.nan])
def test_a_frame_of_one_value_tells_nothing(which: int, value: float) -> None:
    night = Night([Shot(0), Shot(30)], stars(), ASTEROIDS)
    pixels = night.pixels[night.exposures[which].info.place]
    assert pixels is not None
    pixels.fill(value)
    assert not night.others().forced(0, np.arange(60)).looked.any()


@pytest.mark.parametrize("gain", [np.nan, 2.0])
@pytest.mark.parametrize("how", ["alike", "four times as long", "finer pixels", "resampled"])
def test_errors_are_what_they_are_said_to_be(how: str, gain: float) -> None:
    """The detection's own flux has an error too, which is not in that of the ratio."""
    sky = stars(220, seed=4, side=96, low=2.5, high=3.2)
    night = Night([Shot(0, gain=gain), Shot(30, dither=(3.4, 1.3), **TAKEN.get(how, {}) | {"gain": gain})], sky)
    if how == "resampled":
        for place, pixels in night.pixels.items():
            assert pixels is not None
            night.pixels[place] = (pixels + np.roll(pixels, 1, 1) + np.roll(pixels, 1, 0)) / 3
    others, here = night.others(), night.exposures[0]
    rows, _ = night.rows(0, margin=8)
    found = others.forced(0, rows)
    (linked,) = others.links(0)
    own, own_error = others.image(0).flux(here.x[rows], here.y[rows], linked.link.radii[0])
    scatter = (found.ratio[:, 0] - 1) / np.hypot(found.error[:, 0], own_error / own)
    low, high = np.percentile(scatter, (15.87, 84.13))
    assert 0.7 < (high - low) / 2 < 1.4
    assert np.abs(low + high) / 2 < 0.3


@pytest.mark.parametrize(("beta", "most"), [(0.0, 0.24), (3.0, 0.30)])
@pytest.mark.parametrize(("here", "there"), [(1.5, 1.5), (1.5, 2.25), (2.25, 1.5)])
def test_the_slowest_asteroid_has_left_in_the_time_that_is_needed(
    beta: float, most: float, here: float, there: float
) -> None:
    """Of one that has just moved as far as is needed, 0.2 (stars like Gaussians) to 0.26 (like Moffat's, 3) is left."""
    apart = APART * max(here, there) / 1.5 + 1e-6
    slow = np.array([mover(12, -12, 2e4, rate=0.1, angle=angle) for angle in (0, 45, 170)])
    slow[:, :2] += [[0, 0], [-30, 20], [20, 40]]
    sky = stars(80)
    sky = sky[np.hypot(*(sky[:, None, :2] - slow[:, :2]).transpose(2, 0, 1)).min(axis=1) > 8]
    night = Night([Shot(0, seeing=here, beta=beta), Shot(apart, seeing=there, beta=beta)], sky, slow)
    for e in (0, 1):
        found = night.others().forced(e, night.rows(e)[1])
        assert (found.looked == 1).all()
        assert found.least.max() < most


def test_in_a_pair_noise_makes_no_star_of_the_slowest_asteroid() -> None:
    """Faint ones, at 8 sigma, and as faint stars; at the time that is just needed, and at twice that."""
    random, lost, removed = np.random.default_rng(2), [], []
    for apart, seed in ((1.0001, 1), (1.0001, 2), (2.0, 3)):
        grid = np.stack(np.meshgrid(np.arange(-42, 43, 12.0), np.arange(-42, 43, 12.0)), axis=-1).reshape(-1, 2)
        angles = random.uniform(0, 360, 32)
        slow = np.array([mover(x, y, 200, rate=0.1, angle=way) for (x, y), way in zip(grid[::2], angles, strict=True)])
        faint = np.column_stack([grid[1::2], np.full(32, 200.0)])
        sky = np.vstack([faint, np.column_stack([grid[:8] + 6.0, np.full(8, 1e4)])])
        night = Night([Shot(0), Shot(apart * APART)], sky, slow, seed=seed)
        fixed, moving = night.rows(0)
        others = night.others()
        lost.append(others.forced(0, moving).elsewhere(LIMIT).sum())
        removed.append(others.forced(0, fixed[fixed < 32]).elsewhere(LIMIT).sum())
    assert lost[0] + lost[1] <= 1
    assert lost[2] == 0
    assert removed[0] + removed[1] > 60
    assert removed[2] > 28


def test_of_many_exposures_a_few_need_not_show_what_is_always_there() -> None:
    """The least of many ratios is low by noise alone."""
    for number, missing, gone in (
        (3, 1, False),
        (4, 1, True),
        (7, 2, False),
        (8, 2, True),
        (20, 5, True),
        (20, 6, False),
    ):
        ratio = np.ones((1, number))
        ratio[0, :missing] = 0.1
        assert Forced(ratio, np.full_like(ratio, 0.2)).elsewhere(LIMIT).tolist() == [gone], (number, missing)
        # What could not tell does not count among them.
        ratio, error = np.append(ratio, [[1.0] * 9], axis=1), np.full((1, number + 9), 0.2)
        error[0, number:] = 0.5
        assert Forced(ratio, error).elsewhere(LIMIT).tolist() == [gone], (number, missing)


def test_a_long_series_tells_no_less_than_a_short_one() -> None:
    asteroids = np.array([mover(-20, 25, 250, rate=0.5), mover(30, -30, 250, rate=0.5)])
    faint = np.column_stack([stars(60, seed=3)[:, :2], np.full(60, 250.0)])
    night = Night(
        [Shot(15.0 * number) for number in range(13)], np.vstack([faint, stars(8, seed=8, low=4.0)]), asteroids
    )
    fixed, moving = night.rows(0, margin=12)
    long, short = (night.others().forced(0, fixed[fixed < 60]), Night(night.shots[:4], night.stars).others())
    assert long.elsewhere(LIMIT).sum() >= short.forced(0, fixed[fixed < 60]).elsewhere(LIMIT).sum() - 1
    assert not night.others().forced(0, moving).elsewhere(LIMIT).any()


def test_what_the_slowest_asteroid_would_have_left_everywhere_raises_the_limit() -> None:
    ratio = np.array([[0.5, 0.5], [0.6, 0.6], [0.6, 0.45], [0.5, np.nan]])
    error = np.where(np.isnan(ratio), np.nan, 0.1)
    assert Forced(ratio, error, np.array([0.25, 0.25])).elsewhere(LIMIT).tolist() == [False, True, False, False]
    assert Forced(ratio, error, np.array([0.25, 0.0])).elsewhere(LIMIT).tolist() == [True, True, True, False]
    assert Forced(ratio, error)[3:].elsewhere(LIMIT).tolist() == [True]
    assert Forced(ratio, error, np.array([0.25, 0.0]))[:2].elsewhere(LIMIT).tolist() == [True, True]


def test_one_exposure_without_it_keeps_a_detection_and_a_bad_one_does_not_count() -> None:
    ratio = np.array([[1.0, 0.9, 0.1], [1.0, 0.9, np.nan], [0.8, 0.7, 0.6], [0.0, 0.0, 0.0], [np.nan] * 3])
    found = Forced(
        ratio, np.array([[0.05, 0.05, 0.05], [0.05, 0.05, np.nan], [0.05, 0.05, 0.4], [np.inf] * 3, [np.nan] * 3])
    )
    assert found.looked.tolist() == [3, 2, 3, 3, 0]
    assert found.seen.tolist() == [2, 2, 2, 0, 0]
    np.testing.assert_array_equal(found.least, [0.1, 0.9, 0.7, np.nan, np.nan])
    np.testing.assert_array_equal(found.most, [1.0, 1.0, 0.8, np.nan, np.nan])
    assert found.elsewhere(LIMIT).tolist() == [False, True, True, False, False]
    assert not found.elsewhere(None).any()
    assert tuple(found.columns()) == FORCED
    assert found[1:3].elsewhere(LIMIT).tolist() == [True, True]


def test_a_detection_without_light_of_its_own_is_never_elsewhere() -> None:
    night = Night([Shot(0), Shot(30)], stars())
    others, here = night.others(), night.exposures[0]
    images = [(each.image, each.link) for each in others.links(0)]
    x, y = np.array([np.nan, 20.0, here.x[3]]), np.array([50.0, 20.0, here.y[3]])
    dark = others.image(0)
    dark.data = dark.data - 50
    found = forced_fluxes(dark, images, x, y)
    assert not found.elsewhere(LIMIT)[:2].any()
    assert (found.error[1] == 1).all()
    assert np.isnan(found.ratio[0]).all()


def test_no_rows_and_no_others() -> None:
    night = Night([Shot(0), Shot(30)], stars())
    none = night.others().forced(0, np.array([], int))
    assert none.ratio.shape == (0, 1)
    assert all(len(each) == 0 for each in none.columns().values())
    alone = Night([Shot(0)], stars()).others().forced(0, np.arange(3))
    assert alone.ratio.shape == (3, 0)
    assert alone.looked.tolist() == [0, 0, 0]
    assert np.isnan(alone.least).all()


def test_a_change_of_nothing_but_the_flux_scale_changes_nothing() -> None:
    """Images in other units: electrons, or counts per second."""
    shots = [Shot(0), Shot(30, dither=(3.3, 1.2))]
    plain = Night(shots, stars(), ASTEROIDS).others().forced(0, np.arange(62))
    for factor in (1e-6, 1e6):
        night = Night(shots, stars(), ASTEROIDS)
        for place, pixels in night.pixels.items():
            assert pixels is not None
            night.pixels[place] = pixels * np.float32(factor)
        np.testing.assert_allclose(night.others().forced(0, np.arange(62)).ratio, plain.ratio, atol=0.01)


@pytest.mark.parametrize(("apart", "bright"), [(3.0, 3e5), (4.5, 1e6), (6.0, 1e6)])
def test_an_asteroid_in_the_wings_of_a_bright_star_is_kept(apart: float, bright: float) -> None:
    """The wings are there in every exposure, so that no other one has empty sky at its place."""
    all_stars = stars(side=90)
    sky = np.vstack([[(0.0, 0.0, bright)], all_stars[np.hypot(*all_stars[:, :2].T) > 25]])
    for angle in np.arange(4) * np.pi / 2:
        east, north = np.cos(angle), np.sin(angle)
        moving = np.array([[apart * east, apart * north, 1500.0, 0.5 * east, 0.5 * north]])
        night = Night([Shot(minutes, beta=2.5) for minutes in (0, 60, 120)], sky, moving)
        _, asteroids = night.rows(0)
        assert not night.others().forced(0, asteroids).elsewhere(LIMIT).any(), angle


@pytest.mark.parametrize("said", [0.8, 1.0, 1.5, 2.5])
def test_a_header_that_says_another_seeing_loses_no_slow_asteroid(said: float) -> None:
    """What the slowest would have left is measured by stars, and not by what the header says of their width."""
    minutes = 0.9 * said / 0.1 + 0.1
    slow = np.array([mover(x, y, rate=0.1) for x in (-30, -10, 10, 30) for y in (-25, 0, 25)])
    night = Night([Shot(0, seeing_said=said), Shot(minutes, seeing_said=said)], stars(), slow)
    _, moving = night.rows(0)
    assert len(night.others().links(0)) == 1
    assert night.others().forced(0, moving).elsewhere(LIMIT).sum() <= 3  # those have moved onto a star


def test_a_copy_of_an_exposure_says_nothing_of_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_printed", set())
    night = Night([Shot(0), Shot(60), Shot(120)], stars(), ASTEROIDS)
    found = night.others()
    found.image(1).data = found.image(0).data.copy()
    assert [each.number for each in found.links(0)] == [2]
    assert "has the same pixels as painted-0.fits at another time" in " ".join(capsys.readouterr().err.split())


def test_exposures_that_cannot_be_compared_are_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(console, "_printed", set())
    night = Night([Shot(0), Shot(60, off=(8.0, 3.0))], stars(), ASTEROIDS)
    assert not night.others().links(0)
    said = " ".join(capsys.readouterr().err.split())
    assert "painted-0.fits and painted-1.fits: show fewer than 5 stars of S/N 10 at the same places" in said


def test_a_cloudy_exposure_does_not_hide_what_the_others_show() -> None:
    night = Night([Shot(0), Shot(60), Shot(120, factor=0.05)], stars())
    rows = night.rows(0, margin=12)[0]
    template, _ = night.others().planes(0, rows)
    alone, _ = Night([Shot(0), Shot(60)], stars()).others().planes(0, rows)
    assert template.std() < 1.2 * alone.std()
