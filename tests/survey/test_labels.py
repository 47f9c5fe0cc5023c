"""Stars, asteroids and tracks of a field are told from each other together."""

import numpy as np

from ceres_fast.survey.detections import read_detections
from ceres_fast.survey.labels import label_field
from ceres_fast.survey.rules import Rules
from ceres_fast.survey.truth import SET_ASIDE, read_truth


def test_an_asteroid_that_passes_a_star_still_counts_for_its_track(field):
    exposures = [read_detections(path) for path in field.frames[:3]]
    truth = read_truth(field.truth)
    wide = Rules(stationary_radius=4.0)
    labelled = label_field(exposures, truth, wide)
    assert any((each.stays & (each.match.label == 1)).any() for each in labelled)
    assert all((each.accepted.label == 1).sum() == 2 for each in labelled)


def test_two_exposures_ask_for_both(field):
    exposures = [read_detections(path) for path in field.frames[:2]]
    truth = read_truth(field.truth)
    truth = truth[~((truth["designation"] == "A2") & (truth["mjd"] > exposures[0].info.mjd + 0.001))]
    first, second = label_field(exposures, truth, Rules())
    assert np.count_nonzero(first.match.label == 1) == 2
    assert np.count_nonzero(first.accepted.label == 1) == 1
    assert np.count_nonzero(first.accepted.label == SET_ASIDE) == 1
    assert np.count_nonzero(second.accepted.label == 1) == 1


def test_no_exposures_give_no_labels(field):
    assert label_field([], read_truth(field.truth), Rules()) == []
