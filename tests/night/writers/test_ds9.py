"""Regions: the regions package reads them."""

import warnings
from pathlib import Path

import pytest

from ceres_fast.night.writers import write_outputs

from .nights import a_night

COLOURS = ["green", "yellow", "blue", "red", "yellow"]
"""Of the first frame: in a tracklet, kept, stationary, left out, and kept without a place on the sky."""


def test_a_file_for_each_frame_whatever_it_is_called(tmp_path: Path) -> None:
    files = write_outputs(a_night(), ["ds9"], tmp_path)
    assert len(files) == 7
    for path in files:
        lines = path.read_text(encoding="utf-8").splitlines()
        assert lines[0] == "# Region file format: DS9 version 4.1"
        for line in lines[2:]:
            before, _, after = line.partition(" # color=")
            assert before.count(";") == 1
            assert (after.count("{"), after.count("}"), after.count('"')) == (line.count("={"), line.count("={"), 0)
    circles = files[0].read_text().splitlines()[2:]
    assert [each.partition("color=")[2].split()[0] for each in circles] == COLOURS
    assert circles[0].startswith('icrs; circle(359.9995000,10.0000000,2.00")')
    assert circles[4].startswith("image; circle(20.250,30.500,")


def test_regions_reads_them(tmp_path: Path) -> None:
    regions = pytest.importorskip("regions", reason="regions is not here; tools/output-readers tries it")
    for path in write_outputs(a_night(), ["ds9"], tmp_path):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            found = regions.Regions.read(path, format="ds9")
        assert len(found) == len(path.read_text(encoding="utf-8").splitlines()) - 2
        assert found[0].visual["edgecolor"] == "green"
