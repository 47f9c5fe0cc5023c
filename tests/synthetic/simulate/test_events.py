from dataclasses import replace

import numpy as np
import pytest

from ceres_fast.synthetic.simulate.detector import add_cosmic_rays
from ceres_fast.synthetic.simulate.frame import _add_ring, add_ghosts, add_satellites
from ceres_fast.synthetic.simulate.render import Psf

PSF = Psf(3.6)


def with_events(scene, **changes):
    constants = replace(scene.constants, events=replace(scene.constants.events, **changes))
    return replace(scene, constants=constants)


def blank(scene, shape=None):
    return np.zeros(shape or scene.shape, np.float32)


def test_cosmic_rays_come_at_the_measured_rate(scene):
    whole = replace(with_events(scene, worms=0.0), shape=(4100, 2048))
    total = 0.0
    for exposure in scene.field.exposures:
        image = blank(scene, whole.shape)
        add_cosmic_rays(image, whole, exposure)
        total += image.sum()
    # 3.5 per cm2 and minute, 15.3 cm2, 84.5 s; 80 electrons per micrometre of 16 / cos, which is 4/3 on average
    expected = 4 * 3.5 * 15.3 * 84.5 / 60 * 80 * 16 * 4 / 3
    assert total == pytest.approx(expected, rel=0.25)


def test_cosmic_rays_are_sharper_than_stars(scene):
    rays = with_events(scene, cosmic_rays=400.0, worms=0.0)
    image = blank(scene)
    add_cosmic_rays(image, rays, scene.field.exposures[0])
    peaks = np.argwhere(image[3:-3, 3:-3] > 800) + 3
    concentration = [image[y, x] / image[y - 3 : y + 4, x - 3 : x + 4].sum() for y, x in peaks]
    assert np.median(concentration) > 2 * PSF.profile(np.zeros(1), np.zeros(1))[0]


def test_no_particles_change_nothing(scene):
    image = blank(scene)
    add_cosmic_rays(image, with_events(scene, cosmic_rays=0.0), scene.field.exposures[0])
    assert not image.any()


def test_a_satellite_leaves_a_line_as_wide_as_a_star(scene):
    image = blank(scene, (4100, 2048))
    bright = replace(with_events(scene, satellites=3.0, satellite_tumbling=0.0), shape=image.shape)
    add_satellites(image, bright, scene.field.exposures[1], PSF)
    assert image.max() > 20
    profile = np.sort(image[image.argmax() // 2048])[::-1]
    assert 2 <= np.sum(profile > profile[0] / 2) <= 200
    assert np.isfinite(image).all()


def test_a_tumbling_satellite_breaks_into_pieces(scene):
    steady, flashing = blank(scene, (2000, 2000)), blank(scene, (2000, 2000))
    for image, share in ((steady, 0.0), (flashing, 1.0)):
        trails = replace(with_events(scene, satellites=2.0, satellite_tumbling=share), shape=image.shape)
        add_satellites(image, trails, scene.field.exposures[1], PSF)
    assert 0.1 < flashing.sum() / steady.sum() < 0.6


def test_a_ghost_is_a_ring_with_a_hole_and_a_total_flux():
    image = np.zeros((200, 200), np.float32)
    _add_ring(image, 100.0, 90.0, 1e5, 45.0, 0.4)
    assert image.sum() == pytest.approx(1e5, rel=0.02)
    assert image[90, 100] == 0
    assert image[90, 130] == image.max()
    assert image[90, 150] == 0


def test_a_ghost_outside_is_left_out():
    image = np.zeros((50, 50), np.float32)
    _add_ring(image, 400.0, 20.0, 1e5, 45.0, 0.4)
    assert not image.any()


def test_only_bright_stars_have_ghosts(scene):
    whole = replace(scene, shape=(4100, 2048))
    image = blank(scene, whole.shape)
    add_ghosts(image, with_events(whole, ghost_limit=5.0), scene.field.exposures[0])
    assert not image.any()
    add_ghosts(image, with_events(whole, ghost_limit=14.0), scene.field.exposures[0])
    assert image.any()
