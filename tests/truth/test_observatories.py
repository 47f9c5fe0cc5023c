"""Observatory codes."""

from ceres_fast.truth.observatories import describe, exists, moves


def test_codes_have_names():
    assert exists("950")
    assert describe("950") == "950 (La Palma)"
    assert not exists("")
    assert describe("!!!") == "!!! (not a known code)"


def test_what_has_no_place_on_earth_moves():
    assert [moves(code) for code in ("950", "000", "500", "!!!")] == [False] * 4
    assert [moves(code) for code in ("247", "270", "C51", "274")] == [True] * 4
