"""The model card: its head can be read by programs, its numbers are those of the classifier as it is now."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from lxml import html
from markdown_it import MarkdownIt
from sklearn import metrics
from typer.testing import CliRunner

from ceres_fast.artifact.classifier import Classifier, read_classifier
from ceres_fast.cli.card import card as command
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.evaluation import scores
from ceres_fast.evaluation.calibrate import calibrate
from ceres_fast.evaluation.evaluate import evaluate
from ceres_fast.evaluation.model_card import CARD, metadata, write_card
from ceres_fast.evaluation.predictions import PREDICTIONS, read_predictions
from ceres_fast.files import sha256_of
from ceres_fast.records.manifest import load_manifest

from ..tiny_networks import tiny_network, write_knowing_run

LOOSE = {"max_loss": 0.9, "confidence": 0.5}
"""A promise for which one asteroid is enough."""

HOSTILE = "a: [b]\n---\n- 'c' \"d\" {e}: &f *g #h %i @j |k `l <script>m</script> ț"

pytestmark = pytest.mark.usefixtures("tiny_classifier", "few_resamples")


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "RESAMPLES", 20)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory, tiny_records: Path) -> Path:
    """A run that was evaluated on two splits; not to be changed."""
    digest = load_manifest(tiny_records).sha256
    folder = tmp_path_factory.mktemp("evaluated") / "run"
    made = write_knowing_run(folder, records={"name": "stamps", "manifest_sha256": digest})
    (made / "config.toml").write_text(f"records = '{tiny_records}'\nepochs = 7\nbatch_size = 16\ndense = 256\n")
    (made / "metrics.json").write_text(json.dumps({"best_epoch": 3, "epochs": 5, "seconds": 91.5}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ceres_fast.model.load.build_model", tiny_network)
        patch.setattr(scores, "RESAMPLES", 20)
        for split in ("test", "validation"):
            evaluate(made, tiny_records, split=split)
    return made


@pytest.fixture
def run(tmp_path: Path, evaluated: Path) -> Path:
    """A run that was evaluated on two splits."""
    return Path(shutil.copytree(evaluated, tmp_path / "run"))


def parts(path: Path) -> tuple[dict[str, Any], str]:
    """Return the head, read as YAML, and the body."""
    empty, head, body = path.read_text(encoding="utf-8").split("---\n", 2)
    assert empty == ""
    return yaml.safe_load(head), body


def metrics_of(head: dict[str, Any]) -> dict[str, float]:
    """Return the metrics of the first result."""
    return {metric["type"]: metric["value"] for metric in head["model-index"][0]["results"][0]["metrics"]}


def rendered(body: str) -> Any:
    return html.fromstring(MarkdownIt("commonmark", {"html": True}).enable("table").render(body))


def cells(document: Any, name: str) -> list[str]:
    """Return the cells of the first line of a table that begins with `name`."""
    lines = [[" ".join(cell.text_content().split()) for cell in line] for line in document.iter("tr")]
    return next(line[1:] for line in lines if line[0] == name)


def test_the_head_is_what_the_hub_reads(run: Path, tiny_records: Path) -> None:
    head, _ = parts(write_card(run))
    assert head["library_name"] == "keras"
    assert head["pipeline_tag"] == "image-classification"
    assert {"astronomy", "asteroids", "xception"} <= set(head["tags"])
    assert "license" not in head
    (index,) = head["model-index"]
    assert index["name"] == "xception-experiment2"
    assert [result["dataset"]["split"] for result in index["results"]] == ["test", "validation"]
    for result in index["results"]:
        assert result["task"]["type"] == "image-classification"
        assert result["dataset"]["name"] == f"stamps, {result['dataset']['split']} split"
        assert result["dataset"]["revision"] == load_manifest(tiny_records).sha256
        assert all(isinstance(metric["value"], float) for metric in result["metrics"])


def test_the_metrics_are_those_of_the_predictions(run: Path) -> None:
    head, body = parts(write_card(run))
    found = read_predictions(run / "evaluation-test" / PREDICTIONS)
    called = found.probabilities >= 0.5
    told = metrics_of(head)
    assert told == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(found.labels, called),
            "loss": metrics.log_loss(found.labels, found.probabilities),
            "precision": metrics.precision_score(found.labels, called),
            "recall": metrics.recall_score(found.labels, called),
            "f1": metrics.f1_score(found.labels, called),
            "roc_auc": metrics.roc_auc_score(found.labels, found.probabilities),
            "average_precision": metrics.average_precision_score(found.labels, found.probabilities),
        },
        rel=1e-5,
    )
    document = rendered(body)
    assert cells(document, "accuracy") == [f"{told['accuracy']:.3f}"]
    assert cells(document, "asteroid recall")[0].startswith(f"{told['recall']:.3f} [")


def test_the_data_are_told(run: Path, tiny_records: Path) -> None:
    document = rendered(parts(write_card(run))[1])
    manifest = load_manifest(tiny_records)
    for split in manifest.splits:
        counts = manifest.class_counts(split)
        told = [counts["asteroid"], counts["non_asteroid"], manifest.splits[split]["groups"]]
        assert cells(document, split) == list(map(str, told))
    assert cells(document, "records") == ["stamps"]
    assert cells(document, "SHA-256 of their manifest") == [manifest.sha256]
    assert cells(document, "pixel scale, arcsec/pixel") == ["0.50", "0.50", "0.50"]
    assert cells(document, "stationary_radius") == [str(manifest.rules["stationary_radius"])]


def test_how_it_was_trained_and_its_hashes(run: Path, tiny_records: Path) -> None:
    body = parts(write_card(run))[1]
    document = rendered(body)
    assert "Epoch 3 of 5 was kept; 92 s." in body
    assert cells(document, "epochs") == ["7"]
    assert cells(document, "head") == ["dense 256, dropout 0.5"]
    classifier = read_classifier(run)
    assert cells(document, "weights") == [classifier.files["weights"]["file"], sha256_of(classifier.weights_path())]
    assert str(tiny_records) not in body
    assert str(run) not in body


def test_without_an_operating_point_nothing_is_promised(run: Path) -> None:
    body = parts(write_card(run))[1]
    assert "no guarantee applies" in body
    assert "At the operating point" not in body
    assert "they are not scaled" in body


def test_evaluations_from_before_the_calibration_are_told_as_the_classifier_is_now(
    run: Path, tiny_records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    point = calibrate(run, tiny_records, **LOOSE)
    head, body = parts(write_card(run))
    assert "left out" not in capsys.readouterr().err
    assert f"Threshold **{point.threshold:.6f}**" in body
    assert "at most 90 % of the asteroids are lost, with a confidence of 50 %" in body
    assert "Asteroids are taken to be independent of each other." in body
    per_stamp = cells(rendered(body), "non-asteroids left per 1,000 detections that became stamps")
    assert per_stamp == [f"{point.left_per_1000:.1f}"]
    assert cells(rendered(body), "asteroids that it was chosen on") == [str(point.asteroids)]
    assert "At the operating point" in body
    assert cells(rendered(body), "Brier score")[0] != "–"
    evaluate(run, tiny_records, split="test")
    stored = json.loads((run / "evaluation-test" / "scores.json").read_text())
    told = metrics_of(head)
    assert told["loss"] == pytest.approx(stored["loss"])
    assert told["recall"] == stored["classes"]["asteroid"]["recall"]
    again, _ = parts(write_card(run, overwrite=True))
    assert {
        metric["type"]: metric["value"] for metric in again["model-index"][0]["results"][0]["metrics"]
    } == pytest.approx(told)


def test_a_guarantee_by_field_and_a_cost_per_row_are_called_so(run: Path, tiny_records: Path) -> None:
    point = calibrate(run, tiny_records, **LOOSE, by="field").as_dict()
    estimate = {"rho": 0.1, "low": 0.0, "high": 0.2, "n_eff": 5.0, "bound": 0.9512}
    changed(run, operating_point=point | {"rows": 1234, "dependence": estimate})
    body = parts(write_card(run))[1]
    assert "at most 90 % of a field's asteroids, in the mean over fields, are lost, with a confidence of 50 %" in body
    assert "Fields, each in one night, are taken to be independent of each other." in body
    document = rendered(body)
    assert cells(document, "non-asteroids left per 1,000 catalogue rows") == [f"{point['left_per_1000']:.1f}"]
    row = "estimate: upper limit of the share of all asteroids lost, with the dependence within fields"
    assert cells(document, row) == ["0.9512"]


def changed(run: Path, **values: Any) -> Classifier:
    """Change the classifier of a run."""
    made = replace(read_classifier(run), **values)
    made.write(run)
    return made


def test_an_evaluation_of_other_weights_is_left_out(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = read_classifier(run).files
    other = shutil.copy(run / files["weights"]["file"], run / "other.weights.h5")
    with Path(other).open("ab") as stream:
        stream.write(b"\0")
    changed(run, files={"weights": {"file": "other.weights.h5", "sha256": sha256_of(Path(other))}})
    head, body = parts(write_card(run))
    assert capsys.readouterr().err.count("is left out. Evaluate it again") == 2
    assert "model-index" not in head
    assert "Not evaluated as it is now" in body


def test_an_evaluation_with_another_scaling_is_left_out(
    run: Path, tiny_records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    changed(run, scaling={"method": "temperature", "temperature": 2.0})
    evaluate(run, tiny_records, split="test")
    changed(run, scaling={"method": "temperature", "temperature": 3.0})
    head, _ = parts(write_card(run))
    assert [result["dataset"]["split"] for result in head["model-index"][0]["results"]] == ["validation"]
    assert "evaluation-test: was made with another classifier" in capsys.readouterr().err


def test_random_weights_are_told(run: Path) -> None:
    assert "random" not in parts(write_card(run))[1]
    changed(run, weights_from="none")
    body = parts(write_card(run, overwrite=True))[1]
    assert "**Its weights were random before training**" in body
    assert body.count("Training began with random weights.") == 2


def test_names_are_shown_and_break_nothing(run: Path, tiny_records: Path, tmp_path: Path) -> None:
    word = " ".join(HOSTILE.split())
    records = Path(shutil.copytree(tiny_records, tmp_path / "records"))
    manifest = json.loads((records / "manifest.json").read_text())
    manifest["sources"][0]["name"] = HOSTILE
    (records / "manifest.json").write_text(json.dumps(manifest))
    changed(
        run,
        backbone=word,
        experiment=word,
        weights_from=word,
        records={"name": word, "manifest_sha256": load_manifest(records).sha256},
        rules={word: word},
        versions={word: word},
    )
    (run / "config.toml").write_text(f"records = '{records}'\n" + f'"{word.replace(chr(34), "")}" = ["x", {{y = 1}}]\n')
    head, body = parts(write_card(run))
    assert head["tags"][-1] == word
    assert head["model-index"][0]["name"] == f"{word}-experiment{word}"
    document = rendered(body)
    assert not list(document.iter("script", "img"))
    shown = [" ".join(cell.text_content().split()) for cell in document.iter("td", "th")]
    assert shown.count(word) >= 4
    assert any(word in text for text in shown if text.startswith("name"))


def test_a_head_of_any_names_is_yaml(run: Path) -> None:
    classifier = replace(read_classifier(run), backbone=" ".join(HOSTILE.split()))
    assert yaml.safe_load(yaml.safe_dump(metadata(classifier, []))) == metadata(classifier, [])


def test_without_the_records_the_card_says_so(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (run / "config.toml").write_text("records = '/nowhere'\n")
    body = parts(write_card(run))[1]
    assert "The records were not at hand" in body
    assert "name them with --records" in capsys.readouterr().err


def test_other_records_than_it_was_trained_on_are_refused(run: Path, tiny_records: Path, tmp_path: Path) -> None:
    other = Path(shutil.copytree(tiny_records, tmp_path / "other"))
    with (other / "manifest.json").open("a") as stream:
        stream.write("\n")
    with pytest.raises(InputError, match="not hold the records that the classifier was trained on"):
        write_card(run, other)
    assert not (run / CARD).exists()
    assert write_card(run, tiny_records).is_file()


def test_an_evaluation_on_other_records_says_so(run: Path) -> None:
    changed(run, records={"name": "others", "manifest_sha256": "0" * 64})
    assert parts(write_card(run))[1].count("Not the records it was trained on.") == 2


def test_a_card_that_is_there_is_kept(run: Path) -> None:
    path = write_card(run)
    path.write_text("mine")
    with pytest.raises(CeresFastError, match="--overwrite"):
        write_card(run)
    assert path.read_text() == "mine"
    assert write_card(run, overwrite=True).read_text().startswith("---\nlibrary_name: keras\n")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.toml", "records = ["),
        ("metrics.json", "[1]"),
        ("evaluation-test/predictions.ecsv", "x"),
        ("calibration/calibration.json", "{"),
        ("classifier.json", "{}"),
    ],
)
def test_a_damaged_file_is_named(run: Path, name: str, text: str) -> None:
    (run / name).parent.mkdir(exist_ok=True)
    (run / name).write_text(text)
    with pytest.raises(InputError, match=Path(name).name):
        write_card(run)
    assert not (run / CARD).exists()


@pytest.mark.parametrize("found", [{"reliability": 3}, {"reliability": {"before": None, "after": {"ece": "x"}}}, {}])
def test_a_calibration_that_says_nothing_is_passed_over(run: Path, found: dict[str, Any]) -> None:
    (run / "calibration").mkdir()
    (run / "calibration" / "calibration.json").write_text(json.dumps(found))
    assert write_card(run).is_file()


def test_a_run_with_nothing_but_its_classifier(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("config.toml", "metrics.json"):
        (run / name).unlink()
    for folder in run.glob("evaluation-*"):
        shutil.rmtree(folder)
    head, body = parts(write_card(run / "classifier.json"))
    assert "model-index" not in head
    assert "Not evaluated as it is now" in body


def test_the_command(run: Path, tiny_records: Path) -> None:
    app = typer.Typer()
    app.command()(command)
    done = CliRunner().invoke(app, [str(run), "--records", str(tiny_records)], catch_exceptions=False)
    assert done.exit_code == 0
    assert str(run / CARD) in " ".join(done.output.split())
    assert tomllib.loads((run / "config.toml").read_text())["epochs"] == 7
