"""Every format, read and written back without losing a row, a column or a digit."""

import contextlib
import errno
import os

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceres_fast.catalogues import FORMATS, column, read_catalogue, write_catalogue, write_table
from ceres_fast.errors import CeresFastError, InputError

N = 7
TABLE = Table(
    {
        "NUMBER": np.arange(1, N + 1),
        "X_IMAGE": np.linspace(3.1234, 190.5678, N).round(4),
        "Y_IMAGE": np.linspace(150.25, 5.5, N).round(4),
        "ALPHA_J2000": np.linspace(359.99, 359.999, N).round(7),
        "DELTA_J2000": np.linspace(12, 12.01, N).round(7),
        "MAG_AUTO": np.array([20.5, 99.0, 21.25, 19.0, 18.5, 22.125, 99.0]),
        "FLAGS": np.array([0, 1, 2, 3, 4, 16, 24]),
    }
)
PROBABILITY = np.array([0.125, 0.5, np.nan, 1.0, 0.0, 0.75, 0.25])
MASK = np.array([1, 0, 0, 1, 1, 0, 1], bool)

NEARBY = """\
#   1 MAG_AUTO               Kron-like elliptical aperture magnitude                    [mag]
#   2 FLUX_AUTO              Flux within a Kron-like elliptical aperture                [count]
#   3 X_IMAGE                Object position along x                                    [pixel]
#   4 Y_IMAGE                Object position along y                                    [pixel]
#   5 ALPHA_J2000            Right ascension of barycenter (J2000)                      [deg]
#   6 DELTA_J2000            Declination of barycenter (J2000)                          [deg]
#   7 FWHM_IMAGE             FWHM assuming a gaussian core                              [pixel]
#   8 ELLIPTICITY            1 - B_IMAGE/A_IMAGE
#   9 FLUX_APER              Flux vector within fixed circular aperture(s)              [count]
#  12 FLAGS                  Extraction flags
  20.4643  2352.588    1006.0064     2.1171 30.6593799 +9.9603246   7.64   0.661 1.0 2.0e+03 3.0   24
  99.0000 -1.2e+01      225.3997     8.1161 30.6583152 -0.0325252   4.88   0.437 1.5 2.5     3.5    0
"""


@pytest.fixture(params=FORMATS)
def catalogue(request, tmp_path):
    """The same table in each format."""
    path = tmp_path / f"F1-1{FORMATS[request.param].suffix}"
    write_table(TABLE, path, request.param, fits.Header({"OBJECT": "F0001"}))
    return read_catalogue(path)


def same(one, other):
    assert one.colnames == other.colnames
    for name in one.colnames:
        np.testing.assert_array_equal(np.asarray(one[name], float), np.asarray(other[name], float))


def test_a_new_catalogue_reads_back(catalogue):
    same(catalogue.table, TABLE)
    assert catalogue.path.name.startswith(catalogue.path.stem)


@pytest.mark.parametrize("keep", [None, MASK, np.zeros(N, bool)])
@pytest.mark.parametrize("target", [None, *FORMATS])
def test_added_columns_and_all_others_are_written(catalogue, tmp_path, target, keep):
    path = tmp_path / "out" / "classified.any"
    added = {"PROB_ASTEROID": PROBABILITY, "CERES_FLAGS": np.arange(N)}
    write_catalogue(catalogue, path, added=added, keep=keep, format=target)
    back = read_catalogue(path)
    assert back.format == (target or catalogue.format)
    expected = TABLE.copy()
    for name, values in added.items():
        expected[name] = values
    same(back.table, expected if keep is None else expected[keep])


def test_nothing_added_gives_the_same_bytes(catalogue, tmp_path):
    if catalogue.format in ("ASCII_HEAD", "CSV", "FITS_LDAC"):
        write_catalogue(catalogue, tmp_path / "again")
        assert (tmp_path / "again").read_bytes() == catalogue.path.read_bytes()


def test_ascii_head_of_sextractor_is_read_as_astropy_reads_it(tmp_path):
    path = tmp_path / "F1.cat"
    path.write_text(NEARBY)
    catalogue = read_catalogue(path)
    assert catalogue.format == "ASCII_HEAD"
    same(catalogue.table, Table.read(path, format="ascii.sextractor"))
    assert catalogue.table["MAG_AUTO"].unit == "mag"
    assert catalogue.table.colnames[8:] == ["FLUX_APER", "FLUX_APER_1", "FLUX_APER_2", "FLAGS"]


def test_ascii_head_keeps_the_text_of_every_line(tmp_path):
    path = tmp_path / "F1.cat"
    path.write_text(NEARBY)
    write_catalogue(read_catalogue(path), tmp_path / "out.cat", added={"PROB_ASTEROID": np.array([0.5, np.nan])})
    lines = (tmp_path / "out.cat").read_text().splitlines()
    assert lines[:10] == NEARBY.splitlines()[:10]
    assert lines[10].split() == ["#", "13", "PROB_ASTEROID"]
    for line, original, value in zip(lines[11:], NEARBY.splitlines()[10:], ["0.500000", "nan"], strict=True):
        assert line.startswith(original)
        assert line.removeprefix(original).split() == [value]
    astropys = Table.read(tmp_path / "out.cat", format="ascii.sextractor")
    assert np.isnan(astropys["PROB_ASTEROID"][1])


def test_ascii_head_with_a_vector_at_the_end(tmp_path):
    path = tmp_path / "F1.cat"
    path.write_text("# 1 X_IMAGE\n# 2 Y_IMAGE\n# 3 MAG_APER\n1 2 3 4 5\n6 7 8 9 10\n")
    catalogue = read_catalogue(path)
    assert catalogue.table.colnames == ["X_IMAGE", "Y_IMAGE", "MAG_APER", "MAG_APER_1", "MAG_APER_2"]
    write_catalogue(catalogue, tmp_path / "out.cat", added={"P": np.array([0.1, 0.2])})
    assert column(read_catalogue(tmp_path / "out.cat"), "P").tolist() == [0.1, 0.2]


@pytest.mark.parametrize("name", ["ASCII_HEAD", "CSV", "ECSV", "FITS_LDAC"])
def test_no_detections_are_a_valid_catalogue(tmp_path, name):
    write_table(TABLE[:0], tmp_path / "none", name)
    catalogue = read_catalogue(tmp_path / "none")
    assert len(catalogue.table) == 0
    assert catalogue.table.colnames == TABLE.colnames
    write_catalogue(catalogue, tmp_path / "out", added={"PROB_ASTEROID": np.empty(0)})
    assert read_catalogue(tmp_path / "out").table.colnames == [*TABLE.colnames, "PROB_ASTEROID"]


def test_ldac_keeps_everything(tmp_path):
    table = TABLE.copy()
    table["VIGNET"] = np.arange(N * 6, dtype=np.float32).reshape(N, 2, 3)
    write_table(table, tmp_path / "F1.cat", "FITS_LDAC", fits.Header({"OBJECT": "F0001", "EXPTIME": 60.0}))
    with fits.open(tmp_path / "F1.cat", mode="update") as hdus:
        hdus["LDAC_OBJECTS"].header["TUNIT2"] = "pixel"
        hdus["LDAC_OBJECTS"].header["HISTORY"] = "made by hand"
    write_catalogue(
        read_catalogue(tmp_path / "F1.cat"), tmp_path / "out.cat", added={"PROB_ASTEROID": PROBABILITY}, keep=MASK
    )
    with fits.open(tmp_path / "F1.cat") as old, fits.open(tmp_path / "out.cat") as new:
        assert [hdu.name for hdu in new] == ["PRIMARY", "LDAC_IMHEAD", "LDAC_OBJECTS"]
        assert (new[1].data.tobytes(), repr(new[1].header)) == (old[1].data.tobytes(), repr(old[1].header))
        cards = "".join(new[1].data[0][0])
        assert fits.Header.fromstring("".join(f"{card:<80}" for card in new[1].data[0][0]))["OBJECT"] == "F0001", cards
        np.testing.assert_array_equal(new[2].data["VIGNET"], old[2].data["VIGNET"][MASK])
        assert new[2].header["TUNIT2"] == "pixel"
        assert "made by hand" in str(new[2].header["HISTORY"])
    assert len(Table.read(tmp_path / "out.cat", hdu="LDAC_OBJECTS")) == MASK.sum()


def test_csv_keeps_text_and_names(tmp_path):
    path = tmp_path / "F1.csv"
    path.write_text('X_IMAGE,Y_IMAGE,REMARK\n1.500,2.0e0,"a, b"\n3.25,,c\n')
    catalogue = read_catalogue(path)
    assert np.isnan(column(catalogue, "Y_IMAGE")[1])
    write_catalogue(catalogue, tmp_path / "out.csv", added={"P": np.array([0.5, 0.25])})
    assert (tmp_path / "out.csv").read_text() == 'X_IMAGE,Y_IMAGE,REMARK,P\n1.500,2.0e0,"a, b",0.5\n3.25,,c,0.25\n'


def test_a_classified_catalogue_is_not_classified_again(catalogue, tmp_path):
    write_catalogue(catalogue, tmp_path / "out", added={"PROB_ASTEROID": PROBABILITY})
    with pytest.raises(InputError, match=r"(?i)has a column PROB_ASTEROID already"):
        write_catalogue(read_catalogue(tmp_path / "out"), tmp_path / "twice", added={"prob_asteroid": PROBABILITY})


def test_wrong_lengths_are_a_mistake_of_the_caller(catalogue, tmp_path):
    with pytest.raises(ValueError, match="P has shape"):
        write_catalogue(catalogue, tmp_path / "out", added={"P": PROBABILITY[1:]})
    with pytest.raises(ValueError, match="keep has shape"):
        write_catalogue(catalogue, tmp_path / "out", keep=MASK[1:])


def test_unknown_format_is_refused(catalogue, tmp_path):
    with pytest.raises(CeresFastError, match="XLS: no such catalogue format"):
        write_catalogue(catalogue, tmp_path / "out", format="XLS")
    assert not (tmp_path / "out").exists()


def test_vectors_do_not_fit_into_text(tmp_path):
    table = Table({"X_IMAGE": [1.0], "VIGNET": [[1.0, 2.0]]})
    for name in ("CSV", "ASCII_HEAD"):
        with pytest.raises(InputError, match=r"column VIGNET.*ECSV"):
            write_table(table, tmp_path / "out", name)
    write_table(table, tmp_path / "out", "ECSV")
    np.testing.assert_array_equal(read_catalogue(tmp_path / "out").table["VIGNET"], [[1, 2]])


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("empty.cat", b"", "is empty"),
        ("blank.cat", b" \n\n", "is empty"),
        ("bare.cat", b"1.0 2.0 3.0\n4.0 5.0 6.0\n", "no known format.*ASCII_HEAD"),
        ("numbers.csv", b"1.0,2.0\n3.0,4.0\n", "no known format"),
        ("binary.cat", bytes(range(256)) * 10, "no known format"),
        ("row.cat", b"# 1 X_IMAGE\n# 2 Y_IMAGE\n1 2\n3 4\n5\n", "row 3: has 1 values"),
        ("word.cat", b"# 1 X_IMAGE\n# 2 Y_IMAGE\n1 2\n3 four\n", "row 2: 'four' is not a number"),
        ("count.cat", b"# 1 X_IMAGE\n# 2 Y_IMAGE\n# 3 FLAGS\n1 2\n3 4\n", "counts columns up to 3"),
        ("order.cat", b"# 1 X_IMAGE\n# 3 Y_IMAGE\n# 2 FLAGS\n1 2 3\n", "one header line per column"),
        ("row.csv", b"X_IMAGE,Y_IMAGE\n1,2\n3\n", "row 2: has 1 values"),
        ("zeros.csv", b"X_IMAGE,Y_IMAGE\n1,2\n" + bytes(99), "line 3: holds bytes of 0"),
        ("zeros.cat", b"# 1 X_IMAGE\n1\n" + bytes(99), "line 3: holds bytes of 0"),
        (
            "quoted.csv",
            b'X_IMAGE,Y_IMAGE\n1,2\n"3,4\n5,6\n',
            "row 2: has 1 values; it goes on to line 4: a quotation mark",
        ),
        ("twice.cat", b"# 1 X_IMAGE\n# 2 Y_IMAGE\n1 2\n" * 2, "line 4: names its columns again"),
        ("packed.cat", b"\x1f\x8b\x08", "packed with gzip.*gunzip"),
        ("table.parquet", b"PAR1\x15\x04", "is a Parquet file.* CSV, ECSV or FITS"),
        ("packed.csv", b"BZh91AY", "bunzip2"),
        ("sheet.csv", b"PK\x03\x04", "spreadsheet"),
        ("wide.csv", "X_IMAGE,Y_IMAGE\n1,2\n".encode("utf-16"), "UTF-16"),
        ("mark.csv", b"\xef\xbb\xbf\n", "no known format"),
        ("separators.csv", b"\x1c\x1c", "no known format"),
        ("quote.csv", b'X_IMAGE,Y_IMAGE\n"' + b"1" * 200_000, "not readable CSV"),
        ("cut.ecsv", b"# %ECSV 1.0\n# ---\n# datatype:\n# - {name: X", "not readable ECSV"),
        ("cut.fits", b"SIMPLE  =                    T" + b" " * 500, "not a readable FITS"),
    ],
)
def test_broken_catalogues_are_named(tmp_path, name, content, problem):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=rf"{name}.*{problem}"):
        read_catalogue(tmp_path / name)


def test_missing_catalogue_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.cat: cannot be read"):
        read_catalogue(tmp_path / "none.cat")


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(list(FORMATS)),
    share=st.floats(0, 1),
    flips=st.lists(st.tuples(st.floats(0, 1), st.binary(min_size=1, max_size=3)), max_size=5),
)
def test_cut_and_flipped_catalogues_give_a_table_or_one_clear_error(tmp_path, name, share, flips):
    path = tmp_path / "broken"
    write_table(TABLE, path, name)
    content = bytearray(path.read_bytes())
    for place, values in flips:
        start = int(place * (len(content) - 1))
        content[start : start + len(values)] = values
    path.write_bytes(content[: int(share * len(content))])
    with contextlib.suppress(InputError):
        assert read_catalogue(path).table.colnames


def test_full_disk_leaves_what_was_there(catalogue, tmp_path, monkeypatch):
    path = tmp_path / "out.cat"
    path.write_text("before")

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(CeresFastError, match=r"out\.cat.*No space left"):
        write_catalogue(catalogue, path, added={"P": PROBABILITY})
    assert path.read_text() == "before"
    assert {file.name for file in tmp_path.iterdir()} == {"out.cat", catalogue.path.name}


def test_ascii_head_lines_end_at_line_ends_only(tmp_path):
    path = tmp_path / "a.cat"
    path.write_bytes(b"# 1 X_IMAGE seeing 1.2\x85 or so [pix]\r\n# 2 Y_IMAGE\r\n1 2\r\n3 4\r\n")
    assert read_catalogue(path).table["Y_IMAGE"].tolist() == [2, 4]
    write_catalogue(read_catalogue(path), tmp_path / "b.cat")
    assert (tmp_path / "b.cat").read_bytes() == path.read_bytes()


def test_two_columns_of_one_name_in_ecsv(tmp_path):
    head = "# %ECSV 1.0\n# ---\n# datatype:\n# - {name: X_IMAGE, datatype: float64}\n"
    twice = "# - {name: MAG_AUTO, datatype: float64}\n" * 2
    (tmp_path / "F1.ecsv").write_text(head + twice + "X_IMAGE MAG_AUTO MAG_AUTO\n1 20 21\n")
    read = read_catalogue(tmp_path / "F1.ecsv")
    assert column(read, "X_IMAGE").tolist() == [1]
    with pytest.raises(InputError, match="has 2 columns MAG_AUTO, which differ"):
        column(read, "MAG_AUTO")
