"""What is put together for a fit."""

from __future__ import annotations

import pytest

from ceres_fast.training.assemble import class_weights


def test_class_weights() -> None:
    weights = class_weights({"non_asteroid": 38146, "asteroid": 21733})  # the paper's Table 1
    assert weights[0] * 38146 == pytest.approx(weights[1] * 21733)
    assert (weights[0] * 38146 + weights[1] * 21733) / (38146 + 21733) == pytest.approx(1)
    assert class_weights({"non_asteroid": 5, "asteroid": 5}) == {0: 1, 1: 1}
