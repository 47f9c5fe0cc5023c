from dataclasses import replace
from pathlib import Path

import pytest

from ceres_fast.synthetic.simulate.constants import CONSTANTS

DOCUMENT = Path(__file__).parents[3] / "docs" / "simulation.md"


@pytest.mark.parametrize("row", CONSTANTS.rows(), ids=lambda row: f"{row[0]}.{row[1]}")
def test_every_constant_is_in_the_documentation_with_unit_value_and_source(row):
    component, name, value, unit, source = row
    assert source
    line = f"| {component} | {name} | {value:g} | {unit} | {source} |"
    assert line in DOCUMENT.read_text(encoding="utf-8").splitlines()


def test_the_documentation_lists_nothing_else():
    names = {f"{component}.{name}" for component, name, *_ in CONSTANTS.rows()}
    lines = [line.split("|") for line in DOCUMENT.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    listed = {f"{cells[1].strip()}.{cells[2].strip()}" for cells in lines if len(cells) == 7}
    assert listed - {"component.constant"} == names


def test_asteroids_are_boosted_by_the_factor_the_documentation_states():
    assert f"{CONSTANTS.boost:.1f} times" in DOCUMENT.read_text(encoding="utf-8")
    # 210 per square degree to magnitude 23 grow to 287 at 23.5; a chip has 0.0718 square degrees.
    assert CONSTANTS.area == pytest.approx(0.0718, abs=1e-4)
    assert CONSTANTS.boost == pytest.approx(250 / (286.6 * 0.07185), rel=1e-3)


def test_saturation_lies_just_below_full_well_and_inside_sixteen_bits():
    detector = CONSTANTS.detector
    assert detector.saturation < detector.full_well / detector.gain < 65535


def test_constants_can_be_replaced_by_component():
    changed = replace(CONSTANTS, events=replace(CONSTANTS.events, satellites=0.0))
    assert changed.as_dict()["events"]["satellites"] == 0
    assert changed.detector is CONSTANTS.detector
