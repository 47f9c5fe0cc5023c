"""What stays in place is found on the sky and on the detector; what moves is not."""

import dataclasses
import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.survey.detections import read_detections
from ceres_fast.survey.frames import FrameInfo
from ceres_fast.survey.rules import Rules
from ceres_fast.survey.stationary import lacks_sky, slowest_seen, stationary

from .conftest import ASTEROIDS, HOT, SCALE, SEEING, make_wcs, place

INFO = FrameInfo(Path("f"), "f", pixel_scale=SCALE, seeing=SEEING)


def exposure(points, dither=(0, 0), info=INFO):
    """Detections at places given in pixels of the undithered frame."""
    x, y = np.array(points, float).reshape(-1, 2).T + np.array(dither, float)[:, None]
    ra, dec = make_wcs(dither).all_pix2world(x, y, 1) if len(x) else (x, y)
    return x, y, ra, dec, info


def masks(*exposures, **rules):
    return [mask.tolist() for mask in stationary(exposures, Rules(**rules))]


def test_real_detections_of_the_field(field):
    found = [read_detections(path) for path in field.frames]
    for number, (detections, stays) in enumerate(zip(found, stationary(found, Rules()), strict=True)):
        moving = {(round(x), round(y)) for x, y in zip(detections.x[~stays], detections.y[~stays], strict=True)}
        assert moving == {tuple(map(round, place(name, number))) for name in ASTEROIDS}
        hot = np.hypot(detections.x - HOT[1] - 2, detections.y - HOT[0] - 2) < 1
        assert stays[hot].all()
        assert hot.any()


@given(st.tuples(st.integers(-20, 20), st.integers(-20, 20)), st.floats(0, 6), st.floats(0, 6.28))
def test_radius_is_that_of_the_seeing_on_the_sky(dither, shift, angle):
    moved = (100 + shift * math.cos(angle), 80 + shift * math.sin(angle))
    radius = Rules().stationary_radius * SEEING
    if abs(shift * SCALE - radius) < 1e-3 or math.hypot(dither[0] + moved[0] - 100, dither[1] + moved[1] - 80) < 1.01:
        return
    result = masks(exposure([(100, 80)]), exposure([moved], dither))
    assert result == [[shift * SCALE < radius]] * 2


def test_hot_pixels_stay_on_the_detector_and_move_on_the_sky():
    hot = [exposure([np.subtract((50.0, 60.0), dither)], dither) for dither in ((0, 0), (9, 9))]
    assert masks(*hot) == [[True], [True]]
    noisy = [hot[0], (hot[1][0] + 1.2, *hot[1][1:])]
    assert masks(*noisy) == [[False], [False]]
    assert masks(*noisy, hot_pixel_radius=1.5) == [[True], [True]]


def test_how_often_a_place_must_be_seen():
    twice = [exposure([(100, 80)]), exposure([(100, 80)]), exposure([])]
    assert masks(*twice) == [[True], [True], []]
    assert masks(*twice, stationary_exposures=3) == [[False], [False], []]
    assert masks(*twice[:2], exposure([(100.5, 80)]), stationary_exposures=3) == [[True]] * 3


def test_two_neighbours_in_one_exposure_are_one_sighting():
    pair = exposure([(100, 80), (101, 80)])
    assert masks(exposure([(100, 80)]), pair, exposure([]), stationary_exposures=3) == [[False], [False, False], []]


def test_one_exposure_or_the_rule_switched_off_keeps_all():
    assert masks(exposure([(100, 80), (100, 80)])) == [[False, False]]
    assert masks(exposure([(1, 1)]), exposure([(1, 1)]), remove_stationary=False) == [[False], [False]]
    assert masks() == []
    assert masks(exposure([]), exposure([])) == [[], []]


def test_the_worse_seeing_counts_and_one_known_is_enough():
    unknown, good = dataclasses.replace(INFO, seeing=math.nan), dataclasses.replace(INFO, seeing=0.5)
    places = [(100, 80)], [(102, 80)]
    for first, second, expected in ((INFO, good, True), (good, INFO, True), (unknown, INFO, True), (good, good, False)):
        assert masks(exposure(places[0], info=first), exposure(places[1], info=second)) == [[expected]] * 2


def test_unknown_seeing_takes_a_radius_in_pixels():
    info = dataclasses.replace(INFO, seeing=math.nan)
    for shift, expected in ((1.9, True), (2.1, False)):
        assert masks(exposure([(100, 80)], info=info), exposure([(100 + shift, 80)], info=info)) == [[expected]] * 2


@pytest.mark.parametrize("scale", [SCALE, math.nan])
def test_without_sky_positions_the_detector_is_all_there_is(scale):
    info = dataclasses.replace(INFO, pixel_scale=scale)
    unknown = np.array([np.nan])
    pair = [(np.array([x]), np.array([80.0]), unknown, unknown, info) for x in (100.0, 101.9)]
    assert masks(*pair) == [[True], [True]]


def test_impossible_positions_never_stay_in_place():
    bad = (np.array([np.nan, 5]), np.array([1.0, 5]), np.array([np.nan, np.nan]), np.array([1.0, np.nan]), INFO)
    good = exposure([(100, 80)])
    assert masks(bad, good, good)[0] == [False, False]


def test_the_slowest_that_moves_is_told_from_the_exposures_nearest_in_time():
    infos = [dataclasses.replace(INFO, mjd=60000 + minutes / 1440) for minutes in (0, 6, 8)]
    radius = Rules().stationary_radius * SEEING
    assert slowest_seen(infos, Rules()) == pytest.approx(radius / 2)
    assert slowest_seen(infos, Rules(stationary_exposures=3)) == pytest.approx(radius / 6)
    for few, rules in ((infos[:1], Rules()), (infos, Rules(remove_stationary=False)), ([INFO, INFO], Rules())):
        assert math.isnan(slowest_seen(few, rules))


@given(st.floats(0.1, 2), st.floats(1, 30))
def test_what_is_faster_than_the_slowest_moves(rate, minutes):
    infos = [dataclasses.replace(INFO, mjd=mjd) for mjd in (60000, 60000 + minutes / 1440)]
    slowest = slowest_seen(infos, Rules())
    moved = (100 + rate * minutes / SCALE, 80)
    if abs(rate / slowest - 1) > 0.01 and moved[0] - 100 > 1.01:
        assert masks(exposure([(100, 80)], info=infos[0]), exposure([moved], info=infos[1])) == [[rate < slowest]] * 2


def sky_field(seed, n, exposures, shape=(4100, 2048)):
    """Exposures of detections that are seen once each, evenly spread over dithered frames of a known size."""
    random = np.random.default_rng(seed)
    info = dataclasses.replace(INFO, shape=shape)
    dithers = random.integers(-15, 16, (exposures, 2))
    return [exposure(random.uniform(1, shape[::-1], (n, 2)), dither, info) for dither in dithers]


@pytest.mark.parametrize(("n", "exposures"), [(350, 4), (350, 12), (3000, 4), (3000, 8)])
def test_chance_removes_no_more_than_the_stated_share(n, exposures):
    found = sky_field(1, n, exposures)
    lost = np.concatenate(stationary(found, Rules()))
    assert lost.mean() <= Rules().chance_coincidence + 3 * math.sqrt(Rules().chance_coincidence / len(lost))
    if n * exposures > 4 * 350:
        always_two = np.concatenate(stationary(found, Rules(chance_coincidence=1.0)))
        assert always_two.mean() > 2 * Rules().chance_coincidence


def test_stars_are_removed_though_more_exposures_are_asked_for():
    random = np.random.default_rng(0)
    stars = random.uniform(20, (2000, 4000), (500, 2))
    found = []
    for x, y, *_, info in sky_field(2, 3000, 4):
        seen = stars[random.uniform(size=len(stars)) < 0.95]
        found.append(exposure(np.vstack([seen, np.stack([x, y], axis=1)]), (0, 0), info))
    for one, mask in zip(found, stationary(found, Rules()), strict=True):
        assert mask[: len(one[0]) - 3000].mean() > 0.98
        assert mask[len(one[0]) - 3000 :].mean() < 0.01


def test_bad_columns_are_removed_with_or_without_sky_positions():
    random = np.random.default_rng(0)
    rows = [random.uniform(1500, 4000, 80) for _ in range(4)]
    plain = sky_field(3, 300, 4)
    for sky in (True, False):
        found = []
        for (x, y, *_, info), bad in zip(plain, rows, strict=True):
            one = exposure(np.stack([np.append(x, np.full(80, 700.0)), np.append(y, bad)], axis=1), (0, 0), info)
            unknown = np.full(380, np.nan)
            found.append(one if sky else (*one[:2], unknown, unknown, info))
        for mask in stationary(found, Rules()):
            assert mask[300:].mean() > 0.95
            assert mask[:300].mean() < 0.03


def test_a_pair_without_common_sky_positions_is_compared_with_the_seeing():
    unknown = np.array([np.nan])
    blind = [(np.array([x]), np.array([80.0]), unknown, unknown, INFO) for x in (100.0, 101.9)]
    assert masks(blind[0], blind[1], exposure([(20, 20)])) == [[True], [True], [False]]
    assert masks(blind[0], exposure([(101.9, 80)]), exposure([(20, 20)])) == [[True], [True], [False]]


def test_exposures_without_sky_positions_are_told():
    seen, unknown = exposure([(100, 80)]), np.array([np.nan])
    blind = (np.array([100.0]), np.array([80.0]), unknown, unknown, INFO)
    assert lacks_sky([blind, blind])
    assert lacks_sky([seen, blind])
    for told in ([seen, seen], [blind], [], [seen, exposure([])]):
        assert not lacks_sky(told)
