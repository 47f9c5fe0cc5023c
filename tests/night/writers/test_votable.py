"""The table for the Virtual Observatory: astropy reads it, and knows its words."""

import warnings
from pathlib import Path

import numpy as np
import pytest
from astropy.io.votable import parse
from astropy.io.votable.ucd import check_ucd
from astropy.table import Table

from ceres_fast.night.detections import COLUMNS, Night
from ceres_fast.night.writers import write_outputs
from ceres_fast.night.writers.votable import UCDS

from .nights import AWKWARD, PLAIN, a_night, empty_night


@pytest.mark.parametrize("night", [a_night(), empty_night()], ids=["some", "none"])
def test_it_is_read_back(night: Night, tmp_path: Path) -> None:
    (path,) = write_outputs(night, ["votable"], tmp_path, known={PLAIN: "2004 JQ12"})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = Table.read(path, format="votable")
    assert table.colnames == [*COLUMNS, "known"]
    for name, (kind, unit, _) in COLUMNS.items():
        assert str(table[name].unit or "") == (unit or "").replace("pix", "pix")
        if kind == "f8":
            np.testing.assert_array_equal(np.ma.filled(table[name], np.nan), night.detections[name])
    assert table["kept"].tolist() == night.detections["kept"].tolist()
    expected = [name.replace("\n", "\\x0a") for name in night.detections["tracklet"].tolist()]
    assert [str(name or "") for name in table["tracklet"].tolist()] == expected
    assert table["known"].tolist() == ["2004 JQ12" if name == PLAIN else "" for name in expected]
    assert AWKWARD.replace("\n", "\\x0a") in expected or not expected


def test_every_column_is_in_the_words_of_the_virtual_observatory(tmp_path: Path) -> None:
    (path,) = write_outputs(a_night(), ["votable"], tmp_path)
    fields = parse(path, verify="exception").get_first_table().fields
    assert {field.name: field.ucd for field in fields} == UCDS
    assert all(check_ucd(ucd, check_controlled_vocabulary=True) for ucd in UCDS.values())
    assert all(field.description for field in fields)
