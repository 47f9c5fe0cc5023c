"""Stars, asteroids and tracks of a field are told from each other together."""

import numpy as np
import pytest
from astropy.table import vstack

from ceres_fast.catalogues import read_catalogue, write_table
from ceres_fast.catalogues.detections import read_detections
from ceres_fast.selection.labels import label_field
from ceres_fast.selection.match import REASONS, SET_ASIDE
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import find_stationary
from ceres_fast.truth import read_truth

from ..truth.files import FORMATS, Row


def label(exposures, truth, static=None):
    found, _ = find_stationary(exposures, Rules(), static)
    return label_field(exposures, found.stays, truth, Rules())


def test_an_asteroid_that_passes_a_star_still_counts_for_its_track(field):
    exposures = [read_detections(path) for path in field.frames[:3]]
    truth = read_truth(field.truth)
    star = truth[(truth["designation"] == "A1") & (np.abs(truth["mjd"] - exposures[1].info.mjd) < 0.001)]
    labelled = label(exposures, truth, np.array([[star["ra"][0], star["dec"][0]]]))
    assert [(each.stays & (each.match.label == 1)).sum() for each in labelled] == [0, 1, 0]
    assert all((each.accepted.label == 1).sum() == 2 for each in labelled)


def test_two_exposures_ask_for_both(field):
    exposures = [read_detections(path) for path in field.frames[:2]]
    truth = read_truth(field.truth)
    truth = truth[~((truth["designation"] == "A2") & (truth["mjd"] > exposures[0].info.mjd + 0.001))]
    first, second = label(exposures, truth)
    assert np.count_nonzero(first.match.label == 1) == 2
    assert np.count_nonzero(first.accepted.label == 1) == 1
    assert np.count_nonzero(first.accepted.label == SET_ASIDE) == 1
    assert np.count_nonzero(second.accepted.label == 1) == 1


def test_no_exposures_give_no_labels(field):
    assert label([], read_truth(field.truth)) == []


def labels_of(field, truth):
    labelled = label([read_detections(path) for path in field.frames], truth)
    return [(each.accepted.label.tolist(), each.reason.tolist()) for each in labelled]


@pytest.mark.parametrize("name", FORMATS)
def test_labels_do_not_depend_on_the_format(field, tmp_path, name):
    truth = read_truth(field.truth)
    (tmp_path / "truth").write_text(FORMATS[name]([Row(*row) for row in truth["designation", "mjd", "ra", "dec"]]))
    assert labels_of(field, read_truth(tmp_path / "truth")) == labels_of(field, truth)


def test_an_exposure_without_observations_is_labelled_between_others(field):
    truth = read_truth(field.truth)
    mjd = [read_detections(path).info.mjd for path in field.frames]
    without_second = truth[np.abs(truth["mjd"] - mjd[1]) > 0.001]
    assert labels_of(field, without_second) == labels_of(field, truth)
    without_last = truth[np.abs(truth["mjd"] - mjd[3]) > 0.001]
    *others, (last, reason) = labels_of(field, without_last)
    assert others == labels_of(field, truth)[:3]
    assert last.count(SET_ASIDE) == reason.count("set_aside") == 2


def test_each_detection_has_one_reason_or_is_a_stamp(field):
    catalogue = read_catalogue(field.catalogue(0)).table
    write_table(vstack([catalogue, catalogue[:3]]), field.catalogue(0), "ASCII_HEAD")
    for each in label([read_detections(path) for path in field.frames], read_truth(field.truth)):
        assert set(each.reason) <= {"", "stationary", *REASONS}
        is_stamp = ~each.stays & (each.accepted.label != SET_ASIDE)
        np.testing.assert_array_equal(each.reason == "", is_stamp)
