"""What the other exposures of a field show decides which detections become stamps, and is in these."""

from collections import Counter

import numpy as np
import pytest
from astropy.io import fits

from ceres_fast.errors import InputError
from ceres_fast.frames.exposures import group_exposures
from ceres_fast.frames.reading import read_info
from ceres_fast.selection import field as module
from ceres_fast.selection.field import field_stamps
from ceres_fast.selection.linked import LINKED
from ceres_fast.selection.lost import rate_names
from ceres_fast.selection.others.exposures import read_templates
from ceres_fast.selection.others.forced import FORCED
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.track_cost import TRACKS
from ceres_fast.stamps import COLUMNS, PLANES
from ceres_fast.truth import read_truth

from ..tiny_field import DITHERS, make_image, make_wcs, place
from .test_field import damage, tables_of, with_hole

ALL = Rules(remove_stationary=False)
MOVING = {"A1", "A2"}


def of_some(field, number, rules=ALL, **options):
    """Return table and counts of the first exposures of the field."""
    (group,) = group_exposures([read_info(frame) for frame in field.frames[:number]])
    return field_stamps(group, read_truth(field.truth), rules, **options)


def test_the_columns_that_not_all_records_have_are_the_forced_fluxes_and_those_of_tracklets():
    assert tuple(column.name for column in COLUMNS if not column.always) == FORCED + LINKED


def test_nothing_is_measured_unless_somebody_asks(field, monkeypatch):
    monkeypatch.setattr(module, "OtherExposures", None)
    (table,), counts = tables_of(field)
    for name, unknown in zip(FORCED, (np.nan, np.nan, -1, -1), strict=True):
        np.testing.assert_array_equal(table[name], np.full(8, unknown))
    assert not {"elsewhere", "no_template"} & set(counts)


def test_forced_fluxes_are_those_of_what_is_there(field):
    (table,), counts = tables_of(field, ALL, forced=True)
    assert (len(table), counts["elsewhere"]) == (36, 0)
    assert set(table["forced_looked"]) == {3}
    moves = np.isin(table["designation"], sorted(MOVING))
    assert (np.abs(table["forced_max"][moves]) < 0.05).all()
    assert set(table["forced_seen"][moves]) == {0}
    star = ~moves & (table["forced_seen"] == 3)  # the others are the hot spot, which the sky does not carry along
    assert star.sum() == 24
    assert (np.abs(table["forced_min"][star] - 1) < 0.05).all()
    assert (table["forced_min"][~np.isnan(table["forced_min"])] <= table["forced_max"]).all()


def test_what_the_others_show_too_becomes_no_stamp_where_that_is_asked(field):
    rules = Rules(remove_stationary=False, forced_limit=0.4)
    (table,), counts = tables_of(field, rules)
    assert (counts["elsewhere"], counts["stationary"], len(table)) == (24, 0, 12)
    assert set(table["designation"]) - {""} == MOVING
    assert (table["forced_looked"] == 3).all()
    # With the rule for stationary detections, what that removes is counted there, and the cost is that of both.
    (table,), counts = tables_of(field, Rules(forced_limit=0.4), needs=2)
    assert (counts["stationary"], counts["elsewhere"], len(table)) == (28, 0, 8)
    _, without = tables_of(field, needs=2)
    lost = [
        sum(count for name, count in each.items() if TRACKS in name and "lost" in name) for each in (without, counts)
    ]
    assert lost[0] <= lost[1]


def test_asteroids_that_the_others_show_too_are_counted_by_rate(field):
    for number, frame in enumerate(field.frames):
        with fits.open(frame, mode="update") as hdus:
            for other in range(4):  # in every exposure a star is where the asteroid is in another
                x, y = np.array(place("A1", other)) - DITHERS[other] + DITHERS[number]
                hdus[0].data += (other != number) * make_star(x, y)
    _, counts = tables_of(field, Rules(remove_stationary=False, forced_limit=0.4))
    lost = {name: count for name, count in counts.items() if name.startswith("lost")}
    assert lost == {"lost_elsewhere": 4, "lost_elsewhere at 0.1-0.2 arcsec/min": 4}
    assert set(lost) <= {"lost_elsewhere", *rate_names("lost_elsewhere")}
    assert counts["validated"] == 8


def make_star(x, y):
    rows, columns = np.mgrid[1:161, 1:201]
    return (300 * np.exp(-((columns - x) ** 2 + (rows - y) ** 2) / 3.2)).astype(np.float32)


def test_three_planes_show_the_exposure_the_others_and_what_is_left(field):
    (one,), _ = tables_of(field, ALL)
    (three,), counts = tables_of(field, ALL, planes=PLANES)
    assert three["stamp"].shape == (36, 32, 32, 3)
    np.testing.assert_array_equal(three["stamp"][..., 0], one["stamp"][..., 0])
    for column in COLUMNS:
        if column.always:
            np.testing.assert_array_equal(three[column.name], one[column.name], err_msg=column.name)
    assert (three["forced_looked"] == 3).all()
    assert np.isfinite(three["stamp"]).all()
    moves = np.isin(three["designation"], sorted(MOVING))
    _, template, difference = np.moveaxis(np.asarray(three["stamp"])[:, 15:18, 15:18].mean(axis=(1, 2)), -1, 0)
    star = ~moves & (three["forced_seen"] == 3)
    assert (template[moves] < 10).all()
    assert (difference[moves] > 100).all()
    assert (template[star] > 100).all()
    assert (np.abs(difference[star]) < 30).all()
    assert counts["no_template"] == 0


def test_a_field_of_one_exposure_gives_no_planes_without_a_template_and_says_so_once(field, tmp_path, capsys):
    table, counts = of_some(field, 1, Rules(), planes=PLANES)
    assert table["stamp"].shape == (0, 32, 32, 3)
    assert (counts["no_template"], counts["lost_no_template"], counts["lost_other"]) == (9, 2, 0)
    said = capsys.readouterr().err
    assert said.count("F0001-1.fits: is the only exposure of its field, CCD and night, and no frame of --template") == 1
    template = tmp_path / "known.fits"
    header = make_wcs(DITHERS[2]).to_header()
    fits.writeto(template, make_image(2).astype(np.float32), header)
    table, counts = of_some(field, 1, planes=PLANES, templates=read_templates([template]))
    assert (len(table), counts["no_template"]) == (9, 0)
    assert "only exposure" not in capsys.readouterr().err
    (same, *_), _ = tables_of(field, ALL, planes=PLANES, templates=read_templates([tmp_path / "night"]))
    (without, *_), _ = tables_of(field, ALL, planes=PLANES)
    np.testing.assert_array_equal(same["stamp"], without["stamp"])  # an exposure of the field is no template of it


def test_exposures_too_near_in_time_have_no_template(field, capsys):
    for number, frame in enumerate(field.frames[:2]):
        fits.setval(frame, "MJD-OBS", value=60310.9 + number / 1440)
    table, counts = of_some(field, 2, planes=PLANES)
    assert (len(table), counts["no_template"]) == (0, counts["detections"] - counts["set_aside"])
    assert "none of the 2 exposures of its field, CCD and night shows" in capsys.readouterr().err


def test_where_nobody_looked_there_is_no_stamp_of_three_planes(field):
    for frame in field.frames[1:]:
        x, y = place("A1", 0)
        with fits.open(frame, mode="update") as hdus:
            number = field.frames.index(frame)
            x, y = np.array(place("A1", 0)) + DITHERS[number]
            hdus[0].data[int(y) - 4 : int(y) + 4, int(x) - 4 : int(x) + 4] = np.nan
    (table,), counts = tables_of(field, ALL, planes=PLANES, nan="fill")
    assert (counts["no_template"], counts["lost_no_template"]) == (1, 1)
    assert Counter(table["designation"].tolist())["A1"] == 3
    (one,), counts = tables_of(field, ALL, forced=True, nan="fill")
    row = one[(one["designation"] == "A1") & (one["frame"] == "F0001-1")][0]
    assert (row["forced_looked"], row["forced_seen"], len(one)) == (0, 0, 36)
    assert np.isnan(row["forced_max"])
    assert counts["no_template"] == 0


def test_a_bad_stamp_is_judged_by_its_science_plane(field):
    with_hole(field)
    options = {"planes": PLANES}
    with pytest.raises(InputError, match=r"F0001-2\.cat, row \d: the stamp at x=.*F0001-2\.fits has 3 missing pixels"):
        tables_of(field, **options)
    (table,), counts = tables_of(field, on_error="skip", **options)
    assert (len(table), counts["bad_stamps"], counts["lost_other"]) == (7, 1, 1)
    (table,), counts = tables_of(field, nan="fill", **options)
    # The template of the other exposures lacks nothing: one of three did not look at three pixels.
    assert table["filled"].tolist() == [0, 0, 3, 0, 0, 0, 0, 0]
    assert counts["filled_stamps"] == 1
    assert np.isfinite(table["stamp"]).all()


@pytest.mark.parametrize("options", [{"planes": PLANES}, {"rules": Rules(forced_limit=0.4)}], ids=["planes", "limit"])
@pytest.mark.parametrize("how", ["frame constant", "frame cut"])
def test_an_exposure_that_cannot_be_read_is_said_in_its_turn(field, how, options):
    problem = damage(field, how)
    with pytest.raises(InputError, match=problem):
        tables_of(field, **options)
    (table,), counts = tables_of(field, on_error="skip", **options)
    assert sorted(set(table["frame"])) == ["F0001-1", "F0001-2", "F0001-4"]
    assert (counts["bad_frames"], counts["frames"], len(table)) == (1, 3, 6)
    assert set(table["forced_looked"]) == {2}


def test_a_template_that_cannot_be_read_is_named(field, tmp_path):
    template = tmp_path / "known.fits"
    fits.writeto(template, make_image(2).astype(np.float32), make_wcs(DITHERS[2]).to_header())
    templates = read_templates([template])
    template.write_bytes(template.read_bytes()[:-9000])
    with pytest.raises(InputError, match=r"known\.fits"):
        tables_of(field, ALL, forced=True, templates=templates)
    _, counts = tables_of(field, ALL, forced=True, templates=templates, on_error="skip")
    assert (counts["bad_frames"], counts["frames"]) == (4, 0)


def test_an_empty_catalogue_is_no_obstacle(field):
    rows = field.catalogue(3).read_text().splitlines()
    field.catalogue(3).write_text("\n".join(row for row in rows if row.startswith("#")) + "\n")
    (table,), counts = tables_of(field, Rules(forced_limit=0.4), planes=PLANES)
    assert (len(table), counts["frames"], counts["empty_catalogues"]) == (6, 4, 1)
