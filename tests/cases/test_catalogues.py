"""Catalogues that were once read wrongly, or refused for a wrong reason."""

from collections import Counter

import numpy as np
import pytest
from astropy.table import Table
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ceres_fast import console
from ceres_fast.catalogues import FORMATS, column, read_catalogue, write_catalogue, write_table
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.classify import classify
from ceres_fast.classify.scores import FLAGS, PROBABILITY, PROBABILITY_OF_TRACKLET, TRACKLET
from ceres_fast.errors import InputError
from ceres_fast.selection.field import survey_tables
from ceres_fast.selection.rules import Rules
from ceres_fast.truth import read_truth

from ..tiny_models import classifier, peak_model, written


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A classifier that calls what is bright an asteroid, whatever else is near."""
    about = classifier(rules=Rules(remove_stationary=False).as_dict())
    return written(tmp_path_factory.mktemp("model"), peak_model(classifier_json=about.to_json()))


def account(field):
    """Return the stamps of a field, and what was counted."""
    tables, counts = zip(*survey_tables([field.folder], read_truth(field.truth), Rules()), strict=True)
    return tables[0], sum(counts, start=Counter())


@pytest.mark.parametrize(
    "unknown", [-99, 99, -99.9, 99.99, -999, 999, -9999, 9999, -1e30, 1e30, -np.inf, np.nan, 0, -32768, 1.6e38]
)
@pytest.mark.parametrize("name", ["CSV", "FITS_LDAC"])
def test_a_magnitude_that_was_not_measured_is_no_reason_to_set_an_asteroid_aside(field, unknown, name):
    """05-magnitude-minus-99: 71 of 357 asteroids were "much brighter than" they are."""
    before, counted = account(field)
    assert (counted["asteroid"], counted["flux_mismatch"]) == (8, 0)
    for number in range(4):
        table = read_catalogue(field.catalogue(number)).table
        table["MAG_AUTO"] = table["MAG_AUTO"].astype(float)
        table["MAG_AUTO"][number::3] = unknown
        write_table(table, field.catalogue(number), name)
    after, counted = account(field)
    assert (counted["asteroid"], counted["flux_mismatch"]) == (8, 0)
    assert after["designation"].tolist() == before["designation"].tolist()
    assert np.isfinite(after["magnitude"]).all()


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    magnitudes=st.lists(
        st.sampled_from([99.0, -99.0, -999.0, 9999.0, 0.0, np.nan, 1e30]) | st.floats(-30, 40).filter(bool), max_size=6
    ),
    name=st.sampled_from(sorted(FORMATS)),
)
def test_what_stands_for_unknown_is_not_changed_in_what_is_written_back(tmp_path, magnitudes, name):
    values = np.array(magnitudes, float).round(3)
    write_table(Table({"X_IMAGE": np.ones(len(values)), "MAG_AUTO": values}), tmp_path / "in", name)
    read = read_catalogue(tmp_path / "in")
    found = column(read, "MAG_AUTO")
    expected = np.where((np.abs(values) < 90) & (values != 0), values, np.nan)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    write_catalogue(read, tmp_path / "out", added={"P": np.zeros(len(values))})
    back = np.ma.filled(np.ma.asarray(read_catalogue(tmp_path / "out").table["MAG_AUTO"], float), np.nan)
    np.testing.assert_allclose(back, values, rtol=1e-6, atol=1e-4)


def test_a_fits_table_without_a_name_is_the_catalogue_where_it_alone_has_positions(shared_cases):
    """19-fits-table-not-named-ldac: refused without a word of what to do."""
    folder = shared_cases / "frames" / "19-fits-table-not-named-ldac"
    read = read_catalogue(folder / "lco_e90_cat.fits")
    assert (read.format, len(read.table)) == ("FITS_LDAC", 45)
    with pytest.raises(InputError, match=r"lco_e90_cat\.fits: \d+ of its 45 positions are outside the frame"):
        read_detections(folder / "H0001-1.fits", read)


def test_such_a_table_is_written_back_with_all_it_has(shared_cases, tmp_path):
    path = shared_cases / "frames" / "19-fits-table-not-named-ldac" / "lco_e90_cat.fits"
    read = read_catalogue(path)
    write_catalogue(read, tmp_path / "same.fits")
    assert (tmp_path / "same.fits").read_bytes() == path.read_bytes()
    write_catalogue(read, tmp_path / "out.fits", added={"P": np.arange(45) / 45})
    back = read_catalogue(tmp_path / "out.fits")
    assert back.table.colnames == [*read.table.colnames, "P"]
    for name in read.table.colnames:
        assert back.table[name].tobytes() == read.table[name].tobytes()


def test_a_table_of_astropy_and_topcat_is_classified(field, model, tmp_path):
    path = field.catalogue(0).with_suffix(".cat.fits")
    read_catalogue(field.catalogue(0)).table.write(path, format="fits")
    classify([field.frames[0]], model, catalogue=path, output=tmp_path / "out.fits")
    back = read_catalogue(tmp_path / "out.fits")
    assert back.table.colnames[-4:] == [PROBABILITY, FLAGS, TRACKLET, PROBABILITY_OF_TRACKLET]
    assert np.isfinite(back.table[PROBABILITY]).all()


def test_a_column_that_is_there_twice_is_kept_twice(shared_cases, tmp_path):
    """22-column-twice-in-fits: refused as no FITS file."""
    path = shared_cases / "frames" / "22-column-twice-in-fits" / "H0001-1.cat"
    read = read_catalogue(path)
    assert [name for name in read.table.colnames if name.startswith("MAG")] == ["MAG_AUTO", "MAG_AUTO_COPY2"]
    with pytest.raises(InputError, match=r"H0001-1\.cat: has 2 columns MAG_AUTO, which differ"):
        column(read, "MAG_AUTO")
    write_catalogue(read, tmp_path / "out.cat", added={"P": np.zeros(255)})
    back = read_catalogue(tmp_path / "out.cat")
    assert back.table.colnames == [*read.table.colnames, "P"]
    for name in read.table.colnames:
        assert back.table[name].tobytes() == read.table[name].tobytes()


def test_a_column_that_is_there_twice_is_refused_where_it_is_needed(field, model, tmp_path):
    table = read_catalogue(field.catalogue(0)).table
    table["MAG_AUTX"] = table["MAG_AUTO"] + 1
    write_table(table, field.catalogue(0), "FITS_LDAC")
    field.catalogue(0).write_bytes(field.catalogue(0).read_bytes().replace(b"'MAG_AUTX'", b"'MAG_AUTO'"))
    result = classify([field.frames[0]], model, output=tmp_path / "out.cat")
    assert result.total["rows"] == len(table)
    added = [PROBABILITY, FLAGS, TRACKLET, PROBABILITY_OF_TRACKLET]
    assert read_catalogue(tmp_path / "out.cat").table.colnames[-5:] == ["MAG_AUTO_COPY2", *added]
    with pytest.raises(InputError, match=r"F0001-1\.cat: has 2 columns MAG_AUTO, which differ.* Rename one"):
        account(field)


@pytest.mark.parametrize(
    ("moved", "width", "is_plain"),
    [
        (64.8, 95.5, True),
        (22.2, 38.3, True),
        (8.9, np.nan, True),
        (5.0, 4.3, True),
        (4.1, 7.1, False),
        (0.3, 4.3, False),
    ],
)
@pytest.mark.parametrize("on_sky", [True, False])
def test_the_stamp_shows_the_detection_and_not_its_neighbour(
    write_frame, tmp_path, moved, width, is_plain, on_sky, capsys, monkeypatch
):
    """23-windowed-position-drifts: of 3,902 detections 38 were cut more than 2 pixels away from themselves."""
    monkeypatch.setattr(console, "_printed", set())
    frame = write_frame()
    table = Table({"X_IMAGE": [40.0, 80, 120], "Y_IMAGE": [40.0, 80, 100], "FLAGS": [0, 0, 3]})
    table["XWIN_IMAGE"], table["YWIN_IMAGE"] = table["X_IMAGE"] + [0.1, 0.1, moved], table["Y_IMAGE"]
    table["FWHM_IMAGE"] = [4.3, 4.3, width]
    write_table(table, tmp_path / "frame.csv", "CSV")
    if on_sky:
        plain = read_detections(frame)
        wcs = plain.wcs
        for kind, x in (("", "X_IMAGE"), ("WIN", "XWIN_IMAGE")):
            table[f"ALPHA{kind}_J2000"], table[f"DELTA{kind}_J2000"] = wcs.all_pix2world(table[x], table["Y_IMAGE"], 1)
        write_table(table, tmp_path / "frame.csv", "CSV")
        monkeypatch.setattr(console, "_printed", set())
        capsys.readouterr()
    found = read_detections(frame)
    assert found.x.tolist() == pytest.approx([40.1, 80.1, 120 if is_plain else 120 + moved])
    np.testing.assert_allclose(found.wcs.all_world2pix(found.ra, found.dec, 1)[0], found.x, atol=1e-3)
    assert found.drifted == is_plain
    said = " ".join(capsys.readouterr().err.split())
    assert ("1 of 3 detections have windowed positions" in said) == is_plain


def test_windowed_positions_that_drift_are_counted(field):
    table = read_catalogue(field.catalogue(0)).table
    for axis in "XY":
        table[f"{axis}WIN_IMAGE"] = table[f"{axis}_IMAGE"]
    table["XWIN_IMAGE"][:2] += 30
    write_table(table, field.catalogue(0), "ASCII_HEAD")
    _, counted = account(field)
    assert (counted["drifted"], counted["asteroid"]) == (2, 8)
