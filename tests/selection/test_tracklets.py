"""Detections that fit one motion at a constant rate are found, whatever is around them, and nothing else is."""

import dataclasses
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import given, settings
from hypothesis import strategies as st

from ceres_fast.catalogues import Catalogue
from ceres_fast.catalogues.detections import Detections, read_detections
from ceres_fast.selection.match import match_known
from ceres_fast.selection.motions import BEND
from ceres_fast.selection.pairing import within_groups
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import find_stationary
from ceres_fast.selection.tracklets import FASTEST, SHUFFLES, Tracklets, _orders, find_tracklets
from ceres_fast.selection.tracks import known_at
from ceres_fast.truth import read_truth

from .stationary_fields import DITHERS, FOUR, SCALE, SEEING, SHAPE, exposure, make_wcs

MIDDLE = np.array([1024.0, 2050.0])
LENGTH = 60.0


def seen(points: Any, minutes: float, pointing: Any = (0, 0), columns: Any = None, **other: Any) -> Detections:
    """Return detections with a catalogue that has some columns."""
    made = exposure(points, minutes, pointing, **other)
    table = Table({"NUMBER": np.arange(len(made.x))} | (columns or {}))
    info = dataclasses.replace(made.info, exposure=LENGTH)
    return made._replace(catalogue=Catalogue(Path("f.cat"), "ASCII_HEAD", table, None), info=info)


def way(rate: float, angle: float, minutes: Any) -> np.ndarray:
    """Return places (pixels) of what moves at arcsec/min, at an angle (deg) from north through east."""
    east, north = rate * math.sin(math.radians(angle)), rate * math.cos(math.radians(angle))
    return MIDDLE + np.outer(np.asarray(minutes) - np.mean(minutes), [-east, north]) / SCALE


def found(*exposures: Detections, stationary: Any = None, rules: Rules | None = None, **other: Any) -> Tracklets:
    """Return what is found among all that is not stationary."""
    stays = [np.zeros(len(each.x), bool) for each in exposures] if stationary is None else stationary
    return find_tracklets(exposures, [~each for each in stays], stays, rules or Rules(), **other)


def random_points(number: int, seed: int, shape: tuple[int, int] = SHAPE) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1, shape[::-1], (number, 2))


# What moves


@settings(max_examples=60)
@given(
    st.floats(Rules().slowest * 1.2, FASTEST),
    st.floats(0, 360),
    st.sampled_from([(), (0,), (1,), (3,)]),
    st.lists(st.floats(-0.1, 0.1), min_size=8, max_size=8),
)
def test_anything_that_moves_is_found_at_its_rate_in_its_direction(rate, angle, without, errors):
    points = way(rate, angle, FOUR) + np.reshape(errors, (4, 2)) * SEEING / SCALE
    fixed = random_points(5, 1)
    exposures = [
        seen(np.vstack([fixed, points[e : e + 1]])[: 5 if e in without else 6], minutes, DITHERS[e])
        for e, minutes in enumerate(FOUR)
    ]
    stays = [np.arange(len(each.x)) < 5 for each in exposures]
    tracklets = found(*exposures, stationary=stays)
    assert tracklets.members.tolist() == [[-1 if e in without else 5 for e in range(4)]]
    assert tracklets.exposures.tolist() == [4 - len(without)]
    assert tracklets.rate[0] == pytest.approx(rate, abs=0.02)
    apart = (tracklets.position_angle[0] - angle + 180) % 360 - 180
    assert abs(apart) <= math.degrees(0.02 / rate)
    assert 0 <= tracklets.residual[0] < 3
    assert tracklets.chance[0] == 0
    assert not tracklets.released.any()


@pytest.mark.parametrize(("rate", "number"), [(0.05, 0), (0.08, 0), (0.1, 1), (9.99, 1), (10.2, 0), (20.0, 0)])
def test_only_wanted_rates_are_found(rate, number):
    points = way(rate, 70, FOUR)
    assert len(found(*[seen([point], t) for point, t in zip(points, FOUR, strict=True)]).rate) == number


def test_the_fastest_may_be_chosen():
    points = way(20.0, 70, FOUR)
    exposures = [seen([point], t) for point, t in zip(points, FOUR, strict=True)]
    assert found(*exposures, fastest=25.0).rate == pytest.approx(20.0)


def test_what_stays_in_place_does_not_move_however_short_the_time():
    places = np.stack(np.meshgrid([200, 800, 1400], [300, 1100, 1900]), axis=-1).reshape(-1, 2)
    random = np.random.default_rng(4)
    for minutes in ((0, 1, 2), (0, 2.7, 5.3, 8), FOUR):
        exposures = [seen(places + random.normal(0, 0.1 * SEEING / SCALE, places.shape), t) for t in minutes]
        assert len(found(*exposures, rules=Rules(slowest=0.01)).rate) == 0


def test_what_turns_or_stops_is_no_motion():
    bent = way(1.0, 70, FOUR) + np.array([[0, 0], [0, 6], [0, 0], [0, 6]]) / SCALE
    assert len(found(*[seen([point], t) for point, t in zip(bent, FOUR, strict=True)]).rate) == 0
    stopped = way(1.0, 70, FOUR)[[0, 1, 1, 1]]
    assert len(found(*[seen([point], t) for point, t in zip(stopped, FOUR, strict=True)]).rate) == 0


def test_a_main_belt_asteroid_is_found_over_two_hours_in_which_its_path_bends():
    minutes = np.array([0.0, 40, 80, 120])
    points = way(0.5, 250, minutes)
    points[:, 1] += BEND / 2 * (minutes - 60) ** 2 / SCALE  # what the turning of the Earth does, 1 au away
    assert len(found(*[seen([point], t) for point, t in zip(points, minutes, strict=True)]).rate) == 1


def test_the_order_of_exposures_does_not_matter():
    points = way(0.7, 100, FOUR)
    noise = [random_points(200, 10 + e) for e in range(4)]
    exposures = [seen(np.vstack([noise[e], points[e]]), t, DITHERS[e]) for e, t in enumerate(FOUR)]
    one, other = found(*exposures), found(*exposures[::-1])
    assert [200] * 4 in one.members.tolist()
    assert one.members.tolist() == other.members[:, ::-1].tolist()
    assert one.rate == pytest.approx(other.rate)


def test_a_shifted_exposure_is_put_right_by_what_is_stationary():
    fixed, points = random_points(100, 1), way(0.5, 100, FOUR)
    exposures = [seen(np.vstack([fixed, point]), t) for point, t in zip(points, FOUR, strict=True)]
    exposures[2] = seen(np.vstack([fixed, points[2]]) + np.array([1.5, -1.0]), FOUR[2])
    stays = [np.arange(101) < 100] * 4
    assert found(*exposures, stationary=stays).members.tolist() == [[100] * 4]
    assert found(*exposures, stationary=stays).residual[0] < 0.1


# What there may be


def test_of_many_exposures_all_that_show_it_are_members():
    minutes = np.arange(60) * 2.0
    points = way(0.5, 70, minutes)
    shown = np.arange(60) % 5 != 0
    exposures = [
        seen(np.vstack([points[e : e + 1][: int(shown[e])], random_points(10, e)]), minute)
        for e, minute in enumerate(minutes)
    ]
    tracklets = found(*exposures)
    assert tracklets.members[0].tolist() == np.where(shown, 0, -1).tolist()


def test_two_exposures_give_pairs_and_the_slowest_are_the_least_by_chance():
    noise = [random_points(100, 5 + e) for e in range(2)]
    points = way(0.3, 100, (0, 15))
    exposures = [seen(np.vstack([noise[e], points[e]]), t) for e, t in enumerate((0, 15))]
    tracklets = found(*exposures)
    assert tracklets.members[0].tolist() == [100, 100]
    assert np.isnan(tracklets.residual).all()
    assert (np.diff(tracklets.chance) >= 0).all()
    assert tracklets.chance[0] < 1 < 5 < tracklets.chance[-1]


@pytest.mark.parametrize(
    "times", [(0, 15, 30, math.nan), (0, 15, 30, 30), (0, 0, 15, 30)], ids=["unknown", "last twice", "first twice"]
)
def test_three_different_times_are_enough_and_others_may_be_unknown_or_the_same(times):
    points = way(0.5, 100, np.nan_to_num(times, nan=45))
    tracklets = found(*[seen([point], t) for point, t in zip(points, times, strict=True)])
    assert tracklets.members.tolist() == [[0, 0, 0, -1 if math.isnan(times[3]) else 0]]


def test_two_times_of_three_exposures_are_a_pair_and_one_time_is_nothing():
    points = way(0.5, 100, (0, 15, 15))
    assert found(*[seen([point], t) for point, t in zip(points, (0, 15, 15), strict=True)]).exposures.tolist() == [2]
    assert len(found(*[seen([point], 5) for point in points]).rate) == 0


def test_two_detections_of_a_field_of_three_exposures_are_nothing():
    points = way(0.5, 100, (0, 15, 30))
    exposures = [seen([points[0]], 0), seen([points[1]], 15), seen(random_points(3, 1), 30)]
    assert len(found(*exposures).rate) == 0


@pytest.mark.parametrize("number", [0, 1, 2, 4])
def test_without_detections_or_exposures_there_is_nothing(number):
    for exposures in ([seen([], t) for t in FOUR[:number]], [seen([(5, 5)], math.nan)] * number):
        if exposures:
            tracklets = found(*exposures)
            assert tracklets.members.shape == tracklets.released.shape == (0, number)
            assert tracklets.exposures.shape == tracklets.chance.shape == (0,)
            assert tracklets.number(0, 3).tolist() == [0, 0, 0]
            assert tracklets.blended(0, 3).tolist() == [False] * 3


def test_places_that_are_not_known_absurd_or_repeated_are_no_reason_to_stop():
    points = way(0.5, 100, FOUR)
    exposures = []
    for point, t in zip(points, FOUR, strict=True):
        made = seen([(5, 5), *[(500, 500)] * 3000, point, (900, 900)], t)
        made.ra[0], made.dec[-1], made.ra[-1] = np.nan, 89.0, made.ra[-1] + 120
        exposures.append(made)
    assert found(*exposures).members.tolist() == [[3001] * 4]


def test_without_a_sky_the_detector_is_the_plane():
    points = way(0.5, 100, FOUR)
    exposures = [seen([point], t, with_wcs=False, sky=False) for point, t in zip(points, FOUR, strict=True)]
    assert found(*exposures).rate == pytest.approx(0.5)


# What else is known of detections


def columns_of(**values: Any) -> list[dict[str, Any]]:
    return [{name: [each[e]] for name, each in values.items()} for e in range(4)]


def one_each(columns: Any, rate: float = 0.5) -> int:
    points = way(rate, 90, FOUR)
    return len(found(*[seen([points[e]], t, columns=columns[e]) for e, t in enumerate(FOUR)]).rate)


@pytest.mark.parametrize(
    ("magnitudes", "members"),
    [
        ((20, 20.5, 21, 20), [0, 0, 0, 0]),
        ((20, math.nan, 99, 20), [0, 0, 0, 0]),
        ((20, 20, 16, 20), [0, 0, 0, 0]),
        ((20, 17, 17, 20), [0, 0, 0, 0]),
        ((20, 20, 24, 20), [0, 0, -1, 0]),
        ((14, 18, 22, 26), None),
    ],
)
def test_magnitudes_agree_or_are_not_known_and_half_may_be_brighter(magnitudes, members):
    columns = columns_of(MAG_AUTO=magnitudes, MAGERR_AUTO=[0.1] * 4)
    points = way(0.5, 90, FOUR)
    tracklets = found(*[seen([points[e]], t, columns=columns[e]) for e, t in enumerate(FOUR)])
    assert tracklets.members.tolist() == ([] if members is None else [members])


def test_the_magnitudes_of_a_pair_agree():
    points = way(0.5, 90, (0, 15))
    for other, number in ((20.5, 1), (14.0, 0)):
        columns = [{"MAG_AUTO": [each], "MAGERR_AUTO": [0.1]} for each in (20.0, other)]
        assert len(found(*[seen([points[e]], 15 * e, columns=columns[e]) for e in range(2)]).rate) == number


def test_uncertain_magnitudes_differ_more():
    columns = columns_of(MAG_AUTO=(20, 21.7, 21.8, 20), MAGERR_AUTO=[0.5] * 4)
    assert one_each(columns) == 1


LONG, ROUND = 5.0, 1.6
"""A_IMAGE of what is 6 arcsec long, and of a star; pixels."""


@pytest.mark.parametrize(
    ("rate", "long", "angles", "number"),
    [
        (6.0, [LONG] * 4, [0, 180, 5, -10], 1),
        (6.0, [LONG] * 4, [90] * 4, 0),
        (6.0, [ROUND] * 4, [0] * 4, 0),
        (6.0, [LONG, LONG, ROUND, ROUND], [0] * 4, 1),
        (6.0, [math.nan] * 4, [0] * 4, 1),
        (0.5, [LONG] * 4, [90] * 4, 0),
        (0.5, [LONG, LONG, ROUND, ROUND], [90] * 4, 1),
        (0.5, [LONG] * 4, [0] * 4, 1),
        (0.5, [ROUND] * 4, [90] * 4, 1),
    ],
)
def test_a_trail_lies_along_the_motion_and_what_is_fast_leaves_one(rate, long, angles, number):
    assert one_each(columns_of(A_IMAGE=long, B_IMAGE=[1.55] * 4, THETA_IMAGE=angles), rate) == number


@pytest.mark.parametrize(
    ("columns", "number"),
    [
        ({}, 0),
        ({"ERRAWIN_WORLD": [0.3 / 3600]}, 1),
        ({"ERRA_IMAGE": [0.9]}, 1),
        ({"ERRAWIN_WORLD": [0.01 / 3600], "ERRA_IMAGE": [0.9]}, 0),
        ({"FLUX_AUTO": [30.0], "FLUXERR_AUTO": [15.0]}, 1),
        ({"FLUX_AUTO": [3000.0], "FLUXERR_AUTO": [15.0]}, 0),
        ({"MAGERR_AUTO": [0.6]}, 1),
        ({"MAGERR_AUTO": [99.0]}, 0),
        ({"FLUX_AUTO": [math.nan], "FLUXERR_AUTO": [0.0]}, 0),
    ],
)
def test_errors_are_those_of_the_catalogue(columns, number):
    points = way(0.5, 90, FOUR) + np.array([[0, 0], [0, 0.75], [0, -0.75], [0, 0]]) / SCALE
    assert len(found(*[seen([points[e]], t, columns=columns) for e, t in enumerate(FOUR)]).rate) == number


def test_a_piece_of_a_trail_may_be_anywhere_on_it_but_not_beside_it():
    """At 6 arcsec/min the trail is 6 arcsec long; when 3 are detected, their middle is up to 1.5 from that of all."""
    columns = columns_of(A_IMAGE=[2.9] * 4, B_IMAGE=[1.2] * 4, THETA_IMAGE=[0] * 4)
    for shift, number in ((np.array([1.2, 0]), 1), (np.array([0, 1.2]), 0)):
        points = way(6.0, 90, FOUR) + np.outer([1, -1, -1, 1], shift / SCALE)
        assert len(found(*[seen([points[e]], t, columns=columns[e]) for e, t in enumerate(FOUR)]).rate) == number


# What is stationary


def over_a_star(shift: float = 0.0, magnitude: float = 20.0) -> Tracklets:
    points = way(0.5, 90, FOUR)
    points[2, 1] += shift / SCALE
    exposures = [seen([points[e]], t, columns={"MAG_AUTO": [magnitude if e == 2 else 20]}) for e, t in enumerate(FOUR)]
    return found(*exposures, stationary=[np.array([e == 2]) for e in range(4)])


def test_a_detection_that_is_stationary_and_in_the_way_is_released():
    tracklets = over_a_star()
    assert tracklets.members.tolist() == [[0, 0, 0, 0]]
    assert tracklets.released.tolist() == [[False, False, True, False]]
    assert tracklets.exposures.tolist() == [4]
    assert [tracklets.blended(e, 1).tolist() for e in range(4)] == [[False], [False], [True], [False]]
    assert [tracklets.number(e, 1).tolist() for e in range(4)] == [[1]] * 4


@pytest.mark.parametrize(
    ("shift", "magnitude", "released"), [(0.3, 20, True), (1.2, 20, False), (0, 15, True), (0, 22.5, False)]
)
def test_only_what_is_inside_the_errors_and_no_fainter_is_released(shift, magnitude, released):
    tracklets = over_a_star(shift, magnitude)
    assert tracklets.released.any() == released
    assert tracklets.residual[0] == pytest.approx(over_a_star().residual[0], abs=1e-6)


def test_a_tracklet_needs_members_of_its_own():
    points = way(0.5, 90, FOUR)
    exposures = [
        seen([point, (100 + 100 * e**2, 100)], t) for e, (point, t) in enumerate(zip(points, FOUR, strict=True))
    ]
    assert len(found(*exposures, stationary=[np.array([e > 1, False]) for e in range(4)]).rate) == 0


# Which is whose


def test_a_detection_belongs_to_the_tracklet_with_most_exposures_where_none_is_there_by_chance():
    points = way(0.5, 90, FOUR)
    beside = points[:2] + np.array([[0, 60], [0, 30]])  # on the way to the third place of the other
    exposures = [seen(np.vstack([points[e : e + 1], beside[e : e + 1]]), t) for e, t in enumerate(FOUR)]
    assert found(*exposures).members.tolist() == [[0, 0, 0, 0]]
    assert found(*exposures[:3]).exposures.tolist() == [3]


def test_asteroids_whose_ways_cross_are_both_found():
    crossing = [way(0.5, 90, FOUR), way(0.8, 200, FOUR) + 3]
    exposures = [seen([each[e] for each in crossing], t) for e, t in enumerate(FOUR)]
    assert sorted(found(*exposures).members.tolist()) == [[0] * 4, [1] * 4]


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 2**32), st.integers(3, 5), st.integers(0, 150))
def test_no_detection_is_in_two_tracklets_and_the_best_come_first(seed, number, density):
    noise = [random_points(density, seed + e, (600, 600)) for e in range(number)]
    exposures = [seen(noise[e], 15 * e, shape=(600, 600)) for e in range(number)]
    tracklets = found(*exposures)
    for e in range(number):
        own = tracklets.members[:, e]
        assert len(np.unique(own[own >= 0])) == (own >= 0).sum()
        assert np.count_nonzero(tracklets.number(e, density)) == (own >= 0).sum()
    assert (tracklets.exposures >= 3).all()
    assert (tracklets.rate <= FASTEST * 1.1).all()
    assert np.isfinite(tracklets.chance).all()
    assert np.isfinite(tracklets.residual).all()


# Chance


def test_as_many_are_found_by_chance_as_are_expected():
    number, expected, chance = 0, 0.0, []
    for seed in range(4):
        exposures = [seen(random_points(500, 10 * seed + e), t) for e, t in enumerate(FOUR)]
        number += len(found(*exposures).rate)
        expected += (
            sum(len(found(*exposures, minutes=order).rate) for order in ([15.0, 45, 0, 30], [30.0, 0, 45, 15])) / 2
        )
        chance += found(*exposures).chance.tolist()
    assert number > 150
    assert number == pytest.approx(expected, rel=0.2)
    # Of those that are there by chance, half are as slow as one of them on average, and of these half fit as well.
    assert np.mean(chance) == pytest.approx(number / 4 / 4, rel=0.3)


def test_asteroids_do_not_make_each_other_likely_by_chance():
    random = np.random.default_rng(1)
    start, angle = random_points(60, 2), random.uniform(0, 2 * np.pi, 60)
    motion = random.uniform(0.2, 1, 60)[:, None] / SCALE * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    for without in (0.0, 0.2):
        there = random.uniform(size=(4, 60)) >= without
        exposures = [seen((start + motion * t)[there[e]], t) for e, t in enumerate(FOUR)]
        tracklets = found(*exposures)
        assert len(tracklets.rate) >= (there.sum(axis=0) > 2).sum()
        assert (tracklets.chance < 0.5).mean() > 0.95


def test_times_in_a_wrong_order_find_what_is_there_by_chance():
    points = way(0.5, 90, FOUR)
    exposures = [seen([point], t) for point, t in zip(points, FOUR, strict=True)]
    assert len(found(*exposures, minutes=np.array([15.0, 45, 0, 30])).rate) == 0
    assert len(found(*exposures, minutes=np.array([45.0, 30, 15, 0])).rate) == 1


@pytest.mark.parametrize("number", [3, 4, 5, 6, 12])
def test_orders_are_neither_that_of_time_nor_its_reverse(number):
    orders = _orders(np.arange(number))
    assert 0 < len(orders) <= SHUFFLES
    assert len(np.unique(orders, axis=0)) == len(orders)
    for order in orders.tolist():
        assert sorted(order) == list(range(number))
        assert order not in (list(range(number)), list(range(number))[::-1])


# What is enough


@given(st.integers(2, 12), st.integers(1, 5), st.data())
def test_of_one_more_exposure_than_groups_two_are_a_pair(number, groups, data):
    pairs = within_groups(np.arange(number), groups)
    if groups + 1 <= number:
        chosen = data.draw(st.permutations(range(number)))[: groups + 1]
        assert {(min(a, b), max(a, b)) for a in chosen for b in chosen if a != b} & set(pairs)


def test_where_too_much_is_to_be_tried_more_exposures_are_needed_but_at_most_half(monkeypatch):
    points = way(0.5, 90, np.arange(8) * 6.0)
    noise = [random_points(60, e, (300, 300)) + MIDDLE - 150 for e in range(8)]
    exposures = [seen(np.vstack([noise[e], points[e]]), 6 * e) for e in range(8)]
    for work, least in ((1e12, 3), (1_000, 4)):
        monkeypatch.setattr("ceres_fast.selection.linking.MOST_WORK", work)
        tracklets = found(*exposures)
        assert tracklets.members[0].tolist() == [60] * 8
        assert tracklets.exposures.min() == least
        assert found(*exposures[:4]).exposures.min() == 3


@pytest.mark.parametrize("number", [500, 3000])
def test_pieces_change_nothing(number, monkeypatch):
    exposures = [seen(random_points(200, 20 + e, (900, 900)), t) for e, t in enumerate(FOUR)]
    whole = found(*exposures)
    monkeypatch.setattr("ceres_fast.selection.pairing.PIECE", number)
    pieces = found(*exposures)
    assert len(whole.rate) > 5
    assert (whole.members == pieces.members).all()
    assert whole.chance == pytest.approx(pieces.chance)


# Another linker


def test_what_another_linker_finds_is_found():
    stored = json.loads((Path(__file__).parent / "linker_oracle.json").read_text(encoding="utf-8"))
    of, asteroid = np.array(stored["exposure"]), np.array(stored["asteroid"])
    exposures = []
    for e, mjd in enumerate(stored["mjd"]):
        ra, dec, magnitude, error = (
            np.array(stored[name])[of == e] for name in ("ra", "dec", "magnitude", "error")
        )  # fmt: skip
        x, y = make_wcs(shape=(6267, 6267), centre=(150.0, 12.0)).all_world2pix(ra, dec, 1)
        columns = {"MAG_AUTO": magnitude, "MAGERR_AUTO": np.full(len(ra), 0.1), "ERRA_WORLD": error / 3600}
        made = seen(np.stack([x, y], axis=1), 0, columns=columns, shape=(6267, 6267), centre=(150.0, 12.0))
        exposures.append(made._replace(info=dataclasses.replace(made.info, mjd=mjd)))
    theirs = {int(asteroid[rows[0]]) for rows in stored["tracklets"] if len(np.unique(asteroid[rows])) == 1} - {-1}
    tracklets = found(*exposures)
    start = np.searchsorted(of, range(4))
    members = np.where(tracklets.members < 0, -1, np.append(asteroid, -1)[tracklets.members + start])
    counts = [np.bincount(row[row >= 0], minlength=1) for row in members]
    ours = {int(count.argmax()) for count in counts if count.max() > 2}
    assert len(theirs) > 100
    assert len(theirs & ours) >= 0.99 * len(theirs)


# Real nights


def test_a_real_slow_asteroid_is_one_tracklet(shared_cases: Path):
    folder = shared_cases / "real_nights" / "01-real-asteroid-in-place"
    if not folder.is_dir():
        pytest.skip("the night of 2713 Luxembourg (shared/cases/real_nights/01…) is not here")
    exposures = [read_detections(path) for path in sorted((folder / "night").glob("*.fits.gz"))]
    rules, truth = Rules(), read_truth(folder / "mpc.txt")
    stays = find_stationary(exposures, rules)[0].stays
    tracklets = find_tracklets(exposures, [~mask for mask in stays], stays, rules)
    numbers = []
    for e, each in enumerate(exposures):
        match = match_known(known_at(truth, each.info, rules), each.ra, each.dec, rules)
        numbers += tracklets.number(e, len(each.x))[match.asteroid >= 0].tolist()
    assert len(numbers) == 20
    assert numbers.count(1) >= 19
    assert tracklets.rate[0] == pytest.approx(0.191, abs=0.01)
    assert tracklets.chance[0] < 0.1
