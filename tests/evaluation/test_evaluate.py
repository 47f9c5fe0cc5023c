"""Evaluating a run: what is written is what the classifier answers; what does not fit is refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from astropy.table import Table
from matplotlib import image
from sklearn import metrics

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.evaluation import evaluate as module
from ceres_fast.evaluation import scores
from ceres_fast.evaluation.evaluate import evaluate
from ceres_fast.model.load import load_model, predict
from ceres_fast.records.build import build_records
from ceres_fast.records.manifest import MANIFEST, load_manifest
from ceres_fast.records.pipeline import read_columns, read_stamps
from ceres_fast.stamps import PLANES

from ..tiny_networks import OF_STAMPS, write_run
from ..tiny_records import write_stamps

PICTURES = [
    "asteroids_found.png",
    "asteroids_lost.png",
    "confusion.png",
    "failures.png",
    "rightly_rejected.png",
    "taken_for_asteroids.png",
    "worst.png",
]

pytestmark = pytest.mark.usefixtures("tiny_classifier", "few_resamples")


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "RESAMPLES", 20)


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A classifier that has learnt nothing: some of its answers are right."""
    return write_run(tmp_path / "run")


def answers(run: Path, records: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    stamps, labels = read_stamps(load_manifest(records), split)
    return labels, predict(load_model(read_classifier(run)), stamps)[:, 1]


@pytest.mark.parametrize("split", ["train", "test"])
def test_what_is_written_is_what_the_classifier_answers(
    run: Path, tiny_records: Path, split: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = evaluate(run, tiny_records, split=split)
    folder = run / f"evaluation-{split}"
    assert sorted(path.name for path in folder.glob("*.png")) == sorted([*PICTURES, "curves.png"])
    for path in folder.glob("*.png"):
        assert image.imread(path).ndim == 3
    report = (folder / "report.txt").read_text()
    assert report.startswith(f"xception, experiment 2: {split} split of stamps\n")
    # All but the tables of single quantities, which are for those who open the file.
    printed, _, table = report.partition("\nfield")
    assert printed in capsys.readouterr().out
    assert "F10" in table or split == "test"

    stored = json.loads((folder / "scores.json").read_text())
    assert stored["split"] == split
    assert {name: stored[name] for name in found.as_dict()} == json.loads(json.dumps(found.as_dict()))
    labels, probabilities = answers(run, tiny_records, split)
    called = probabilities >= 0.5
    assert stored["confusion"] == metrics.confusion_matrix(labels, called).tolist()
    assert stored["accuracy"] == pytest.approx(np.mean(called == labels))
    assert stored["loss"] == pytest.approx(metrics.log_loss(labels, probabilities.astype(np.float64)), rel=1e-5)
    assert stored["roc_auc"]["value"] == pytest.approx(metrics.roc_auc_score(labels, probabilities))
    assert stored["classes"]["asteroid"]["count"] == labels.sum()

    failed = json.loads((folder / "failures.json").read_text())
    assert failed["recall"]["value"] == pytest.approx(found.classes["asteroid"].recall)
    assert failed["split"] == split
    assert len(Table.read(folder / "worst.ecsv")) == np.count_nonzero(called != labels)


def test_the_classifier_s_threshold_is_used(tmp_path: Path, tiny_records: Path) -> None:
    found = evaluate(write_run(tmp_path / "run", threshold=0.0), tiny_records)
    assert found.threshold == 0
    assert [row[0] for row in found.confusion] == [0, 0]


def test_stamps_of_one_asteroid_are_one_unit_and_all_others_alone(
    run: Path, tiny_records: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = {}

    def watched(labels: np.ndarray, probabilities: np.ndarray, **options: np.ndarray) -> scores.Scores:
        seen.update(options, labels=labels)
        return scores.score(labels, probabilities, **options)

    monkeypatch.setattr(module, "score", watched)
    evaluate(run, tiny_records, split="train")
    designations = read_columns(load_manifest(tiny_records), "train", ["designation"])["designation"]
    asteroids = seen["labels"] == 1
    assert (seen["units"][asteroids] == designations[asteroids]).all()
    assert len(set(seen["units"][asteroids])) == asteroids.sum() / 3
    assert len(set(seen["units"])) == len(set(designations[asteroids])) + np.count_nonzero(~asteroids)


def test_pictures_show_the_most_wrong_first(run: Path, tiny_records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drawn = {}

    def watched(stamps: np.ndarray, captions: list[str], title: str, path: Path, *, total: int) -> None:
        drawn[path.name] = (stamps, [float(words.split()[1]) for words in captions], total)
        assert all("mag" in words or "s0" in words for words in captions)

    monkeypatch.setattr(module, "draw_stamps", watched)
    evaluate(run, tiny_records, split="train")
    labels, probabilities = answers(run, tiny_records, "train")
    called = probabilities >= 0.5
    for name, wanted in {
        "asteroids_lost.png": np.sort(probabilities[(labels == 1) & ~called]),
        "asteroids_found.png": np.sort(probabilities[(labels == 1) & called]),
        "taken_for_asteroids.png": np.sort(probabilities[(labels == 0) & called])[::-1],
        "rightly_rejected.png": np.sort(probabilities[(labels == 0) & ~called])[::-1],
    }.items():
        stamps, shown, total = drawn[name]
        assert total == len(wanted)
        np.testing.assert_allclose(shown, wanted[:40], atol=5.1e-4)  # three decimals
        assert stamps.shape == (len(wanted[:40]), 32, 32, 1)
    assert sum(total for _, _, total in drawn.values()) == len(labels)


def test_another_folder_and_a_second_time(run: Path, tiny_records: Path, tmp_path: Path) -> None:
    first = evaluate(run / "classifier.json", tiny_records, output=tmp_path / "a" / "b")
    assert evaluate(run, tiny_records, output=tmp_path / "a" / "b") == first
    assert (tmp_path / "a" / "b" / "report.txt").is_file()
    assert not (run / "evaluation-test").exists()


@pytest.fixture(scope="module")
def few_asteroids(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of which most splits have no asteroid."""
    folder = tmp_path_factory.mktemp("few")
    build_records([write_stamps(folder / "stamps", fields_with_asteroids=1)], folder / "records", shards=1)
    return folder / "records"


def test_a_split_of_one_class(run: Path, few_asteroids: Path) -> None:
    counts = {split: load_manifest(few_asteroids).class_counts(split) for split in ("validation", "test")}
    split = next(split for split, count in counts.items() if not count["asteroid"])
    found = evaluate(run, few_asteroids, split=split)
    assert found.recall.value is found.roc_auc.value is None
    assert "asteroid recall     not defined" in (run / f"evaluation-{split}" / "report.txt").read_text()
    assert sorted(path.name for path in (run / f"evaluation-{split}").glob("*.png")) == PICTURES


@pytest.fixture
def records(tiny_records: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_records, tmp_path / "records"))


def test_a_split_without_stamps(run: Path, records: Path) -> None:
    for split in ("night", "Test"):
        with pytest.raises(InputError, match=rf"{MANIFEST}: has no stamps in a split '{split}'; expected one of"):
            evaluate(run, records, split=split)


def test_other_rules_are_refused(tmp_path: Path, tiny_records: Path) -> None:
    strict = write_run(tmp_path / "strict", replace(OF_STAMPS, stationary_radius=2.5))
    with pytest.raises(
        InputError,
        match=rf"{MANIFEST}: was built by other rules.*_radius: 2\.5 here, {OF_STAMPS.stationary_radius} there",
    ):
        evaluate(strict, tiny_records)
    assert not (strict / "evaluation-test").exists()


@pytest.mark.parametrize("strange", [{"of_tomorrow": 1.0}, {"match_radius": -1.0}])
def test_rules_of_another_version_are_refused(tmp_path: Path, tiny_records: Path, strange: dict[str, float]) -> None:
    run = write_run(tmp_path / "run")
    classifier = read_classifier(run)
    replace(classifier, rules={**classifier.rules, **strange}).write(run)
    with pytest.raises(InputError, match=rf"classifier.json: was trained .* rules .*{next(iter(strange))}"):
        evaluate(run, tiny_records)


def test_records_of_other_planes_are_refused(tmp_path: Path, tiny_records: Path) -> None:
    run = write_run(tmp_path / "run", planes=PLANES)
    with pytest.raises(InputError, match="of the planes science; expected science, template, difference, as"):
        evaluate(run, tiny_records)


def test_rules_of_labelling_may_differ(tmp_path: Path, tiny_records: Path) -> None:
    evaluate(write_run(tmp_path / "run", replace(OF_STAMPS, match_radius=3.0)), tiny_records)


def test_records_of_another_training_are_warned_of(
    tmp_path: Path, tiny_records: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for digest, warned in (("0" * 64, True), (load_manifest(tiny_records).sha256, False)):
        run = write_run(tmp_path / digest[:4], records={"name": "stamps", "manifest_sha256": digest})
        evaluate(run, tiny_records)
        assert ("not the records the classifier was trained on" in capsys.readouterr().err) is warned


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)


def test_a_damaged_shard_is_named_or_left_out(run: Path, records: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shard, other = load_manifest(records).splits["test"]["shards"]
    flip(records / shard["file"])
    with pytest.raises(InputError, match=rf"{shard['file']}, row \d+: the record is cut or altered"):
        evaluate(run, records)
    found = evaluate(run, records, on_error="skip")
    assert shard["file"] in capsys.readouterr().err
    assert sum(map(sum, found.confusion)) == other["count"]
    flip(records / other["file"])
    with pytest.raises(CeresFastError, match="no stamp of split test can be read"):
        evaluate(run, records, on_error="skip")


def test_no_run(tmp_path: Path, tiny_records: Path) -> None:
    with pytest.raises(InputError, match=r"classifier\.json: cannot be read"):
        evaluate(tmp_path, tiny_records)
