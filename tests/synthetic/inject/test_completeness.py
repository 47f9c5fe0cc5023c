"""Counting and fitting completeness."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from astropy.table import Table
from scipy.special import expit

from ceres_fast.synthetic.inject.completeness import Completeness, Limit, fit_limit
from ceres_fast.synthetic.inject.report import print_completeness, write_completeness


def rows(n=60, exposures=3, **columns):
    random = np.random.default_rng(1)
    table = Table(
        {
            "designation": np.repeat([f"INJ{number:05d}" for number in range(n)], exposures),
            "magnitude": np.repeat(random.uniform(18, 22, n), exposures),
            "rate": np.repeat(np.exp(random.uniform(-1, 2, n)), exposures),
        }
    )
    bright = np.asarray(table["magnitude"]) < 20
    for name in ("detected", "moving"):
        table[name] = columns.get(name, bright)
    if "called" in columns:
        table["called"] = columns["called"]
    return table


def of(table):
    return Completeness.of(table, dict.fromkeys(table["designation"], 3))


def test_fit_finds_the_function_that_drew_the_data():
    random = np.random.default_rng(2)
    magnitude = random.uniform(18, 24, 4000)
    true = Limit(0.93, 21.4, 0.25)
    limit = fit_limit(magnitude, random.uniform(size=4000) < true(magnitude))
    assert limit.bright == pytest.approx(0.93, abs=0.02)
    assert limit.half == pytest.approx(21.4, abs=0.06)
    assert limit.width == pytest.approx(0.25, abs=0.06)
    assert true(np.array([21.4]))[0] == pytest.approx(0.93 * expit(0))


@pytest.mark.parametrize("found", [np.ones(50, bool), np.zeros(50, bool), np.arange(50) > 200])
def test_nothing_is_fitted_to_what_does_not_fall(found):
    assert math.isnan(fit_limit(np.linspace(18, 22, 50), found).half)


def test_nothing_is_fitted_to_a_rise_or_to_few():
    magnitude = np.linspace(18, 22, 50)
    assert math.isnan(fit_limit(magnitude, magnitude > 20).half)
    assert math.isnan(fit_limit(magnitude[:5], magnitude[:5] < 18.2).half)


def test_bins_add_up_and_intervals_hold_the_share():
    completeness = of(rows())
    for stage in ("detected", "moving"):
        whole = completeness.of_stage(stage, "all")[0]
        assert whole["injected"] == 180
        for by in ("magnitude", "rate"):
            bins = completeness.of_stage(stage, by)
            assert bins["injected"].sum() == 180
            assert bins["found"].sum() == whole["found"]
            some = bins[bins["injected"] > 0]
            assert (some["share_low"] <= some["share"] + 1e-12).all()
            assert (some["share"] <= some["share_high"] + 1e-12).all()
    # Wilson's interval of 0 of 10 at 95 %: 0 to 0.2775 (Brown, Cai & DasGupta 2001)
    ten = of(rows(10, 1, detected=np.zeros(10, bool), moving=np.zeros(10, bool))).of_stage("detected", "all")[0]
    assert ten["share_high"] == pytest.approx(0.2775, abs=1e-4)


def test_track_needs_three_exposures():
    found = np.tile([True, True, False], 60)
    found[:3] = True
    completeness = of(rows(detected=found, moving=found))
    assert completeness.of_stage("track", "all")["found"][0] == 1
    assert completeness.of_stage("track", "all")["injected"][0] == 60


def test_track_counts_asteroids_that_are_inside_long_enough():
    table = rows()[2:]  # the first asteroid is inside one exposure of three
    assert of(table).of_stage("track", "all")["injected"][0] == 59
    single = Completeness.of(table, dict.fromkeys(table["designation"], 1))
    assert single.of_stage("track", "all")["injected"][0] == 60


def test_classifier_is_the_last_stage():
    table = rows(called=np.zeros(180, bool))
    completeness = of(table)
    assert completeness.stages == ["detected", "moving", "called", "track"]
    assert completeness.of_stage("track", "all")["found"][0] == 0


@pytest.mark.parametrize(
    "table", [rows(), rows(1, 1), rows(3, 1, detected=np.zeros(3, bool), moving=np.zeros(3, bool))]
)
def test_files_are_written_and_printed_whatever_was_found(tmp_path, capsys, table):
    completeness = of(table)
    write_completeness(completeness, tmp_path)
    print_completeness(completeness)
    assert "completeness by rate" in capsys.readouterr().out
    again = json.loads((tmp_path / "completeness.json").read_text())
    assert set(again) == {"stages", "limits", "bins"}
    assert len(Table.read(tmp_path / "injected.csv")) == len(table)
    assert len(Table.read(tmp_path / "completeness.csv")) == len(completeness.bins)
    assert (tmp_path / "completeness.png").read_bytes().startswith(b"\x89PNG")
