"""Which frames are injected together."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from astropy.io import fits

from ceres_fast.errors import InputError, Problems
from ceres_fast.frames.camera import Camera
from ceres_fast.frames.info import FrameInfo
from ceres_fast.synthetic.inject.fields import _batches, find_fields


def test_fields_that_share_files_are_written_together():
    one, two, three = (Path(name) for name in ("1.fits", "2.fits", "3.fits"))
    ccds = [[FrameInfo(path, "", ccd=ccd) for path in (one, two)] for ccd in "AB"]
    alone = [FrameInfo(three, "")]
    assert _batches([ccds[0], alone, ccds[1]]) == [[alone], ccds]


def test_fields_linked_by_a_third_are_one_batch():
    one, two = Path("1.fits"), Path("2.fits")
    groups = [[FrameInfo(one, "a")], [FrameInfo(two, "b")], [FrameInfo(one, "c"), FrameInfo(two, "d")]]
    assert _batches(groups) == [groups]


def test_frames_are_read_with_the_profile_of_the_camera(night):
    for path in night.rglob("*.fits"):
        with fits.open(path, mode="update") as hdus:
            hdus[0].header["E_PER_DN"] = hdus[0].header.pop("GAIN")
    with pytest.raises(InputError, match="does not say the gain"):
        find_fields([night], Problems("stop"), Counter())
    camera = Camera(keywords={"gain": ("E_PER_DN",)})
    batches, _ = find_fields([night], Problems("stop"), Counter(), camera)
    assert [info.camera for info in batches[0][0]] == [camera] * 3


def test_frames_keep_their_names_in_folders(night):
    batches, names = find_fields([night], Problems("stop"), Counter())
    assert [[len(infos) for infos in batch] for batch in batches] == [[3]]
    assert [name.as_posix() for name in names.values()] == [f"F0001/resamp/F0001-{number}.fits" for number in (1, 2, 3)]
    _, names = find_fields([night / "F0001" / "resamp" / "F0001-2.fits"], Problems("stop"), Counter())
    assert [name.as_posix() for name in names.values()] == ["F0001-2.fits"]
