"""Frames that are no exposures of the sky."""

import pytest
from astropy.io import fits

from ceres_fast.frames.camera import Camera
from ceres_fast.frames.headers.no_sky import why_no_sky
from ceres_fast.frames.headers.quantities import number


@pytest.mark.parametrize(
    ("cards", "sky"),
    [
        ({"IMAGETYP": "Light Frame"}, True),
        ({"IMAGETYP": "LIGHT"}, True),
        ({"IMAGETYP": "Dark Frame"}, False),
        ({"IMAGETYP": "Bias Frame"}, False),
        ({"IMAGETYP": "FLAT"}, False),
        ({"IMAGETYP": "Flat Field"}, False),
        ({"IMAGETYP": "Master Dark"}, False),
        ({"IMAGETYP": "dark-subtracted light"}, True),
        ({"OBSTYPE": "object"}, True),
        ({"OBSTYPE": "zero"}, False),
        ({"OBSTYPE": "dome flat"}, False),
        ({"OBSTYPE": "SKYFLAT"}, False),
        ({"OBSTYPE": "FOCUS"}, False),
        ({"OBSTYPE": "EXPOSE"}, True),
        ({"PICTTYPE": 1}, True),
        ({"PICTTYPE": 3}, False),
        ({"EXPTIME": 0.0}, False),
        ({"EXPTIME": 0.0, "EXPOSURE": 60.0}, True),
        ({"IMAGETYP": "reduced (bias, flat)"}, True),
        ({"IMAGETYP": "bias removed"}, True),
        ({"IMAGETYP": "flat divided"}, True),
        ({"FRAME": "Dark"}, False),
        ({"FRAME": "Flat Field"}, False),
        ({"FRAME": "dark_nebula_0012"}, True),  # the name of a frame
        ({"FRAME": "focus field 3"}, True),
        ({"EXPTIME": 0.0, "IMAGETYP": "object"}, True),  # a stack of frames that did not say their times
        ({"EXPTIME": 0.0, "IMAGETYP": "bias"}, False),
        ({"EXPTIME": 0.0, "EXPOSED": 0}, False),
        ({"EXPTIME": -1.0, "EXPOSURE": 0}, True),
        ({"EXPTIME": "soon", "EXPOSURE": 0}, True),
        ({"EXP": 0}, True),  # the number of an exposure
        ({}, True),
    ],
)
def test_frames_that_show_no_sky(cards, sky):
    made = fits.Header(list(cards.items()))
    assert (why_no_sky(made, number(made, "exposure")) == "") == sky


def test_a_profile_names_more_of_them():
    camera = Camera("mine", no_sky={"OBSTYPE": ("SKY",)})
    made = fits.Header([("OBSTYPE", "Sky"), ("EXPTIME", 10.0)])
    assert why_no_sky(made, number(made, "exposure")) == ""
    assert why_no_sky(made, number(made, "exposure"), camera) == "OBSTYPE = 'Sky'"
