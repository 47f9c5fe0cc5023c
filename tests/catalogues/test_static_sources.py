"""Tables of fixed sources are read in the formats they come in."""

import os
from pathlib import Path

import numpy as np
import pytest
from astropy import units as u
from astropy.io import fits
from astropy.table import MaskedColumn, Table

from ceres_fast.catalogues.static_sources import read_static
from ceres_fast.errors import InputError

RA, DEC = np.array([10.0, 359.5, 180.25]), np.array([-5.5, 89.9, 0.0])
EXPECTED = np.stack([RA, DEC], axis=1)


def table(ra="ra", dec="dec", unit=None, **other):
    made = Table({"name": ["a", "b", "c"], ra: RA, dec: DEC, **other})
    if unit:
        made[ra].unit = made[dec].unit = unit
    return made


@pytest.mark.parametrize("unit", [None, "deg"])
@pytest.mark.parametrize(
    ("name", "format_"),
    [
        ("s.fits", "fits"),
        ("s.FIT", "fits"),
        ("s.csv", "ascii.csv"),
        ("s.ecsv", "ascii.ecsv"),
        ("s.vot", "votable"),
        ("s.xml", "votable"),
        ("s.txt", "ascii.basic"),
        ("s.dat", "ascii.tab"),
    ],
)
def test_formats(tmp_path, name, format_, unit):
    table(unit=unit).write(tmp_path / name, format=format_)
    np.testing.assert_allclose(read_static(tmp_path / name), EXPECTED)


@pytest.mark.parametrize(
    "names",
    [
        ("RA", "DEC"),
        ("RA_ICRS", "DE_ICRS"),
        ("RAJ2000", "DEJ2000"),
        ("_RAJ2000", "_DEJ2000"),
        ("raMean", "decMean"),
        ("ALPHA_J2000", "DELTA_J2000"),
    ],
)
def test_names_of_columns(tmp_path, names):
    table(*names, unit="deg").write(tmp_path / "s.ecsv")
    np.testing.assert_allclose(read_static(tmp_path / "s.ecsv"), EXPECTED)


def test_ra_and_dec_are_preferred_to_other_columns(tmp_path):
    table(RAJ2000=RA + 1, DEJ2000=DEC - 1).write(tmp_path / "s.csv")
    np.testing.assert_allclose(read_static(tmp_path / "s.csv"), EXPECTED)


@pytest.mark.parametrize(
    ("name", "units"),
    [
        *[(name, ("rad", "rad")) for name in ("s.fits", "s.ecsv", "s.vot")],
        *[(name, ("deg", "arcsec")) for name in ("s.fits", "s.ecsv", "s.vot")],
        ("s.ecsv", ("hourangle", "deg")),
    ],
)
def test_units_are_those_the_columns_name(tmp_path, name, units):
    made = table("RAJ2000", "DEJ2000")
    for column, unit in zip(("RAJ2000", "DEJ2000"), units, strict=True):
        made[column] = (made[column].data * u.deg).to(unit)
    Table(made).write(tmp_path / name, **({"format": "votable"} if name == "s.vot" else {}))
    np.testing.assert_allclose(read_static(tmp_path / name), EXPECTED, atol=1e-9)


@pytest.mark.parametrize("name", ["s.fits", "s.csv", "s.ecsv", "s.vot"])
def test_rows_without_a_position_are_left_out_and_that_is_said(tmp_path, name, capsys):
    made = table()
    made["ra"] = MaskedColumn(RA, mask=[False, True, False])
    made["dec"] = MaskedColumn([-5.5, 1.0, np.nan if name != "s.csv" else 95.0])
    made.write(tmp_path / name, **({"format": "votable"} if name == "s.vot" else {}))
    np.testing.assert_allclose(read_static(tmp_path / name), EXPECTED[:1])
    assert "2 of 3 rows have no position" in " ".join(capsys.readouterr().err.split())


def test_right_ascensions_are_from_0_to_360(tmp_path):
    Table({"ra": [-1.0, 370.0], "dec": [1.0, 2.0]}).write(tmp_path / "s.csv")
    assert read_static(tmp_path / "s.csv").tolist() == [[359, 1], [10, 2]]


def test_whole_numbers_are_numbers(tmp_path):
    (tmp_path / "s.csv").write_text("ra,dec\n10,-5\n20,5\n")
    assert read_static(tmp_path / "s.csv").tolist() == [[10, -5], [20, 5]]


@pytest.mark.parametrize("name", ["s.csv", "s.ecsv", "s.fits", "s.vot"])
def test_whole_numbers_with_a_cell_that_is_missing(tmp_path, name, capsys):
    made = Table({"ra": MaskedColumn([10, 20, 30], mask=[False, True, False]), "dec": [-5, 5, 6]})
    assert made["ra"].dtype.kind == "i"
    made.write(tmp_path / name, **({"format": "votable"} if name == "s.vot" else {}))
    assert read_static(tmp_path / name).tolist() == [[10, -5], [30, 6]]
    assert "1 of 3 rows" in " ".join(capsys.readouterr().err.split())


def test_a_cell_that_is_left_empty(tmp_path):
    (tmp_path / "s.csv").write_text("ra,dec\n10,-5\n,5\n30,6\n")
    assert read_static(tmp_path / "s.csv").tolist() == [[10, -5], [30, 6]]


@pytest.mark.parametrize(
    "nowhere", ["-99,-99", "99,99", "0,0", "-999,5", "5,-999.9", "9999,5", "1e30,1e30", ",", "--,NULL"]
)
def test_positions_that_stand_for_none_are_left_out(tmp_path, nowhere, capsys):
    (tmp_path / "s.csv").write_text(f"ra,dec\n10,-5\n{nowhere}\n30,6\n")
    assert read_static(tmp_path / "s.csv").tolist() == [[10, -5], [30, 6]]
    assert "1 of 3 rows have no position" in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize(
    "content",
    [
        "# Gaia, DR3\nra,dec\n# a\n10.5,-5\n\n20,5.5\n",
        "ra;dec\r\n10,5;-5\r\n20;5,5\r\n",
        "\ufeffRA, Dec\n10.5, -5\n20, 5.5",
        ",ra,dec,ok\n0,10.5,-5,True\n1,20,5.5,False\n",
        "# ra,dec\n10.5,-5\n20,5.5\n",
        "ra\tdec\n10.5\t-5\n20\t5.5\n",
        "#  1 ALPHA_J2000 [deg]\n#  2 DELTA_J2000 [deg]\n10.5 -5\n20 5.5\n",
        "# %ECSV 1.0\n# ---\n# delimiter: ','\n# datatype:\n# - {name: ra, unit: deg, datatype: float64}\n"
        "# - {name: dec, unit: arcmin, datatype: float64}\nra,dec\n10.5,-300\n20,330\n",
    ],
)
@pytest.mark.parametrize("name", ["s.csv", "s.txt"])
def test_text_as_it_is_written_elsewhere(tmp_path, name, content):
    (tmp_path / name).write_bytes(content.encode())
    np.testing.assert_allclose(read_static(tmp_path / name), [[10.5, -5], [20, 5.5]])


def test_fits_with_two_columns_of_one_name(tmp_path):
    Table({"ra": RA, "dec": DEC, "xx": RA + 1}).write(tmp_path / "s.fits")
    (tmp_path / "s.fits").write_bytes((tmp_path / "s.fits").read_bytes().replace(b"'xx      '", b"'ra      '"))
    np.testing.assert_allclose(read_static(tmp_path / "s.fits"), EXPECTED)


def ldac() -> fits.HDUList:
    """Return a catalogue as SExtractor writes it: the header of the image in a table of its own, then the objects."""
    cards = np.array([fits.Header({"NAXIS": 2, "OBJECT": "F"}).tostring(padding=False)])
    header = fits.BinTableHDU(Table({"Field Header Card": cards[None]}), name="LDAC_IMHEAD")
    objects = table("ALPHA_J2000", "DELTA_J2000", unit="deg", NUMBER=np.arange(3), FLAGS=np.zeros(3, np.int16))
    return fits.HDUList([fits.PrimaryHDU(), header, fits.BinTableHDU(objects, name="LDAC_OBJECTS")])


@pytest.mark.parametrize("name", ["s.cat", "s.ldac", "s.fits", "s.FIT", "s", "s.csv", "s.txt", "s.fits.gz"])
def test_fits_is_told_by_its_first_bytes_and_the_first_table_with_positions_is_taken(tmp_path, name):
    ldac().writeto(tmp_path / name)
    np.testing.assert_allclose(read_static(tmp_path / name), EXPECTED)


def test_images_and_further_tables_are_passed_over(tmp_path):
    hdus = [*ldac(), fits.BinTableHDU(Table({"ra": [1.0], "dec": [2.0]}))]
    hdus.insert(1, fits.ImageHDU(np.zeros((3, 3))))
    fits.HDUList(hdus).writeto(tmp_path / "s.cat")
    np.testing.assert_allclose(read_static(tmp_path / "s.cat"), EXPECTED)


def test_fits_without_a_table_of_positions_is_refused(tmp_path):
    fits.HDUList(ldac()[:2]).writeto(tmp_path / "header.cat")
    with pytest.raises(InputError, match="has the columns Field Header Card"):
        read_static(tmp_path / "header.cat")
    fits.PrimaryHDU(np.zeros((3, 3))).writeto(tmp_path / "image.fits")
    with pytest.raises(InputError, match="is empty"):
        read_static(tmp_path / "image.fits")


def test_a_file_that_has_changed_is_read_again(tmp_path):
    path = tmp_path / "s.csv"
    path.write_text("ra,dec\n10,-5\n")
    first = read_static(path)
    assert read_static(path).tolist() == first.tolist() == [[10, -5]]
    path.write_text("ra,dec\n10,-5\n20,5\n")
    assert read_static(path).tolist() == [[10, -5], [20, 5]]
    state = path.stat()
    path.write_text("ra,dec\n11,-6\n21,6\n")  # of the same size
    os.utime(path, ns=(state.st_atime_ns, state.st_mtime_ns + 1))
    assert read_static(path).tolist() == [[11, -6], [21, 6]]


@pytest.mark.timeout(60)
def test_a_wide_table_is_read_in_seconds(tmp_path):
    random = np.random.default_rng(1)
    ra, dec = random.uniform(0, 360, 300_000), random.uniform(-90, 90, 300_000)
    Table({"ra": ra, "dec": dec}).write(tmp_path / "s.fits")
    np.testing.assert_allclose(read_static(tmp_path / "s.fits"), np.stack([ra, dec], axis=1))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("s.csv", "alpha,beta\n1,2\n", "has the columns alpha, beta"),
        ("s.csv", "ra,decl\n1,2\n", "rename its columns"),
        ("s.csv", "ra,dec\n", "none of its 0 rows"),
        ("s.csv", "ra,dec\nnan,nan\n", "none of its 1 rows has a position"),
        ("s.csv", "ra,dec\n12:30:00,+10:00:00\n", "column ra cannot be read as an angle"),
        ("s.fits", "no FITS", "cannot be read as a table"),
        ("s.vot", "<html></html>", "cannot be read as a table"),
        ("s.txt", "", "cannot be read as a table"),
        ("s.csv", "", "is empty"),
    ],
)
def test_what_is_no_table_of_sources_is_refused(tmp_path, name, content, message):
    path = tmp_path / name
    path.write_text(content)
    with pytest.raises(InputError, match="(?i)" + message) as error:
        read_static(path)
    assert str(path) in str(error.value)


def test_a_unit_that_is_no_angle_is_refused(tmp_path):
    table(unit="m").write(tmp_path / "s.ecsv")
    with pytest.raises(InputError, match="column ra cannot be read as an angle"):
        read_static(tmp_path / "s.ecsv")


def test_a_missing_file_is_refused(tmp_path: Path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(InputError, match="does not exist"):
            read_static(path)
