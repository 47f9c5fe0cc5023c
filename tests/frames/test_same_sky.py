"""Names of fields that the sky corrects: dithers in OBJECT, one word for all pointings, no name, CCDs without names."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import InputError
from ceres_fast.frames.exposures import group_exposures, only_no_sky, without_no_sky
from ceres_fast.frames.info import FrameInfo
from ceres_fast.frames.same_sky import SAME_PLACE, named_by_sky

SHAPE = (1000, 800)
SCALE = 0.5
SHORT, LONG = 800 * SCALE / 3600, 1000 * SCALE / 3600
"""Sides, deg."""

MINUTE = 1 / 1440


def info(name, field="F1", minutes=0.0, ra=150.0, dec=2.0, ccd="", **other):
    return FrameInfo(
        Path(f"{name}.fits"),
        name,
        field,
        ccd,
        60000.9 + minutes * MINUTE,
        pixel_scale=SCALE,
        shape=SHAPE,
        centre=(ra % 360, dec),
        **other,
    )


def groups_of(infos):
    return sorted([frame.frame for frame in group] for group in group_exposures(infos))


def shifted(ra, dec, along, angle):
    """Return a place `along` deg away in a direction (rad)."""
    to, start = math.radians(along), math.radians(dec)
    north = math.asin(math.sin(start) * math.cos(to) + math.cos(start) * math.sin(to) * math.cos(angle))
    east = math.atan2(
        math.sin(angle) * math.sin(to) * math.cos(start), math.cos(to) - math.sin(start) * math.sin(north)
    )
    return (ra + math.degrees(east)) % 360, math.degrees(north)


places = st.tuples(st.floats(10, 350), st.floats(-90, 90))


@given(places, st.lists(st.tuples(st.floats(0, 0.9), st.floats(0, 2 * math.pi)), min_size=1, max_size=6))
def test_exposures_of_one_place_are_one_field_whatever_they_are_called(place, dithers):
    infos = [info("0", "dither 0", 0, *place)]
    for number, (along, angle) in enumerate(dithers, 1):
        there = shifted(*place, SAME_PLACE * SHORT * along, angle)
        infos.append(info(str(number), f"dither {number}", 20 * number, *there))
    (group,) = group_exposures(infos)
    assert [frame.field for frame in group] == ["dither 0"] * len(infos)


@given(places, st.floats(1.01, 30), st.floats(0, 2 * math.pi))
def test_neighbouring_fields_stay_apart(place, along, angle):
    there = shifted(*place, SAME_PLACE * SHORT * along, angle)
    infos = [info("a1", "A", 0, *place), info("a2", "A", 20, *place)]
    infos += [info("b1", "B", 5, *there), info("b2", "B", 25, *there)]
    assert named_by_sky(infos) == infos
    assert groups_of(infos) == [["a1", "a2"], ["b1", "b2"]]


@given(places, st.floats(0, 0.99), st.floats(0, 2 * math.pi), st.integers(2, 9))
def test_names_that_agree_and_overlap_are_left_alone(place, along, angle, number):
    """A telescope may drift by more than a frame in a night, a little at a time."""
    infos = []
    for exposure in range(number):
        infos.append(info(str(exposure), "F1", 20 * exposure, *place))
        place = shifted(*place, LONG * along, angle)
    assert named_by_sky(infos) == infos
    assert len(group_exposures(infos)) == 1


@given(places, st.floats(1.01, 30), st.floats(0, 2 * math.pi))
def test_one_name_for_several_places_is_several_fields(place, along, angle):
    there = shifted(*place, LONG * along, angle)
    infos = [info("a1", "survey", 0, *place), info("b1", "survey", 5, *there)]
    infos += [info("a2", "survey", 20, *place), info("b2", "survey", 25, *there)]
    first, second = sorted(group_exposures(infos), key=lambda group: group[0].frame)
    assert [[frame.frame for frame in group] for group in (first, second)] == [["a1", "a2"], ["b1", "b2"]]
    assert {frame.field for frame in first} == {f"survey {place[0]:.3f}{place[1]:+.3f}"}
    assert {frame.field for frame in second} == {f"survey {there[0]:.3f}{there[1]:+.3f}"}


@pytest.mark.parametrize("ra", [0.0, 359.999])
def test_right_ascension_0_and_the_pole_are_places_like_others(ra):
    infos = [info(str(number), f"d{number}", 20 * number, ra + 0.004 * number, 30.0) for number in range(3)]
    assert len(group_exposures(infos)) == 1
    infos = [info(str(number), f"d{number}", 20 * number, 120.0 * number, 89.999) for number in range(3)]
    assert len(group_exposures(infos)) == 1


def test_what_is_joined_and_what_is_split_is_said_once(capsys):
    infos = [info(f"{f}-{e}", f"F{f} dither {e}", 20 * e + f, 150.0 + f) for f in range(6) for e in range(4)]
    assert [len(group) for group in group_exposures(infos)] == [4] * 6
    (message,) = capsys.readouterr().err.splitlines()
    assert "24 frames whose names differ ('F0 dither 0', 'F0 dither 1', 'F0 dither 2' and 21 more)" in message
    assert "they are 6 fields, named after the first exposures ('F0 dither 0', " in message
    group_exposures([info(f"{f}-{e}", "unknown", 20 * e + f, 150.0 + f) for f in range(6) for e in range(4)])
    (message,) = capsys.readouterr().err.splitlines()
    assert "24 frames are called 'unknown' (OBJECT) and show 6 places that do not overlap" in message
    group_exposures([info(f"{f}-{e}", f"F{f}", 20 * e + f, 150.0 + f) for f in range(6) for e in range(4)])
    assert not capsys.readouterr().err


def test_frames_without_a_name_are_grouped_by_where_they_point(capsys):
    infos = [info(f"{place}-{e}", "", 20 * e + place, 150.0 + place) for place in range(2) for e in range(3)]
    groups = group_exposures([*infos, info("alone", "", 3, 170.0)])
    assert [[frame.field for frame in group] for group in groups] == [
        ["150.000+2.000"] * 3,
        ["151.000+2.000"] * 3,
        [""],
    ]
    assert "6 frames whose names differ or are missing (no name)" in capsys.readouterr().err
    infos[1] = info("0-1", "M31", 20)
    assert {frame.field for frame in group_exposures(infos)[-1]} == {"M31"}


def test_ccds_are_not_mixed():
    infos = [
        info(f"{ccd}-{e}", f"dither {e}", 20 * e, 150.0 + 0.001 * e, ccd=ccd) for ccd in ("1", "2") for e in range(3)
    ]
    assert groups_of(infos) == [["1-0", "1-1", "1-2"], ["2-0", "2-1", "2-2"]]


@pytest.mark.parametrize("same_name", [True, False])
def test_ccds_without_names_are_told_apart_by_the_sky(same_name):
    side = SHORT * 1.02
    infos = [
        info(f"{ccd}-{e}", "F1" if same_name else f"dither {e}", 20 * e, 150 + ccd * side + 0.004 * e)
        for ccd in range(4)
        for e in range(3)
    ]
    assert groups_of(infos) == [[f"{ccd}-{e}" for e in range(3)] for ccd in range(4)]


def test_ccds_of_a_file_are_one_pointing():
    infos = [
        info(f"{p}{e}[{part}]", "survey", 20 * e + p, 150 + p + 0.2 * part, ccd=str(part), part=part)
        for p in range(2)
        for e in range(2)
        for part in range(2)
    ]
    infos = [FrameInfo(**{**vars(each), "path": Path(each.frame[:2])}) for each in infos]
    assert {group[0].field for group in group_exposures(infos)} == {"survey 150.000+2.000", "survey 151.000+2.000"}


def test_nights_stay_apart():
    infos = [info(f"{night}{e}", f"{night} {e}", 1440 * night + 20 * e) for night in range(3) for e in range(2)]
    assert groups_of(infos) == [["00", "01"], ["10", "11"], ["20", "21"]]


def test_where_the_place_is_not_known_the_name_counts():
    bare = {"ra": math.nan, "dec": math.nan}
    infos = [info("a", "F1", 0), info("b", "F1", 20, **bare), info("c", "F1", 40), info("d", "F2", 60, **bare)]
    assert groups_of(infos) == [["a", "b", "c"], ["d"]]
    assert groups_of([*infos, info("e", "F1 again", 80)]) == [["a", "b", "c", "e"], ["d"]]


def test_a_place_that_says_nothing_is_none():
    """Coordinates of (0, 0) are those of a header that nobody filled in."""
    infos = [info(f"{f}{e}", f"F{f}", 20 * e + f, 0.01, 0.0) for f in range(2) for e in range(2)]
    assert groups_of(infos) == [["00", "01"], ["10", "11"]]


def test_two_names_at_one_place_and_time_are_a_contradiction(capsys):
    infos = [info(f"{f}{e}", f"F{f}", 20 * e) for f in range(2) for e in range(2)]
    assert groups_of(infos) == [["00", "01"], ["10", "11"]]
    assert (
        "00.fits and 10.fits have the same place, CCD and time, and two names ('F0', 'F1')" in capsys.readouterr().err
    )


def test_the_same_exposure_twice_is_refused_whatever_it_says(capsys):
    with pytest.raises(InputError, match=r"b\.fits: has the field, CCD and time of a\.fits"):
        group_exposures([info("a", ""), info("b", ""), info("c", "", 20)])


def test_places_that_were_exposed_once_stay_together():
    infos = [info(str(number), "survey", 20 * number, 150.0 + number) for number in range(3)]
    assert groups_of(infos) == [["0", "1", "2"]]


def test_an_exposure_that_points_elsewhere_leaves_the_name_to_the_others():
    infos = [info(str(number), "F1", 20 * number, 150.0 + (number == 1)) for number in range(4)]
    assert [[frame.field for frame in group] for group in group_exposures(infos)] == [["F1"] * 3, ["F1 151.000+2.000"]]


def test_many_frames_are_grouped():
    random = np.random.default_rng(1)
    many = [info(str(n), f"name {n}", 0.05 * n, 120.0 + (n % 1000) * 0.05, 2.0) for n in range(4000)]
    assert len(group_exposures(many)) == 1000
    same = [info(str(n), f"name {n}", 0.05 * n, 120.0 + random.uniform(0, 0.01), 2.0) for n in range(4000)]
    assert len(group_exposures(same)) == 1


def test_frames_that_show_no_sky_are_counted_and_named(capsys):
    dark, bias = (info(name, no_sky=f"IMAGETYP = '{name}'") for name in ("dark", "bias"))
    sky = [info("light")]
    assert without_no_sky(sky) == (sky, 0)
    assert without_no_sky([]) == ([], 0)
    assert not capsys.readouterr().err
    assert without_no_sky([dark, *sky, dark, bias]) == (sky, 3)
    said = " ".join(capsys.readouterr().err.split())
    assert "3 frames left out" in said
    assert "dark.fits (IMAGETYP = 'dark'), bias.fits (IMAGETYP = 'bias')" in said
    with pytest.raises(InputError, match=r"dark\.fits: is no exposure of the sky.*IMAGETYP = 'dark'.*all 2 frames"):
        without_no_sky([dark, bias])
    assert "frames that were given" not in str(only_no_sky([dark]))
