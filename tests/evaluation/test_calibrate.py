"""Calibrating stores a scaling and a threshold with its promise in the classifier, or leaves it as it was."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import get_args, get_type_hints

import numpy as np
import pytest
import typer
from astropy.table import Table
from matplotlib import image
from typer.testing import CliRunner

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.artifact.scaling import scaled
from ceres_fast.classify import classify
from ceres_fast.cli.calibrate import calibrate as command
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.evaluation import calibrate as module
from ceres_fast.evaluation.calibrate import CHOSEN_ON, FITTED_ON, calibrate
from ceres_fast.evaluation.calibration_text import calibration_text
from ceres_fast.evaluation.operating_point import OperatingPoint, TooFewAsteroids, choose
from ceres_fast.evaluation.predictions import Predictions, predict_split
from ceres_fast.evaluation.reliability import METHODS, fit, measure
from ceres_fast.export import export
from ceres_fast.files import sha256_of
from ceres_fast.records.build import build_records
from ceres_fast.records.manifest import load_manifest
from ceres_fast.stamps import stamp_table

from ..tiny_networks import write_knowing_run
from ..tiny_records import write_stamps

LOOSE = {"max_loss": 0.9, "confidence": 0.5}
"""A promise for which one asteroid is enough."""

pytestmark = pytest.mark.usefixtures("tiny_classifier")


@pytest.fixture
def run(tmp_path: Path, tiny_records: Path) -> Path:
    digest = load_manifest(tiny_records).sha256
    return write_knowing_run(tmp_path / "run", records={"name": "stamps", "manifest_sha256": digest})


def raw(run: Path, records: Path, split: str) -> Predictions:
    return predict_split(replace(read_classifier(run), scaling=None), load_manifest(records), split)[0]


@pytest.mark.parametrize("scaling", METHODS)
def test_what_is_stored_is_what_the_report_says(
    run: Path, tiny_records: Path, scaling: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = read_classifier(run)
    validation, calibration = (raw(run, tiny_records, split) for split in (FITTED_ON, CHOSEN_ON))
    point = calibrate(run, tiny_records, **LOOSE, scaling=scaling)
    after = read_classifier(run)

    fitted = fit(scaling, validation.labels, validation.probabilities)
    assert after.scaling == fitted
    shares = replace(calibration, probabilities=scaled(fitted, calibration.probabilities))
    assert point == choose(shares, **LOOSE)
    assert OperatingPoint.from_dict(after.operating_point) == point
    assert after.threshold == point.threshold > 0
    assert point.manifest_sha256 == before.records["manifest_sha256"]
    assert replace(after, scaling=None, threshold=0.5, operating_point=None) == before

    folder = run / "calibration"
    assert sorted(path.name for path in folder.iterdir()) == ["calibration.json", "reliability.png", "report.txt"]
    assert image.imread(folder / "reliability.png").ndim == 3
    stored = json.loads((folder / "calibration.json").read_text())
    assert stored["operating_point"] == after.operating_point
    assert stored["scaling"] == after.scaling
    assert stored["reliability"]["before"] == measured(calibration)
    assert stored["reliability"]["after"] == measured(shares)
    report = (folder / "report.txt").read_text()
    assert report.startswith("xception, experiment 2: calibrated on stamps\n\nThreshold ")
    assert max(map(len, report.splitlines())) <= 80
    out = capsys.readouterr()
    assert report in out.out
    assert "not the records" not in out.err


def measured(predictions: Predictions) -> dict[str, object]:
    return json.loads(json.dumps(measure(predictions.labels, predictions.probabilities).as_dict()))


def test_by_field_and_per_row_the_report_says_so(run: Path, tiny_records: Path) -> None:
    point = calibrate(run, tiny_records, **LOOSE, by="field")
    assert read_classifier(run).operating_point == point.as_dict()
    assert point.by == "field"
    report = " ".join((run / "calibration" / "report.txt").read_text().split())
    assert "at most 0.9 of a field's asteroids, in the mean over fields, that are detected in 3 exposures" in report
    assert (
        "Fields, each in one night, are taken to be independent of each other; asteroids of one field are not" in report
    )
    assert f"left of 1,000 stamps {point.left_per_1000:.1f} of {point.detections}: rows are not known" in report


def test_the_report_of_each_kind() -> None:
    """What was guaranteed, how it was counted, what is only estimated, and what the cost is per."""
    point = OperatingPoint.from_dict(
        json.loads((Path(__file__).parents[1] / "golden/operating-point.json").read_text())
    )
    found = {"rho": 0.05, "low": 0.01, "high": 0.125, "n_eff": 250.4, "bound": 0.0212}

    def report(**changed: object) -> str:
        return " ".join(calibration_text(replace(point, **changed), None, {}, "title", 1).split())

    before = report()
    assert "at most 0.02 of the asteroids that are detected in 3 exposures of a night or more are lost" in before
    assert "Asteroids are taken to be independent of each other." in before
    assert "left of 1,000 stamps 125.0 of 4,000: rows are not known" in before
    assert "Dependence within fields: not estimated." in before
    by_asteroid = report(dependence=found, rows=5000)
    assert "Estimate, not a guarantee: asteroids of one field" in by_asteroid
    assert "correlation of 0.050 (95 % interval 0.010 to 0.125, bootstrap by field; the larger of" in by_asteroid
    assert "as much as 250 independent ones" in by_asteroid
    assert "has the upper limit 0.0212 in place of 0.0199." in by_asteroid
    assert "left of 1,000 catalogue rows 125.0 of 5,000" in by_asteroid
    for drawn, words in (("each", "no two"), ("one", "drawn with a fixed seed"), ("all", "by bets on the share")):
        by_field = report(by="field", drawn=drawn, field_loss=0.01, dependence=found)
        assert words in by_field
        assert "share lost, mean of fields 0.0100" in by_field
        assert "has the upper limit 0.0212." in by_field


@pytest.mark.parametrize("scaling", ["logistic", "temperature", "isotonic"])
def test_the_split_is_predicted_with_the_scaling(run: Path, tiny_records: Path, scaling: str) -> None:
    before = raw(run, tiny_records, "test")
    calibrate(run, tiny_records, **LOOSE, scaling=scaling)
    classifier = read_classifier(run)
    found, _ = predict_split(classifier, load_manifest(tiny_records), "test")
    np.testing.assert_array_equal(found.probabilities, scaled(classifier.scaling, before.probabilities))
    assert not np.allclose(found.probabilities, before.probabilities, atol=1e-3)
    assert found.about["scaling"] == classifier.scaling


def test_a_second_time_fits_what_the_network_says(run: Path, tiny_records: Path) -> None:
    first = calibrate(run, tiny_records, **LOOSE)
    once = read_classifier(run)
    calibrate(run, tiny_records, **LOOSE, scaling="isotonic")
    assert read_classifier(run) != once
    assert calibrate(run, tiny_records, **LOOSE) == first
    assert read_classifier(run) == once
    calibrate(run, tiny_records, **LOOSE, scaling="none")
    assert read_classifier(run).scaling is None


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.name != ".lock"}


def test_too_few_asteroids_leave_the_classifier_and_say_how_many(
    run: Path, tiny_records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(module, "predict_split")  # it is said before the network is asked
    before = contents(run)
    with pytest.raises(TooFewAsteroids, match="149 are needed"):
        calibrate(run, tiny_records)
    with pytest.raises(TooFewAsteroids, match=r"in fewer, which do not count.* needed"):
        calibrate(run, tiny_records, **LOOSE, needs=4)
    assert contents(run) == before


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_loss": 0.0}, "--max-loss is 0.0"),
        ({"max_loss": float("nan")}, "--max-loss is nan"),
        ({"confidence": 1.0}, "--confidence is 1.0"),
        ({"needs": 0}, "--needs is 0"),
        ({"by": "stamp"}, "--by stamp: expected one of asteroid, field"),
        ({"scaling": "beta"}, "--scaling beta: expected one of temperature, logistic, isotonic, none"),
    ],
)
def test_wrong_options(run: Path, tiny_records: Path, options: dict[str, float], message: str) -> None:
    before = contents(run)
    with pytest.raises(CeresFastError, match=message):
        calibrate(run, tiny_records, **{**LOOSE, **options})
    assert contents(run) == before


@pytest.fixture
def records(tiny_records: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_records, tmp_path / "records"))


@pytest.mark.parametrize("split", [FITTED_ON, CHOSEN_ON])
def test_an_empty_split(run: Path, records: Path, split: str) -> None:
    path = records / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["splits"][split] = {"shards": [], "classes": dict.fromkeys(manifest["classes"], 0)}
    path.write_text(json.dumps(manifest))
    before = contents(run)
    with pytest.raises(InputError, match=rf"(no stamps in a split '{split}'|manifest\.json)"):
        calibrate(run, records, **LOOSE)
    assert contents(run) == before


def test_other_records_are_warned_of(tmp_path: Path, tiny_records: Path, capsys: pytest.CaptureFixture[str]) -> None:
    calibrate(write_knowing_run(tmp_path / "other"), tiny_records, **LOOSE)
    said = " ".join(capsys.readouterr().err.split())
    assert "not the records the classifier was trained on" in said
    assert "the validation or calibration split may hold what it was trained on" in said


def test_a_network_that_knows_nothing_is_left_alone(tmp_path: Path, tiny_records: Path) -> None:
    run = write_knowing_run(tmp_path / "wrong", gain=-4.0)
    before = contents(run)
    with pytest.raises(CeresFastError, match="cannot be fitted"):
        calibrate(run, tiny_records, **LOOSE)
    assert contents(run) == before


def test_a_validation_split_of_one_class(tmp_path: Path, run: Path) -> None:
    build_records([write_stamps(tmp_path / "stamps", fields_with_asteroids=1)], tmp_path / "few", shards=1)
    manifest = load_manifest(tmp_path / "few")
    assert not all(manifest.class_counts(split)["asteroid"] for split in (FITTED_ON, CHOSEN_ON))
    before = contents(run)
    with pytest.raises(CeresFastError, match=r"of one class|0 asteroids seen"):
        calibrate(run, tmp_path / "few", **LOOSE)
    assert contents(run) == before


def test_a_run_that_is_trained_meanwhile_is_not_touched(
    run: Path, tiny_records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*arguments: object, **options: object) -> OperatingPoint:
        replace(read_classifier(run), versions={"ceres-fast": "9"}).write(run)
        return choose(*arguments, **options)

    monkeypatch.setattr(module, "choose", slowly)
    with pytest.raises(CeresFastError, match="has changed meanwhile"):
        calibrate(run, tiny_records, **LOOSE)
    assert read_classifier(run).operating_point is None


def test_a_run_in_use_is_left_alone(run: Path, tiny_records: Path) -> None:
    holds = "import sys, time; from pathlib import Path; from ceres_fast.locks import lock\n"
    holds += "held = lock(Path(sys.argv[1])); print('held', flush=True); sys.stdin.read()"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", holds, str(run / ".lock")],
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(CeresFastError, match=f"in use by process {other.pid}"):
            calibrate(run, tiny_records, **LOOSE)
        other.communicate()
    assert read_classifier(run).operating_point is None


def classified(stamps: Path, model: Path, output: Path) -> Table:
    (path,) = classify([stamps], model, output=output, drop=True, overwrite=True).written
    return Table.read(path, format="ascii.ecsv")


@pytest.mark.slow
def test_exported_before_or_after_it_answers_the_same(run: Path, tiny_records: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(run, tmp_path / "other"))
    stamps = write_stamps(tmp_path / "stamps")

    export(run)
    with pytest.raises(InputError, match="has no operating point"):
        classified(stamps, run, tmp_path / "none.ecsv")
    calibrate(run, tiny_records, **LOOSE)
    calibrate(other, tiny_records, **LOOSE)
    export(other)

    described = [replace(read_classifier(folder), files={}) for folder in (run, other)]
    assert described[0] == described[1]
    for folder in (run, other):
        assert read_classifier(folder).files["onnx"]["sha256"] == sha256_of(folder / "classifier.onnx")
    tables = [
        classified(stamps, model, tmp_path / f"{number}.ecsv")
        for number, model in enumerate([run, run / "classifier.onnx", other, other / "classifier.onnx"])
    ]
    assert 0 < len(tables[0]) < 96
    for table in tables[1:]:
        assert table.pformat() == tables[0].pformat()
    assert min(tables[0]["PROB_ASTEROID"]) >= described[0].threshold


def test_what_drop_leaves_is_what_the_calibration_counted(run: Path, tiny_records: Path, tmp_path: Path) -> None:
    """The stamps of the calibration split, through the ONNX file and a table: none that the promise keeps is lost."""
    point = calibrate(run, tiny_records, **LOOSE)
    export(run)
    stamps = write_stamps(tmp_path / "stamps")
    found, _ = predict_split(read_classifier(run), load_manifest(tiny_records), CHOSEN_ON)
    kept = found.probabilities >= point.threshold
    assert int(np.count_nonzero(kept & (found.labels == 0))) == point.left
    left = {Path(str(name)).stem for name in classified(stamps, run, tmp_path / "left.ecsv")["file"]}
    names = np.array([Path(str(name)).stem for name in found.known["frame"]])
    assert set(names[kept & (found.labels == 1)]) <= left


@pytest.mark.parametrize("scaling", METHODS)
def test_scaling_keeps_the_promise_and_the_order(scaling: str) -> None:
    random = np.random.default_rng(3)
    labels = np.repeat([1, 0], [3000, 5000])
    names = [*np.repeat([f"A{number}" for number in range(1000)], 3), *[""] * 5000]
    odds = np.where(labels == 1, random.normal(4, 3, 8000), random.normal(-4, 3, 8000)) * 3
    probabilities = (1 / (1 + np.exp(-odds))).astype(np.float32).astype(np.float64)
    assert {0.0, 1.0} & set(probabilities)
    table = stamp_table(
        np.zeros((8000, 32, 32), np.float32), label=labels, designation=names, mjd=58782.1 + np.arange(8000) % 3 / 100
    )
    known = {name: np.asarray(table[name]) for name in table.colnames if name != "stamp"}
    before = Predictions(known, probabilities, {})
    after = replace(before, probabilities=scaled(fit(scaling, labels, probabilities), probabilities))
    point = choose(after)
    assert point.lost <= point.allowed
    kept = after.probabilities >= point.threshold
    assert probabilities[kept].min() >= probabilities[~kept].max()
    # A strictly rising scaling drops what the raw threshold drops, but for rounding to 6 decimals; isotonic steps keep
    # more.
    assert point.left >= choose(before).left * 0.99
    if scaling in ("temperature", "logistic"):
        assert point.left <= choose(before).left * 1.01


def test_the_command(run: Path, tiny_records: Path) -> None:
    app = typer.Typer()
    app.command()(command)
    arguments = [str(run), "--records", str(tiny_records), "--max-loss", "0.9", "--confidence", "0.5", "--needs", "2"]
    arguments += ["--by", "field"]
    done = CliRunner().invoke(app, [*arguments, "--scaling", "temperature"])
    assert done.exit_code == 0, done.output
    made = read_classifier(run)
    assert made.scaling is not None
    assert made.scaling["method"] == "temperature"
    assert made.operating_point is not None
    assert {name: made.operating_point[name] for name in ("max_loss", "confidence", "needs", "by")} == {
        "max_loss": 0.9,
        "confidence": 0.5,
        "needs": 2,
        "by": "field",
    }
    assert set(get_args(get_type_hints(command)["scaling"])) == set(METHODS)
