"""An exposure is a frame with its catalogue, both whole; what is neither is waited for, and nothing is forgotten."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ceres_fast.errors import InputError
from ceres_fast.night.arrivals import PATIENCE, Arrivals

from ..survey_files import write_exposure, write_field


def names(exposures: list) -> list[str]:
    return [each.frame.name for each in exposures]


def test_what_settles_is_taken(incoming: Path) -> None:
    arrivals = Arrivals(incoming, settle=2.0)
    write_exposure(incoming, 0)
    assert arrivals.look(10.0) == []
    assert set(arrivals.waiting.values()) == {"is new"}
    (exposure,) = arrivals.look(12.0)
    assert (exposure.arrived, len(exposure.infos), exposure.why) == (10.0, 1, "")
    assert arrivals.waiting == {}
    write_exposure(incoming, 1)
    assert names(arrivals.look(15.0)) == ["F0001-1.fits"]


def test_all_is_there_when_nothing_is_waited_for(incoming: Path) -> None:
    write_field(incoming)
    assert names(Arrivals(incoming, settle=2.0).look(0.0, patience=0.0)) == [f"F0001-{n}.fits" for n in (1, 2, 3)]


@pytest.mark.parametrize("suffix", [".fits", ".cat"])
def test_what_changes_settles_anew(incoming: Path, suffix: str) -> None:
    frame = write_exposure(incoming, 0)
    arrivals = Arrivals(incoming, settle=2.0)
    arrivals.look(0.0)
    file = frame if suffix == ".fits" else frame.parents[1] / "sextractor_cat" / "F0001-1.cat"
    for now in (1.0, 2.0, 3.0):
        arrivals.look(now)
        with file.open("ab") as stream:
            stream.write(b" " if suffix == ".cat" else bytes(2880))
        assert arrivals.look(now + 0.5) == []
    assert names(arrivals.look(6.0)) == ["F0001-1.fits"]


def test_files_from_the_future_settle_too(incoming: Path) -> None:
    os.utime(write_exposure(incoming, 0), (4e9, 4e9))
    arrivals = Arrivals(incoming, settle=2.0)
    assert arrivals.look(0.0) == []
    assert names(arrivals.look(2.0)) == ["F0001-1.fits"]


def test_a_frame_without_a_catalogue_is_waited_for(incoming: Path) -> None:
    frame = write_exposure(incoming, 0)
    catalogue = frame.parents[1] / "sextractor_cat" / "F0001-1.cat"
    catalogue.rename(incoming / "later")
    arrivals = Arrivals(incoming, settle=0.0)
    for now in (0.0, 1.0, 1000.0):
        assert arrivals.look(now) == []
    assert arrivals.waiting == {frame.resolve(): "has no catalogue yet"}
    (incoming / "later").rename(catalogue)
    arrivals.look(1001.0)
    assert names(arrivals.look(1002.0)) == ["F0001-1.fits"]


def test_a_cut_frame_is_waited_for_and_then_taken_as_it_is(incoming: Path) -> None:
    frame = write_exposure(incoming, 0)
    whole = frame.read_bytes()
    frame.write_bytes(whole[: len(whole) // 2])
    arrivals = Arrivals(incoming, settle=1.0)
    for now in (0.0, 2.0, PATIENCE - 1):
        assert arrivals.look(now) == []
    assert "is not whole yet" in arrivals.waiting[frame.resolve()]
    (exposure,) = arrivals.look(PATIENCE + 1)
    assert exposure.infos == ()
    assert "cut off" in exposure.why
    frame.write_bytes(whole)  # it was only slow
    arrivals.look(PATIENCE + 2)
    (exposure,) = arrivals.look(PATIENCE + 4)
    assert len(exposure.infos) == 1


def test_a_catalogue_whose_frame_does_not_come_goes_on(incoming: Path) -> None:
    first, second = (write_exposure(incoming, number) for number in (0, 1))
    second.unlink()
    arrivals = Arrivals(incoming, settle=1.0)
    arrivals.look(0.0)
    assert names(arrivals.look(2.0)) == [first.name]
    assert list(arrivals.waiting.values()) == ["has no frame yet"]
    assert names(arrivals.look(PATIENCE + 1)) == [first.name, "F0001-2.cat"]


def test_other_files_are_none(incoming: Path) -> None:
    frame = write_exposure(incoming, 0)
    (frame.parent / "F0001-1.weight.fits").write_bytes(frame.read_bytes())
    (frame.parent / ".F0001-2.fits").write_bytes(frame.read_bytes())
    (incoming / "notes.txt").write_text("clear until 3")
    (frame.parents[1] / "sextractor_cat" / "log.txt").write_text("SExtractor 2.25")
    assert names(Arrivals(incoming).look(0.0, patience=0.0)) == [frame.name]


def test_a_folder_that_vanishes(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not there"):
        Arrivals(tmp_path / "no").look(0.0)
