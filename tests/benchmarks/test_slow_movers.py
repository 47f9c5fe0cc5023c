"""Conditions are what they say in frames and headers, and asteroids are counted as detected, moving, kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks.slow_movers import ASTEROIDS, CONDITIONS, Seen, kept_by_rate, plan_of, simulate, tracks
from ceres_fast.frames.reading import find_frames, read_headers
from ceres_fast.truth import read_truth

SLOWEST = 0.2


def headers(condition: str, out: Path) -> list:
    plan = replace(plan_of(CONDITIONS[condition], 1, 1, SLOWEST), shape=(96, 96))
    simulate(CONDITIONS[condition], plan, out)
    return [read_headers(path)[0] for path in find_frames([out])]


def test_every_second_exposure_is_longer(tmp_path: Path) -> None:
    found = headers("every second exposure four times as long", tmp_path / "s")
    assert [each.info.exposure for each in found] == [60, 240, 60, 240]
    truth = read_truth(tmp_path / "s" / "asteroids.csv")
    middles = np.array([each.info.mjd for each in found])
    assert np.abs(np.asarray(truth["mjd"])[:, None] - middles).min(axis=1).max() < 1e-6
    assert middles[1] - found[1].header["MJD-OBS"] == pytest.approx(120 / 86400, abs=1e-7)


def test_every_second_exposure_is_seen_less_sharply(tmp_path: Path) -> None:
    usual = [each.info.seeing for each in headers("as usual", tmp_path / "u")]
    found = [each.info.seeing for each in headers("seeing 1.5 times as wide in every second exposure", tmp_path / "s")]
    np.testing.assert_allclose(np.divide(found, usual), [1, 1.5, 1, 1.5], rtol=1e-3)


def test_asteroids_have_all_rates_from_the_slowest(tmp_path: Path) -> None:
    headers("two exposures only", tmp_path / "s")
    rate = np.asarray(read_truth(tmp_path / "s" / "asteroids.csv")["rate"])
    assert rate.min() >= SLOWEST - 1e-4
    for condition in CONDITIONS.values():
        constants = plan_of(condition, 1, 1, SLOWEST).constants
        assert constants.asteroids.near_earth_slowest == SLOWEST
        assert constants.asteroids.per_ccd == ASTEROIDS["per_ccd"]
        for component, values in condition.constants.items():
            assert {name: getattr(getattr(constants, component), name) for name in values} == values


def test_an_asteroid_is_lost_where_it_is_left_in_too_few_exposures() -> None:
    def exposure(stationary: str, elsewhere: str) -> Seen:
        names = ["slow", "fast", "star"]
        rates, passes = [0.25, 3.0, 0.3], [False, False, True]
        return Seen(names, rates, passes, [name in stationary for name in names], [name in elsewhere for name in names])

    found = tracks([exposure("slow", ""), exposure("slow", "star"), exposure("", "star fast"), exposure("", "")])
    by_rate = kept_by_rate(found, 4, SLOWEST)
    assert by_rate["0.2-0.4"] == {"asteroids": 2, "moving": 1, "kept": 0, "share": 0.0}  # the one by the star is lost
    assert by_rate["1.6-3.2"] == {"asteroids": 1, "moving": 1, "kept": 1, "share": 1.0}
    assert by_rate["passing a source"] == {"asteroids": 1, "moving": 1, "kept": 0, "share": 0.0}
    assert by_rate["all"]["share"] == 0.5
    assert by_rate["6.4-10"] == {"asteroids": 0, "moving": 0, "kept": 0, "share": None}
    assert kept_by_rate(found, 2, SLOWEST)["all"] == {"asteroids": 3, "moving": 3, "kept": 3, "share": 1.0}
