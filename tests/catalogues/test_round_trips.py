"""What SExtractor wrote, and any table of numbers, comes back from being read and written with columns added."""

import warnings

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from ceres_fast.catalogues import FORMATS, read_catalogue, write_catalogue, write_table
from ceres_fast.detect.source_extractor import write_catalogue as run_program

READERS = {
    "ASCII_HEAD": {"format": "ascii.sextractor"},
    "FITS_LDAC": {"hdu": "LDAC_OBJECTS"},
    "FITS_1.0": {"hdu": "OBJECTS"},
    "ASCII_VOTABLE": {"format": "votable", "table_id": "Source_List"},
}
"""How astropy itself reads what SExtractor writes, by CATALOG_TYPE."""

WRITTEN = [name for name in READERS if name != "ASCII_VOTABLE" or "VOTABLE" in FORMATS]


def by_astropy(path, kind):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Table.read(path, **READERS[kind])


def same_bits(table, expected):
    assert len(table) == len(expected)
    for name in expected.colnames:
        one, other = np.asarray(table[name]), np.asarray(expected[name])
        assert (one.dtype, one.tobytes()) == (other.dtype, other.tobytes()), name
        assert str(table[name].unit) == str(expected[name].unit)


@pytest.fixture(params=["astride_ystar_streak_512", "sep_eso_ntt_emmi_256", "simulated"])
def frame(request):
    """A real frame, or a simulated one."""
    if request.param == "simulated":
        return request.getfixturevalue("simulated_frame")
    return request.getfixturevalue("shared_data") / "frames" / f"{request.param}.fits"


@pytest.mark.parametrize("kind", WRITTEN)
def test_what_sextractor_wrote_comes_back(tmp_path, source_extractor, frame, kind):
    path, out = tmp_path / "frame.cat", tmp_path / "out.cat"
    n = run_program(frame, path, kind, threshold=1.5, min_area=5)
    before = by_astropy(path, kind)
    assert len(before) == n > 50
    probability = np.random.default_rng(n).uniform(0, 1, n).round(6)
    probability[::7] = np.nan
    for keep in (None, np.arange(n) % 3 == 0):
        chosen = slice(None) if keep is None else keep
        added = {"PROB_ASTEROID": probability, "CERES_FLAGS": np.arange(n)}
        write_catalogue(read_catalogue(path), out, added=added, keep=keep)
        after = by_astropy(out, kind)
        assert after.colnames == [*before.colnames, *added]
        same_bits(after[before.colnames], before[chosen])
        for name, values in added.items():
            np.testing.assert_array_equal(np.ma.filled(after[name].astype(float), np.nan), values[chosen])
        again = read_catalogue(out)
        assert again.table.colnames == after.colnames
        assert again.format == read_catalogue(path).format


def test_nothing_added_gives_the_bytes_that_sextractor_wrote(tmp_path, source_extractor, frame):
    run_program(frame, tmp_path / "frame.cat", "ASCII_HEAD", threshold=1.5, min_area=5)
    write_catalogue(read_catalogue(tmp_path / "frame.cat"), tmp_path / "out.cat")
    assert (tmp_path / "out.cat").read_bytes() == (tmp_path / "frame.cat").read_bytes()


def header_cards(path):
    """The bytes of LDAC_IMHEAD, as other programs see them."""
    with fits.open(path) as hdus:
        start, length = hdus["LDAC_IMHEAD"].fileinfo()["datLoc"], hdus["LDAC_IMHEAD"].header["NAXIS1"]
    return path.read_bytes()[start : start + length]


def test_the_image_header_in_an_ldac_is_the_one_that_sextractor_wrote(tmp_path, source_extractor, simulated_frame):
    run_program(simulated_frame, tmp_path / "a.cat", "FITS_LDAC", threshold=1.5, min_area=5)
    catalogue = read_catalogue(tmp_path / "a.cat")
    write_catalogue(catalogue, tmp_path / "b.cat", added={"P": np.zeros(len(catalogue.table))})
    assert header_cards(tmp_path / "b.cat") == header_cards(tmp_path / "a.cat")
    assert fits.Header.fromstring(header_cards(tmp_path / "b.cat"))["SEEING"] > 0


def test_the_image_header_in_a_new_ldac_is_as_fits_headers_are(tmp_path):
    write_table(Table({"X_IMAGE": [1.0]}), tmp_path / "a.cat", "FITS_LDAC", fits.Header({"OBJECT": "F0001"}))
    cards = header_cards(tmp_path / "a.cat")
    assert b"\0" not in cards
    assert cards == fits.Header({"OBJECT": "F0001"}).tostring(padding=False).encode()


numbers = st.floats(width=64, allow_nan=True, allow_infinity=True)
COLUMNS = {
    "NUMBER": (np.int32, st.integers(-(2**31), 2**31 - 1)),
    "X_IMAGE": (np.float64, numbers),
    "ALPHA_J2000": (np.float64, numbers),
    "MAG_AUTO": (np.float32, st.floats(width=32)),
    "FLUX_AUTO": (np.float64, st.floats(-1e7, 1e7)),
    "FLAGS": (np.int16, st.integers(0, 255)),
}


@st.composite
def tables(draw):
    """Tables of up to 8 rows, with a column of each kind of number."""
    n = draw(st.integers(0, 8))
    return Table({name: draw(arrays(dtype, n, elements=values)) for name, (dtype, values) in COLUMNS.items()})


def as_numbers(table, name):
    return np.ma.filled(np.ma.asarray(table[name]).astype(np.float64), np.nan)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(name=st.sampled_from(sorted(FORMATS)), table=tables(), data=st.data())
def test_any_numbers_come_back(tmp_path, name, table, data):
    write_table(table, tmp_path / "in", name)
    first = read_catalogue(tmp_path / "in")
    assert first.format == name
    assert first.table.colnames == table.colnames
    for column in table.colnames:
        expected = as_numbers(table, column)
        if name == "ASCII_HEAD" and table[column].dtype.kind == "f":  # writes as many digits as SExtractor does
            np.testing.assert_allclose(as_numbers(first.table, column), expected, rtol=1e-6, atol=1e-4)
        else:
            np.testing.assert_array_equal(as_numbers(first.table, column), expected)
    keep = data.draw(arrays(bool, len(table)))
    added = {"PROB_ASTEROID": data.draw(arrays(np.float64, len(table), elements=st.floats(0, 1))).round(6)}
    write_catalogue(first, tmp_path / "out", added=added, keep=keep)
    second = read_catalogue(tmp_path / "out")
    assert second.table.colnames == [*table.colnames, "PROB_ASTEROID"]
    for column in table.colnames:
        np.testing.assert_array_equal(as_numbers(second.table, column), as_numbers(first.table, column)[keep])
    np.testing.assert_array_equal(as_numbers(second.table, "PROB_ASTEROID"), added["PROB_ASTEROID"][keep])
