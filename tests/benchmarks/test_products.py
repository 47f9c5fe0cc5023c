"""A row of the table of products says what was made of a network, also where a user would have been refused it."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks import products
from benchmarks.products_results import Results
from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.export import onnx_file
from ceres_fast.export.proof import Tolerances, draw_stamps, tolerances_for
from ceres_fast.model.load import load_model, predict
from ceres_fast.records.manifest import MANIFEST

KEPT = 0.8


@pytest.fixture
def given(tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_classifier: None) -> Any:
    """Options of a short run on a tiny network, in this process."""
    monkeypatch.setattr(products, "isolated", lambda function, *arguments: function(*arguments))
    monkeypatch.setattr(products, "weights_of", lambda backbone, folder: "imagenet")
    return products.parser().parse_args(
        [
            *("--records", str(tiny_records), "--folder", str(tmp_path), "--output", str(tmp_path / "products.json")),
            *("--epochs", "2", "--kept", str(KEPT), "--stamps", "8", "--repeats", "2", "--rows", "xception/2"),
        ]
    )


@pytest.mark.slow
def test_a_row(given: argparse.Namespace, tiny_records: Path, tmp_path: Path) -> None:
    row = products.row("xception/2", given)
    run = tmp_path / "products" / "xception-2" / "run"
    assert row["training"]["epochs"] == 2
    assert set(row["products"]) == {"float32", "float16", "int8"}
    for made in row["products"].values():
        assert made["bytes"] == (run / made["file"]).stat().st_size
        assert made["agreement"]["stamps"] > 0
        assert made["layers"]["weighted"] > 0
    assert row["products"]["float32"]["agreement"]["largest"] < 1e-4
    assert row["products"]["float32"]["layers"]["int8"] == 0
    assert row["products"]["int8"]["layers"]["int8"] > 0
    assert row["speed"]["over_float32"]["float32"] == 1
    assert {len(rates) for rates in row["speed"]["all"].values()} == {2}
    for engine in (each for made in row["engines"].values() for each in made.values()):
        assert engine.get("sidecar") == "accepted" or engine["not_run"]
    assert str(tmp_path) not in json.dumps(row)

    classifier = read_classifier(run)
    stamps = draw_stamps(tiny_records, classifier, ("validation",))
    answers = predict(load_model(classifier), stamps.pixels)[stamps.asteroids, 1]
    assert np.mean(answers >= classifier.threshold) == pytest.approx(KEPT, abs=1 / len(answers))


@pytest.mark.slow
def test_what_a_user_would_be_refused_is_measured_too(
    given: argparse.Namespace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "PRECISIONS", ("float32",))
    monkeypatch.setattr(products, "tolerances_for", lambda *precisions: Tolerances(-1.0, 0.0, 0.0, 1.0))
    row = products.row("xception/2", given)
    made = row["products"]["float32"]
    assert made["refused"].startswith("Not exported")
    assert made["agreement"]["largest"] >= 0
    assert row["speed"]["stamps_per_second"]["float32"] > 0
    assert onnx_file.tolerances_for is tolerances_for  # for others it is as it was


def made(precision: str, **changed: Any) -> dict[str, Any]:
    share = {"count": 9, "of": 10, "value": 0.9, "low": 0.6, "high": 1.0}
    agreement = {"largest": 1e-6, "changed": 0, "stamps": 20, "recall": {"before": share, "after": share}}
    return {"file": f"{precision}.onnx", "seconds": 1.0, "bytes": 10**6, "agreement": agreement} | changed


@pytest.fixture
def row() -> dict[str, Any]:
    return {
        "conversion_seconds": 2.0,
        "products": {
            "float32": made("float32"),
            "float16": made("float16", refused="Not exported"),
            "int8": {"refused": "No"},
        },
        "speed": {
            "stamps_per_second": {"float32": 100.0, "float16": 50.0},
            "over_float32": {"float32": 1.0, "float16": 0.5},
        },
        "engines": {"tensorrt-rtx": {"float32": {"seconds": 1.0, "bytes": 10**6}, "float16": {"not_run": "because"}}},
    }


OPTIONS = {"epochs": 2, "rows": ["xception/2"], "folder": Path("somewhere")}


def test_what_was_measured_is_there_for_the_next_process(tmp_path: Path, row: dict[str, Any]) -> None:
    path = tmp_path / "products.json"
    Results(path, OPTIONS).add("xception/2", row)
    again = Results(path, {**OPTIONS, "rows": ["xception/1"], "folder": Path("elsewhere")})
    assert again.rows == {"xception/2": row}
    assert not again.lacks("xception/2")
    assert again.lacks("xception/1")


def test_a_result_of_other_options_is_not_mixed_in(tmp_path: Path, row: dict[str, Any]) -> None:
    path = tmp_path / "products.json"
    Results(path, OPTIONS).add("xception/2", row)
    with pytest.raises(SystemExit, match="other options"):
        Results(path, {**OPTIONS, "epochs": 3})


@pytest.mark.parametrize(
    "changed",
    [
        lambda row: row,
        lambda row: row | {"speed": {"not_run": "no float32"}},
        lambda row: row | {"products": {"float32": made("float32", agreement={})}},
    ],
)
def test_every_row_can_be_shown(
    tmp_path: Path,
    row: dict[str, Any],
    changed: Callable[[dict[str, Any]], dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ceres_fast.console.console._width", 200)
    results = Results(tmp_path / "products.json", OPTIONS)
    results.add("xception/2", changed(row))
    results.show()
    assert "xception/2 float32" in capsys.readouterr().out


def test_only_rows_that_are_missing_are_measured(
    given: argparse.Namespace, row: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[str] = []
    monkeypatch.setattr(products, "parser", lambda: argparse.Namespace(parse_args=lambda: given))
    monkeypatch.setattr(products, "row", lambda name, given: measured.append(name) or row)
    given.rows = ["xception/2"]
    products.main()
    given.rows = ["xception/2", "inceptionv3/1"]
    products.main()
    assert measured == ["xception/2", "inceptionv3/1"]


def test_other_records_are_not_mixed_in(
    given: argparse.Namespace, row: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(products, "parser", lambda: argparse.Namespace(parse_args=lambda: given))
    monkeypatch.setattr(products, "row", lambda name, given: row)
    products.main()
    manifest = tmp_path / "other" / MANIFEST
    manifest.parent.mkdir()
    manifest.write_text((given.records / MANIFEST).read_text() + "\n")
    given.records = manifest.parent
    with pytest.raises(SystemExit, match="other options"):
        products.main()
