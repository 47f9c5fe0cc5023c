"""Settings that cannot be meant are refused before anything is read."""

import math

import pytest

from ceres_fast.errors import CeresFastError
from ceres_fast.training.settings import Settings


@pytest.mark.parametrize("name", ["learning_rate", "unfrozen_learning_rate"])
@pytest.mark.parametrize("rate", [0, -1e-3, math.nan, math.inf])
def test_learning_rates_are_above_zero(name: str, rate: float) -> None:
    with pytest.raises(CeresFastError, match=f"{name.replace('_', ' ')} {rate:g}: expected a number above 0"):
        Settings("xception", **{name: rate})
