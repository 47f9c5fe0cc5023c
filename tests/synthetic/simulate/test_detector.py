from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ceres_fast.synthetic.simulate.detector import bad_columns, bleed, dark_electrons, expose, hot_pixels, response

FULL = 1000.0


@given(arrays(np.float32, (40, 3), elements=st.floats(0, 5000, width=32)))
def test_bleeding_fills_columns_and_never_makes_charge(image):
    before = image.copy()
    bleed(image, FULL)
    assert image.max() <= FULL
    assert np.all(image.sum(axis=0, dtype=float) <= before.sum(axis=0, dtype=float) + 1)
    assert np.all(image >= np.minimum(before, np.float32(FULL)) - 1e-3)


def test_bleeding_keeps_charge_and_goes_both_ways_along_the_column():
    image = np.full((101, 5), 100.0, np.float32)
    image[50, 2] = 10_100
    rows, columns = bleed(image, FULL)
    assert image.sum() == pytest.approx(101 * 5 * 100 + 10_000)
    assert set(columns) == {2}
    assert sorted(rows) == list(range(45, 56))
    assert np.all(image[:, [0, 1, 3, 4]] == 100)


def test_charge_that_reaches_the_end_of_the_column_is_lost():
    image = np.full((10, 1), 0.0, np.float32)
    image[0] = 5000
    bleed(image, FULL)
    assert image[:, 0].tolist() == [1000, 1000, 1000] + [0] * 7


def test_nothing_bleeds_below_the_full_well():
    image = np.full((10, 10), 999.0, np.float32)
    rows, _ = bleed(image, FULL)
    assert len(rows) == 0
    assert np.all(image == 999)


def test_noise_is_that_of_sky_and_readout(scene):
    quiet = replace(scene, constants=replace(scene.constants, events=replace(scene.constants.events, cosmic_rays=0.0)))
    sky = np.full(scene.shape, 600.0, np.float32)
    readout = expose(np.zeros(scene.shape, np.float32), sky, quiet, scene.field.exposures[0])
    middle = readout.pixels[20:-20, 20:-20].astype(float)
    spread = 1.4826 * np.median(np.abs(middle - np.median(middle)))
    detector = scene.constants.detector
    expected = np.sqrt(600 + detector.read_noise**2 + detector.gain**2 / 12) / detector.gain
    assert spread == pytest.approx(expected, rel=0.08)
    assert np.median(middle) == pytest.approx(600 / detector.gain, abs=2.5)


def test_signal_is_without_sky_and_noise(scene):
    light = np.zeros(scene.shape, np.float32)
    light[200, 150] = 5000
    signal = expose(light, np.full(scene.shape, 600.0, np.float32), scene, scene.field.exposures[0]).signal
    assert signal[200, 150] == pytest.approx(5000, rel=0.03)
    assert np.median(signal) == 0


def test_saturated_pixels_stay_inside_sixteen_bits(scene):
    light = np.zeros(scene.shape, np.float32)
    light[200, 150] = 1e7
    readout = expose(light, np.full(scene.shape, 600.0, np.float32), scene, scene.field.exposures[0])
    full = round(scene.constants.detector.full_well / scene.constants.detector.gain)
    assert readout.pixels.dtype == np.uint16
    assert np.sum(readout.pixels[:, 150] == full) == pytest.approx(1e7 / 170_000, abs=3)
    assert readout.signal[210, 150] == pytest.approx(170_000 - 600, rel=0.01)


def test_hot_pixels_stay_where_they_are_on_the_chip(scene):
    whole = replace(scene, shape=(4100, 2048))
    places = [set(zip(*hot_pixels(whole, exposure)[:2], strict=True)) for exposure in scene.field.exposures]
    always, ever = set.intersection(*places), set.union(*places)
    assert len(ever) > 280
    assert 0.7 < len(always) / len(ever) < 0.95
    assert places[0] != places[1]


def test_defects_of_a_window_are_those_of_the_chip(scene):
    whole = replace(scene, shape=(4100, 2048))
    left, below = scene.origin
    inside = dark_electrons(whole, scene.field.exposures[0])[below : below + 400, left : left + 300]
    part = dark_electrons(scene, scene.field.exposures[0])
    assert np.allclose(inside, part, atol=1e-3)
    assert len(bad_columns(whole)) == 4


def test_response_falls_at_the_borders_only(scene):
    values = response(scene)
    assert values[:, 0].max() < 0.55
    assert np.median(values) == pytest.approx(1, abs=0.02)
    assert values[100:-100, 20:-20].max() < 1.02
