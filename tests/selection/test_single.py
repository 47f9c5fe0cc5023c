"""Warnings of exposures that stand alone."""

import math
from pathlib import Path

import pytest

from ceres_fast.frames.headers.cards import Doubt
from ceres_fast.frames.info import FrameInfo, Reading
from ceres_fast.selection.single import warn_of_single


def exposure(number, **known):
    doubt = Doubt("MJD-OBS", f"MJD-OBS = {number} is no time")
    return FrameInfo(Path(f"F{number}.fits"), f"F{number}", readings=(Reading("mjd", "", (doubt,)),), **known)


@pytest.mark.parametrize(
    ("known", "said"),
    [
        ({"field": "F", "mjd": math.nan}, "does not say its time (MJD-OBS or DATE-OBS) (MJD-OBS = 0 is no time), so"),
        ({"mjd": 58000.0}, "does not say its field (OBJECT), nor where it points (WCS), so"),
        ({"field": "F", "mjd": 58000.0}, "no other exposure of the same field, CCD and night was given, so"),
    ],
)
def test_each_reason_is_said_once_however_many_exposures_have_it(capsys, known, said):
    pair = [exposure(8, field="G", mjd=58000.0), exposure(9, field="G", mjd=58000.1)]
    warn_of_single([pair, *([exposure(number, **known)] for number in range(5))])
    text = " ".join(capsys.readouterr().err.split())
    assert text.count("warning:") == 1
    assert text.startswith("warning: F0.fits, F1.fits, F2.fits and 2 more: ")
    assert said in text
