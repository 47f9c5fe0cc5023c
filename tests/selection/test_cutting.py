"""The stamp table of one exposure."""

from collections import Counter

import numpy as np
from astropy.table import Table

from ceres_fast.catalogues import write_table
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.errors import Problems
from ceres_fast.selection.cutting import exposure_stamps
from ceres_fast.selection.labels import label_field
from ceres_fast.selection.rules import Rules
from ceres_fast.truth import read_truth


def cut(field, rows):
    truth = read_truth(field.truth)
    exposure = read_detections(field.frames[0])
    (labelled,) = label_field([exposure], [np.zeros(len(exposure.x), bool)], truth, Rules())
    counts: Counter[str] = Counter()
    return exposure_stamps(labelled, np.array(rows, int), Problems("stop"), "error", counts), counts


def test_rows_are_those_asked_for(field):
    table, _ = cut(field, [3, 1])
    assert table["row"].tolist() == [4, 2]
    assert len(cut(field, [])[0]) == 0


def test_a_catalogue_of_positions_alone_is_enough(field):
    write_table(Table({"X_IMAGE": [100.0, 5.0], "Y_IMAGE": [40.0, 5.0]}), field.catalogue(0), "CSV")
    table, counts = cut(field, [0, 1])
    assert table["flags"].tolist() == [-1, -1]
    assert table["label"].tolist() == [1, 0]
    assert table["magnitude"][0] == 20.5
    assert np.isnan(table["magnitude"][1])
    assert (table["padded"] > 0).tolist() == [False, True]
    assert not counts.total()


def test_failed_magnitudes_are_unknown(field):
    columns = {"X_IMAGE": [30.0], "Y_IMAGE": [60.0], "MAG_AUTO": [99.0], "FLAGS": [16]}
    write_table(Table(columns), field.catalogue(0), "ASCII_HEAD")
    table, _ = cut(field, [0])
    assert np.isnan(table["magnitude"][0])
    assert table["flags"].tolist() == [16]
    assert np.isnan(table["neighbour"][0])
