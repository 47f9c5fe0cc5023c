"""Names of columns on the command line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.catalogues import Names
from ceres_fast.catalogues.names import PIXEL_COLUMNS, SKY_COLUMNS
from ceres_fast.errors import CeresFastError

name = st.text("ABCxyz_0", min_size=1)


@given(name, name, name)
def test_what_is_given_is_used(x, y, flags):
    names = Names.parse(f" x = {x},y={y},flags={flags},")
    for pair in PIXEL_COLUMNS:
        assert [names.own(each) for each in pair] == [x, y]
        assert [names.own(each.lower()) for each in pair] == [x, y]
    for pair in SKY_COLUMNS:
        assert [names.own(each) for each in pair] == list(pair)
    assert names.own("FLAGS") == flags
    assert names.own("MAG_AUTO") == "MAG_AUTO"
    assert names.own("NUMBER") == "NUMBER"
    assert names.given() == [x, y, flags]


def test_nothing_given_changes_nothing():
    assert Names.parse("") == Names()
    assert Names().given() == []


@pytest.mark.parametrize("text", ["x", "x=", "=X", "z=Z,x=X,y=Y", "x=A,x=B,y=C", "x=A=B,z"])
def test_what_is_not_understood_is_said(text):
    with pytest.raises(CeresFastError, match=r"--columns .*expected WHAT=NAME"):
        Names.parse(text)


@pytest.mark.parametrize("text", ["x=A", "y=A", "ra=A", "dec=A,x=X,y=Y"])
def test_positions_come_in_pairs(text):
    with pytest.raises(CeresFastError, match="expected both"):
        Names.parse(text)
