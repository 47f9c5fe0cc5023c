from dataclasses import fields, replace

import numpy as np
import pytest

from ceres_fast.synthetic.simulate.constants import CONSTANTS
from ceres_fast.synthetic.simulate.pointing import plan_field
from ceres_fast.synthetic.simulate.sky import (
    asteroid_positions,
    belt_motion,
    build_scene,
    draw_asteroids,
    draw_galaxies,
    draw_stars,
    expected_count,
    power_law,
)

FIELD = plan_field("F0001", 58782, 0, 4, 0, CONSTANTS)


def same(first: object, second: object) -> bool:
    return all(np.array_equal(getattr(first, part.name), getattr(second, part.name)) for part in fields(first))


def test_magnitudes_follow_the_slope_of_the_counts():
    magnitudes = power_law(np.random.default_rng(0), 100_000, 0.27, 16, 23.5)
    assert magnitudes.min() >= 16
    assert magnitudes.max() <= 23.5
    counts = np.sum(magnitudes < 23.0) / np.sum(magnitudes < 22.0)
    assert np.log10(counts) == pytest.approx(0.27, abs=0.01)


def test_expected_count_integrates_the_density():
    magnitudes = np.linspace(16, 22, 100_001)
    assert expected_count(800, 20, 0.17, 16, 22) == pytest.approx(
        np.trapezoid(800 * 10 ** (0.17 * (magnitudes - 20)), magnitudes), rel=1e-6
    )


def test_star_and_galaxy_counts_are_those_of_the_sky():
    area = (2168 * 4220) * (0.333 / 3600) ** 2
    stars = np.concatenate([draw_stars(FIELD, seed, CONSTANTS).magnitude for seed in range(20)])
    galaxies = np.concatenate([draw_galaxies(FIELD, seed, CONSTANTS).magnitude for seed in range(20)])
    at_20 = [np.sum(np.abs(magnitude - 20) < 0.5) / 20 / area for magnitude in (stars, galaxies)]
    assert at_20 == pytest.approx([113 * 10**0.85, 1100], rel=0.1)


def test_belt_asteroids_move_westwards_at_half_an_arcsecond_a_minute():
    along, across = belt_motion(np.random.default_rng(0), 20_000, CONSTANTS.asteroids)
    rates = np.hypot(along, across)
    assert np.median(rates) == pytest.approx(0.55, abs=0.06)
    assert np.mean(along < 0) > 0.99
    assert np.mean((rates > 0.3) & (rates < 0.9)) > 0.9
    assert np.std(across) == pytest.approx(0.12, abs=0.03)


def test_a_circular_orbit_moves_as_textbooks_say():
    still = replace(CONSTANTS.asteroids, inclination=0.0, eccentricity=0.0)
    along, across = belt_motion(np.random.default_rng(1), 5000, still)
    assert np.all(across == 0)
    # 2.5 au at opposition: (29.785 - 29.785 / sqrt(2.5)) km/s over 1.5 au
    inside = np.abs(along + 0.604) < 0.02
    assert np.mean(inside) > 0.03


def test_asteroids_are_named_once_and_a_few_are_fast():
    asteroids = draw_asteroids(FIELD, 0, CONSTANTS)
    assert len(set(asteroids.designation)) == len(asteroids.x)
    assert 0.01 < np.mean(asteroids.rate > 1) < 0.12
    assert asteroids.rate.max() <= 10
    west = (asteroids.position_angle > 180) & (asteroids.position_angle < 330)
    assert np.mean(west) > 0.9


def test_asteroids_move_on_straight_lines_at_their_rate():
    asteroids = draw_asteroids(FIELD, 0, CONSTANTS)
    ra, dec = asteroid_positions(asteroids, FIELD, asteroids.epoch, CONSTANTS)
    later_ra, later_dec = asteroid_positions(asteroids, FIELD, asteroids.epoch + 10 / 1440, CONSTANTS)
    moved = 3600 * np.hypot((later_ra - ra) * np.cos(np.deg2rad(dec)), later_dec - dec)
    assert np.allclose(moved, 10 * asteroids.rate, rtol=2e-3)


@pytest.mark.parametrize(
    ("component", "change"),
    [("stars", {"density": 300.0}), ("galaxies", {"density": 5.0}), ("asteroids", {"per_ccd": 10.0})],
)
def test_changing_one_component_leaves_the_others_as_they_were(component, change):
    changed = replace(CONSTANTS, **{component: replace(getattr(CONSTANTS, component), **change)})
    before, after = (build_scene(FIELD, 3, (64, 64), constants) for constants in (CONSTANTS, changed))
    for other in ("stars", "galaxies", "asteroids"):
        assert same(getattr(before, other), getattr(after, other)) == (other != component)
