"""Trees beside a network: what they learn, what is said of a network that adds nothing, and where there are none."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import tensorflow as tf
from astropy.io import fits

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.errors import InputError
from ceres_fast.evaluation import scores, yardstick
from ceres_fast.evaluation.evaluate import evaluate
from ceres_fast.evaluation.model_card import write_card
from ceres_fast.evaluation.scores import Interval, score
from ceres_fast.evaluation.yardstick import (
    LEFT,
    VERDICTS,
    Difference,
    beside_trees,
    measured_numbers,
    stored_yardstick,
    trees_probabilities,
    why_not,
    yardstick_text,
)
from ceres_fast.model.side import SIDE_NUMBERS
from ceres_fast.records.build import build_records
from ceres_fast.records.manifest import load_manifest

from ..asteroid_predictions import MANIFEST, of_asteroids
from ..tiny_networks import write_knowing_run

pytestmark = pytest.mark.usefixtures("tiny_classifier", "few_resamples")


@pytest.fixture
def few_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "RESAMPLES", 50)


def sources(brightness: np.ndarray, random: np.random.Generator, planes: int = 1) -> np.ndarray:
    """Return stamps of sources that differ in nothing but their brightness over the noise; (n, 32, 32, planes)."""
    y, x = np.mgrid[-16:16, -16:16] + 0.5
    profile = np.exp(-(x**2 + y**2) / 8)[None, :, :, None]
    noise = random.uniform(1, 100, (len(brightness), 1, 1, 1))
    pixels = random.normal(size=(len(brightness), 32, 32, planes)) + brightness[:, None, None, None] * profile
    return (random.uniform(100, 9000, noise.shape) + noise * pixels).astype(np.float32)


@pytest.fixture(scope="module")
def records(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of asteroids (20 times the noise) and of what is fainter (4 times), not to be changed."""
    folder = tmp_path_factory.mktemp("brightness")
    labels = np.tile([1, 1, 1, 0, 0, 0, 0, 0], 24)
    for number, (label, pixels) in enumerate(
        zip(labels, sources(np.where(labels == 1, 20.0, 4.0), np.random.default_rng(3)), strict=True)
    ):
        field, place = divmod(number, 8)
        header = fits.Header({"FIELD": f"F{field:02d}", "RCID": 1, "RA": 10.0 + field, "DEC": 5.0 + place / 10})
        header["MJD-OBS"] = 60000.25 + place / 1000
        if label:
            header["SSNAME"] = f"2020 A{field}"
        path = folder / "stamps" / ("asteroid" if label else "non_asteroid") / f"s{number:03d}.fits"
        path.parent.mkdir(parents=True, exist_ok=True)
        fits.writeto(path, pixels[..., 0], header)
    build_records([folder / "stamps"], folder / "records", shards=1)
    return folder / "records"


def trained_on(records: Path, folder: Path, **options: Any) -> Path:
    digest = load_manifest(records).sha256
    return write_knowing_run(folder, records={"name": "stamps", "manifest_sha256": digest}, **options)


def stored(run: Path, split: str = "test") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / f"evaluation-{split}" / "scores.json").read_text())
    return found


def test_trees_beat_a_network_that_says_the_same_of_everything_and_its_card_says_so(
    records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = trained_on(records, tmp_path / "run", gain=0.0)
    evaluate(run, records)
    found = stored(run)
    beside = found["yardstick"]
    assert beside["verdict"] == "does not beat"
    assert beside["network"]["roc_auc"]["value"] == 0.5
    assert beside["trees"]["roc_auc"]["value"] > 0.95
    assert beside["difference"]["high"] < 0
    assert beside["training_stamps"] == load_manifest(records).count("train")
    assert beside["network"]["roc_auc"] == found["roc_auc"]
    assert beside["network"]["average_precision"] == found["average_precision"]
    # All are called an asteroid or none: none, where one in twenty of the others may be.
    assert beside["network"]["recall_at_5"]["value"] == 0
    (one,) = [one for one in found["completeness"]["bins"] if one["asteroid_stamps"]]
    assert found["completeness"]["quantity"] == "signal_to_noise"
    assert one["trees"]["recall_at_5"]["value"] == beside["trees"]["recall_at_5"]["value"]

    report = (run / "evaluation-test" / "report.txt").read_text()
    assert "The network does not beat the trees: its ROC AUC differs by -0." in report
    assert report.split("\nfield")[0] in capsys.readouterr().out
    card = write_card(run).read_text()
    assert "**The network does not beat the trees: its ROC AUC differs by -0." in card
    assert f"| ROC AUC | 0.500 | {beside['trees']['roc_auc']['value']:.3f}" in card
    assert evaluate(run, records)
    assert stored(run) == found


def test_a_card_takes_no_yardstick_of_another_network(records: Path, tmp_path: Path) -> None:
    run = trained_on(records, tmp_path / "run")
    evaluate(run, records)
    path = run / "evaluation-test" / "scores.json"
    whole = stored(run)
    for name in ("weights_sha256", "manifest_sha256"):
        path.write_text(json.dumps(whole | {"yardstick": whole["yardstick"] | {name: "1" * 64}}))
        assert "the trees" not in write_card(run, overwrite=True).read_text()
    for strange, key in (
        ({"verdict": "is a marvel"}, "yardstick.verdict"),
        ({"difference": {"value": 1.0, "low": None, "high": 1.0}}, "yardstick.difference.low"),
        ({"trees": 3}, "yardstick.trees"),
    ):
        path.write_text(json.dumps(whole | {"yardstick": whole["yardstick"] | strange}))
        with pytest.raises(InputError, match=rf"scores\.json: {key} .*Evaluate the run again"):
            write_card(run, overwrite=True)
    path.write_text(json.dumps({name: value for name, value in whole.items() if name != "yardstick"}))
    assert "the trees" not in write_card(run, overwrite=True).read_text()
    path.unlink()
    assert "the trees" not in write_card(run, overwrite=True).read_text()


@pytest.mark.parametrize(
    ("split", "changed", "reason"),
    [
        ("train", {}, "they would be scored on the stamps that they were trained on"),
        ("test", {"train": {"asteroid": 0, "non_asteroid": 9}}, "the train split has no asteroid"),
        ("test", {"train": {"asteroid": 3, "non_asteroid": 0}}, "the train split has no non-asteroid"),
        ("test", {"train": None}, "the train split has no non-asteroid and no asteroid"),
        ("test", {"test": {"asteroid": 0, "non_asteroid": 9}}, "the test split has no asteroid"),
        ("test", {}, ""),
    ],
)
def test_why_there_are_no_trees(
    records: Path, tmp_path: Path, split: str, changed: dict[str, Any], reason: str
) -> None:
    manifest = load_manifest(records)
    splits = dict(manifest.splits)
    for name, classes in changed.items():
        splits[name] = splits[name] | {"classes": classes}
        if classes is None:
            del splits[name]
    classifier = read_classifier(trained_on(records, tmp_path / "run"))
    assert why_not(classifier, replace(manifest, splits=splits), split) == reason


def test_other_records_are_no_measure_of_what_a_network_learnt(records: Path, tmp_path: Path) -> None:
    run = write_knowing_run(tmp_path / "run")
    evaluate(run, records)
    assert "yardstick" not in stored(run)
    report = " ".join((run / "evaluation-test" / "report.txt").read_text().split())
    assert (
        "No trees on side numbers are shown beside it: these are not the records that the network was trained" in report
    )
    (one,) = [one for one in stored(run)["completeness"]["bins"] if one["asteroid_stamps"]]
    assert "network" in one
    assert "trees" not in one
    assert "the trees" not in write_card(run).read_text()


def test_a_damaged_training_split_is_named(records: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(records, tmp_path / "records"))
    (copy / load_manifest(copy).splits["train"]["shards"][0]["file"]).unlink()
    with pytest.raises(InputError, match=r"train.*does not exist"):
        trees_probabilities(load_manifest(copy), np.zeros((1, len(SIDE_NUMBERS)), np.float32))


def fed(monkeypatch: pytest.MonkeyPatch, stamps: np.ndarray, labels: np.ndarray) -> Any:
    """Let the training split be these stamps, and return what stands for its manifest."""

    def batches(manifest: object, split: str, size: int) -> Iterator[tuple[Any, Any]]:
        assert split == "train"
        yield from tf.data.Dataset.from_tensor_slices((stamps, labels)).batch(size)

    monkeypatch.setattr(yardstick, "stamp_dataset", batches)
    planes = ("science", "template", "difference")[: stamps.shape[3]]
    return SimpleNamespace(planes=planes, count=lambda split: len(labels), sha256=MANIFEST)


@pytest.mark.parametrize("planes", [1, 3])
def test_trees_are_the_same_each_time_and_answer_on_any_stamp(monkeypatch: pytest.MonkeyPatch, planes: int) -> None:
    random = np.random.default_rng(planes)
    labels = random.integers(0, 2, 300)
    manifest = fed(monkeypatch, sources(np.where(labels == 1, 9.0, 4.0), random, planes), labels)
    strange = np.stack([np.full((32, 32, planes), value, np.float32) for value in (0, np.nan, np.inf, 3e38, -1)])
    numbers = measured_numbers(np.concatenate([strange, sources(np.full(1500, 9.0), random, planes)]))
    assert numbers.shape == (1505, planes * len(SIDE_NUMBERS))
    first = trees_probabilities(manifest, numbers)
    assert first.dtype == np.float64
    assert ((first >= 0) & (first <= 1)).all()
    assert first[5:].mean() > 0.8
    np.testing.assert_array_equal(trees_probabilities(manifest, numbers), first)


def test_a_network_that_knows_more_beats_the_trees(monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    manifest = fed(monkeypatch, np.zeros((9, 32, 32, 1), np.float32), np.zeros(9))
    found = of_asteroids(random.uniform(0.4, 1, (40, 3)).tolist(), random.uniform(0, 0.6, 300).tolist())
    found = replace(found, about={**found.about, "weights_sha256": "7" * 64})
    guesses = random.random(len(found.labels))
    for network, trees, verdict in (
        (found.probabilities, guesses, "beats"),
        (guesses, found.probabilities, "does not beat"),
        (found.probabilities, found.probabilities, "is not told apart from"),
    ):
        beside = beside_trees(replace(found, probabilities=network), trees, manifest)
        assert beside.verdict == verdict
        assert beside.difference.low <= beside.difference.value <= beside.difference.high
        text = yardstick_text(beside)
        assert f"The network {verdict} the trees" in text
        assert max(map(len, text.splitlines())) <= 80
        assert beside.network.roc_auc == score(found.labels, network, units=found.units).roc_auc
        json.dumps(beside.as_dict(), allow_nan=False)


def test_recall_is_at_the_threshold_that_leaves_so_many(monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = fed(monkeypatch, np.zeros((9, 32, 32, 1), np.float32), np.zeros(9))
    others = np.arange(100) / 200  # up to 0.495
    found = of_asteroids([[0.46], [0.472], [0.4925], [0.9]], others.tolist())
    found = replace(found, about={**found.about, "weights_sha256": "7" * 64})
    beside = beside_trees(found, np.where(found.labels == 1, 1.0, 0.0), manifest)
    # One of 100 is above 0.49; five are above 0.47.
    assert beside.network.recall_at_1.value == 0.5
    assert beside.network.recall_at_5.value == 0.75
    # All of all samples: the interval is Wilson's.
    assert (beside.trees.recall_at_1.value, beside.trees.recall_at_1.high) == (1, 1)
    assert beside.trees.recall_at_1.low == pytest.approx(0.51, abs=0.01)
    assert beside.trees.roc_auc == Interval(1.0)


@pytest.mark.parametrize(
    ("ends", "sign"), [((0.1, 0.2), 1), ((0.0, 0.2), 0), ((-1e-16, 1e-16), 0), ((1e-16, 1e-16), 0), ((-0.2, -0.1), -1)]
)
def test_only_an_interval_without_0_decides(ends: Sequence[float], sign: int) -> None:
    assert Difference(sum(ends) / 2, *ends).sign == sign
    assert set(VERDICTS) == {1, 0, -1}
    assert list(LEFT.values()) == [0.01, 0.05]


def test_no_file_has_no_yardstick(tmp_path: Path) -> None:
    assert stored_yardstick(tmp_path / "scores.json", of_asteroids([[0.5]])) is None
