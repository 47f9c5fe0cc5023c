"""A survey like a frame: what is measured in its frames is what is measured in that one."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast.detect import detect_frame
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.files import read_json
from ceres_fast.frames.exposures import group_exposures
from ceres_fast.frames.reading import read_frame, read_info
from ceres_fast.look.examine import exposures_of
from ceres_fast.look.pixels import measure_pixels
from ceres_fast.selection.rules import Rules
from ceres_fast.synthetic.simulate import simulate_survey
from ceres_fast.synthetic.simulate.constants import CONSTANTS
from ceres_fast.synthetic.simulate.like import constants_like
from ceres_fast.synthetic.star_finding import find_stars

from ...mosaic_files import write_mosaic

FWHM, SCALE, GAIN, READ_NOISE, LIGHT, BIAS = 3.4, 1.3, 1.6, 9.0, 900.0, 350.0
SHAPE = (420, 560)
CARDS = {
    "OBJECT": "mine",
    "EXPTIME": 120.0,
    "MJD-OBS": 60000.1,
    "GAIN": GAIN,
    "RDNOISE": READ_NOISE,
    "PIXSCALE": SCALE,
    "SATURATE": 40000.0,
    "MAGZPT": 27.0,
    "AIRMASS": 1.3,
}


def write_camera_frame(path: Path, dtype: type = np.uint16, scale: float = 1.0, **cards: object) -> Path:
    """Write a frame of another camera than the simulated one: Gaussian stars, a bias, values times `scale`."""
    random = np.random.default_rng(3)
    electrons = np.full(SHAPE, LIGHT)
    y, x = np.mgrid[1 : SHAPE[0] + 1, 1 : SHAPE[1] + 1]
    number, sigma = 260, FWHM / 2.3548
    for at_x, at_y, flux in zip(
        random.uniform(1, SHAPE[1], number),
        random.uniform(1, SHAPE[0], number),
        1500 * random.uniform(size=number) ** -1.2,
        strict=True,
    ):
        rows, columns = (slice(max(0, round(at) - 25), round(at) + 25) for at in (at_y, at_x))
        squared = (x[rows, columns] - at_x) ** 2 + (y[rows, columns] - at_y) ** 2
        electrons[rows, columns] += flux / (2 * np.pi * sigma**2) * np.exp(-squared / 2 / sigma**2)
    read = random.poisson(electrons) + random.normal(0, READ_NOISE, SHAPE)
    adu = np.minimum(read / GAIN + BIAS, 40000) * scale
    values = np.rint(adu).astype(dtype) if np.issubdtype(dtype, np.integer) else adu.astype(dtype)
    header = fits.Header()
    header.update({**CARDS, **cards})
    fits.PrimaryHDU(values, header).writeto(path, overwrite=True)
    return path


def measured(path: Path, least: float | None = None) -> dict[str, float]:
    """Return level, noise, width of the stars, and number of those above a flux, by default of 20 times the error."""
    frame = read_frame(path)
    pixels, found = measure_pixels(frame), detect_frame(frame)
    stars, width = find_stars(frame, found)
    assert len(stars) >= 3
    if least is None:
        signal = found["FLUX_AUTO"] / found["FLUXERR_AUTO"]
        least = 20 * float(np.median(found["FLUXERR_AUTO"][(signal > 10) & (signal < 40)]))
    wide = found["FWHM_IMAGE"] > 0.7 * width
    counted = int(((found["FLUX_AUTO"] > least) & wide).sum())
    return {"sky": pixels.sky, "noise": pixels.noise, "width": width, "stars": counted, "least": least}


@pytest.mark.parametrize(
    ("dtype", "scale", "cards"),
    [
        (np.uint16, 1.0, {}),
        (np.float32, 1.0, {}),
        # in electrons per second, as reduced frames may be
        (
            np.float32,
            GAIN / 120,
            {"GAIN": (120.0, "[electron/ADU]"), "SATURATE": 40000 * GAIN / 120, "MAGZPT": 27 - 2.5 * math.log10(75)},
        ),
        (np.uint16, 1.0, {"MAGZPT": ""}),
    ],
    ids=["integers", "floats", "rates", "no zero point"],
)
def test_simulated_frames_look_like_the_frame(tmp_path, dtype, scale, cards, capsys):
    mine = write_camera_frame(tmp_path / "mine.fits", dtype, scale, **cards)
    simulate_survey(tmp_path / "survey", fields=1, held_out_fields=0, exposures=2, like=mine)
    wanted = measured(mine)
    frames = sorted(tmp_path.glob("survey/training/*/*/resamp/*.fits"))
    assert len(frames) == 2
    for path in frames:
        found, info = measured(path, wanted["least"]), read_info(path)
        # Seeing and noise to a tenth; stars as chance has them, and a quarter for what the model of counts is not.
        assert found["width"] == pytest.approx(wanted["width"], rel=0.1)
        assert found["noise"] == pytest.approx(wanted["noise"], rel=0.1)
        assert found["sky"] == pytest.approx(wanted["sky"], abs=wanted["noise"])
        assert found["stars"] == pytest.approx(wanted["stars"], abs=0.25 * wanted["stars"] + 3 * wanted["stars"] ** 0.5)
        assert info.shape == SHAPE
        own = read_info(mine)
        for quantity in ("pixel_scale", "gain", "read_noise", "saturation", "exposure"):
            assert getattr(info, quantity) == pytest.approx(getattr(own, quantity), rel=1e-6)
        if own.zero_point > 0:
            assert info.zero_point == pytest.approx(own.zero_point, abs=0.2)
        assert fits.getheader(path)["BITPIX"] == (16 if dtype is np.uint16 else -32)
    said = capsys.readouterr().out
    assert "RDNOISE" in said
    assert "measured" in said
    like = {each["what"]: each for each in read_json(tmp_path / "survey" / "survey.json", what="a survey")["like"]}
    assert like["gain"]["origin"] == "GAIN"
    assert like["read noise"]["value"] == READ_NOISE
    assert like["columns"]["value"] == SHAPE[1]


def test_what_is_not_known_keeps_the_default_and_is_said(tmp_path):
    path = write_camera_frame(tmp_path / "mine.fits", **dict.fromkeys(CARDS, ""))
    constants, taken = constants_like(read_frame(path), 4)
    said = {each.what: each for each in taken}
    for what, quantity in (("gain", "gain"), ("read noise", "read_noise"), ("pixel scale", "pixel_scale")):
        assert getattr(constants.detector, quantity) == getattr(CONSTANTS.detector, quantity)
        assert said[what].origin == "default"
    assert constants.cadence.exposure == CONSTANTS.cadence.exposure
    assert said["saturation"].origin.startswith("default: a full well")
    assert said["zero point"].origin.startswith("the usual density of stars")
    assert said["noise of the sky"].origin == "measured"


@pytest.mark.parametrize(("dtype", "scale"), [(np.float32, 400.0), (np.int32, 100.0), (np.uint16, 40.0)])
def test_a_sky_brighter_than_a_full_well_is_not_saturated(tmp_path, dtype, scale):
    path = write_camera_frame(tmp_path / "sum.fits", dtype, scale, SATURATE="")
    frame = read_frame(path)
    detector = constants_like(frame, 4)[0].detector
    pixels = measure_pixels(frame)
    assert detector.saturation > pixels.sky + 5 * pixels.noise
    assert detector.floating == (dtype is not np.uint16)


def test_a_simulated_frame_gives_back_its_constants(simulated_frame):
    frame = read_frame(simulated_frame)
    constants, _ = constants_like(frame, 4)
    usual = CONSTANTS
    for name in ("gain", "read_noise", "saturation"):
        assert getattr(constants.detector, name) == getattr(usual.detector, name)
    assert constants.detector.full_well == pytest.approx(usual.detector.full_well, rel=0.03)
    assert constants.detector.pixel_scale == pytest.approx(usual.detector.pixel_scale)
    assert not constants.detector.floating
    assert abs(constants.detector.pedestal) < 25  # of a sky of 270
    assert constants.sky.zero_point == pytest.approx(usual.sky.zero_point, abs=0.1)
    assert constants.sky.sky_brightness == pytest.approx(usual.sky.sky_brightness, abs=0.5)
    assert math.hypot(constants.sky.seeing, constants.sky.seeing_camera) == pytest.approx(frame.info.seeing, rel=0.1)
    assert 0.5 < constants.stars.density / usual.stars.density < 2
    assert constants.asteroids.faintest == pytest.approx(usual.asteroids.faintest, abs=0.6)


def test_with_wide_stars_the_exposures_are_as_far_apart_as_the_rule_needs(tmp_path):
    mine = write_camera_frame(tmp_path / "mine.fits")
    simulate_survey(tmp_path / "survey", fields=1, held_out_fields=0, exposures=4, like=mine)
    infos = [read_info(path) for path in tmp_path.glob("survey/training/*/*/resamp/*.fits")]
    assert exposures_of(group_exposures(infos)[0], Rules()).compared == 4
    constants, _ = constants_like(read_frame(mine), 4)
    assert constants.cadence.cycle > CONSTANTS.cadence.cycle
    assert constants.cadence.dither_least >= 3 * FWHM * 0.7


def test_a_night_of_long_exposures_is_no_longer_than_a_night(tmp_path):
    path = write_camera_frame(tmp_path / "mine.fits", EXPTIME=1800.0)
    cadence = constants_like(read_frame(path), 4)[0].cadence
    slot = cadence.cycle * (cadence.exposure + cadence.readout + cadence.overhead)
    assert cadence.fields_per_night == 1 or cadence.fields_per_night * 4 * slot <= 10 * 3600


def test_the_same_frame_and_seed_give_the_same_bytes(tmp_path):
    mine = write_camera_frame(tmp_path / "mine.fits")
    for name in ("a", "b"):
        simulate_survey(tmp_path / name, fields=1, held_out_fields=0, exposures=1, like=mine)
    first, second = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("a", "b")
    )
    assert first == second


def test_read_noise_above_the_noise_is_not_believed(tmp_path):
    path = write_camera_frame(tmp_path / "mine.fits", RDNOISE=500.0)
    constants, taken = constants_like(read_frame(path), 4)
    noise = math.sqrt(LIGHT + READ_NOISE**2)
    assert constants.detector.read_noise == pytest.approx(noise / 2, rel=0.1)
    origin = next(each.origin for each in taken if each.what == "read noise")
    assert origin == "half of the sky's noise, which is below 500"


@pytest.mark.parametrize(
    ("cards", "scale", "message"),
    [
        ({"IMAGETYP": "Dark Frame"}, 1.0, "is no exposure of the sky"),
        ({"GAIN": ""}, 1e-4, "electrons; expected 1 at least. Add GAIN"),
        ({"GAIN": 1e-3}, 1.0, "electrons; expected 1 at least. Correct the gain"),
    ],
)
def test_a_frame_that_cannot_be_met_is_refused(tmp_path, cards, scale, message):
    path = write_camera_frame(tmp_path / "mine.fits", np.float32, scale, **cards)
    with pytest.raises(InputError, match=message):
        simulate_survey(tmp_path / "survey", like=path)
    assert not (tmp_path / "survey").exists()


def test_small_and_like_exclude_each_other(tmp_path):
    with pytest.raises(CeresFastError, match=r"--small and --like .*mine\.fits exclude each other"):
        simulate_survey(tmp_path / "survey", small=True, like=tmp_path / "mine.fits")


def test_of_a_mosaic_the_first_ccd_is_taken_and_that_is_said(tmp_path, capsys):
    mosaic = write_mosaic(tmp_path / "m.fits")
    simulate_survey(tmp_path / "survey", fields=1, held_out_fields=0, exposures=1, like=mosaic)
    assert f"the first, {mosaic}[1]" in capsys.readouterr().out
    assert read_info(next(tmp_path.glob("survey/training/*/*/resamp/*.fits"))).gain == 2.0


def test_faint_limits_move_with_the_depth(tmp_path):
    bright = constants_like(read_frame(write_camera_frame(tmp_path / "a.fits", MAGZPT=24.0)), 4)[0]
    deep = constants_like(read_frame(write_camera_frame(tmp_path / "b.fits", MAGZPT=29.0)), 4)[0]
    for component in ("stars", "galaxies", "asteroids"):
        apart = getattr(deep, component).faintest - getattr(bright, component).faintest
        assert apart == pytest.approx(5.0, abs=1e-6) or component == "galaxies"
    assert replace(bright.asteroids, brightest=0, faintest=0) == replace(deep.asteroids, brightest=0, faintest=0)
