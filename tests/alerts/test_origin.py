"""A packet is read as that of the survey that it says it comes from, and is refused where it says another, or none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.alerts.origin import survey_of

from ..alert_files import rubin, ztf


def without(packet: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value for name, value in packet.items() if name not in names}


ANONYMOUS = without(ztf(), "objectId")
FINK = rubin() | {"publisher": "Fink", "lsst_schema_version": "lsst.v10_0"}


@pytest.mark.parametrize(
    ("packet", "schema", "name"),
    [
        (ztf(), "", "ZTF"),
        (ztf() | {"publisher": "ZTF (www.ztf.caltech.edu)"}, "ztf.alert", "ZTF"),
        (ztf() | {"publisher": "Fink"}, "topLevelRecord", "ZTF"),
        (ztf(), "some.broker", "ZTF"),
        (ANONYMOUS, "ztf.alert", "ZTF"),
        (ANONYMOUS | {"publisher": "ZTF"}, "", "ZTF"),
        (ANONYMOUS | {"objectId": 17}, "", "ZTF"),
        (ANONYMOUS, "", "ZTF"),
        (rubin(), "lsst.v10_0.alert", "Rubin"),
        (rubin(), "lsst.alert", "Rubin"),
        (rubin(), "", "Rubin"),
        (rubin(), "alert", "Rubin"),
        (FINK, "topLevelRecord.value", "Rubin"),
        (FINK, "", "Rubin"),
    ],
)
def test_surveys_that_are_read(packet: dict[str, Any], schema: str, name: str) -> None:
    assert survey_of(packet, schema).name == name


@pytest.mark.parametrize(
    ("said", "schema", "named"),
    [
        ({"objectId": "PGIR19aacbvv", "publisher": "pgirdps"}, "pgir.alert", "Palomar Gattini-IR"),
        ({"objectId": "PGIR19aacbvv"}, "ztf.alert", "Palomar Gattini-IR"),
        ({"objectid": "WNTR24awati", "publisher": "WINTER-mirar"}, "winter.alert", "WINTER"),
        ({"publisher": "DESIRT", "objectId": "x"}, "desirt.alert", r"DECam \(DESIRT\)"),
        ({"objectId": "None.20"}, "turbo.alert", "TURBO"),
        ({}, "winter.alert", "WINTER"),
        ({}, "elasticc.v0_9.alert", "ELAsTiCC"),
        ({"objectId": "LS4-25abc"}, "", "a survey that is not known"),
        ({}, "ls4.alert", "a survey that is not known"),
    ],
)
@pytest.mark.parametrize("like", [ANONYMOUS, rubin()])
def test_other_surveys(like: dict[str, Any], said: dict[str, Any], schema: str, named: str) -> None:
    with pytest.raises(ValueError, match=rf"is an alert of {named} \(.*not of ZTF \(candidate\) or Rubin") as caught:
        survey_of(like | said, schema)
    assert all(repr(text) in str(caught.value) for text in [*said.values(), *([schema] if schema else [])])


@pytest.mark.parametrize(
    "packet",
    [
        {"candidate": {"mjd": 1.0, "band": "g"}},
        {"candidate": {"jd": 1.0, "fid": 2, "magpsf": 3.0}},
        {"diaSource": {"diaSourceId": 1, "ccdVisitId": 2, "psFlux": 3.0}},
    ],
)
def test_a_record_of_the_name_is_not_enough(packet: dict[str, Any]) -> None:
    with pytest.raises(
        ValueError, match=r"of a survey that is not known \(no name; a record of (candidate|diaSource)\)"
    ):
        survey_of(packet)


def test_what_is_no_alert() -> None:
    with pytest.raises(ValueError, match=r"holds a record of a, b, not an alert of ZTF \(candidate\) or Rubin"):
        survey_of({"a": 1, "b": 2})
    with pytest.raises(ValueError, match="holds a record of nothing"):
        survey_of({})
    with pytest.raises(ValueError, match=r"holds a record of objectId, not .* \(objectId 'ZTF18abc', schema 'ztf.x'\)"):
        survey_of({"objectId": "ZTF18abc"}, "ztf.x")


@given(
    st.dictionaries(
        st.sampled_from(["objectId", "publisher", "lsst_schema_version", "candidate", "diaSource"]),
        st.one_of(st.none(), st.text(), st.integers(), st.binary(), st.dictionaries(st.text(), st.integers())),
    ),
    st.text(),
)
def test_anything_has_a_survey_or_a_reason(packet: dict[str, Any], schema: str) -> None:
    try:
        survey = survey_of(packet, schema)
    except ValueError as error:
        assert "ZTF" in str(error)  # noqa: PT017 - either is right
    else:
        assert isinstance(packet[survey.candidate], dict)
