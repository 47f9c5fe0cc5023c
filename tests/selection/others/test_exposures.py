"""Which exposures and templates tell what is at a place, and what of them is read."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast.errors import InputError
from ceres_fast.selection.others.exposures import FEWEST_OTHERS, MOST_OTHERS, OtherExposures, read_templates
from ceres_fast.selection.rules import Rules
from tests.selection.others.painted import APART, Night, Shot, mover, stars
from tests.survey_files import write_field

ASTEROIDS = np.array([mover(10, -10), mover(-20, 25)])
SKY = stars(30, side=80)


def numbers(others: OtherExposures, e: int) -> list[int]:
    """Return which exposures (and, after them, templates) tell something of exposure `e`."""
    return [each.number for each in others.links(e)]


def test_exposures_tell_only_after_the_time_that_the_slowest_asteroid_needs() -> None:
    night = Night([Shot(minutes) for minutes in (0, 0, 1, 0.99 * APART, 1.01 * APART, 3 * APART)], SKY)
    others = night.others()
    assert numbers(others, 0) == [4, 5]
    assert numbers(others, 5) == [0, 1, 2, 3, 4]
    assert numbers(night.others(slowest=1.0), 0) == [3, 4, 5]
    assert numbers(night.others(slowest=0.001), 0) == []


def test_wide_seeing_asks_for_more_time() -> None:
    night = Night([Shot(0), Shot(1.2 * APART, seeing=2.25), Shot(1.6 * APART, seeing=2.25)], SKY)
    assert numbers(night.others(), 0) == [2]


def test_without_times_nobody_can_tell() -> None:
    night = Night([Shot(np.nan), Shot(30), Shot(np.nan)], SKY)
    for e in range(3):
        assert numbers(night.others(), e) == []
        template, difference = night.others().planes(e, np.arange(4))
        assert np.isnan(template).all()
        assert np.isnan(difference).all()


@pytest.mark.parametrize("time", [True, False])
def test_a_single_exposure_has_its_template(time: bool) -> None:
    night = Night([Shot(0)], SKY, ASTEROIDS)
    template = night.template(Shot(-5000, dither=(4.3, 2.2), turned=20.0), time=time)
    fixed, moving = night.rows(0, margin=30)
    others = night.others([template])
    assert others.forced(0, fixed).elsewhere(0.4).all()
    assert np.abs(others.forced(0, moving).least).max() < 0.1
    template_plane, _ = others.planes(0, fixed)
    assert np.isfinite(template_plane).all()


@pytest.mark.parametrize(("minutes", "time", "looked"), [(np.nan, False, 1), (np.nan, True, 0), (0.0, False, 1)])
def test_a_template_without_a_time_is_of_long_ago(minutes: float, time: bool, looked: int) -> None:
    night = Night([Shot(minutes)], SKY)
    assert len(night.others([night.template(Shot(-5000), time=time)]).links(0)) == looked


def test_a_template_of_nearly_the_same_time_tells_nothing() -> None:
    night = Night([Shot(0)], SKY)
    assert numbers(night.others([night.template(Shot(1)), night.template(Shot(APART + 1), 98)]), 0) == [2]


def test_a_template_off_the_field_is_not_read() -> None:
    night = Night([Shot(0)], SKY)
    here, off = night.template(Shot(-5000)), night.template(Shot(-5000, dither=(400.0, 0.0)), 98)
    others = night.others([off, here])
    assert others.number == 2
    assert numbers(others, 0) == [1]
    assert off.info.place not in night.read_so_far


def test_an_exposure_is_no_template_of_its_field_whatever_its_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without times it would be taken for one of long ago, and show every asteroid where it is."""
    night = Night([Shot(np.nan)], SKY, ASTEROIDS)
    place = tmp_path / "frames" / "a.fits"
    place.parent.mkdir()
    place.touch()
    (tmp_path / "link.fits").symlink_to(place)
    monkeypatch.chdir(tmp_path)
    here = night.exposures[0]
    night.exposures[0] = here._replace(info=replace(here.info, path=place))
    for path in (place, Path("frames/a.fits"), place.parent / ".." / "frames" / "a.fits", tmp_path / "link.fits"):
        same = night.template(Shot(0), time=False)
        same = same._replace(info=replace(same.info, path=path))
        assert night.others([same]).number == 1, path


def test_a_template_that_cannot_be_read_is_an_error_and_another_exposure_is_left_out() -> None:
    night = Night([Shot(0), Shot(30), Shot(60)], SKY, ASTEROIDS)
    night.pixels["painted-1.fits"] = None
    others = night.others()
    assert numbers(others, 0) == [2]
    assert numbers(others, 2) == [0]
    assert night.read_so_far["painted-1.fits"] == 1
    for ask in (others.forced, others.planes):
        with pytest.raises(InputError, match=r"painted-1\.fits"):
            ask(1, np.arange(3))
    template = night.template(Shot(-5000))
    night.pixels[template.info.place] = None
    with pytest.raises(InputError, match="template-99"):
        night.others([template]).forced(0, np.arange(3))


def test_no_more_than_some_exposures_are_looked_at_and_each_is_read_once() -> None:
    night = Night([Shot(3.0 * number, shape=(100, 100)) for number in range(40)], stars(12, side=40))
    others = night.others()
    assert others.number == MOST_OTHERS
    for e in (*range(0, 40, 3), 0, 39):
        assert 0 < len(others.links(e)) <= MOST_OTHERS
        others.forced(e, np.arange(5))
    assert max(night.read_so_far.values()) <= 2
    assert {0, 39} <= set(numbers(others, 20))


def test_of_large_frames_fewer_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    night = Night([Shot(20.0 * number, shape=(100, 100)) for number in range(10)], stars(12, side=40))
    for pixels, held in ((10**8, 10), (60_000, 6), (1000, FEWEST_OTHERS)):
        monkeypatch.setattr("ceres_fast.selection.others.exposures.MOST_PIXELS", pixels)
        assert night.others().number == held
        assert {0, 9} <= set(numbers(night.others(), 5))


def test_no_more_than_some_templates_are_looked_at() -> None:
    night = Night([Shot(0, shape=(100, 100))], stars(12, side=40))
    templates = [night.template(Shot(-5000 - number, shape=(100, 100)), 50 + number) for number in range(30)]
    others = night.others(templates)
    assert others.number == 1 + MOST_OTHERS
    assert len(others.links(0)) == MOST_OTHERS
    assert sum(night.read_so_far.values()) == 1 + MOST_OTHERS


def test_what_is_measured_does_not_depend_on_what_was_asked_before() -> None:
    night = Night([Shot(0), Shot(30, dither=(3.3, 0)), Shot(60)], SKY, ASTEROIDS)
    asked = night.others()
    for e in (2, 0, 1, 0):
        np.testing.assert_array_equal(asked.forced(e, np.arange(9)).ratio, night.others().forced(e, np.arange(9)).ratio)


def test_frames_on_disk(tmp_path: Path) -> None:
    """Two stars, one at an edge, and an asteroid are too few to compare exposures by; a template needs coordinates."""
    frames = write_field(tmp_path)
    (header, *_) = read_templates([frames[0].parent])
    assert header.info.path == frames[0]
    assert header.wcs is not None
    plain = tmp_path / "plain.fits"
    fits.PrimaryHDU(np.random.default_rng(1).normal(size=(50, 50))).writeto(plain)
    with pytest.raises(InputError, match=r"plain\.fits: is a template, and its header has no coordinates") as raised:
        read_templates([plain])
    assert "a WCS" in str(raised.value)
    with pytest.raises(InputError, match=r"nowhere\.fits"):
        read_templates([tmp_path / "nowhere.fits"])


def test_a_template_whose_time_cannot_be_read_is_not_one_of_long_ago(tmp_path: Path) -> None:
    """It may be of the same minute, with the asteroid at its place."""
    frame, *_ = write_field(tmp_path)
    for keyword in ("MJD-OBS", "DATE-OBS", "UT", "TIME-OBS"):
        fits.delval(frame, keyword) if keyword in fits.getheader(frame) else None
    assert np.isnan(read_templates([frame])[0].info.mjd)
    fits.setval(frame, "DATE-OBS", value="2023-13-45T99:00:00")
    with pytest.raises(InputError, match=r"is a template, and its header does not say when it was taken \(.*2023-13"):
        read_templates([frame])


def test_a_frame_is_read_as_its_camera_says(tmp_path: Path) -> None:
    """Written, found and read again: what is measured is what was painted."""
    night = Night([Shot(0), Shot(30, dither=(3.3, 1.2))], SKY, ASTEROIDS)
    painted = night.others().forced(0, np.arange(32))
    for number, each in enumerate(night.exposures):
        assert each.wcs is not None
        path = tmp_path / f"{number}.fits"
        fits.PrimaryHDU(night.pixels[each.info.place], each.wcs.to_header(relax=True)).writeto(path)
        night.exposures[number] = each._replace(info=replace(each.info, path=path))
    read = OtherExposures(night.exposures, Rules()).forced(0, np.arange(32))
    np.testing.assert_allclose(read.ratio, painted.ratio, rtol=1e-6)
    os.truncate(tmp_path / "1.fits", 4000)
    assert not OtherExposures(night.exposures, Rules()).forced(0, np.arange(32)).looked.any()
