"""What a command does unless told otherwise is what the function that does the work does: a default is stated once."""

from __future__ import annotations

import importlib
import inspect

import pytest
from typer.main import get_command

from ceres_fast.cli import app

WORK = {
    "look": "look.look",
    "simulate": "synthetic.simulate.simulate_survey",
    "detect": "detect.detect_frames",
    "inject": "synthetic.inject.inject_frames",
    "build-records": "records.build.build_records",
    "inspect": "records.inspect.inspect_records",
    "evaluate": "evaluation.evaluate.evaluate",
    "calibrate": "evaluation.calibrate.calibrate",
    "compare": "evaluation.compare.compare.compare",
    "classify": "classify.classify.classify",
    "export": "export.export",
    "watch": "night.run.watch",
    "review": "night.review.review",
    "report": "night.writers.write_outputs",
    "demo": "demo.run.run_demo",
}
"""Of each command that has options with defaults: the function that does the work."""

NAMES = {"number": "number_per_field", "format_": "format"}
"""What an option is called in the function, where that differs."""

OTHERWISE = {
    ("classify", "output"): "a folder of the user's, whom the function asks for one",
    ("detect", "workers"): "all cores; the function works in the process that calls it",
    ("build-records", "workers"): "all cores; the function works in the process that calls it",
    ("build-records", "planes"): "words with commas between; the function gets them apart",
    ("inject", "slowest"): "that of the classifier, where one is given; the function gets a number",
    ("export", "views"): "a word; the function gets a number",
    ("export", "members"): "nothing; the function gets what the words say",
    ("build-records", "where"): "nothing; the function gets what the words say",
    ("build-records", "hold_out"): "nothing; the function gets what the words say",
}
"""Defaults that differ, and why."""


def defaults(command: str) -> dict[str, tuple[object, object]]:
    """Return what the command and its function begin with, of each option that both have."""
    module, name = f"ceres_fast.{WORK[command]}".rsplit(".", 1)
    function = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    found = {}
    for option in get_command(app).commands[command].params:
        other = function.get(NAMES.get(option.name, option.name) if command != "inspect" else option.name)
        if other is not None and other.default is not inspect.Parameter.empty:
            found[option.name] = (option.default, other.default)
    return found


def test_every_command_is_here_or_has_no_default_of_its_own() -> None:
    commands = set(get_command(app).commands)
    assert commands - WORK.keys() == {"train", "card", "experiments", "night", "doctor", "cache"}


@pytest.mark.parametrize("command", WORK)
def test_defaults_are_those_of_the_function(command: str) -> None:
    found = defaults(command)
    assert found
    differing = {(command, name) for name, (mine, other) in found.items() if mine != other}
    assert differing == {each for each in OTHERWISE if each[0] == command and each[1] in found}
