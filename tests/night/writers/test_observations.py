"""Which observations are reported, and under which names."""

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.night.writers.observations import designations, names_of, observations_of
from ceres_fast.night.writers.order import Order
from ceres_fast.truth.designations import canonical

from .nights import AWKWARD, OBSERVATORY, PLAIN, a_night


@given(st.lists(st.text(), unique=True))
def test_names_are_short_different_and_no_designations(tracklets: list[str]) -> None:
    names = names_of(tracklets)
    assert list(names) == sorted(tracklets)
    assert len(set(names.values())) == len(tracklets)
    for name in names.values():
        assert re.fullmatch(r"[a-z][a-z0-9]{6}", name)
        assert canonical(name) == name
        assert designations(name) == ("", "")


def test_a_name_depends_on_its_tracklet_alone() -> None:
    assert names_of([PLAIN])[PLAIN] == names_of([AWKWARD, PLAIN, "another"])[PLAIN]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("(433) Eros", ("433", "")),
        ("K04J12Q", ("", "2004 JQ12")),
        ("29P/Schwassmann-Wachmann", ("29P", "")),
        ("C/2019 Q4 (Borisov)", ("", "C/2019 Q4")),
        ("tracklet F0001, 2026-11-29: 1", ("", "")),
        ("", ("", "")),
        ("15396335", ("15396335", "")),
        *[(name, ("", "")) for name in ("0", "15396336", "20000001234", "12345P", "1799 AB", "C/2014 UN620")],
    ],
)
def test_names_of_objects_as_ades_has_them(name: str, expected: tuple[str, str]) -> None:
    assert designations(name) == expected


def test_of_two_detections_at_a_time_the_likelier_is_reported() -> None:
    night = a_night(
        tracklet=[PLAIN] * 4 + [""] * 7,
        mjd=[61373.1, 61373.1, 61373.2, 61373.3, *[61373.2] * 7],
        probability=[np.nan, 0.2, 0.9, 0.9, *[0.5] * 7],
    )
    reported = observations_of(Order(night, OBSERVATORY))
    assert [each.ra for each in reported] == night.detections["ra"][1:4].tolist()


def test_two_tracklets_at_one_time_are_not_one_object(capsys: pytest.CaptureFixture[str]) -> None:
    both = {PLAIN: "(433) Eros", AWKWARD: "433"}
    apart = observations_of(Order(a_night(), OBSERVATORY, known=both))
    assert [each.permanent for each in apart] == ["433"] * 7
    assert "designation" not in capsys.readouterr().err
    night = a_night(mjd=[61373.1, 61373.2, 61373.3, 61373.4, 61373.3, 61373.5, 61373.6, *[61373.1] * 4])
    assert [each.permanent for each in observations_of(Order(night, OBSERVATORY, known=both))] == [""] * 7
    said = " ".join(capsys.readouterr().err.split())
    assert "reported without a designation, as others have the same at one time: 2" in said
    assert {each.permanent for each in observations_of(Order(night, OBSERVATORY, known={PLAIN: "433"}))} == {"", "433"}


def test_what_was_rejected_or_not_kept_is_not_reported() -> None:
    night = a_night()
    assert {each.tracklet for each in observations_of(Order(night, OBSERVATORY))} == {PLAIN, AWKWARD}
    only = observations_of(Order(night, OBSERVATORY, frozenset([AWKWARD])))
    assert {each.tracklet for each in only} == {AWKWARD}
    dropped = a_night(kept=[False] * 11)
    assert observations_of(Order(dropped, OBSERVATORY)) == []
    # Who has looked knows better than a threshold.
    assert len(observations_of(Order(dropped, OBSERVATORY, frozenset([PLAIN])))) == 4


def test_a_filter_without_a_band_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    night = a_night(magnitude=[20.0] * 11)
    reported = observations_of(Order(night, OBSERVATORY))
    assert [each.band for each in reported] == ["Sr"] * 4 + [""] * 3
    said = " ".join(capsys.readouterr().err.split())
    assert "no band for the filter 'V, \"wide\"' (bands): 3" in said
