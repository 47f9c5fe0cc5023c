"""`pip install ceres-fast`, without extras, in a clean environment: it classifies, and holds nothing of training."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from ceres_fast.classify.scores import PROBABILITY
from ceres_fast.cli import EXTRAS
from ceres_fast.engines import load
from ceres_fast.selection.rules import Rules

from ..survey_files import write_field
from ..tiny_models import classifier, peak_model, written
from .environment import CannotFetchError, environment, locked, lowest, make, size

LARGEST = 500e6
"""Bytes; docs/deploy/workstation.md says how large it is."""

PRESENT = """
import json, sys
from importlib.util import find_spec
print(json.dumps([name for name in sys.argv[1:] if find_spec(name)]))
"""


def run(folder: Path, *command: str | Path) -> str:
    done = subprocess.run(command, cwd=folder, env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_a_clean_environment_classifies(tmp_path: Path, record_property: Callable[[str, object], None]) -> None:
    binaries = made(tmp_path, locked())
    present = json.loads(run(tmp_path, binaries / "python", "-c", PRESENT, *EXTRAS["train"], "ceres_fast"))
    assert present == ["ceres_fast"]
    assert_it_classifies(tmp_path, binaries / "ceres-fast")
    assert_it_classifies_a_night(tmp_path, binaries / "ceres-fast")
    assert_the_doctor_knows(tmp_path, binaries / "ceres-fast")
    taken = size(binaries)
    record_property("bytes on disk", taken)
    print(f"{taken / 1e6:.0f} MB on disk")
    assert taken < LARGEST


@pytest.mark.slow
@pytest.mark.skipif(sys.version_info >= (3, 13), reason="for this Python the oldest of them have no wheels")
def test_the_lowest_allowed_versions_classify(tmp_path: Path) -> None:
    """All of them are run, with the extras, by `make lowest`."""
    assert_it_classifies(tmp_path, made(tmp_path, lowest()) / "ceres-fast")


def made(folder: Path, versions: Sequence[str]) -> Path:
    try:
        return make(folder, versions)
    except CannotFetchError as error:
        pytest.skip(f"pip cannot fetch packages here: {error}")


def assert_it_classifies(folder: Path, program: Path) -> None:
    pixels = np.random.default_rng(0).normal(500, 40, (9, 32, 32)).astype(np.float32)
    (folder / "stamps").mkdir()
    for number, stamp in enumerate(pixels):
        fits.writeto(folder / "stamps" / f"{number}.fits", stamp)
    model = written(folder, peak_model(classifier_json=classifier(rules=Rules().as_dict()).to_json()))
    said = run(folder, program, "classify", "stamps", "--model", model.name, "--output", "found.csv")
    assert "9 scored" in said
    found = Table.read(folder / "found.csv", format="ascii.csv")[PROBABILITY]
    np.testing.assert_allclose(found, load(model, provider="cpu").predict(pixels), atol=2e-6)


def assert_it_classifies_a_night(folder: Path, program: Path) -> None:
    """And says what more is needed to watch one."""
    write_field(folder / "incoming")
    model = written(folder, peak_model(classifier_json=classifier(rules=Rules().as_dict()).to_json()))
    arguments = (folder / "incoming", "--model", model, "--output", folder / "night")
    assert "3 classified" in run(folder, program, "night", *arguments)
    assert len(list((folder / "night").rglob("*.cat"))) == 3
    done = subprocess.run([program, "watch", *arguments], env=environment(), capture_output=True, text=True)
    assert done.returncode == 1
    assert "this command needs watchfiles" in done.stderr
    assert "pip install 'ceres-fast[night]'" in done.stderr


def assert_the_doctor_knows(folder: Path, program: Path) -> None:
    findings = {each["what"]: each for each in json.loads(run(folder, program, "doctor", "classifier.onnx", "--json"))}
    assert findings["ONNX Runtime, cpu"]["usable"]
    assert findings["classifier.onnx"]["usable"]
    for name in ("TensorFlow", "onnx", "tf2onnx"):
        assert not findings[name]["usable"]
        assert "pip install 'ceres-fast[train]'" in findings[name]["action"]
    assert findings["TensorRT"]["action"]
