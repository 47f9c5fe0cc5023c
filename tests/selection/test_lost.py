"""Every validated asteroid in a frame is a stamp or is counted as lost, for one reason."""

from collections import Counter

import numpy as np
import pytest

from ceres_fast.catalogues.detections import read_detections
from ceres_fast.detect import detect_frames
from ceres_fast.errors import Problems
from ceres_fast.selection.cutting import exposure_stamps
from ceres_fast.selection.labels import label_field
from ceres_fast.selection.lost import COLUMNS, RATES, REASONS, count_lost, fates, no_fates, rate_names
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import find_stationary
from ceres_fast.truth import read_truth

LOST = (
    "lost_not_detected",
    "lost_stationary",
    "lost_contested",
    "lost_flux",
    "lost_set_aside",
    "lost_other",
)


def label(field, rules):
    exposures = [read_detections(path) for path in field.frames]
    return label_field(exposures, find_stationary(exposures, rules)[0].stays, read_truth(field.truth), rules)


def counted(field, rules, keep=lambda rows: rows):
    for labelled in label(field, rules):
        rows = np.flatnonzero((labelled.accepted.label == 1) & ~labelled.stays)
        table = exposure_stamps(labelled, keep(rows), Problems("stop"), "error", Counter())
        yield count_lost(fates(labelled, table)), len(table)


@pytest.mark.parametrize(
    ("rules", "keep"),
    [
        (Rules(), lambda rows: rows),
        (Rules(), lambda rows: rows[:0]),
        (Rules(stationary_radius=30.0, slowest=3.0), lambda rows: rows),
        (Rules(match_radius=0.001), lambda rows: rows),
        (Rules(match_radius=25.0), lambda rows: rows),
        (Rules(match_radius=60.0, contest_ratio=1.5), lambda rows: rows),
        (Rules(track_exposures=5), lambda rows: rows),
    ],
)
def test_stamps_and_losses_add_up(field, rules, keep):
    for counts, stamps in counted(field, rules, keep):
        assert counts["validated"] == 2
        assert stamps + sum(counts[name] for name in LOST) == 2
        assert set(LOST) < set(REASONS.values())
        assert counts["lost_stationary"] == (2 if rules.stationary_radius > 1 else 0)


def test_without_coordinates_the_detections_say_what_is_in_the_frame(tmp_path, field, write_frame):
    path = write_frame("bare/F0001-1.fits", CTYPE1="", CTYPE2="")
    detect_frames([path])
    named = read_detections(field.frames[0])
    bare = read_detections(path)._replace(ra=named.ra, dec=named.dec)
    truth = read_truth(field.truth)
    (labelled,) = label_field([bare], [np.zeros(len(bare.x), bool)], truth, Rules())
    table = exposure_stamps(labelled, np.arange(0), Problems("stop"), "error", Counter())
    assert count_lost(fates(labelled, table))["validated"] == 2


def test_without_an_asteroid_there_is_nothing(field):
    exposure = read_detections(field.frames[0])
    truth = read_truth(field.truth)
    truth["validated"] = False
    (labelled,) = label_field([exposure], [np.zeros(len(exposure.x), bool)], truth, Rules())
    table = exposure_stamps(labelled, np.arange(0), Problems("stop"), "error", Counter())
    found = fates(labelled, table)
    assert len(found) == len(no_fates()) == 0
    assert not +count_lost(found)
    for name, kind in COLUMNS.items():
        assert found[name].dtype.kind == no_fates()[name].dtype.kind == np.dtype(kind).kind


def test_rates_have_names():
    names = rate_names("validated")
    assert len(names) == len(RATES)
    assert names[0] == "validated at 0-0.1 arcsec/min"
    assert names[-2:] == ["validated above 5 arcsec/min", "validated at unknown rate"]


def test_a_star_at_the_place_of_an_asteroid_is_counted_as_such(field):
    lines = field.truth.read_text().splitlines()
    places = [line.split(",") for line in lines[1:]]
    faint = [
        ",".join(["A1", *rest[:3], "25.0", *rest[4:]]) if name == "A1" else ",".join([name, *rest])
        for name, *rest in places
    ]
    labelled = label(field, Rules())[0]
    stars, far = labelled.exposure, np.flatnonzero(labelled.stays)[:6]
    extra = [f"S{n},{places[0][1]},{stars.ra[n]},{stars.dec[n]},20.5,0,0,1" for n in far]
    field.truth.write_text("\n".join([lines[0], *faint, *extra]) + "\n")
    rules = Rules(remove_stationary=False, track_exposures=1)
    counts, _ = next(counted(field, rules))
    assert counts["lost_flux"] >= 1
    assert counts["validated"] == sum(counts[name] for name in LOST) + next(counted(field, rules))[1]
