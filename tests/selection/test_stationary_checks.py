"""A field in which stationary detections cannot have been told is refused, and the cause named."""

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.errors import InputError
from ceres_fast.selection.rules import Rules
from ceres_fast.selection.stationary import find_stationary
from ceres_fast.selection.stationary_checks import check_field, why_not_compared

from .stationary_fields import APART, DITHERS, FAST, FOUR, LONG, PAIR, SCALE, compare, exposure, survey


def check(exposures, static=None, **rules):
    found, comparison = find_stationary(exposures, Rules(**rules), static)
    check_field(exposures, found, comparison)


def why(exposures, static=None, **rules):
    return why_not_compared(exposures, *find_stationary(exposures, Rules(**rules), static))


@pytest.mark.parametrize("minutes", [PAIR, FOUR, LONG], ids=["pair", "four", "long"])
@pytest.mark.parametrize("density", [40, 300, 3000])
def test_fields_as_they_are_pass(minutes, density):
    check(survey(minutes, density, pointings=DITHERS).exposures)


@pytest.mark.parametrize("stars", [0.02, 0.98])
def test_fields_of_hardly_any_or_mostly_stars_pass(stars):
    check(survey(FOUR, 1000, stars=stars).exposures)


def at(minutes, each):
    return each._replace(info=dataclasses.replace(each.info, mjd=60000 + minutes / 1440))


def test_exposures_given_twice_are_named():
    (one,) = survey((0,), 200).exposures
    with pytest.raises(InputError, match="are called stationary") as error:
        check([one, at(30, one)])
    assert "given twice" in str(error.value)
    assert str(one.info.place) in str(error.value)


def test_a_copy_among_other_exposures_is_named():
    stars = np.random.default_rng(1).uniform(1, 1000, (100, 2))
    exposures = [exposure(stars + 0.1 * n, t) for n, t in enumerate(FOUR)]
    with pytest.raises(InputError, match="are called stationary") as error:
        check([*exposures[:3], at(45, exposures[0])])
    assert "given twice" in str(error.value)


def test_only_stars_is_not_believed():
    stars = np.random.default_rng(1).uniform(1, 1000, (100, 2))
    with pytest.raises(InputError, match="400 of the 400") as error:
        check([exposure(stars + 0.1 * n, t) for n, t in enumerate(FOUR)])
    assert "given twice" in str(error.value)
    assert "--keep-stationary" in str(error.value)
    assert "leave out exposures" not in str(error.value)


def test_a_dense_field_is_named():
    random = np.random.default_rng(2)
    exposures = [exposure(random.uniform(1, 200, (50_000, 2)), t, shape=(200, 200)) for t in PAIR]
    with pytest.raises(InputError, match="are called stationary") as error:
        check(exposures)
    assert "so dense that 100% of random places seem to be occupied" in str(error.value)


@pytest.mark.parametrize("density", [100, 300, 3000])
def test_wrong_coordinates_are_named_though_chance_calls_some_stationary(density):
    random = np.random.default_rng(3)
    exposures = [
        each._replace(
            x=each.x + x,
            y=each.y + y,
            ra=each.ra + random.normal(0, 0.05),
            dec=each.dec + random.normal(0, 0.05),
            wcs=None,
        )
        for each, (x, y) in zip(survey(FOUR, density).exposures, DITHERS, strict=False)
    ]
    with pytest.raises(InputError, match=r"detections of its field.s 4 exposures (is|are) stationary") as error:
        check(exposures)
    assert "wrong WCS or a wrong time" in str(error.value)


def test_missing_coordinates_of_dithered_exposures_are_named():
    exposures = survey(FOUR, 300, pointings=[(100 * x, 100 * y) for x, y in DITHERS], sky=False).exposures
    with pytest.raises(InputError, match=r"(is|are) stationary") as error:
        check(exposures)
    assert "give a WCS" in str(error.value)


def test_without_coordinates_the_target_of_a_telescope_that_follows_it_is_not_believed():
    """All but the target moves on the detector, and no exposure says where it points."""
    random = np.random.default_rng(6)
    exposures = [
        exposure(
            random.uniform(-500, 1500, (300, 2)), t, (-3 * t, 0), on_detector=[(500, 500)], shape=(1000, 1000),
            cut=True, sky=False,
        )
        for t in LONG
    ]  # fmt: skip
    assert all(mask[-1] for mask in compare(*exposures).found.stays)
    with pytest.raises(InputError, match="have positions on the sky"):
        check(exposures)


def test_small_fields_are_left_alone():
    stars = np.random.default_rng(4).uniform(1, 1000, (24, 2))
    check([exposure(stars + 0.1 * n, t) for n, t in enumerate(FOUR)])
    check([exposure(stars, t) for t in FOUR])
    check([exposure(stars + 40 * n, t) for n, t in enumerate(FOUR)])
    check([exposure([], t) for t in FOUR])
    check([])


def test_what_was_not_compared_is_not_judged():
    (one,) = survey((0,), 300).exposures
    check([one, at(5, one)])
    check([one])
    check([one, at(30, one)], remove_stationary=False)


# Too near in time


def slowest_of(message: str) -> float:
    return float(message.rpartition("--slowest ")[2])


def test_exposures_too_near_in_time_are_told_which_cadence_and_rate_would_do():
    exposures = survey(FAST, 300).exposures
    message = why(exposures)
    assert "4 exposures are 8 min apart" in message
    assert "asteroid of 0.1 arcsec/min looks like a star" in message
    assert f"exposures {math.ceil(APART * 10 + 1e-4) / 10:g} min apart or more" in message
    assert slowest_of(message) == pytest.approx(math.ceil(APART / 8 * 10 + 1e-4) / 100)
    assert compare(*exposures, slowest=slowest_of(message)).partners.any()
    assert not compare(*exposures, slowest=0.099 * APART / 8).partners.any()


@given(
    st.lists(st.floats(0, 9), min_size=2, max_size=6),
    st.lists(st.floats(0.9, 9), min_size=6, max_size=6),
    st.sampled_from([0.05, 0.1, 0.23]),
)
def test_what_the_message_names_works(minutes, seeing, slowest):
    exposures = [exposure([(5, 5)], t, seeing=s) for t, s in zip(minutes, seeing, strict=False)]
    comparison = compare(*exposures, slowest=slowest)
    message = why(exposures, slowest=slowest)
    judged = np.concatenate(comparison.found.compared)
    if comparison.partners.any():
        assert (message == "") == (judged.mean() >= 0.5)
        assert not message or message.startswith(f"{(~judged).sum()} of the {len(judged)} detections")
        return
    assert message
    if "--slowest" in message:
        asked = slowest_of(message)
        assert compare(*exposures, slowest=asked).partners.any()
        assert not compare(*exposures, slowest=asked * 0.89).partners.any()
    cadence = float(message.rpartition(": exposures ")[2].partition(" min")[0])
    farther = [at(cadence * n, each) for n, each in enumerate(exposures)]
    assert (compare(*farther, slowest=slowest).partners | np.eye(len(farther), dtype=bool)).all()
    assert why(farther, slowest=slowest) == ""


def test_unknown_times_are_named():
    exposures = [exposure([(5, 5)], math.nan) for _ in range(2)]
    assert why(exposures) == "the times of its exposures are not known"
    some = [*exposures, exposure([(5, 5)]), exposure([(5, 5)], 6)]
    assert slowest_of(why(some)) == pytest.approx(0.1 * APART / 6, abs=0.0101)


def test_exposures_of_one_time_get_no_rate():
    pair = [exposure([(5, 5)]), exposure([(5, 5)])]
    message = why(pair)
    assert "--slowest" not in message
    assert "0 min apart" in message


def test_where_some_are_compared_or_there_is_one_nothing_is_said():
    field = [exposure([(5, 5)], t) for t in (0, 5, 30)]
    assert why(field) == ""
    assert why(field[:1]) == ""
    assert why(field, remove_stationary=False) == ""
    assert why([]) == ""


def test_exposures_without_rows_are_ignored():
    pair = [exposure([(5, 5)]), exposure([(5, 5)], 5)]
    message = why([*pair, exposure([], 60), exposure([], math.nan), exposure([], 300, seeing=9.0)])
    assert message.partition(" exposures ")[2] == why(pair).partition(" exposures ")[2]
    assert "are 5 min apart" in message
    assert slowest_of(message) == slowest_of(why(pair))
    assert why([*pair, exposure([], 60), exposure([(5, 5)], 30)]) == ""
    unknown = [exposure([(5, 5)], math.nan) for _ in range(2)]
    assert why([*unknown, exposure([]), exposure([], 60)]) == "the times of its exposures are not known"


def test_where_fewer_than_two_exposures_have_rows_nothing_is_said():
    assert why([exposure([], t) for t in FOUR]) == ""
    assert why([exposure([(5, 5)]), *(exposure([], t) for t in FOUR[1:])]) == ""
    assert why([exposure([(5, 5)]), exposure([], 2)]) == ""


DEGREES = 3600 / SCALE
"""Pixels."""


def test_exposures_that_point_elsewhere_cannot_be_judged():
    spots = np.random.default_rng(5).uniform(1, (2048, 4100), (50, 2))
    pair = [exposure([], t, (at_x, 0), on_detector=spots) for t, at_x in ((0, 0), (30, 2 * DEGREES))]
    assert compare(*pair).partners.any()
    message = why(pair)
    assert message.startswith("100 of the 100 detections of its field's 2 exposures are where no other exposure")
    assert "point elsewhere" in message
    # one of three is alone, and then two
    third = exposure([], 60, on_detector=spots)
    assert why([*pair, third]) == ""
    elsewhere = np.random.default_rng(6).uniform(1, (2048, 4100), (50, 2))  # at other pixels: they are no hot ones
    assert why([*pair, exposure([], 60, (0, 2 * DEGREES), on_detector=elsewhere)]).startswith("150 of the 150")


def test_exposures_without_positions_cannot_be_judged():
    spots = np.random.default_rng(5).uniform(1, (2048, 4100), (50, 2))
    blind = [exposure([], t, on_detector=spots, sky=False) for t in (15, 30)]
    seeing = exposure([], 0, on_detector=spots)
    message = why([seeing, *blind])
    assert message.startswith("150 of the 150")
    assert "no positions on the sky" in message


@pytest.mark.parametrize(("shift", "expected"), [(0.4, ""), (0.6, "of the")])
def test_most_detections_must_be_judged(shift, expected):
    spots = np.random.default_rng(6).uniform(1, (2048, 4100), (400, 2))
    message = why([exposure([], t, (0, at_y), on_detector=spots) for t, at_y in ((0, 0), (30, shift * 4100))])
    assert (expected in message) if expected else (message == "")


def test_known_fixed_sources_alone_do_not_make_up_for_others():
    spots = np.random.default_rng(7).uniform(1, (2048, 4100), (50, 2))
    pair = [exposure([], t, (at_x, 0), on_detector=spots) for t, at_x in ((0, 0), (30, 2 * DEGREES))]
    assert why(pair, static=np.stack([pair[0].ra, pair[0].dec], axis=1)[:40]).startswith("60 of the 100")
    assert why(pair, static=np.stack([pair[0].ra, pair[0].dec], axis=1)) == ""
