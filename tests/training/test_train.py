"""Training learns, leaves what it says, gives the same again, and survives what goes wrong on the way."""

from __future__ import annotations

import csv
import dataclasses
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from matplotlib import image

from ceres_fast.artifact.classifier import read_classifier
from ceres_fast.artifact.latest import resolve
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.machine.interrupts import Stopped
from ceres_fast.model import build
from ceres_fast.model.load import load_model, predict
from ceres_fast.records.build import build_records
from ceres_fast.records.manifest import Manifest, load_manifest
from ceres_fast.records.pipeline import read_stamps
from ceres_fast.selection.rules import Rules
from ceres_fast.settings.architecture import Architecture
from ceres_fast.settings.defaults import PAPER
from ceres_fast.settings.training import Settings
from ceres_fast.training import assemble
from ceres_fast.training import train as module
from ceres_fast.training.best_epoch import KeepBest
from ceres_fast.training.config import RunConfig
from ceres_fast.training.train import train

from ..tiny_networks import tiny_network
from ..tiny_records import write_stamps

QUICK = Settings("xception", 2, batch_size=16, epochs=2, **PAPER)
TIMES = ("seconds", "stamps_per_second")


def history(run: Path, *, without: tuple[str, ...] = ()) -> list[dict[str, float]]:
    with (run / "history.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    return [{name: float(value) for name, value in row.items() if name not in without} for row in rows]


def cross_entropy(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return -np.log(np.clip(probabilities[np.arange(len(labels)), labels], 1e-7, 1))


@pytest.fixture
def records(tiny_records: Path, tmp_path: Path) -> Path:
    """A copy of the tiny records, to be damaged."""
    return Path(shutil.copytree(tiny_records, tmp_path / "records"))


def damage(records: Path, split: str = "train", number: int = 1) -> Path:
    """Flip a bit in the middle of a shard."""
    path = load_manifest(records).shards(split)[number]
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 4
    path.write_bytes(content)
    return path


def test_it_learns(trained: Path) -> None:
    rows = history(trained)
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["loss"] < rows[0]["loss"] / 2
    assert rows[-1]["val_accuracy"] == rows[-1]["val_recall"] == 1
    assert all(row["seconds"] > 0 for row in rows)


def test_what_it_leaves(trained: Path, tiny_records: Path) -> None:
    names = {path.name for path in trained.iterdir() if not path.name.startswith("evaluation")}
    weights = next(name for name in names if name.endswith(".weights.h5"))
    assert names == {
        ".lock",
        "config.toml",
        "provenance.json",
        "history.csv",
        "metrics.json",
        "figures",
        "classifier.json",
        weights,
    }
    assert image.imread(trained / "figures" / "learning_curves.png").ndim == 3
    assert resolve(trained.parent / "latest") == trained

    manifest = load_manifest(tiny_records)
    settings = RunConfig.read(trained).settings
    assert (settings.backbone, settings.experiment, settings.batch_size, settings.seed) == ("xception", 2, 8, 0)
    provenance = json.loads((trained / "provenance.json").read_text())
    assert provenance["manifest_sha256"] == manifest.sha256
    assert provenance["versions"]["keras"] == keras.__version__

    classifier = read_classifier(trained)
    assert classifier.weights_from == "random.weights.h5"  # a name, not a place on this machine
    assert (classifier.backbone, classifier.experiment, classifier.precision) == ("xception", 2, "float32")
    assert classifier.head == {"kind": "paper", "dense": 64, "dropout": 0.5}
    assert classifier.records == {"name": "stamps", "manifest_sha256": manifest.sha256}
    assert classifier.rules == manifest.rules
    Rules.from_dict(classifier.rules)
    assert classifier.pixel_scale == 0.5
    assert str(trained.parent) not in (trained / "classifier.json").read_text()


def test_what_is_kept_is_the_best_epoch(trained: Path, tiny_records: Path) -> None:
    rows, metrics = history(trained), json.loads((trained / "metrics.json").read_text())
    best = min(rows, key=lambda row: row["val_loss"])
    assert metrics["best_epoch"] == best["epoch"]
    assert metrics["best"] == best
    assert metrics["epochs"] == len(rows)
    assert metrics["seconds"] > sum(row["seconds"] for row in rows)
    assert metrics["prefix_seconds"] > 0
    stamps, labels = read_stamps(load_manifest(tiny_records), "validation")
    probabilities = predict(load_model(read_classifier(trained)), stamps)
    assert cross_entropy(probabilities, labels).mean() == pytest.approx(best["val_loss"], rel=1e-3)


@pytest.mark.slow
def test_another_process_gives_the_same_and_is_quiet(trained: Path, tiny_records: Path, tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "ceres_fast",
        "train",
        f"--config={trained / 'config.toml'}",
        f"--run={tmp_path / 'run'}",
    ]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONHASHSEED": "7"}
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "kept epoch 3 of 3" in done.stdout
    assert "xception, experiment 2: validation split of stamps" in done.stdout
    assert history(tmp_path / "run", without=TIMES) == history(trained, without=TIMES)


@pytest.mark.usefixtures("tiny_classifier")
def test_one_seed_gives_one_history(tiny_records: Path, tmp_path: Path) -> None:
    histories = [
        history(train(tiny_records, dataclasses.replace(QUICK, seed=seed), tmp_path / str(number)), without=TIMES)
        for number, seed in enumerate([3, 3, 4])
    ]
    assert histories[0] == histories[1]
    assert histories[0] != histories[2]


@pytest.mark.usefixtures("tiny_classifier")
def test_the_training_loss_weighs_both_classes_alike(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def prejudiced(architecture: Architecture, planes: tuple[str, ...]) -> keras.Model:
        model = tiny_network(architecture, planes)
        model.get_layer("probabilities").bias.assign([1.5, -1.5])
        return model

    monkeypatch.setattr(assemble, "build_model", prejudiced)
    # With a rate that moves nothing, the loss of an epoch is that of the first weights.
    settings = dataclasses.replace(QUICK, epochs=1, learning_rate=1e-30, unfrozen_learning_rate=1e-30)
    row = history(train(tiny_records, settings, tmp_path / "run"))[0]
    stamps, labels = read_stamps(load_manifest(tiny_records), "train")
    each = cross_entropy(predict(load_model(read_classifier(tmp_path / "run")), stamps), labels)
    assert labels.mean() == pytest.approx(3 / 8)
    assert row["loss"] == pytest.approx((each[labels == 0].mean() + each[labels == 1].mean()) / 2, rel=1e-4)
    assert row["loss"] > each.mean() + 0.1


@pytest.mark.usefixtures("tiny_classifier")
def test_it_stops_when_nothing_gets_better(tiny_records: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, epochs=9, patience=2, learning_rate=1e-30, unfrozen_learning_rate=1e-30)
    run = train(tiny_records, settings, tmp_path / "run")
    assert len(history(run)) == 1 + settings.patience
    assert json.loads((run / "metrics.json").read_text())["best_epoch"] == 1


@pytest.mark.usefixtures("tiny_classifier")
def test_a_run_is_never_overwritten(tiny_records: Path, tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "mine").write_text("precious")
    with pytest.raises(CeresFastError, match="run: exists already"):
        train(tiny_records, QUICK, tmp_path / "run")
    assert [path.name for path in tmp_path.rglob("*")] == ["run", "mine"]


@pytest.mark.usefixtures("tiny_classifier")
def test_latest_is_moved_by_the_first_classifier(tiny_records: Path, tmp_path: Path) -> None:
    for name in ("first", "second"):
        train(tiny_records, QUICK, tmp_path / name)
        assert resolve(tmp_path / "latest") == tmp_path / name


@pytest.mark.usefixtures("tiny_classifier")
def test_a_loss_that_is_not_finite_from_the_start(tiny_records: Path, tmp_path: Path) -> None:
    settings = dataclasses.replace(QUICK, learning_rate=1e30, unfrozen_learning_rate=1e30)
    with pytest.raises(CeresFastError, match=r"not finite after epoch 1\. There is no classifier yet.*--learning-rate"):
        train(tiny_records, settings, tmp_path / "run")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [
        ".lock",
        "config.toml",
        "history.csv",
        "provenance.json",
        "run",
    ]
    assert math.isnan(history(tmp_path / "run")[0]["loss"])


@pytest.mark.usefixtures("tiny_classifier")
def test_a_loss_that_is_not_finite_later_keeps_the_best(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class ThenExplodes(KeepBest):
        def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
            super().on_epoch_end(epoch, logs)
            self.model.optimizer.learning_rate.assign(1e30)

    monkeypatch.setattr(module, "KeepBest", ThenExplodes)
    with pytest.raises(CeresFastError, match=r"not finite after epoch 2\. The best epoch before it has been kept"):
        train(tiny_records, QUICK, tmp_path / "run")
    model = load_model(read_classifier(tmp_path / "run"))
    assert all(np.isfinite(weight).all() for weight in model.get_weights())
    assert resolve(tmp_path / "latest") == tmp_path / "run"


@pytest.mark.usefixtures("tiny_classifier")
def test_stopped_while_features_are_computed_it_says_how_to_go_on(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stopped(*_: Any) -> None:
        assert signal.getsignal(signal.SIGTERM) != signal.SIG_DFL
        signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patched:
        patched.setattr(module, "source_of", stopped)
        with pytest.raises(Stopped):
            train(tiny_records, QUICK, tmp_path / "run")
    said = capsys.readouterr().err
    assert f"stopped before the first epoch; go on with: ceres-fast train --resume {tmp_path / 'run'}" in said
    assert len(history(module.resume(tmp_path / "run"))) == QUICK.epochs


@pytest.mark.usefixtures("tiny_classifier")
def test_a_run_goes_on_where_its_records_have_been_moved_to(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> None:
        signal.raise_signal(signal.SIGTERM)

    run = tmp_path / "run"
    with monkeypatch.context() as patched:
        patched.setattr(module, "source_of", stopped)
        with pytest.raises(Stopped):
            train(records, QUICK, run)
    began = load_manifest(records).sha256
    moved = records.rename(tmp_path / "moved")
    with pytest.raises(InputError, match=rf"records/manifest\.json: does not exist.*--resume {run} --records FOLDER"):
        module.resume(run)
    with pytest.raises(InputError, match=r"nowhere/manifest\.json: does not exist"):
        module.resume(run, tmp_path / "nowhere")

    others = Path(shutil.copytree(moved, tmp_path / "others"))
    described = json.loads((others / "manifest.json").read_text())
    (others / "manifest.json").write_text(json.dumps(described | {"seed": 77}))
    found = load_manifest(others).sha256
    with pytest.raises(InputError, match=rf"others/manifest\.json: is not of the .*{found}.*expected .*{began}"):
        module.resume(run, others)
    assert RunConfig.read(run).records == records  # as it was

    assert len(history(module.resume(run, moved))) == QUICK.epochs
    assert RunConfig.read(run).records == moved


def frozen_network(*of: Any, **how: Any) -> keras.Model:
    model = tiny_network(*of, **how)
    model.get_layer(build.BASE).trainable = False
    return model


@pytest.mark.parametrize("wanted", ["head", "batch", "batch of features"])
@pytest.mark.usefixtures("tiny_classifier")
def test_what_fits_in_no_memory_is_refused_before_it_is_taken(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    if wanted == "head":
        monkeypatch.setattr(assemble, "build_model", build.build_model)
        monkeypatch.setattr(build, "installed", lambda: 1e9)
        settings, said = dataclasses.replace(QUICK, weights="none", dense=65_536), r"a head of 65,536 units on 20,736"
    else:
        if wanted == "batch of features":
            monkeypatch.setattr(assemble, "build_model", frozen_network)
        monkeypatch.setattr(assemble, "total_memory", lambda: 100.0)
        settings, said = dataclasses.replace(QUICK, batch_size=65_536), r"training with \d+ stamps per step"
    settings = dataclasses.replace(settings, cache_dir=str(tmp_path / "cache"))
    with pytest.raises(CeresFastError, match=rf"{said}.* needs .* GB of memory, and there are"):
        train(tiny_records, settings, tmp_path / "run")
    assert not list(tmp_path.iterdir())  # no run directory, which could be neither begun again nor resumed; no cache


def test_a_damaged_shard_is_named_before_anything_is_made(records: Path, tmp_path: Path) -> None:
    for split in ("train", "validation"):
        shard = damage(records, split)
        with pytest.raises(InputError, match=rf"{shard.name}, row \d+: the record is cut or altered"):
            train(records, QUICK, tmp_path / "run")
        damage(records, split)  # the same bit again: whole
    assert not (tmp_path / "run").exists()


@pytest.mark.usefixtures("tiny_classifier")
@pytest.mark.parametrize("split", ["train", "validation"])
def test_a_shard_damaged_while_it_is_used_is_named(
    records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, split: str
) -> None:
    check = module.check_records

    def checked_and_then_damaged(manifest: Manifest, **options: Any) -> Manifest:
        whole = check(manifest, **options)
        damage(records, split)
        return whole

    monkeypatch.setattr(module, "check_records", checked_and_then_damaged)
    with pytest.raises(InputError, match=rf"{split}\.tfrecord-00001-of-00002, row \d+: the record is cut or altered"):
        train(records, QUICK, tmp_path / "run")


@pytest.mark.usefixtures("tiny_classifier")
def test_a_damaged_shard_is_left_out_where_that_is_asked_for(
    records: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shard = damage(records)
    train(records, QUICK, tmp_path / "run", on_error="skip")
    printed = capsys.readouterr()
    assert shard.name in printed.err
    manifest = load_manifest(records)
    left = manifest.splits["train"]["shards"][0]
    others = left["count"] - left["asteroids"]
    assert f"train: {others} non-asteroid and {left['asteroids']} asteroid stamps" in printed.out
    assert len(history(tmp_path / "run")) == 2


def test_records_without_a_class_are_refused(tmp_path: Path) -> None:
    build_records([write_stamps(tmp_path / "stamps", fields_with_asteroids=1)], tmp_path / "records", shards=1)
    counts = {split: load_manifest(tmp_path / "records").class_counts(split) for split in ("train", "validation")}
    lacking = next(split for split, count in counts.items() if not count["asteroid"])
    with pytest.raises(InputError, match=rf"manifest\.json: the {lacking} split has no asteroid stamp; expected"):
        train(tmp_path / "records", QUICK, tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_no_records(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"manifest\.json: does not exist"):
        train(tmp_path, QUICK, tmp_path / "run")


def test_weights_that_are_not_there(tiny_records: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.weights\.h5: no such file"):
        train(tiny_records, dataclasses.replace(QUICK, weights=str(tmp_path / "none.weights.h5")), tmp_path / "run")
    assert not (tmp_path / "run").exists()


KILLED = """
import os, signal, sys
from pathlib import Path
import ceres_fast.training.assemble
import ceres_fast.training.train as module
from ceres_fast.artifact.classifier import Classifier
from ceres_fast.settings.training import Settings
from tests.tiny_networks import tiny_network

write, written = Classifier.write, []

def killed_at_the_second(self, folder):
    written.append(folder)
    if len(written) == 2:
        os.kill(os.getpid(), signal.SIGKILL)
    return write(self, folder)

Classifier.write = killed_at_the_second
ceres_fast.training.assemble.build_model = tiny_network
module.train(Path(sys.argv[1]), Settings("xception", 2, batch_size=16, epochs=9, augment="none"), Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_killed_in_the_middle_it_leaves_a_classifier_that_loads(
    tiny_records: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-c", KILLED, str(tiny_records), str(run)]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True)
    assert done.returncode == -signal.SIGKILL, done.stderr
    weights = sorted(path.name for path in run.glob("*.weights.h5"))
    assert len(weights) == 2  # the second was whole, and not yet named
    assert read_classifier(run).weights_path().name == weights[0] == "epoch-001.weights.h5"
    assert resolve(tmp_path / "latest") == run

    monkeypatch.setattr("ceres_fast.model.load.build_model", tiny_network)
    loaded, fresh = load_model(read_classifier(run)), tiny_network(Architecture("xception"))
    for kept, new in zip(loaded.get_weights(), fresh.get_weights(), strict=True):
        assert not np.array_equal(kept, new)
