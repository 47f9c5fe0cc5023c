"""A catalogue classified in memory is what `classify` writes for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy import units
from astropy.io import fits
from astropy.table import QTable, Table

from ceres_fast.catalogues import FORMATS, find_catalogue, read_catalogue
from ceres_fast.classify import classify, classify_table
from ceres_fast.classify.scores import FLAGS, PROBABILITY, PROVISIONAL, STATIONARY
from ceres_fast.engines import load
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.selection.rules import Rules

from ..survey_files import write_field
from ..tiny_models import classifier, peak_model, written


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    scaling = {"method": "logistic", "temperature": 8.0, "bias": -1.0}
    made = classifier(rules=Rules().as_dict(), scaling=scaling)
    return written(folder, peak_model(classifier_json=made.to_json()))


def catalogue_of(frame: Path) -> Path:
    found = find_catalogue(frame)
    assert found is not None
    return found


def assert_same(found: Table, expected: Table) -> None:
    assert found.colnames == expected.colnames
    for name in expected.colnames:
        np.testing.assert_array_equal(found[name], expected[name])


@pytest.mark.parametrize("table_format", FORMATS)
def test_tables_are_what_classify_writes(night: Path, model: Path, out: Path, table_format: str) -> None:
    frames = write_field(night, table_format=table_format)
    tables = classify_table(frames, [catalogue_of(frame) for frame in frames], model)
    result = classify([night], model, output=out)
    assert len(tables) == len(result.written) == 3
    for table, path in zip(tables, result.written, strict=True):
        assert_same(table, read_catalogue(path).table)
        assert list(table[FLAGS]) == [STATIONARY] * 4 + [0]
        assert table[PROBABILITY].dtype == np.float64
        assert table[FLAGS].dtype == np.int32


def test_one_frame_gives_one_table_of_provisional_scores(
    night: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frame = write_field(night)[0]
    table = classify_table(str(frame), str(catalogue_of(frame)), str(model))
    assert list(table[FLAGS] & PROVISIONAL) == [PROVISIONAL] * 5
    assert "no other exposure of the same field" in capsys.readouterr().err


def test_a_table_in_memory_is_a_catalogue_and_stays_as_it_was(night: Path, model: Path) -> None:
    frames = write_field(night)
    paths = [catalogue_of(frame) for frame in frames]
    given = [read_catalogue(path).table for path in paths]
    before = [table.copy() for table in given]
    engine = load(model)
    for found, expected in zip(
        classify_table(frames, given, engine), classify_table(frames, paths, engine), strict=True
    ):
        assert_same(found, expected)
    for table, copy in zip(given, before, strict=True):
        assert_same(table, copy)


def test_nothing_is_written(night: Path, model: Path) -> None:
    frames = write_field(night)
    there = sorted(night.parent.rglob("*"))
    classify_table(frames, [catalogue_of(frame) for frame in frames], model)
    assert sorted(night.parent.rglob("*")) == there


def test_bad_input_is_named(night: Path, model: Path) -> None:
    frames = write_field(night)
    tables = [read_catalogue(catalogue_of(frame)).table for frame in frames]
    with pytest.raises(CeresFastError, match="3 frames and 2 catalogues"):
        classify_table(frames, tables[:2], model)
    with pytest.raises(CeresFastError, match="1 frames and 3 catalogues"):
        classify_table(frames[0], tables, model)  # type: ignore[call-overload]
    classified = classify_table(frames[0], tables[0], model)
    with pytest.raises(InputError, match=r"the table given for F0001-1\.fits: has a column CERES_FLAGS already"):
        classify_table(frames[0], classified, model)
    del tables[1]["X_IMAGE"]
    with pytest.raises(InputError, match=r"the table given for F0001-2\.fits: has no positions"):
        classify_table(frames, tables, model)
    frames[2].write_bytes(b"")
    with pytest.raises(InputError, match=r"F0001-3\.fits"):
        classify_table(frames, [catalogue_of(frame) for frame in frames], model)


def test_a_frame_given_twice_is_named(night: Path, model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frames = write_field(night, 2)
    for frame in frames:  # of such frames no two are known to be of one field, so that nothing else finds it
        with fits.open(frame, mode="update") as hdus:
            del hdus[0].header["OBJECT"], hdus[0].header["MJD-OBS"]
    table = read_catalogue(catalogue_of(frames[0])).table
    with pytest.raises(InputError, match=r"F0001-1\.fits: is given twice; expected each frame once"):
        classify_table([frames[0], frames[1], frames[0]], [table] * 3, model)
    monkeypatch.chdir(frames[0].parent)
    with pytest.raises(InputError, match=rf"^F0001-1\.fits: is given twice, as {frames[0]} before"):
        classify_table([frames[0], frames[0].name], [table] * 2, model)


def test_quantities_are_in_pixels_and_degrees(night: Path, model: Path) -> None:
    frames = write_field(night)
    tables = [read_catalogue(catalogue_of(frame)).table for frame in frames]
    given = [QTable(table) for table in tables]
    for table in given:
        for name, unit in (("X_IMAGE", "pix"), ("Y_IMAGE", "pix"), ("ALPHA_J2000", "deg"), ("DELTA_J2000", "deg")):
            if name in table.colnames:
                table[name] = units.Quantity(table[name], unit)
        table["FLUX"] = np.arange(len(table)) * units.adu
    found = classify_table(frames, given, model)
    for table, expected in zip(found, classify_table(frames, tables, model), strict=True):
        assert_same(Table(table[expected.colnames]), expected)
        assert (table["X_IMAGE"].unit, table["FLUX"].unit) == (units.pix, units.adu)
    given[1]["X_IMAGE"] = given[1]["X_IMAGE"].value * units.arcsec
    with pytest.raises(InputError, match=r"F0001-2\.fits, column X_IMAGE: is in arcsec; expected pixels, or no unit"):
        classify_table(frames, given, model)


def test_a_frame_that_shows_no_sky_gets_no_probabilities(
    night: Path, model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    frames = write_field(night, 4)
    tables = [read_catalogue(catalogue_of(frame)).table for frame in frames]
    fits.setval(frames[1], "IMAGETYP", value="dark")
    found = classify_table(frames, tables, model)
    assert [int((table[FLAGS] == STATIONARY).sum()) for table in found] == [4, 0, 4, 4]
    assert np.isnan(found[1][PROBABILITY]).all()
    assert (
        "1 frame not classified, because the header says that it is no exposure of the sky" in capsys.readouterr().err
    )
    with pytest.raises(InputError, match=r"is no exposure of the sky.*IMAGETYP = 'dark'"):
        classify_table(frames[1], tables[1], model)
