"""The page about headers has the table that the program uses."""

from pathlib import Path

import pytest

from ceres_fast.frames.headers.no_sky import KINDS_OF_FRAMES
from ceres_fast.frames.headers.quantities import QUANTITIES, TEXT_KEYWORDS
from ceres_fast.frames.headers.times import SCALES

PAGE = (Path(__file__).parents[3] / "docs" / "frames.md").read_text(encoding="utf-8")
FLOWING = " ".join(PAGE.split())


@pytest.mark.parametrize("name", QUANTITIES)
def test_every_quantity_has_its_row(name):
    quantity = QUANTITIES[name]
    keywords = ", ".join(keyword.removeprefix("HIERARCH ") for keyword in quantity.keywords)
    units = ", ".join(unit.name for unit in quantity.units if unit.convert and unit.name != quantity.unit)
    low, high = quantity.plausible
    row = f"| {name.replace('_', ' ')} | {quantity.unit or '–'} | {keywords} | {units or '–'} | {low:g} to {high:g} |"
    assert row in PAGE


@pytest.mark.parametrize("name", ["field", "ccd", "filter"])
def test_the_keywords_of_names_are_there(name):
    *most, last = (keyword.removeprefix("HIERARCH ") for keyword in TEXT_KEYWORDS[name])
    assert f"{', '.join(most)} or {last}" in FLOWING


def test_kinds_and_time_scales_are_there():
    kinds = [keyword.removeprefix("HIERARCH ESO ") for keyword in KINDS_OF_FRAMES if keyword not in ("FRAME",)]
    assert all(kind in FLOWING for kind in kinds)
    assert all(scale.upper() in FLOWING for scale in set(SCALES.values()))
