"""Files that earlier versions wrote are read, and what is read is written again with the same bytes.

The files in ``golden/`` were written by version 0.1.0, before its formats were described with msgspec. They are never
written anew: a change of a format gets a new format version and files of its own.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from ceres_fast.artifact.classifier import CLASSIFIER_FILE, Classifier, read_classifier
from ceres_fast.engines.tensorrt.options import EngineOptions, profiles
from ceres_fast.engines.tensorrt.sidecar import Sidecar, read_sidecar
from ceres_fast.evaluation.operating_point import OperatingPoint
from ceres_fast.files import write_json
from ceres_fast.paper.report.results import read_results
from ceres_fast.records.manifest import MANIFEST, load_manifest, write_manifest
from ceres_fast.selection.rules import Rules
from ceres_fast.stamps import PLANES, stamp_shape

GOLDEN = Path(__file__).parent / "golden"

POINT = OperatingPoint(
    threshold=0.114204,
    max_loss=0.02,
    confidence=0.95,
    needs=3,
    asteroids=312,
    allowed=2,
    lost=2,
    left_out=5,
    bound=0.0199,
    detections=4000,
    non_asteroids=2900,
    left=500,
    left_per_1000=125.0,
    fields=41,
    manifest_sha256="ab" * 32,
)
EARLIER_RULES = Rules().as_dict()
for new in ("most_missing", "most_missing_at_centre"):
    del EARLIER_RULES[new]
"""The rules as they were written before there was one for missing pixels."""

RECORDS = {"name": "stamps", "manifest_sha256": "ab" * 32}
VERSIONS = {"ceres_fast": "0.1.0", "keras": "3.15.0", "tensorflow": "2.21.0", "python": "3.11.2"}
WEIGHTS = {"file": "classifier.weights.h5", "sha256": "01" * 32}

CLASSIFIERS = {
    # Of whole numbers where others may stand too: they stay whole.
    "classifier.json": Classifier(
        backbone="xception",
        experiment=2,
        weights_from="imagenet",
        normalise="minmax",
        precision="float32",
        head={"dense": 256, "dropout": 0},
        rules=EARLIER_RULES,
        records=RECORDS,
        versions=VERSIONS,
        files={"weights": WEIGHTS},
        pixel_scale=1,
    ),
    "classifier-calibrated.json": Classifier(
        backbone="resnet152v2",
        experiment="all",
        weights_from="none",
        normalise="asinh",
        precision="mixed_float16",
        head={"dense": 64, "dropout": 0.25},
        rules=EARLIER_RULES | {"remove_stationary": False, "stationary_radius": 0.75},
        records=RECORDS,
        versions=VERSIONS,
        files={
            "weights": WEIGHTS,
            "onnx": {"file": "classifier.onnx", "sha256": "02" * 32},
            "onnx-float16": {"file": "classifier-float16-7.onnx", "sha256": "03" * 32},
        },
        threshold=POINT.threshold,
        scaling={"method": "logistic", "temperature": 1.4375, "bias": -2.125},
        operating_point=POINT.as_dict(),
        pixel_scale=1.0123,
    ),
    "classifier-planes.json": Classifier(
        backbone="inceptionv3",
        experiment=1,
        weights_from="Größe.weights.h5",
        normalise="minmax",
        precision="int8",
        head={"dense": 256, "dropout": 0.5},
        rules={},
        records={},
        versions={},
        files={},
        threshold=0,
        scaling={"method": "isotonic", "x": [0, 0.25, 1], "y": [0.0009765625, 0.5, 1]},
        planes=PLANES,
        stamp_shape=stamp_shape(PLANES),
    ),
}
SIDECARS = {
    "tensorrt.engine": Sidecar(
        flavour="tensorrt",
        runtime_version="10.13.0.35",
        onnx="classifier.onnx",
        onnx_sha256="04" * 32,
        engine_bytes=123_456_789,
        engine_sha256="05" * 32,
        precision="float32",
        gpu={"name": "NVIDIA A100", "compute_capability": "8.0"},
        hardware="none",
        compute_capabilities=(),
        batches=(1, 64, 1024),
        profiles=tuple(profiles((1, 64, 1024), per_batch=True)),
        options=EngineOptions(batches=(1, 64, 1024), workspace_mib=2048).as_dict(),
        built="2026-01-01T00:00:00+00:00",
        log="tensorrt.engine.log",
        classifier=json.loads(CLASSIFIERS["classifier.json"].to_json()),
        stamp_shape=(32, 32, 1),
    ),
    "tensorrt-rtx.engine": Sidecar(
        flavour="tensorrt-rtx",
        runtime_version="1.7.1.116",
        onnx="classifier.onnx",
        onnx_sha256="06" * 32,
        engine_bytes=987_654,
        engine_sha256="07" * 32,
        precision="int8",
        gpu=None,
        hardware="portable",
        compute_capabilities=("8.6", "8.9"),
        batches=(64,),
        profiles=tuple(profiles((64,), per_batch=False)),
        options=EngineOptions(batches=(64,), compute_capabilities=("8.6", "8.9")).as_dict(),
        built="2026-01-01T00:00:00+01:00",
        log="tensorrt-rtx.engine.log",
        classifier=json.loads(CLASSIFIERS["classifier-planes.json"].to_json()),
        stamp_shape=(32, 32, 3),
    ),
}


def text(name: str) -> str:
    return (GOLDEN / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", CLASSIFIERS)
def test_a_classifier(name: str, tmp_path: Path) -> None:
    assert CLASSIFIERS[name].to_json() == text(name)
    read = read_classifier(GOLDEN / name)
    assert read == CLASSIFIERS[name]
    assert read.write(tmp_path).name == CLASSIFIER_FILE
    assert (tmp_path / CLASSIFIER_FILE).read_text(encoding="utf-8") == text(name)


@pytest.mark.parametrize("name", SIDECARS)
def test_the_sidecar_of_an_engine(name: str) -> None:
    read = read_sidecar(GOLDEN / name)
    assert read == SIDECARS[name]
    assert read.to_json() == SIDECARS[name].to_json() == text(f"{name}.json")


def test_a_manifest(tmp_path: Path) -> None:
    manifest = load_manifest(GOLDEN)
    assert (manifest.count("train"), manifest.class_counts("test")) == (72, {"non_asteroid": 5, "asteroid": 3})
    write_manifest(manifest, tmp_path)
    assert (tmp_path / MANIFEST).read_text(encoding="utf-8") == text(MANIFEST)


@pytest.mark.parametrize("name", ["rules-missing-pixels.json", "rules.json", "rules-version-1.json"])
def test_rules(name: str, tmp_path: Path) -> None:
    rules = Rules.from_dict(json.loads(text(name)))
    first = name == "rules-version-1.json"
    assert rules == (Rules(remove_stationary=False, match_radius=3.0) if first else Rules())
    write_json(tmp_path / "rules.json", rules.as_dict())
    # The first version is read where nothing was removed; it and the second are written as the present one.
    expected = json.loads(text("rules-missing-pixels.json")) | (rules.as_dict() if first else {})
    assert (tmp_path / "rules.json").read_text() == json.dumps(expected, indent=2) + "\n"


def test_an_operating_point(tmp_path: Path) -> None:
    point = OperatingPoint.from_dict(json.loads(text("operating-point.json")))
    assert point == POINT
    write_json(tmp_path / "point.json", point.as_dict())
    assert (tmp_path / "point.json").read_text() == text("operating-point.json")


def test_the_experiments_of_the_paper(tmp_path: Path) -> None:
    stored = json.loads(text("experiments.json"))
    found = read_results(GOLDEN / "experiments.json")
    assert [row.finished for row in found.rows] == [True, True]
    rows = [asdict(row) for row in found.rows]
    for row, values in zip(rows, stored["rows"], strict=True):
        assert row | {"history": list(row["history"])} == values
        if point := values["operating_point"]:
            assert OperatingPoint.from_dict(point).as_dict() == point
    whole = {name: getattr(found, name) for name in ("records", "settings", "machine", "seconds")}
    assert {"ceres_fast": found.version, **whole, "rows": stored["rows"]} == stored
    write_json(tmp_path / "again.json", stored)
    assert (tmp_path / "again.json").read_text() == text("experiments.json")


@pytest.mark.parametrize("name", ["config.toml", "config-series.toml"])
def test_the_configuration_of_a_run(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ceres_fast.training import config  # here: it imports TensorFlow

    monkeypatch.setattr(config, "__version__", "0.1.0")
    options = config.read_config(GOLDEN / name)
    config.write_config(tmp_path, options)
    assert (tmp_path / "config.toml").read_text() == text(name)
    if name == "config.toml":
        again = tmp_path / "again"
        again.mkdir()
        config.RunConfig.read(tmp_path).write(again)
        assert (again / "config.toml").read_text() == text(name)
