"""Whose rows are whose: catalogues of mosaics in every format."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table, vstack
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceres_fast.catalogues import (
    FORMATS,
    Catalogue,
    read_catalogue,
    rows_of,
    write_catalogue,
    write_table,
    write_tables,
)
from ceres_fast.errors import InputError
from ceres_fast.frames.info import FrameInfo

LENGTHS = (3, 0, 2)
INFOS = [
    FrameInfo(Path("m.fits"), f"m[{part + 1}]", shape=(20, 30), hdu=part + 1, extension=f"CCD{part + 1}", part=part)
    for part in range(3)
]
INFOS = [dataclasses.replace(info, order=(0, 1, 2), images=3) for info in INFOS]
SINGLE = FrameInfo(Path("s.fits"), "s", shape=(20, 30))


def table(n, start=0):
    return Table({"NUMBER": np.arange(n) + start, "X_IMAGE": np.arange(n) + 1.5, "Y_IMAGE": np.full(n, 2.0)})


def parts(lengths=LENGTHS):
    headers = [
        fits.Header({"NAXIS": 2, "NAXIS1": 30, "NAXIS2": 20, "EXTNAME": f"CCD{n + 1}"}) for n in range(len(lengths))
    ]
    return [(table(n, 10 * part), header) for part, (n, header) in enumerate(zip(lengths, headers, strict=True))]


def rows(catalogue):
    return [rows_of(catalogue, info).tolist() for info in INFOS]


@pytest.mark.parametrize("name", FORMATS)
def test_all_ccds_in_one_file(tmp_path, name):
    path = tmp_path / "m.cat"
    write_tables(parts(), path, name)
    read = read_catalogue(path)
    assert read.format == name
    assert read.part.tolist() == [0, 0, 0, 2, 2]
    assert read.table["NUMBER"].tolist() == [0, 1, 2, 20, 21]
    assert rows(read) == [[0, 1, 2], [], [3, 4]]
    with pytest.raises(InputError, match=r"m\.cat: holds the catalogues of [23] CCDs; expected that of s\.fits"):
        rows_of(read, SINGLE)


@pytest.mark.parametrize("target", [None, *FORMATS])
@pytest.mark.parametrize("name", FORMATS)
def test_written_back_with_all_ccds(tmp_path, name, target):
    write_tables(parts(), tmp_path / "m.cat", name)
    read = read_catalogue(tmp_path / "m.cat")
    keep = np.array([True, False, True, True, False])
    write_catalogue(read, tmp_path / "out", added={"P": np.arange(5.0)}, keep=keep, format=target)
    back = read_catalogue(tmp_path / "out")
    assert back.format == (target or name)
    assert back.table["P"].tolist() == [0, 2, 3]
    assert back.table["NUMBER"].tolist() == [0, 2, 20]
    assert rows(back) == [[0, 1], [], [2]]


def test_pairs_of_ldac_stay_pairs(tmp_path):
    write_tables(parts(), tmp_path / "m.cat", "FITS_LDAC")
    write_catalogue(read_catalogue(tmp_path / "m.cat"), tmp_path / "out.cat", added={"P": np.arange(5.0)})
    with fits.open(tmp_path / "m.cat") as old, fits.open(tmp_path / "out.cat") as new:
        assert [hdu.name for hdu in new] == ["PRIMARY", *["LDAC_IMHEAD", "LDAC_OBJECTS"] * 3]
        for number in (1, 3, 5):
            assert new[number].data.tobytes() == old[number].data.tobytes()
            assert len(new[number + 1].data) == len(old[number + 1].data)
        assert new[6].data["P"].tolist() == [3, 4]
    assert len(Table.read(tmp_path / "out.cat", hdu=6)) == 2


def test_empty_tables_at_the_end_survive(tmp_path):
    write_tables(parts((2, 1, 0)), tmp_path / "m.cat", "FITS_LDAC")
    read = read_catalogue(tmp_path / "m.cat")
    assert rows(read) == [[0, 1], [2], []]


def test_fits_1_0_of_a_mosaic(tmp_path):
    hdus = [fits.table_to_hdu(table(n)) for n in LENGTHS]
    for hdu in hdus:
        hdu.name = "OBJECTS"
    fits.HDUList([fits.PrimaryHDU(), *hdus]).writeto(tmp_path / "m.cat")
    assert rows(read_catalogue(tmp_path / "m.cat")) == [[0, 1, 2], [], [3, 4]]


@pytest.mark.parametrize("name", FORMATS)
def test_numbers_that_are_missing_are_asked_for(tmp_path, name):
    write_table(vstack([table(2), table(1)]), tmp_path / "m.cat", name)
    with pytest.raises(InputError, match=r"does not say to which of the 3 CCDs of m\.fits.*Add EXT_NUMBER to"):
        rows_of(read_catalogue(tmp_path / "m.cat"), INFOS[0])


def numbered(*numbers):
    columns = {"X_IMAGE": np.ones(len(numbers)), "Y_IMAGE": np.ones(len(numbers)), "EXT_NUMBER": list(numbers)}
    return Catalogue(Path("m.csv"), "CSV", Table(columns), None)


@pytest.mark.parametrize(("numbers", "row", "wrong"), [((1, 4, 2), 2, "4"), ((1, 2, 0), 3, "0"), ((1, np.nan), 2, "0")])
def test_numbers_that_no_ccd_has(numbers, row, wrong):
    with pytest.raises(InputError, match=rf"m\.csv, row {row}: EXT_NUMBER is {wrong}; expected 1 to 3"):
        rows_of(numbered(*numbers), INFOS[0])


def test_no_rows_belong_to_nobody(tmp_path):
    write_table(table(0), tmp_path / "m.cat", "ASCII_HEAD")
    assert rows(read_catalogue(tmp_path / "m.cat")) == [[], [], []]


def test_a_number_on_every_row_of_one_ccd_is_no_mosaic():
    assert rows_of(numbered(7, 7), SINGLE).tolist() == [0, 1]


WITH_MASKS = [dataclasses.replace(info, hdu=2 * info.part + 1, order=(0, 2, 4), images=6) for info in INFOS]


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1, 3, 3, 5), [[0], [1, 2], [3]]),  # as SExtractor counts: the masks are images too
        ((1, 2, 3, 4, 5, 6), [[0], [2], [4]]),
        ((1, 2, 2, 3), [[0], [1, 2], [3]]),  # as detect counts
    ],
)
def test_masks_between_the_ccds(numbers, expected):
    assert [rows_of(numbered(*numbers), info).tolist() for info in WITH_MASKS] == expected


def test_tables_of_masks_between_the_ccds(tmp_path):
    write_tables(
        [(table(n), fits.Header()) for n in (2, 1, 3, 0, 1, 5)],
        tmp_path / "m.cat",
        "FITS_LDAC",
    )
    read = read_catalogue(tmp_path / "m.cat")
    assert [rows_of(read, info).tolist() for info in WITH_MASKS] == [[0, 1], [3, 4, 5], [6]]


@pytest.mark.parametrize("lengths", [(1, 1), (1, 1, 1, 1)])
def test_another_number_of_tables(tmp_path, lengths):
    write_tables(parts(lengths), tmp_path / "m.cat", "FITS_LDAC")
    with pytest.raises(InputError, match=rf"holds the catalogues of {len(lengths)} CCDs; expected those of the 3"):
        rows_of(read_catalogue(tmp_path / "m.cat"), INFOS[0])


@pytest.mark.parametrize(
    ("cards", "problem"),
    [({"EXTNAME": "CCD3"}, "its table 2 is of CCD3, 30x20"), ({"NAXIS1": 31}, "its table 2 is of CCD2, 31x20")],
)
def test_headers_in_the_catalogue_are_compared(tmp_path, cards, problem):
    written = parts((1, 1, 1))
    written[1][1].update(cards)
    write_tables(written, tmp_path / "m.cat", "FITS_LDAC")
    read = read_catalogue(tmp_path / "m.cat")
    assert rows_of(read, INFOS[0]).tolist() == [0]
    with pytest.raises(InputError, match=problem):
        rows_of(read, INFOS[1])


def test_tables_with_other_columns_are_named(tmp_path):
    other = table(1)
    other["EXTRA"] = [1]
    write_tables([(table(1), fits.Header()), (other, fits.Header())], tmp_path / "m.cat", "FITS_LDAC")
    with pytest.raises(InputError, match=r"m\.cat, extension 4: has other columns"):
        read_catalogue(tmp_path / "m.cat")


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(lengths=st.lists(st.integers(0, 4), min_size=2, max_size=5), name=st.sampled_from(list(FORMATS)))
def test_every_row_belongs_to_one_ccd(tmp_path, lengths, name):
    write_tables(parts(lengths), tmp_path / "m.cat", name)
    read = read_catalogue(tmp_path / "m.cat")
    count = len(lengths)
    infos = [
        dataclasses.replace(INFOS[0], part=n, extension="", order=tuple(range(count)), images=count)
        for n in range(count)
    ]
    owned = [rows_of(read, info) for info in infos]
    assert [len(each) for each in owned] == lengths
    assert np.concatenate(owned).tolist() == list(range(sum(lengths)))
    for part, each in enumerate(owned):
        assert read.table["NUMBER"][each].tolist() == list(range(10 * part, 10 * part + lengths[part]))
