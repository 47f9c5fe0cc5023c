"""A cascade is a classifier of its own, whose larger network is asked wherever that may save an asteroid."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.artifact.products import in_words
from ceres_fast.cli import app
from ceres_fast.engines import load
from ceres_fast.engines.agreement import probe_stamps
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.evaluation.calibrate import calibrate
from ceres_fast.evaluation.evaluate import evaluate
from ceres_fast.evaluation.model_card import write_card
from ceres_fast.export import cascades, export
from ceres_fast.model.cascade import MARGIN
from ceres_fast.model.load import load_model, predict
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_columns

from ..model.test_cascade import expected
from ..tiny_networks import write_knowing_run

POINT = {"threshold": 0.25, "max_loss": 0.02, "confidence": 0.95, "needs": 3}

pytestmark = pytest.mark.usefixtures("tiny_classifier")


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cascades, "FEWEST", 2)


@pytest.fixture
def fast(tmp_path: Path) -> Path:
    return write_knowing_run(tmp_path / "fast", 3.0)


@pytest.fixture
def large(tmp_path: Path) -> Path:
    return write_knowing_run(tmp_path / "large", 20.0, threshold=0.25, operating_point=POINT, experiment=1)


def test_it_asks_wherever_the_larger_one_may_save_an_asteroid(
    fast: Path, large: Path, tiny_records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = export(fast, cascade=large, records=tiny_records)
    assert path.parent.parent == fast
    assert path.parent.name.startswith("cascade-")
    made = read_classifier(path.parent)
    split = read_columns(load_manifest(tiny_records), "validation", ("stamp", "label"))
    first, larger = (predict(load_model(read_classifier(run)), split["stamp"]) for run in (fast, large))
    kept = (larger[:, 1] >= 0.25) & (split["label"] == 1)
    assert kept.any()
    assert made.cascade_from == pytest.approx(first[kept, 1].min() / MARGIN, abs=1e-5)
    found = load(path).predict(split["stamp"], raw=True)
    np.testing.assert_allclose(found, expected(first, larger, made.cascade_from)[:, 1], atol=1e-5)
    # So none that the larger one keeps is lost.
    assert (found[kept] >= 0.25).all()
    assert (made.threshold, made.operating_point, made.views) == (0.25, None, 1)
    assert (
        in_words(made) == f"xception, experiment 2, which from {made.cascade_from:.3g} on asks xception, experiment 1"
    )
    said = " ".join(capsys.readouterr().out.split())
    for words in ("of the calibration stamps", "the cascade loses 0 (95 % interval", "`ceres-fast calibrate"):
        assert words in said, words


@pytest.mark.slow
def test_it_is_calibrated_evaluated_and_exported_again(fast: Path, large: Path, tiny_records: Path) -> None:
    folder = export(fast, cascade=large, records=tiny_records).parent
    for precision in ("float16", "int8"):
        engine = load(export(folder, precision=precision, records=tiny_records))
        exact = load(folder / "classifier.onnx").predict(probe_stamps(), raw=True)
        np.testing.assert_allclose(engine.predict(probe_stamps(), raw=True), exact, atol=0.05)
    point = calibrate(folder, tiny_records, max_loss=0.6, confidence=0.6, needs=1)
    assert load(folder).threshold == point.threshold
    # Made again, it is the same, and keeps what was calibrated.
    assert export(fast, cascade=large, records=tiny_records).parent == folder
    assert read_classifier(folder).operating_point == load(folder).operating_point
    assert load(folder).operating_point is not None
    assert evaluate(folder, tiny_records).roc_auc.value == 1
    assert "It is a cascade" in write_card(folder).read_text()
    version = export(folder, to="triton")
    assert np.isfinite(load(version / "model.onnx").predict(probe_stamps(), raw=True)).all()


def test_of_what_a_cascade_cannot_be_made(fast: Path, large: Path, tiny_records: Path, tmp_path: Path) -> None:
    with pytest.raises(CeresFastError, match="--cascade: needs records"):
        export(fast, cascade=large)
    with pytest.raises(CeresFastError, match="Leave out --views and --members"):
        export(fast, cascade=large, views=8, records=tiny_records)
    with pytest.raises(InputError, match=r"fast/classifier.json: is not calibrated.*ceres-fast calibrate"):
        export(large, cascade=fast, records=tiny_records)
    with pytest.raises(InputError, match="has the weights of"):
        export(large, cascade=large, records=tiny_records)
    blind = write_knowing_run(tmp_path / "blind", -20.0, threshold=0.9, operating_point=POINT | {"threshold": 0.9})
    with pytest.raises(CeresFastError, match=r"keeps 0 at its threshold 0\.9; --cascade needs 2"):
        export(fast, cascade=blind, records=tiny_records)
    assert not any(each.is_dir() for each in fast.iterdir())
    folder = export(fast, cascade=large, records=tiny_records).parent
    with pytest.raises(InputError, match="is a cascade already"):
        export(folder, views=8)
    with pytest.raises(InputError, match="is a cascade already"):
        export(large, members=[folder])


def test_no_engine_is_built_of_it(fast: Path, large: Path, tiny_records: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    folder = export(fast, cascade=large, records=tiny_records).parent
    with pytest.raises(CeresFastError, match=r"is a cascade\. How many stamps"):
        export(folder, to="tensorrt-rtx")


@pytest.mark.parametrize("changed", [{"views": 8}, {"members": ()}, {"cascade_from": 0.0}, {"cascade_from": "a"}])
def test_a_description_that_cannot_be_is_refused(
    fast: Path, large: Path, tiny_records: Path, changed: dict[str, Any]
) -> None:
    import json

    file = export(fast, cascade=large, records=tiny_records).parent / "classifier.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **changed}))
    with pytest.raises(InputError, match=r"views|number of members|cascade_from"):
        read_classifier(file.parent)


def test_the_command_takes_a_cascade(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr("ceres_fast.export.export", lambda run, **given: seen.update(given, run=run))
    called = CliRunner().invoke(app, ["export", "a", "--cascade", "b"])
    assert called.exit_code == 0, called.output
    assert seen["cascade"] == Path("b")
