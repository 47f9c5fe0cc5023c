"""How real frames are understood, as `ceres-fast look` shows it."""

import contextlib
import shutil

import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.frames.reading import read_frame
from ceres_fast.look import look
from ceres_fast.look.pixels import measure_pixels
from ceres_fast.synthetic.simulate import simulate_survey

from ..look.conftest import wide  # noqa: F401 - a fixture for all tests here


def test_the_real_frames(shared_data, tmp_path, capsys):
    found = look(shared_data / "frames", png=tmp_path)
    assert [info.field for info in found.infos] == ["T07490", "NA36Rc50   sum of 3 frames"]
    streak = found.shown[0]
    assert streak.coordinates.scale == pytest.approx((3.04, 3.04), abs=0.01)
    assert streak.coordinates.mirrored
    assert streak.pixels.sky == pytest.approx(293, abs=2)
    assert len(found.kinds()) == 2
    assert len(list(tmp_path.glob("*.png"))) == 2
    said = capsys.readouterr().out
    assert "DATE-OBS = '26/07/102' is read as 2002-07-26" in said
    assert "a WCS (1 of 2)" in said


def test_a_night_that_follows_an_asteroid(shared_cases, tmp_path, capsys):
    """2713 Luxembourg, 23 exposures in 77 min at a FWHM of 5 arcsec: github.com/cminsky/asteroid2713."""
    night = shared_cases / "real_nights" / "01-real-asteroid-in-place" / "night"
    found = look(night)
    assert found.shown[0].catalogue.seeing == pytest.approx(5.2, abs=0.3)
    (exposures,) = found.exposures
    assert len(exposures.infos) == 23
    assert min(exposures.minutes) == pytest.approx(185 / 60, abs=0.1)
    # The rule needs 9 min per arcsec of seeing; the middle of the night is too near in time to all others.
    assert 40 < exposures.needed < 60
    assert 0 < exposures.compared < 23
    assert f"in {exposures.compared} of 23" in capsys.readouterr().out
    look(sorted(night.glob("*.fits.gz"))[0], png=tmp_path / "one.png")
    assert (tmp_path / "one.png").stat().st_size > 10_000


def test_darks_and_biases_are_named(shared_cases, capsys):
    found = look(shared_cases / "real_nights" / "02-darks-and-biases-are-frames" / "night")
    assert sorted(info.no_sky for info in found.no_sky) == ["IMAGETYP = 'Bias Frame'", "IMAGETYP = 'Dark Frame'"]
    assert found.shown[0].info.path.name.endswith("Light.Open.00000015.fit.gz")
    said = capsys.readouterr().out
    assert "FOCALLEN" in said
    assert "no: too near in time" in said


def test_the_maps_of_an_exposure_are_its_maps(shared_cases, capsys):
    found = look(shared_cases / "real_nights" / "03-noirlab-cp-maps" / "night")
    (frame,) = found.shown
    assert frame.info.path.name.startswith("c4d_170316_062107_ooi")
    assert sorted(frame.companions.values()) == ["mask", "weight map"]
    assert "c4d_170316_062107_oow_z_ls9.N2.fits: weight map" in capsys.readouterr().out


def test_a_header_with_two_times(shared_cases, capsys):
    look(shared_cases / "real_nights" / "04-mjd-obs-rounded" / "night")
    said = capsys.readouterr().out
    assert "2017-12-20 01:33:43.317" in said
    assert "DATE-OBS = 2017-12-19T18:33:43.317-0700" in said
    assert "IM_SCALE = 5.21" in said


def test_no_real_frame_makes_it_fail(shared_cases, tmp_path, capsys):
    """Each is shown, or refused with a problem that a user can act on."""
    files = sorted(path for path in (shared_cases / "frames").rglob("*.fits*") if path.is_file())
    assert files
    for file in files:
        copy = shutil.copy(file, tmp_path)
        with contextlib.suppress(CeresFastError):
            assert look(copy, png=tmp_path / "picture.png").shown
    capsys.readouterr()


def test_a_survey_like_a_real_frame(shared_cases, tmp_path):
    folder = shared_cases / "real_nights" / "02-darks-and-biases-are-frames" / "night"
    real = folder / "lux-180.000secs.Light.Open.00000015.fit.gz"
    simulate_survey(tmp_path / "survey", fields=1, held_out_fields=0, exposures=1, like=real)
    wanted = measure_pixels(read_frame(real))
    found = measure_pixels(read_frame(next(tmp_path.glob("survey/training/*/*/resamp/*.fits"))))
    assert found.noise == pytest.approx(wanted.noise, rel=0.1)
    assert found.sky == pytest.approx(wanted.sky, abs=wanted.noise)
