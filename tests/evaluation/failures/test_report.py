"""What stands out is said in words, shown in tables, and drawn where it is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib import image
from matplotlib.figure import Figure

from ceres_fast.evaluation.failures import draw, failures, summary, tables
from ceres_fast.evaluation.failures.report import MOST_LINES, shown_bins
from ceres_fast.pictures import BLUE, VERMILION

from .cases import asteroids, made, survey


@pytest.fixture(scope="module")
def words() -> str:
    return summary(failures(survey(), 0.5))


def test_what_stands_out_is_said(words: str) -> None:
    found = failures(survey(), 0.5)
    one = found["quantities"]["magnitude"]["bins"][-1]
    recall, overall = one["recall"], found["recall"]["value"]
    interval = f"{recall['value']:.3f} [{recall['low']:.3f}, {recall['high']:.3f}]"
    assert f"\n  asteroids fainter than 21.5 mag: {interval} of {overall:.3f} overall\n" in words
    by_stamp, by_asteroid = words.split("found in 3 or more exposures: ")
    for part in (by_stamp, by_asteroid):
        assert part.count("asteroids fainter than 21.5 mag") == 1
    assert "by stamp: 0." in by_stamp
    assert "Not looked at: filter: the same for all asteroids (r)." in words


def test_how_many_would_stand_out_by_chance(words: str) -> None:
    found = failures(survey(), 0.5)
    compared = sum(
        (one["recall"] is not None) + (one["asteroid_recall"] is not None)
        for quantity in found["quantities"].values()
        for one in quantity["bins"]
    )
    assert f"{compared} values were compared" in words
    assert f"about {compared / 40:.0f} would" in words


def test_intervals_are_said_to_be_widened_only_where_they_are() -> None:
    def said(**stamps: tuple[float, ...]) -> str:
        return " ".join(summary(failures(asteroids(dict(stamps)), 0.5)).split())

    alike = said(A=(0.9,) * 3, B=(0.1,) * 3, C=(0.9,) * 3)
    assert "alike (correlation 1.00): the intervals by stamp are widened for that." in alike
    independent = said(A=(0.9, 0.1), B=(0.1, 0.9), C=(0.9, 0.1))
    assert "not alike (correlation 0.00): their intervals are not widened." in independent
    assert "Each asteroid has one stamp" in said(A=(0.9,), B=(0.1,))


def test_nothing_stands_out() -> None:
    predictions = survey()
    said = summary(failures(replace(predictions, probabilities=np.ones(len(predictions.labels))), 0.5))
    assert said.count("nothing stands out") == 2


def test_no_asteroids_and_none_with_enough_exposures() -> None:
    assert summary(failures(made([0.9], label=0), 0.5)) == "Where it fails: there are no asteroids to lose.\n"
    assert "no asteroid has 3 exposures" in summary(failures(asteroids({"A": (0.9, 0.9)}), 0.5))
    some = summary(failures(asteroids({"A": (0.9, 0.9), "B": (0.9,) * 3}), 0.5))
    assert "found in 3 or more exposures: 1.000 [0.207, 1.000], 1 of 1; 1 have fewer\n" in some


def test_tables() -> None:
    found = failures(survey(), 0.5)
    text = tables(found)
    assert text.count("\n\n") == len(found["quantities"]) - 1
    magnitude = text.split("\n\n")[0].splitlines()
    assert magnitude[0] == "magnitude (mag)"
    assert magnitude[1].split() == ["asteroids", "recall", "found", "in", "≥", "3", "purity"]
    last = found["quantities"]["magnitude"]["bins"][-1]
    assert magnitude[-1].split()[:3] == ["≥", "21.5", str(last["asteroids"])]
    assert magnitude[-1].endswith(f"]  {last['purity']['value']:.3f}")
    rate = next(table for table in text.split("\n\n") if table.startswith("rate of motion (arcsec/min)"))
    assert "purity" not in rate
    assert "FLAGS: a stamp may be in several lines" in text
    field = next(table for table in text.split("\n\n") if table.startswith("field"))
    assert field.startswith(f"field: the {MOST_LINES} worst of 20\n")
    assert len(field.splitlines()) == MOST_LINES + 2


def test_they_fit_on_a_terminal(words: str) -> None:
    predictions = survey()
    names = predictions.known["field"]
    name = "a field with a very long name" * 4
    long = np.where(names == "F07", name, names)
    found = failures(replace(predictions, known={**predictions.known, "field": long}), 0.5)
    for text in (words, tables(found), summary(found)):
        assert max(len(line) for line in text.splitlines() if line != name) <= 80  # a name is not cut
        assert text.endswith("\n")
        assert not any(line.endswith(" ") for line in text.splitlines())


def test_no_tables() -> None:
    assert tables(failures(made([0.9], label=0), 0.5)) == ""


def test_panels(tmp_path: Path, drawn: list[Figure]) -> None:
    found = failures(survey(), 0.5)
    draw(found, "a title", tmp_path / "failures.png")
    assert image.imread(tmp_path / "failures.png").ndim == 3
    panels = [axes for axes in drawn[0].axes if axes.get_title()]
    assert len(panels) == len(found["quantities"])
    assert "field: the 12 worst of 20" in [axes.get_title() for axes in panels]
    for axes, quantity in zip(panels, found["quantities"].values(), strict=True):
        shown = shown_bins(quantity["bins"])
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert [label.rpartition(" (")[0] for label in labels] == [one["label"] for one in shown]
        points = {line.get_marker(): [] for line in axes.lines}
        for line in axes.lines:
            points[line.get_marker()].append((line.get_xdata()[0], line.get_color()))
        assert points["o"] == [
            (one["recall"]["value"], VERMILION if "recall" in one["stands_out"] else BLUE)
            for one in shown
            if one["recall"]
        ]
        low, high = axes.get_xlim()
        assert low <= min(one["recall"]["low"] for one in shown if one["recall"])
        assert high > 1
    assert {axes.get_xlim() for axes in panels} == {panels[0].get_xlim()}


def test_nothing_to_draw(tmp_path: Path, drawn: list[Figure]) -> None:
    draw(failures(made([0.9], label=0), 0.5), "a title", tmp_path / "failures.png")
    assert "no quantity divides" in drawn[0].get_suptitle()
    assert image.imread(tmp_path / "failures.png").ndim == 3


def test_strange_names_and_one_panel(tmp_path: Path) -> None:
    names = np.resize(["$\\frac$", "$", "a" * 200, "_^{}"], 80)
    found = failures(made(np.linspace(0, 1, 80), label=np.arange(80) % 2, ccd=np.roll(names, 1)), 0.5)
    assert set(found["quantities"]) == {"ccd"}
    draw(found, "$ and $\\frac", tmp_path / "failures.png")
    assert image.imread(tmp_path / "failures.png").ndim == 3
