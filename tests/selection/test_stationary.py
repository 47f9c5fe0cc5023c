"""What is stationary is told by time: stars are, hot pixels are, asteroids at or above the slowest rate are not."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from astropy.wcs import WCS
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.catalogues.detections import Detections, read_detections
from ceres_fast.frames.info import FrameInfo
from ceres_fast.selection.match import match_known
from ceres_fast.selection.neighbours import Points
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import Comparison, Stationary, find_stationary
from ceres_fast.selection.tracks import known_at
from ceres_fast.truth import read_truth

from .stationary_fields import (
    APART,
    DITHERS,
    FAST,
    FOUR,
    LONG,
    PAIR,
    RADIUS,
    SCALE,
    compare,
    compared,
    exposure,
    stays,
    survey,
)

SMALL = (800, 1000)


def limit(share: float, number: int) -> float:
    """Return what a share may come to by chance."""
    return share + 3 * math.sqrt(share / number)


# Slow asteroids


def slow_field(**other: Any):
    minutes = np.arange(20) * 185 / 60
    angle = np.linspace(0, 6, 12)
    rates = 0.19 / 1.266 * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    places = np.stack(np.meshgrid([200, 400, 600, 800], [200, 400, 600]), axis=-1).reshape(-1, 2)
    return survey(
        minutes, 300, asteroids=places, rates=rates, clear=True, shape=SMALL, scale=1.266, seeing=5.0, **other
    )


@pytest.mark.parametrize("pointings", [None, DITHERS])
def test_a_slow_asteroid_is_never_stationary_and_stars_are_in_every_exposure(pointings):
    field = slow_field(pointings=pointings)
    found = compare(*field.exposures)
    assert field.share(found.found, "asteroid") == 0
    assert not found.partners[9].any()
    for mask, kinds in zip(found.found.stays, field.kinds, strict=True):
        assert mask[kinds == "star"].mean() > 0.95


@given(
    st.floats(Rules().slowest, 30),
    st.floats(0, 2 * math.pi),
    st.lists(st.floats(0, 240), min_size=2, max_size=12),
    st.lists(
        st.tuples(st.floats(0, Rules().position_error / 2 - 0.001), st.floats(0, 2 * math.pi)), min_size=12, max_size=12
    ),
)
def test_nothing_at_or_above_the_slowest_rate_is_stationary_whatever_the_times(rate, angle, minutes, errors):
    places = [
        (500 + (rate * t * math.cos(angle) + 1.2 * e * math.cos(a)) / SCALE,
         500 + (rate * t * math.sin(angle) + 1.2 * e * math.sin(a)) / SCALE)
        for t, (e, a) in zip(minutes, errors, strict=False)
    ]  # fmt: skip
    found = stays(*[exposure([place, (50, 50)], t) for place, t in zip(places, minutes, strict=True)])
    assert not any(mask[0] for mask in found)


@given(st.floats(0.1, 2.0), st.floats(0.2, 3.0))
def test_exposures_are_compared_where_the_slowest_has_left(slowest, share):
    apart = APART * Rules().slowest / slowest
    if abs(share - 1) > 1e-3:
        pair = [exposure([(500, 500)], t) for t in (0, share * apart)]
        assert stays(*pair, slowest=slowest) == [[share > 1]] * 2
        assert compared(*pair, slowest=slowest) == [[share > 1]] * 2


@given(st.floats(0, 2), st.floats(0, 2 * math.pi))
def test_the_same_place_is_within_the_radius_of_the_seeing(share, angle):
    if abs(share - 1) > 1e-3:
        shift = share * RADIUS / SCALE
        moved = (500 + shift * math.cos(angle), 500 + shift * math.sin(angle))
        assert stays(exposure([(500, 500)]), exposure([moved], 20)) == [[share < 1]] * 2


def test_the_worse_seeing_counts_and_unknown_seeing_takes_pixels():
    moved = [(500 + 1.3 * RADIUS / SCALE, 500)]
    assert stays(exposure([(500, 500)], seeing=2.0), exposure(moved, 60)) == [[True]] * 2
    assert stays(exposure([(500, 500)], seeing=math.nan), exposure(moved, 60)) == [[False]] * 2
    for shift, expected in ((1.4, True), (1.6, False)):
        pair = [exposure([(500 + x, 500)], t, seeing=math.nan) for x, t in ((0, 0), (shift, 60))]
        assert stays(*pair) == [[expected]] * 2


def test_one_in_the_middle_of_a_night_is_stationary_where_both_sides_are():
    minutes = (0, 8, 16)
    star = [exposure([(500, 500)], t) for t in minutes]
    assert stays(*star) == [[True]] * 3
    assert not compare(*star).partners[1].any()
    assert stays(star[0], star[1], exposure([(900, 900)], 16)) == [[False]] * 3
    mover = [exposure([(500 + 0.1 * t / SCALE, 500)], t) for t in minutes]
    assert stays(*mover) == [[False]] * 3


# Real nights


@pytest.fixture
def luxembourg(shared_cases: Path) -> Path:
    path = shared_cases / "real_nights" / "01-real-asteroid-in-place"
    if not path.is_dir():
        pytest.skip("the night of 2713 Luxembourg (shared/cases/real_nights/01…) is not here")
    return path


def test_a_real_slow_asteroid_is_in_none_of_its_exposures_stationary(luxembourg):
    frames = sorted((luxembourg / "night").glob("*.fits.gz"))
    exposures, rules, truth = [read_detections(path) for path in frames], Rules(), read_truth(luxembourg / "mpc.txt")
    found, _ = find_stationary(exposures, rules)
    asteroid = []
    for each, mask in zip(exposures, found.stays, strict=True):
        match = match_known(known_at(truth, each.info, rules), each.ra, each.dec, rules)
        asteroid += mask[match.asteroid >= 0].tolist()
    assert asteroid == [False] * 20
    stars = np.concatenate(found.stays)
    assert 0.5 < stars.mean() < 0.9


@pytest.fixture
def positions(shared_cases: Path):
    path = shared_cases / "real_nights" / "06-chance-guard-is-circular" / "positions.npz"
    if not path.is_file():
        pytest.skip("the positions of 135 real exposures (shared/cases/real_nights/06…) are not here")
    with np.load(path) as values:
        return dict(values)


def real_field(values: dict[str, np.ndarray], step: int) -> list[Detections]:
    """Return every so manyth exposure of the real field."""
    wcs = WCS(naxis=2)
    wcs.wcs.ctype, wcs.wcs.crval = ["RA---TAN", "DEC--TAN"], [float(values["ra0"]), float(values["dec0"])]
    wcs.wcs.cd = np.eye(2) / 3600
    ra, dec = wcs.all_pix2world(values["dra_arcsec"].astype(float), values["ddec_arcsec"].astype(float), 0)
    nothing: Any = None
    exposures = []
    for number in range(0, len(values["mjd"]), step):
        rows = np.flatnonzero(values["exposure"] == number)
        info = FrameInfo(
            Path("f"), "f", mjd=float(values["mjd"][number]), seeing=float(values["seeing"][number]),
            pixel_scale=float(values["pixel_scale"]), shape=tuple(values["shape"].tolist()),
        )  # fmt: skip
        x, y = (values[name][rows].astype(float) for name in "xy")
        every = np.zeros(len(rows), bool)
        exposures.append(Detections(x, y, ra[rows], dec[rows], info, nothing, None, nothing, rows, every))
    return exposures


@pytest.mark.parametrize("step", [16, 4, pytest.param(1, marks=pytest.mark.slow)])
def test_in_a_real_field_chance_is_rare_and_stars_are_found(positions, step):
    exposures = real_field(positions, step)
    comparison, number = compare(*exposures), len(exposures)
    points = Points(comparison.plane.places, float(comparison.radii.max()))

    def seen(e: int, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shown = points.shown(places, comparison.radii[e])
        looked = shown | np.stack([print_.covers(places) for print_ in comparison.plane.footprints], axis=1)
        return shown.sum(axis=1), np.maximum(looked.sum(axis=1), 1)

    random = np.random.default_rng(4321)
    places = [
        print_.places(random.uniform(print_.low, print_.high, (60_000 // number, 2)))
        for print_ in comparison.plane.footprints
    ]
    judged = comparison.apply(places, [np.zeros((len(each), number), bool) for each in places])
    of_sources = [
        (shown > 1) & (shown / looked >= 0.5) for shown, looked in (seen(e, each) for e, each in enumerate(places))
    ]
    by_chance = np.concatenate(judged.stays) & ~np.concatenate(of_sources)
    assert by_chance.mean() <= limit(0.005, len(by_chance))
    assert comparison.random.chance <= limit(0.005, comparison.random.compared)

    persistent = [seen(e, each)[0] >= 0.5 * number for e, each in enumerate(comparison.plane.places)]
    flagged = np.concatenate(comparison.found.stays)[np.concatenate(persistent)]
    assert flagged.mean() >= 0.95
    assert len(flagged) > 10_000


# Cadences and densities


@pytest.mark.parametrize("pointings", [None, DITHERS])
@pytest.mark.parametrize("density", [300, 3000, pytest.param(10_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("minutes", [PAIR, FOUR, LONG], ids=["pair", "four", "long"])
def test_chance_is_rare_and_stars_are_found(minutes, density, pointings):
    field = survey(minutes, density, pointings=pointings)
    comparison = compare(*field.exposures)
    assert field.share(comparison.found, "star") > 0.95
    share, number = field.share(comparison.found, "noise"), field.count("noise")
    # what is told of random places is no less than what happens (noise beside stars is not counted here)
    assert share <= 1.5 * comparison.random.chance + 5 * math.sqrt(0.005 / number)
    most = comparison.partners.sum(axis=1).max()
    if comparison.needed[most] < most:
        assert share <= limit(0.005, number) + 1 / number


@pytest.mark.parametrize("density", [300, 3000])
def test_where_no_two_exposures_are_far_enough_apart_nothing_is_stationary(density):
    field = survey(FAST, density)
    found = compare(*field.exposures)
    assert not np.concatenate(found.found.stays).any()
    assert not np.concatenate(found.found.compared).any()
    faster = compare(*field.exposures, slowest=0.3)
    assert field.share(faster.found, "star") > 0.95
    assert field.share(faster.found, "noise") < 0.01


def test_a_smaller_share_of_chance_asks_for_more_exposures():
    field = survey(LONG, 3000, shape=(2000, 2000))
    needed = [compare(*field.exposures, chance=chance).needed.max() for chance in (0.2, 0.005, 0.0001)]
    assert needed == sorted(set(needed))


def test_with_a_pair_all_are_asked_and_the_cost_is_told():
    field = survey(PAIR, 20_000, stars=0.3, shape=(2000, 2000))
    comparison = compare(*field.exposures)
    assert comparison.needed.shape == (3,)
    assert comparison.needed[1] == 1
    assert comparison.random.chance > 0.02
    assert comparison.random.compared == 20_000


# What is not a plain star


def test_an_asteroid_that_passes_a_star_is_lost_in_that_exposure_only():
    star, number = (500, 500), 2
    moving = [(500 + 3 * (t - FOUR[number]), 500) for t in FOUR]
    # where it passes, the star is blended with it
    exposures = [
        exposure([place] if place == star else [place, star], t) for place, t in zip(moving, FOUR, strict=True)
    ]
    assert [mask[0] for mask in stays(*exposures)] == [False, False, True, False]


@pytest.mark.parametrize("seen", [0.3, 0.6])
def test_stars_near_the_limit_are_found_and_cost_no_asteroid(seen):
    places = np.stack(np.meshgrid([300, 900, 1500], [500, 1500, 2500, 3500]), axis=-1).reshape(-1, 2)
    field = survey(LONG, 1000, faint=0.2, faint_seen=seen, asteroids=places, rates=np.full((12, 2), 0.6), clear=True)
    comparison = compare(*field.exposures)
    assert field.share(comparison.found, "faint") > 0.9
    assert field.share(comparison.found, "noise") <= limit(0.005, field.count("noise"))
    assert field.share(comparison.found, "asteroid") == 0


def test_faint_stars_of_deep_exposures_are_stationary_in_them():
    random = np.random.default_rng(5)
    bright, faint = (random.uniform(1, (2048, 4100), (n, 2)) for n in (300, 3000))
    deep = np.vstack([bright, faint])
    exposures = [exposure(deep if t in (0, 30) else bright, t) for t in FOUR]
    found = compare(*exposures)
    for mask in found.found.stays:
        assert mask.mean() > 0.99
    assert found.random.by_chance < 10


@pytest.mark.parametrize(
    "jumps",
    [
        [(0, 0)] * 20,
        [(0, 0)] * 10 + [(20, 30)] * 10,
        [(0, 0)] * 19 + [(20, 30)],
        [(0, 0), (20, 30)] * 10,
        [(0, 0), (20, 30), (-10, 5), (33, -14)] * 5,
        [(0, 0)] * 4 + [(20, 30)] * 4 + [(-40, 10)] * 12,
        [(0, 0), (20, 30)] * 2,
        [(0, 0)] * 3 + [(20, 30)] * 3,
    ],
    ids=["plain", "one jump", "one off", "nodded", "dithered", "set anew", "two each", "three each"],
)
def test_the_target_of_a_telescope_that_follows_it_is_not_stationary(jumps):
    random = np.random.default_rng(6)
    stars = random.uniform(-500, 1500, (600, 2))
    minutes = np.linspace(0, 80, len(jumps))
    exposures = []
    for t, (dx, dy) in zip(minutes, jumps, strict=True):
        exposures.append(
            exposure(stars, t, (dx - 3 * t, dy), on_detector=[(500 + dx, 500 + dy)], shape=SMALL, cut=True)
        )
    found = compare(*exposures)
    for each, mask in zip(exposures, found.found.stays, strict=True):
        assert not mask[-1]
        assert mask[:-1].mean() > 0.8
        assert len(each.x) > 100


def test_a_target_stays_at_its_pixel_though_its_orbit_is_curved():
    minutes = np.linspace(0, 300, 20)
    pointings = [(-1.5 * t, 12 * ((t - 150) / 150) ** 2) for t in minutes]
    exposures = [
        exposure([], t, at, on_detector=[(400, 400)], shape=SMALL) for t, at in zip(minutes, pointings, strict=True)
    ]
    assert stays(*exposures) == [[False]] * 20


@pytest.mark.parametrize("number", [3, 4, 6, 20])
def test_hot_pixels_of_dithered_exposures_are_stationary(number):
    field = survey(np.arange(number) * 15, 300, pointings=DITHERS, hot=20)
    found = compare(*field.exposures)
    assert field.share(found.found, "hot") == 1
    assert field.share(found.found, "noise") < 0.01


def test_a_hot_pixel_must_be_seen_in_two_other_pointings():
    spots = [[(300, 300)], [(300, 300)], []]
    exposures = [
        exposure([], t, at, on_detector=spot) for t, at, spot in zip((0, 15, 30), DITHERS, spots, strict=False)
    ]
    assert stays(*exposures) == [[False], [False], []]
    assert stays(*exposures[:2], exposure([], 30, DITHERS[2], on_detector=[(300.5, 300)])) == [[True]] * 3


def test_undithered_exposures_are_not_compared_on_the_detector():
    field = survey(FAST, 300, hot=20)
    found = compare(*field.exposures)
    assert not found.pointings.differ
    assert not np.concatenate(found.found.stays).any()


# Inputs that lack something


@pytest.mark.parametrize(("minutes", "n"), [(LONG, 30), (LONG, 300), (FOUR, 30), (FOUR, 300)])
def test_a_slow_asteroid_is_no_hot_pixel_where_coordinates_jitter(minutes, n):
    """The telescope points at one place, but the WCS of each exposure is off by more than the radius."""
    random = np.random.default_rng(5)
    stars = random.uniform(20, 980, (n, 2))
    exposures = []
    for t in minutes:
        jitter = random.normal(0, 6, 2)
        places = np.vstack([stars, [500 + 0.19 * t / 1.27, 500]])
        # what is at one pixel has another position on the sky in each exposure
        exposures.append(exposure([], t, jitter, on_detector=places, shape=(1000, 1000), scale=1.27, seeing=5.0))
    assert not any(mask[-1] for mask in compare(*exposures).found.stays)


def test_hot_pixels_are_not_stationary_where_no_two_exposures_are_compared():
    exposures = survey(FAST, 300, pointings=DITHERS, hot=20).exposures
    comparison = compare(*exposures)
    assert not any(mask.any() for mask in comparison.found.stays)
    assert not any(mask.any() for mask in comparison.found.compared)


def test_one_exposure_without_positions_on_the_sky_is_not_judged_and_harms_no_other():
    field = survey(FOUR, 300)
    blind = field.exposures[1]
    unknown = np.full(len(blind.x), np.nan)
    exposures = list(field.exposures)
    exposures[1] = blind._replace(ra=unknown, dec=unknown, wcs=None)
    found = compare(*exposures).found
    assert not found.stays[1].any()
    assert not found.compared[1].any()
    for number in (0, 2, 3):
        assert found.stays[number][field.kinds[number] == "star"].mean() > 0.95
        assert found.compared[number].all()


def test_without_positions_on_the_sky_all_are_taken_to_point_alike():
    field = survey(FOUR, 300, sky=False)
    comparison = compare(*field.exposures)
    assert not comparison.plane.on_sky
    assert field.share(comparison.found, "star") > 0.95
    assert field.share(comparison.found, "noise") < 0.01
    assert not np.concatenate(compare(*survey(FAST, 300, sky=False).exposures).found.stays).any()


def test_a_catalogue_with_positions_needs_no_wcs():
    field = survey(FOUR, 300, with_wcs=False, pointings=DITHERS, hot=10)
    found = compare(*field.exposures).found
    assert field.share(found, "star") > 0.95
    assert field.share(found, "hot") == 1


def test_impossible_positions_are_never_stationary():
    bad = exposure([(500, 500), (600, 600), (700, 700), (800, 800)])
    bad = bad._replace(
        ra=np.array([np.nan, bad.ra[1], np.inf, bad.ra[3]]), dec=np.array([bad.dec[0], np.nan, bad.dec[2], bad.dec[3]])
    )
    x = bad._replace(x=np.array([np.nan, 1e300, np.inf, -np.inf]), y=np.full(4, np.nan))
    for each in (bad, x):
        with np.errstate(invalid="ignore"):
            found = stays(each, each._replace(info=dataclasses.replace(each.info, mjd=each.info.mjd + 1 / 24)))
        assert [mask[:3] for mask in found] == [[False] * 3] * 2
        assert [mask[3] for mask in found] == [True] * 2


def test_exposures_without_detections():
    empty = [exposure([], t) for t in FOUR]
    assert stays(*empty) == [[]] * 4
    assert stays(exposure([(500, 500)]), *empty[1:]) == [[False], [], [], []]
    assert compared(exposure([(500, 500)]), *empty[1:]) == [[False], [], [], []]
    assert compared(exposure([(500, 500)]), exposure([(9, 9)], 15), *empty[2:]) == [[True], [True], [], []]
    field = survey(FOUR, 300)
    found = compare(*field.exposures[:3], empty[3]).found
    assert np.concatenate(found.stays)[np.concatenate(field.kinds[:3]) == "star"].mean() > 0.95
    assert np.concatenate(found.compared).all()


def test_exposures_without_detections_change_nothing():
    """They have not looked, so that stars that all the others show are in as many as are asked for."""
    field = survey(FOUR, 300, pointings=DITHERS)
    without = compare(*field.exposures)
    empty = [exposure([], t, at) for t, at in zip((5, 60, 75, 90), DITHERS, strict=False)]
    with_them = compare(*field.exposures, *empty)
    same = [(one == two).mean() for one, two in zip(without.found.stays, with_them.found.stays, strict=False)]
    assert min(same) > 0.99
    assert field.share(Stationary(with_them.found.stays[:4], with_them.found.compared[:4]), "star") > 0.95
    most = int(without.partners.sum(axis=1).max())
    assert with_them.needed[: most + 1].tolist() == without.needed[: most + 1].tolist()


def test_one_exposure_or_none_or_a_rule_that_is_off():
    one = exposure([(500, 500), (500, 500)])
    assert stays(one) == [[False, False]]
    assert compared(one) == [[False, False]]
    found, comparison = find_stationary([], Rules())
    assert (found.stays, found.compared, comparison) == ([], [], None)
    pair = [one, exposure([(500, 500)], 60)]
    found, comparison = find_stationary(pair, Rules(remove_stationary=False))
    assert [mask.tolist() for mask in found.stays] == [[False, False], [False]]
    assert [mask.tolist() for mask in found.compared] == [[True, True], [True]]
    assert comparison is None
    found, comparison = find_stationary(pair, Rules())
    assert [mask.tolist() for mask in found.stays] == [[True, True], [True]]
    assert isinstance(comparison, Comparison)


def test_exposures_whose_times_are_not_known_are_not_compared():
    unknown = exposure([(500, 500)], math.nan)
    assert stays(unknown, unknown) == [[False]] * 2
    star = [exposure([(500, 500)], t) for t in (0, 60)]
    assert stays(star[0], unknown, star[1]) == [[True], [False], [True]]
    assert compared(star[0], unknown, star[1]) == [[True], [False], [True]]


def test_an_exposure_given_twice_proves_nothing():
    mover = [exposure([(500 + t, 500)], t) for t in FOUR]
    assert stays(*mover, *mover) == [[False]] * 8
    assert stays(mover[0], mover[0]) == [[False]] * 2


@pytest.mark.parametrize("far", [(3000, 0), (0, -9000)])
def test_where_nobody_looked_is_told_from_where_nothing_was(far):
    frames = [exposure([(500, 500)], 0), exposure([(500 - far[0], 500 - far[1])], 60, far)]
    assert compared(*frames) == [[False]] * 2
    assert stays(*frames) == [[False]] * 2
    nothing = exposure([(100, 100)], 60, DITHERS[1])
    assert compared(frames[0], nothing) == [[True]] * 2
    assert stays(frames[0], nothing) == [[False]] * 2


@pytest.mark.parametrize("centre", [(0.0, 0.0), (359.99999, -60.0), (123.0, 90.0), (45.0, -89.99)])
def test_right_ascension_zero_and_the_poles(centre):
    mover = np.array([(400 + 0.5 * t, 700 - 0.3 * t) for t in FOUR])
    field = survey(FOUR, 300, centre=centre, pointings=DITHERS, shape=SMALL)
    found = compare(*field.exposures)
    assert field.share(found.found, "star") > 0.95
    exposures = [exposure([at, (100, 100)], t, centre=centre, shape=SMALL) for at, t in zip(mover, FOUR, strict=True)]
    assert stays(*exposures) == [[False, True]] * 4


# Fixed sources that are known


def test_known_sources_are_stationary_at_any_time():
    exposures = [exposure([(500, 500), (900, 900)], t) for t in FAST]
    one = exposures[0]
    source = np.array([[one.ra[0] + 0.5 / 3600, one.dec[0]], [one.ra[1] + 2 / 3600, one.dec[1]], [0, -80]])
    found = compare(*exposures, static=source).found
    assert [mask.tolist() for mask in found.stays] == [[True, False]] * 4
    assert [mask.tolist() for mask in found.compared] == [[True, False]] * 4
    single = compare(one, static=source)
    assert single.found.stays[0].tolist() == [True, False]
    assert not np.concatenate(compare(*exposures, static=np.empty((0, 2))).found.stays).any()
    blind = [exposure([(500, 500)], t, sky=False) for t in FAST]
    assert not np.concatenate(compare(*blind, static=source).found.stays).any()


def test_known_sources_are_no_chance():
    random = np.random.default_rng(7)
    exposures = [exposure(random.uniform(1, (2048, 4100), (300, 2)), t) for t in FOUR]
    sources = [exposure(random.uniform(1, (2048, 4100), (20_000, 2)))]
    without = compare(*exposures).random
    places = compare(*exposures, static=np.stack([sources[0].ra, sources[0].dec], axis=1)).random
    assert places.on_sources > without.on_sources + 500
    assert places.by_chance <= without.by_chance
    single = compare(exposures[0], static=np.stack([sources[0].ra, sources[0].dec], axis=1)).random
    assert single.by_chance == 0
    assert 0 < single.on_sources < single.compared / 10


@pytest.mark.timeout(60)
@pytest.mark.parametrize("centre", [(150.0, 10.0), (0.0, -60.0), (45.0, -89.99)])
def test_known_sources_outside_the_field_change_nothing_and_cost_little(centre):
    random = np.random.default_rng(9)
    field = survey(FOUR, 300, centre=centre, pointings=DITHERS, shape=SMALL)
    inside = exposure(random.uniform(1, SMALL[::-1], (200, 2)), centre=centre, shape=SMALL)
    inside = np.stack([inside.ra, inside.dec], axis=1)
    sky = np.stack([random.uniform(0, 360, 300_000), np.degrees(np.arcsin(random.uniform(-1, 1, 300_000)))], axis=1)
    apart = SkyCoord(*sky.T, unit="deg").separation(SkyCoord(*centre, unit="deg")).deg
    alone = compare(*field.exposures, static=inside)
    wide = compare(*field.exposures, static=np.vstack([sky[apart > 0.2], inside]))
    assert [mask.tolist() for mask in wide.found.stays] == [mask.tolist() for mask in alone.found.stays]
    assert [mask.tolist() for mask in wide.found.compared] == [mask.tolist() for mask in alone.found.compared]
    assert wide.random == alone.random
    without = compare(*field.exposures)
    assert alone.random.on_sources > without.random.on_sources
    elsewhere = compare(*field.exposures, static=sky[apart > 0.2])
    assert [mask.tolist() for mask in elsewhere.found.stays] == [mask.tolist() for mask in without.found.stays]


# What breaks


@pytest.mark.timeout(120)
@pytest.mark.parametrize("width", [0.0, 0.01, 1.0])
def test_thousands_of_detections_at_nearly_one_place_are_no_burden(width):
    random = np.random.default_rng(8)
    exposures = [
        exposure(np.vstack([random.normal(500, width, (4000, 2)), [(900, 900)], [(1200 + 5 * t, 1200)]]), t, at)
        for t, at in zip(FOUR, DITHERS, strict=False)
    ]
    for mask in compare(*exposures).found.stays:
        assert mask[:4001].mean() > 0.99
        assert not mask[-1]


@pytest.mark.timeout(120)
def test_a_night_of_135_exposures():
    field = survey(
        np.linspace(0, 400, 135),
        60,
        shape=SMALL,
        pointings=DITHERS,
        asteroids=[(100, 100)],
        rates=[(0.9, 0.9)],
        clear=True,
    )
    found = compare(*field.exposures)
    assert field.share(found.found, "star") > 0.99
    assert field.share(found.found, "asteroid") == 0


def test_the_same_is_found_every_time_and_in_any_order():
    field = survey(FOUR, 1000, pointings=DITHERS, shape=SMALL)
    first, second = compare(*field.exposures), compare(*field.exposures)
    assert [mask.tolist() for mask in first.found.stays] == [mask.tolist() for mask in second.found.stays]
    assert first.random == second.random
    backwards = compare(*field.exposures[::-1])
    same = [(one == two).mean() for one, two in zip(first.found.stays, backwards.found.stays[::-1], strict=True)]
    assert min(same) > 0.99
