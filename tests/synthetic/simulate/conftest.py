"""A small scene that every test of the simulation may use."""

import pytest

from ceres_fast.synthetic.simulate.constants import CONSTANTS
from ceres_fast.synthetic.simulate.pointing import plan_field
from ceres_fast.synthetic.simulate.sky import Scene, build_scene

SHAPE = (400, 300)


@pytest.fixture(scope="package")
def scene() -> Scene:
    """A field of four exposures, 300 x 400 pixels."""
    return build_scene(plan_field("F0001", 58782, 0, 4, 7, CONSTANTS), 7, SHAPE, CONSTANTS)
