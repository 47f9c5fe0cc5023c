"""A catalogue classified in memory is what `classify` writes for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table

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
