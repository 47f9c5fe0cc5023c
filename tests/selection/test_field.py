"""From files to labelled stamps: the whole way, and every way it can go wrong."""

from collections import Counter

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ceres_fast.catalogues import read_catalogue, write_table
from ceres_fast.catalogues.fields import survey_fields
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.frames.cut import cut_stamps
from ceres_fast.frames.exposures import group_exposures
from ceres_fast.frames.reading import read_frame, read_info
from ceres_fast.records.reconcile import COUNTS, Made, reconcile
from ceres_fast.selection.field import field_stamps, survey_tables
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.track_cost import TRACKS, cost_rows
from ceres_fast.stamps import CENTRE, COLUMNS
from ceres_fast.truth import read_truth

from ..tiny_field import EXPOSURE, HOT, RATE, SCALE, SEEING, STARS, START, STEP, make_wcs, place


def tables_of(field, rules=None, **options):
    tables, counts = zip(
        *survey_tables([field.folder], read_truth(field.truth), rules or Rules(), **options), strict=True
    )
    total = sum(counts, start=Counter())
    # Whatever happens, every frame and every detection is accounted for.
    reconcile([Made("frames", total, rows := sum(map(len, tables)))], {}, rows)
    return tables, total


def test_asteroids_become_stamps_and_what_stays_does_not(field):
    (table,), counts = tables_of(field)
    assert table.colnames == ["stamp", *(column.name for column in COLUMNS)]
    assert sorted(table["designation"].tolist()) == ["A1"] * 4 + ["A2"] * 4
    assert (table["label"] == 1).all()
    assert {name: counts[name] for name in ("frames", "detections", "stationary", "asteroid", "validated")} == {
        "frames": 4,
        "detections": 36,
        "stationary": 28,
        "asteroid": 8,
        "validated": 8,
    }
    assert {name for name in counts if not name.startswith(TRACKS)} <= {*COUNTS, "validated at 0.1-0.2 arcsec/min"}
    for row in table:
        number = int(row["frame"][-1]) - 1
        x, y = place(row["designation"], number)
        assert (row["x"], row["y"]) == pytest.approx((x, y), abs=0.1)
        assert row["source"] == f"F0001/resamp/F0001-{number + 1}.fits"
        detection = read_catalogue(field.catalogue(number)).table[row["row"] - 1]
        assert (detection["X_IMAGE"], detection["Y_IMAGE"]) == (row["x"], row["y"])
        stamp, padded, _ = cut_stamps(read_frame(field.frames[number]).data, [row["x"]], [row["y"]])
        np.testing.assert_array_equal(row["stamp"][..., 0], stamp[0])
        assert row["padded"] == padded[0]
        assert row["stamp"][CENTRE, CENTRE] > 250
    row = table[0]
    known = {name: row[name] for name in ("field", "ccd", "filter", "exposure", "seeing", "gain", "saturation")}
    assert known == {
        "field": "F0001",
        "ccd": "CCD4",
        "filter": "r",
        "exposure": 60,
        "seeing": SEEING,
        "gain": 2.8,
        "saturation": 60000,
    }
    assert (row["magnitude"], row["rate"], row["position_angle"], row["flags"]) == (20.5, RATE, 80.0, 0)
    assert row["pixel_scale"] == pytest.approx(SCALE)
    others = [(x, y) for x, y in STARS] + [place("A2", 0)[:2]]
    x, y = place("A1", 0)
    assert table[table["designation"] == "A1"][0]["neighbour"] == pytest.approx(
        min(SCALE * np.hypot(x - a, y - b) for a, b in [*others, (HOT[1] + 2, HOT[0] + 2)]), abs=0.2
    )


def test_without_the_rule_everything_else_is_a_non_asteroid(field):
    (table,), counts = tables_of(field, Rules(remove_stationary=False))
    assert counts["non_asteroid"] == (table["label"] == 0).sum() == 28
    assert counts["asteroid"] == 8
    others = table[table["label"] == 0]
    assert set(others["designation"]) == {""}
    assert np.isnan(others["rate"]).all()
    assert np.isfinite(others["magnitude"]).all()


def test_unvalidated_asteroids_are_set_aside(field):
    text = field.truth.read_text().splitlines()
    field.truth.write_text("\n".join(line[:-1] + "0" if line.startswith("A2") else line for line in text) + "\n")
    (table,), counts = tables_of(field)
    assert set(table["designation"]) == {"A1"}
    assert counts["set_aside"] == 4
    assert counts["validated"] == 4


def test_lost_asteroids_are_counted_by_cause(field):
    lines = field.truth.read_text().splitlines()
    star = "S,{},{},{},19,0.05,0,1"
    catalogue = read_catalogue(field.catalogue(0)).table
    bright = catalogue[np.argmin(np.hypot(catalogue["X_IMAGE"] - STARS[3][0], catalogue["Y_IMAGE"] - STARS[3][1]))]
    times = [lines[1 + 2 * number].split(",")[1] for number in range(4)]
    lines += [star.format(time, bright["ALPHA_J2000"], bright["DELTA_J2000"]) for time in times]
    lines += [f"N,{times[0]},{bright['ALPHA_J2000']},{bright['DELTA_J2000'] + 0.002},19,,0,1"]
    lines += [f"OUT,{times[0]},{bright['ALPHA_J2000']},{bright['DELTA_J2000'] + 1},19,1,0,1"]
    lines = [line for line in lines if not (line.startswith("A2") and line.split(",")[1] in times[:2])]
    field.truth.write_text("\n".join(lines) + "\n")
    _, counts = tables_of(field)
    lost = {name: value for name, value in counts.items() if name.startswith(("lost", "validated"))}
    assert lost == {
        "validated": 11,
        "lost_stationary": 4,
        "lost_not_detected": 1,
        "lost_set_aside": 2,
        "lost_stationary at 0-0.1 arcsec/min": 4,
        "validated at 0-0.1 arcsec/min": 4,
        "validated at 0.1-0.2 arcsec/min": 6,
        "validated at unknown rate": 1,
    }


def test_contested_asteroids_are_dropped_and_counted(field):
    table = read_catalogue(field.catalogue(0)).table
    index = int(np.argmin(np.hypot(table["X_IMAGE"] - place("A1", 0)[0], table["Y_IMAGE"] - place("A1", 0)[1])))
    table.add_row(table[index])
    table["Y_IMAGE"][-1] += 2
    table["DELTA_J2000"][-1] += 2 * SCALE / 3600
    write_table(table, field.catalogue(0), "ASCII_HEAD")
    (stamps,), counts = tables_of(field)
    assert counts["contested"] == 2
    assert counts["lost_contested"] == 1
    assert (stamps["designation"] == "A1").sum() == 3


def test_where_chooses_frames_and_detections(field):
    (table,), _ = tables_of(field, where=[("FILTER", ["r"]), ("FLAGS", ["0"])])
    assert set(table["flags"]) == {0}
    _, none = tables_of(field, where=[("FILTER", ["z"])])
    assert none["frames_not_selected"] == 4
    assert none["frames"] == 0
    with pytest.raises(InputError, match="--where names MOON"):
        tables_of(field, where=[("MOON", ["full"])])


def test_memory_is_that_of_one_frame(field, monkeypatch):
    alive = []

    def read(path, hdu, camera):
        frame = read_frame(path, hdu, camera)
        alive.append(frame)
        assert len(alive) == 1
        alive.clear()
        return frame

    monkeypatch.setattr("ceres_fast.selection.cutting.read_frame", read)
    (table,), _ = tables_of(field)
    assert table["stamp"].base is None or table["stamp"].nbytes < 10 * len(table) * 4096


def damage(field, how):
    """Make the third exposure unusable; return what the message must say."""
    frame, catalogue = field.frames[2], field.catalogue(2)
    match how:
        case "frame cut":
            frame.write_bytes(frame.read_bytes()[:-9000])
            return r"F0001-3\.fits: is not a readable FITS"
        case "frame empty":
            frame.write_bytes(b"")
            return r"F0001-3\.fits: is empty"
        case "frame constant":
            with fits.open(frame, mode="update") as hdus:
                hdus[0].data[:] = 7
            return r"F0001-3\.fits: every pixel is 7"
        case "no time":
            with fits.open(frame, mode="update") as hdus:
                del hdus[0].header["MJD-OBS"]
            return r"F0001-3\.fits: its header does not say when"
        case "no sky":
            with fits.open(frame, mode="update") as hdus:
                del hdus[0].header["CTYPE1"]
            table = read_catalogue(catalogue).table
            table.remove_columns(["ALPHA_J2000", "DELTA_J2000"])
            write_table(table, catalogue, "ASCII_HEAD")
            return r"F0001-3\.fits: neither its header nor its catalogue"
        case "no catalogue":
            catalogue.unlink()
            return r"F0001-3\.fits: has no catalogue"
        case "no positions":
            table = read_catalogue(catalogue).table
            table.remove_column("X_IMAGE")
            write_table(table, catalogue, "ASCII_HEAD")
            return r"F0001-3\.cat: has no positions"
        case "other frame":
            table = read_catalogue(catalogue).table
            table["X_IMAGE"] += 1000
            write_table(table, catalogue, "ASCII_HEAD")
            return r"F0001-3\.cat: 9 of its 9 positions are outside"
        case "catalogue cut":
            catalogue.write_bytes(catalogue.read_bytes()[:-30])
            return r"F0001-3\.cat, row 9: has"
    raise AssertionError(how)


@pytest.mark.parametrize(
    "how",
    [
        "frame cut",
        "frame empty",
        "frame constant",
        "no time",
        "no sky",
        "no catalogue",
        "no positions",
        "other frame",
        "catalogue cut",
    ],
)
def test_bad_exposures_stop_or_are_left_out_and_counted(field, how):
    problem = damage(field, how)
    with pytest.raises(InputError, match=problem):
        tables_of(field)
    tables, counts = tables_of(field, on_error="skip")
    rows = [row for table in tables for row in table]
    assert sorted({row["frame"] for row in rows}) == ["F0001-1", "F0001-2", "F0001-4"]
    assert sum(row["label"] for row in rows) == 6
    assert counts["bad_frames"] == 1
    assert counts["frames"] == 3


def with_hole(field):
    x, y = place("A1", 1)
    with fits.open(field.frames[1], mode="update") as hdus:
        hdus[0].data[round(y) + 4, round(x) - 1 : round(x) + 2] = np.nan


def test_missing_pixels_are_an_error_by_default(field):
    with_hole(field)
    with pytest.raises(InputError, match=r"F0001-2\.cat, row \d: the stamp at x=.*F0001-2\.fits has 3 missing pixels"):
        tables_of(field)


def test_stamps_with_missing_pixels_are_left_out_or_filled(field):
    with_hole(field)
    (table,), counts = tables_of(field, on_error="skip")
    assert (len(table), counts["bad_stamps"], counts["lost_other"]) == (7, 1, 1)
    (table,), counts = tables_of(field, nan="fill")
    assert (len(table), counts["filled_stamps"]) == (8, 1)
    (row,) = table[table["filled"] > 0]
    assert (row["designation"], row["frame"], row["filled"]) == ("A1", "F0001-2", 3)
    assert np.isfinite(row["stamp"]).all()


def test_stamps_with_too_few_pixels_are_left_out_and_counted(field):
    x, y = place("A1", 1)
    with fits.open(field.frames[1], mode="update") as hdus:
        hdus[0].data[round(y) - 2 : round(y) + 1, round(x) - 1] = np.nan  # a bad column through the asteroid
    (table,), counts = tables_of(field, nan="fill")
    assert (len(table), counts["few_pixels"], counts["bad_stamps"], counts["lost_other"]) == (7, 1, 0, 1)
    assert not ((table["designation"] == "A1") & (table["frame"] == "F0001-2")).any()
    with pytest.raises(InputError, match=r"F0001-2\.cat, row \d: the stamp at x=.* has 3 missing pixels"):
        tables_of(field)


def test_constant_stamps_are_bad_even_when_filling(field):
    x, y = place("A1", 1)
    with fits.open(field.frames[1], mode="update") as hdus:
        hdus[0].data[int(y) - 20 : int(y) + 20, int(x) - 20 : int(x) + 20] = 5
    with pytest.raises(InputError, match="the same value in every pixel"):
        tables_of(field, nan="fill")
    _, counts = tables_of(field, nan="fill", on_error="skip")
    assert counts["bad_stamps"] == 1


def test_truth_of_another_night_is_refused(field):
    field.truth.write_text(field.truth.read_text().replace(",60310.", ",60311."))
    with pytest.raises(CeresFastError, match=r"asteroids\.csv: none of its 8 rows is in any frame"):
        tables_of(field)


def test_exposures_without_detections_are_kept(field):
    catalogue = read_catalogue(field.catalogue(3))
    write_table(catalogue.table[:0], field.catalogue(3), "ASCII_HEAD")
    (table,), counts = tables_of(field)
    assert len(table) == 6
    assert counts["frames"] == 4
    assert counts["lost_not_detected"] == 2


def test_a_single_exposure_is_counted_as_such(field):
    (group,) = group_exposures([read_info(field.frames[0])])
    table, counts = field_stamps(group, read_truth(field.truth), Rules())
    assert counts["single_exposures"] == 1
    assert counts["stationary"] == 0
    assert len(table) == counts["detections"] == 9
    assert set(table["source"]) == {"F0001-1.fits"}


def test_fields_are_found_in_several_sources(field):
    fields, counts = survey_fields([field.frames[0], field.folder], where=[("FILTER", ["r"])])
    assert [[info.frame for info in group] for group in fields] == [[f"F0001-{number}" for number in (1, 2, 3, 4)]]
    assert counts == {"frames_found": 4}


def test_no_machine_path_is_in_the_table(field, tmp_path):
    (table,), _ = tables_of(field)
    for column in COLUMNS:
        if column.dtype is str:
            assert not any(str(tmp_path) in value for value in table[column.name])


def test_same_input_same_table(field):
    first, second = tables_of(field)[0][0], tables_of(field)[0][0]
    assert first.colnames == second.colnames
    for name in first.colnames:
        np.testing.assert_array_equal(first[name], second[name])


def test_a_copy_of_an_exposure_is_skipped_where_asked(field, write_frame):
    copy = write_frame("night/F0001/resamp/copy.fits", 0)
    (copy.parents[1] / "sextractor_cat/copy.cat").write_bytes(field.catalogue(0).read_bytes())
    with pytest.raises(InputError, match="has the field, CCD and time of"):
        tables_of(field)
    (table,), counts = tables_of(field, on_error="skip")
    assert (len(table), counts["bad_frames"], counts["frames"]) == (8, 1, 4)


def test_filling_is_not_offered_where_nothing_is_left_to_fill_with(field):
    x, y = place("A1", 1)
    with fits.open(field.frames[1], mode="update") as hdus:
        hdus[0].data[int(y) - 20 : int(y) + 20, int(x) - 20 : int(x) + 20] = np.nan
    for nan in ("error", "fill"):
        with pytest.raises(InputError, match=r"1024 missing pixels \(NaN\).*Pass --on-error skip"):
            tables_of(field, nan=nan)


def test_rejected_flags_are_counted(field):
    for number in range(4):
        table = read_catalogue(field.catalogue(number)).table
        distance = np.hypot(table["X_IMAGE"] - place("A1", number)[0], table["Y_IMAGE"] - place("A1", number)[1])
        table["FLAGS"] = np.where(distance < 2, 16 + 4, 16)
        write_table(table, field.catalogue(number), "ASCII_HEAD")
    (table,), counts = tables_of(field, Rules(reject_flags=4))
    assert set(table["designation"]) - {""} == {"A2"}
    assert counts["rejected_flags"] == 4
    assert counts["lost_other"] == 4
    _, counts = tables_of(field, Rules(reject_flags=3))
    assert counts["rejected_flags"] == 0


READABLE = {"frame cut": 9, "frame empty": 9, "frame constant": 9, "no time": 9, "no sky": 9, "other frame": 9}


@pytest.mark.parametrize("how", [*READABLE, "no catalogue", "no positions", "catalogue cut"])
def test_the_detections_of_a_bad_frame_are_counted_where_they_can_be(field, how):
    damage(field, how)
    _, counts = tables_of(field, on_error="skip")
    assert counts["detections"] == 27 + READABLE.get(how, 9 if how == "no positions" else 0)
    # Those of a frame that is found bad last of all were told apart before.
    lost = counts["bad_frame_detections"]
    assert lost == (2 if how == "frame constant" else counts["detections"] - 27)


def test_detections_outside_the_frame_stop_or_are_left_out_and_counted(field):
    table = read_catalogue(field.catalogue(1)).table
    for _ in range(30):
        table.add_row(table[0])
    table["X_IMAGE"][-3:], table["Y_IMAGE"][-3:] = [250.0, 100.0, -17.0], [100.0, 300.0, 100.0]
    table.remove_columns(["ALPHA_J2000", "DELTA_J2000"])
    write_table(table, field.catalogue(1), "ASCII_HEAD")
    rules = Rules(remove_stationary=False)
    with pytest.raises(InputError, match=r"F0001-2\.cat, row 37: x=250\.0, y=100\.0 is outside .*, as are 2 others"):
        tables_of(field, rules)
    _, counts = tables_of(field, rules, on_error="skip")
    assert counts["outside_frame"] == 3
    assert counts["bad_stamps"] == 0


def test_an_empty_catalogue_is_said(field, capsys):
    catalogue = read_catalogue(field.catalogue(1))
    write_table(catalogue.table[:0], field.catalogue(1), "ASCII_HEAD")
    _, counts = tables_of(field)
    assert counts["empty_catalogues"] == 1
    assert "F0001-2.cat: has no rows" in capsys.readouterr().err


def test_of_two_exposures_of_which_one_is_empty_nothing_is_told(field):
    catalogue = read_catalogue(field.catalogue(1))
    write_table(catalogue.table[:0], field.catalogue(1), "ASCII_HEAD")
    (group,) = group_exposures([read_info(frame) for frame in field.frames[:2]])
    _, counts = field_stamps(group, read_truth(field.truth), Rules())
    assert (counts["single_exposures"], counts["stationary"]) == (1, 0)


def test_what_the_rule_for_stationary_detections_costs_is_counted(field):
    _, counts = tables_of(field, needs=2)
    assert counts["random_places"] > 10_000
    assert counts["random_by_chance"] <= Rules().chance * counts["random_places"]
    assert 0 < counts["random_on_sources"] < 0.01 * counts["random_places"]
    heading, rows = cost_rows(counts)
    assert heading[1] == "exposures needed"
    assert {row[1] for row in rows} == {"2"}
    assert rows
    _, kept = tables_of(field, Rules(remove_stationary=False))
    assert not any(name.startswith(("random", TRACKS)) for name in kept)


def near_in_time(field):
    """Make the exposures of the field 3 min apart, but for the truth."""
    lines = field.truth.read_text()
    for number, frame in enumerate(field.frames):
        fits.setval(frame, "MJD-OBS", value=START + number * 180 / 86400 - EXPOSURE / 2 / 86400)
        lines = lines.replace(f",{START + number * STEP:.8f},", f",{START + number * 180 / 86400:.8f},")
    field.truth.write_text(lines)


def test_exposures_too_near_in_time_are_refused_or_left_out(field):
    near_in_time(field)
    with pytest.raises(InputError, match=r"F0001-1\.fits: nothing can be called stationary: .* 9 min apart.*--slowest"):
        tables_of(field)
    (table,), counts = tables_of(field, on_error="skip")
    assert len(table) == 0
    assert (counts["bad_frames"], counts["bad_frame_detections"]) == (4, 36)
    (table,), counts = tables_of(field, Rules(slowest=0.5))
    assert (len(table), counts["stationary"], counts["not_compared"]) == (8, 28, 0)


def test_fixed_sources_make_up_for_exposures_too_near_in_time(field, tmp_path):
    near_in_time(field)
    stars = make_wcs().all_pix2world(STARS, 1)
    (tmp_path / "static.csv").write_text("ra,dec\n" + "".join(f"{ra:.8f},{dec:.8f}\n" for ra, dec in stars))
    (table,), counts = tables_of(field, static=tmp_path / "static.csv")
    assert counts["stationary"] == 24  # the stars; hot pixels need exposures that are compared
    assert (len(table), counts["asteroid"], counts["not_compared"]) == (12, 8, 12)


def test_a_field_without_anything_stationary_is_refused_or_left_out(field):
    places = np.random.default_rng(0).uniform(1, (200, 160), (4, 50, 2))
    for number in range(4):
        table = Table({"X_IMAGE": places[number, :, 0], "Y_IMAGE": places[number, :, 1]})
        write_table(table, field.catalogue(number), "ASCII_HEAD")
    with pytest.raises(InputError, match=r"F0001-1\.fits: .* detections .* (is|are) stationary.*wrong WCS"):
        tables_of(field)
    _, counts = tables_of(field, on_error="skip")
    assert (counts["bad_frames"], counts["bad_frame_detections"]) == (4, 200)
