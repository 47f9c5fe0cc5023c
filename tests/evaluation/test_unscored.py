"""An exposure that is not scored is kept: without it in the calibration, the guarantee is no weaker."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ceres_fast.evaluation.asteroids import critical

from ..asteroid_predictions import of_asteroids

exposures = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=6)


@given(st.lists(exposures, min_size=1, max_size=5), st.integers(1, 4))
def test_an_asteroid_survives_at_least_the_threshold_of_its_scored_exposures(asteroids, needs):
    """Records lack what is not scored; `classify --drop` keeps it, as if its probability were 1."""
    scored = [[value for value, is_scored in each if is_scored] for each in asteroids]
    found = [number for number, each in enumerate(scored) if each]
    if not found:
        return
    kept = [[value if is_scored else 1.0 for value, is_scored in asteroids[number]] for number in found]
    _, by_records, _ = critical(of_asteroids([scored[number] for number in found]), needs)
    _, in_truth, _ = critical(of_asteroids(kept), needs)
    counted = ~np.isnan(by_records)
    assert (in_truth[counted] >= by_records[counted]).all()
