"""Observatory codes."""

from ceres_fast.truth.observatories import describe, exists


def test_codes_have_names():
    assert exists("950")
    assert describe("950") == "950 (La Palma)"
    assert not exists("")
    assert describe("!!!") == "!!! (not a known code)"
