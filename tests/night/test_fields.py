"""Exposures of a field and night belong together, with all that a file shows."""

from __future__ import annotations

from pathlib import Path

import pytest
from astropy.io import fits

from ceres_fast.night.arrivals import Arrivals, Exposure
from ceres_fast.night.fields import Field, fields_of

from ..survey_files import write_exposure, write_field


def fields(folder: Path) -> list[Field]:
    return fields_of(Arrivals(folder).look(0.0, patience=0.0))


def frames(field: Field) -> list[str]:
    return [each.frame.name for each in field.exposures]


def test_by_field_and_night(incoming: Path) -> None:
    write_field(incoming, field="A")
    for frame in write_field(incoming, 2, field="B"):
        with fits.open(frame, "update") as hdus:
            hdus[0].header["CRVAL1"] += 3
    later = write_exposure(incoming, 3, field="A")
    with fits.open(later, "update") as hdus:
        hdus[0].header["MJD-OBS"] += 1
    found = fields(incoming)
    assert [frames(each) for each in found] == [
        ["A-1.fits", "A-2.fits", "A-3.fits"],
        ["A-4.fits"],
        ["B-1.fits", "B-2.fits"],
    ]
    assert [each.name for each in found] == ["A, 2023-02-24", "A, 2023-02-25", "B, 2023-02-24"]


def test_a_copy_is_classified_with_its_exposure(incoming: Path) -> None:
    first, *_ = write_field(incoming)
    copy = first.with_name("copy.fits")
    copy.write_bytes(first.read_bytes())
    (first.parents[1] / "sextractor_cat" / "copy.cat").write_bytes(
        (first.parents[1] / "sextractor_cat" / "F0001-1.cat").read_bytes()
    )
    (field,) = fields(incoming)
    assert len(field.exposures) == 4


def test_all_ccds_of_a_field_belong_together(incoming: Path) -> None:
    """Those of a mosaic, and those that have files of their own."""
    single = write_field(incoming / "single", 2)
    for number, frame in enumerate(write_field(incoming / "mosaic", 2)):
        ccds = [fits.ImageHDU(fits.getdata(frame), fits.getheader(frame), name) for name in ("A2", "A3")]
        for ccd in ccds:
            ccd.header["CCDNAME"] = ccd.name
        fits.HDUList([fits.PrimaryHDU(), *ccds]).writeto(frame, overwrite=True)
        assert len(Arrivals(incoming).look(0.0, patience=0.0)[number].infos) == 2
    (field,) = fields(incoming)
    assert len(field.exposures) == 2 + len(single)


@pytest.mark.parametrize("keyword", ["MJD-OBS", None])
def test_what_nobody_can_place_is_alone(incoming: Path, keyword: str | None) -> None:
    write_field(incoming, 2)
    odd = write_exposure(incoming, 2)
    if keyword:
        with fits.open(odd, "update") as hdus:
            del hdus[0].header[keyword]
    else:
        odd.write_bytes(b"no FITS")
    assert sorted(len(each.exposures) for each in fields(incoming)) == [1, 2]


def test_nothing() -> None:
    assert fields_of([]) == []
    orphan = Exposure(Path("/a/x.cat"), Path("/a/x.cat"), (1, 2), 0.0, why="its frame is not there")
    assert [each.name for each in fields_of([orphan])] == ["x.cat"]
