"""An average of views and runs is a classifier of its own: exported, proven and calibrated as a run is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest
from typer.testing import CliRunner

from ceres_fast.artifact.classifier import Classifier, read_classifier
from ceres_fast.cli import app
from ceres_fast.engines import load
from ceres_fast.engines.agreement import probe_stamps
from ceres_fast.engines.tensorrt.sidecar import read_sidecar
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.evaluation.calibrate import calibrate
from ceres_fast.evaluation.evaluate import evaluate
from ceres_fast.evaluation.model_card import write_card
from ceres_fast.export import averages, export
from ceres_fast.export.quantise.block_search import blocks_of
from ceres_fast.export.quantise.float_graph import prepare, quantisable
from ceres_fast.model.load import load_model, predict
from ceres_fast.model.onnx_convert import convert
from ceres_fast.model.onnx_float16 import halved
from ceres_fast.model.views import averaged
from ceres_fast.selection.rules import Rules
from ceres_fast.stamps import PLANES

from ..model.test_views import mean_of, networks
from ..tiny_networks import OF_STAMPS, write_knowing_run, write_run
from .exported import contents

POINT = {"threshold": 0.25, "max_loss": 0.02, "confidence": 0.95, "needs": 3}

pytestmark = pytest.mark.usefixtures("tiny_classifier")


def files(folder: Path) -> dict[str, bytes]:
    """The bytes of the files of a run itself, without those of its averages."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != ".lock"}


def models(*runs: Path) -> list[keras.Model]:
    return [load_model(read_classifier(run)) for run in runs]


@pytest.fixture
def run(tmp_path: Path) -> Path:
    seen = {"lowest": 0.9, "highest": 1.6, "mean": 0.2, "deviation": 0.1}
    return write_run(
        tmp_path / "run",
        threshold=0.25,
        operating_point=POINT,
        scaling={"method": "temperature", "temperature": 2},
        tracklets={"weights": {"mean_logit": 1.0}, "intercept": 0.0, "operating_point": POINT},
        conditions={"fields": 9, "exposures": 36, "quantities": {"seeing": seen}},
    )


@pytest.fixture
def other(tmp_path: Path) -> Path:
    return write_run(tmp_path / "other", normalise="asinh", experiment=1)


def test_views_of_a_run(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = files(run)
    path = export(run, views=8)
    assert path == run / "views-8" / "classifier.onnx"
    assert files(run) == before
    engine = load(path)
    expected = mean_of(models(run), probe_stamps(), 8)[:, 1]
    np.testing.assert_allclose(engine.predict(probe_stamps(), raw=True), expected, atol=1e-5)
    for said in (engine.classifier, read_classifier(path.parent)):
        assert (said.views, said.members) == (8, ())
        # What was calibrated for the run's own answers does not hold for their mean.
        assert (said.threshold, said.scaling, said.operating_point) == (0.5, None, None)
        assert (said.tracklets, said.conditions) == (None, None)
    assert {"views": 8}.items() <= json.loads((path.parent / "classifier.json").read_text()).items()
    printed = " ".join(capsys.readouterr().out.split())
    for words in (
        "xception, experiment 2 (mean over 8 views); a stamp costs 8 answers of a network",
        "the threshold 0.25 of",
        "holds for its own answers, not for an average",
        f"`ceres-fast calibrate {path.parent}`",
        "float32 and Keras, on 30 built-in extreme ones",
        "ms for a stamp alone",
    ):
        assert words in printed, words


@pytest.mark.parametrize(("views", "precision"), [(1, "float32"), (8, "float16")])
def test_runs_and_their_views(run: Path, other: Path, tmp_path: Path, views: int, precision: str) -> None:
    third = write_run(tmp_path / "third")
    path = export(
        run, members=[other, third], views=views, precision=precision, output=tmp_path / "out.onnx", overwrite=True
    )
    engine = load(path)
    expected = mean_of(models(run, other, third), probe_stamps(), views)[:, 1]
    np.testing.assert_allclose(
        engine.predict(probe_stamps(), raw=True), expected, atol=1e-5 if precision == "float32" else 5e-3
    )
    said = engine.classifier
    assert [(each["run"], each["normalise"], each["experiment"]) for each in said.members] == [
        ("other", "asinh", 1),
        ("third", "minmax", 2),
    ]
    assert said.views == views
    (folder,) = (each for each in run.iterdir() if each.is_dir())
    assert folder.name.startswith("members-3-views-8-" if views == 8 else "members-3-")
    # The folder needs neither run: it may be copied.
    shutil.copytree(folder, tmp_path / "copy")
    for each in (run, other, third):
        shutil.rmtree(each)
    np.testing.assert_allclose(
        predict(load_model(read_classifier(tmp_path / "copy")), probe_stamps())[:, 1], expected, atol=1e-5
    )
    if precision == "float16":
        last = [tensor for tensor in onnx.load(path).graph.initializer if list(tensor.dims)[1:] == [2]]
        assert {tensor.data_type for tensor in last} == {onnx.TensorProto.FLOAT}
        assert len(last) == 3


def test_two_policies_have_float32_in_common(run: Path, tmp_path: Path) -> None:
    half = write_run(tmp_path / "half", precision="mixed_float16")
    assert read_classifier(export(run, members=[half]).parent).precision == "float32"
    whole = write_run(tmp_path / "whole", precision="mixed_float16")
    path = export(half, members=[whole])
    assert path.name == "classifier-float16.onnx"
    assert read_classifier(path.parent).precision == "mixed_float16"


@pytest.mark.slow
def test_an_average_is_calibrated_evaluated_and_exported_again(tiny_records: Path, tmp_path: Path) -> None:
    run, other = (write_knowing_run(tmp_path / name, gain) for name, gain in (("a", 20.0), ("b", 16.0)))
    path = export(run, members=other, views=8, records=tiny_records)
    folder = path.parent
    small = export(run, members=[other], views=8, records=tiny_records, precision="int8")
    assert set(read_classifier(folder).onnx_files()) == {"onnx", "onnx-int8"}
    assert any(node.op_type == "QuantizeLinear" for node in onnx.load(small).graph.node)
    point = calibrate(folder, tiny_records, max_loss=0.6, confidence=0.6, needs=1)
    assert load(folder).threshold == load(path).threshold == point.threshold != 0.5
    assert load(path).operating_point is not None
    before = read_classifier(folder)
    assert export(run, members=[other], views=8).parent == folder
    after = read_classifier(folder)
    assert (after.threshold, after.operating_point) == (before.threshold, before.operating_point)
    scores = evaluate(folder, tiny_records)
    assert scores.roc_auc.value == 1
    assert "mean over 2 networks and 8 views" in (folder / "evaluation-test" / "report.txt").read_text()
    card = write_card(folder).read_text()
    assert "mean over 2 networks and 8 views" in card
    # Trained again, another classifier: its threshold does not hold for it.
    write_knowing_run(run, 30.0)
    assert export(run, members=[other], views=8).parent != folder


def test_views_of_a_run_that_was_trained_again_are_not_calibrated(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = export(run, views=8).parent
    replace(read_classifier(folder), threshold=0.25, operating_point=POINT).write(folder)
    export(run, views=8, output=run.parent / "x.onnx")
    assert read_classifier(folder).operating_point == POINT == load(run.parent / "x.onnx").operating_point
    assert "keeps the threshold 0.25" in " ".join(capsys.readouterr().out.split())
    write_run(run)
    export(run, views=8)
    assert read_classifier(folder).operating_point is None
    assert "was trained again" in " ".join(capsys.readouterr().err.split())
    (folder / "weights.weights.h5").write_bytes(b"damaged")
    export(run, views=8)
    np.testing.assert_allclose(
        load(folder).predict(probe_stamps(), raw=True), mean_of(models(run), probe_stamps(), 8)[:, 1], atol=1e-5
    )


def test_triton_serves_an_average(run: Path) -> None:
    version = export(run, views=8, to="triton")
    assert version.parent.parent.parent == run / "views-8"
    engine = load(version / "model.onnx")
    expected = mean_of(models(run), probe_stamps(), 8)[:, 1]
    np.testing.assert_allclose(engine.predict(probe_stamps(), raw=True), expected, atol=1e-5)


def test_an_engine_is_built_of_an_average(run: Path, other: Path) -> None:
    pytest.importorskip("tensorrt_rtx")
    engine = export(run, members=[other], views=8, to="tensorrt-rtx", batches=(1, 8))
    assert read_sidecar(engine).classifier["views"] == 8
    assert [each["run"] for each in read_sidecar(engine).classifier["members"]] == ["other"]


def test_layer_by_layer(run: Path, other: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("polygraphy")
    path = export(run, members=[other], views=8, precision="float16", debug=True)
    assert path.with_suffix(".layers.ecsv").is_file()
    assert "no tensor jumps" in capsys.readouterr().out


def described(folder: Path, **changed: Any) -> Path:
    made = read_classifier(folder)
    replace(made, **changed).write(folder)
    return folder


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "rules": (
        {"rules": Rules(remove_stationary=False, slowest=0.7)},
        r"has other rules than .*run/classifier.json.*slowest: 0\.7 here",
    ),
    "planes": ({"planes": PLANES}, r"has other planes than .*run/classifier.json \(science, template, difference here"),
}


@pytest.mark.parametrize("field", OTHERS)
def test_runs_that_do_not_fit_are_refused_by_field(run: Path, tmp_path: Path, field: str) -> None:
    before = contents(run)
    changed, message = OTHERS[field]
    strange = write_run(tmp_path / "strange", **changed)
    with pytest.raises(InputError, match=rf"strange/classifier.json: {message}"):
        export(run, members=[strange])
    assert contents(run) == before


def test_rules_of_labelling_may_differ(run: Path, tmp_path: Path) -> None:
    export(run, members=[write_run(tmp_path / "b", rules=replace(OF_STAMPS, track_exposures=4))])


def test_other_records_and_cameras_are_warned_of(run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(run, members=[write_run(tmp_path / "b", records={"name": "x", "manifest_sha256": "1" * 64})])
    said = " ".join(capsys.readouterr().err.split())
    assert "was trained on other records than" in said
    assert "promises too much" in said


def same(run: Path) -> Sequence[Path]:
    return [run]


def copied(run: Path) -> Sequence[Path]:
    return [Path(shutil.copytree(run, run.parent / "copied"))]


def averages_of_it(run: Path) -> Sequence[Path]:
    return [export(run, views=8).parent]


def exported(run: Path) -> Sequence[Path]:
    return [export(run)]


def missing(run: Path) -> Sequence[Path]:
    return [run.parent / "nothing"]


def damaged(run: Path) -> Sequence[Path]:
    made = write_run(run.parent / "damaged")
    read_classifier(made).weights_path().write_bytes(b"others")
    return [made]


REFUSED = {
    same: "has the weights of",
    copied: "has the weights of",
    averages_of_it: "is an average already",
    exported: "is exported already. Name the runs that it is",
    missing: "cannot be read",
    damaged: "is not the weights file",
}


@pytest.mark.parametrize("make", REFUSED, ids=lambda make: make.__name__)
def test_what_cannot_be_averaged_is_refused(run: Path, make: Any) -> None:
    others = make(run)
    folders = sorted(run.iterdir())
    with pytest.raises(CeresFastError, match=REFUSED[make]):
        export(run, members=others)
    assert sorted(run.iterdir()) == folders
    if make in (averages_of_it, exported):
        with pytest.raises(CeresFastError, match=REFUSED[make]):
            export(others[0], views=8)


def test_other_numbers_of_views_are_refused(run: Path) -> None:
    with pytest.raises(CeresFastError, match="--views 4: expected one of 1, 8"):
        export(run, views=4)


def test_a_run_that_cannot_be_written_says_what_to_do(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: Any, **named: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(averages.Path, "mkdir", refuse)
    with pytest.raises(CeresFastError, match=r"views-8: cannot be made \(Permission denied\)"):
        export(run, views=8)


def test_a_network_does_not_start_from_an_average(run: Path) -> None:
    from ceres_fast.training.start import inherit_settings

    with pytest.raises(InputError, match="is of several networks or views"):
        inherit_settings({"start_from": str(export(run, views=8).parent)}, ())


def test_of_each_network_all_but_the_last_layer_is_int8_or_half() -> None:
    graph = convert(averaged(networks(2), 8))
    ready = prepare(graph)
    chosen = set(quantisable(ready.graph))
    weighted = {node.name: node.op_type for node in ready.graph.node if node.op_type in ("Conv", "Gemm", "MatMul")}
    assert sorted(kind for name, kind in weighted.items() if name in chosen) == ["Conv", "Conv"]
    assert sorted(kind for name, kind in weighted.items() if name not in chosen) == ["Gemm", "Gemm"]
    # A block belongs to one network.
    assert [block.weighted for block in blocks_of(ready)] == [1, 1]
    kinds = {(tensor.data_type, len(tensor.dims)) for tensor in halved(graph).graph.initializer if len(tensor.dims) > 1}
    assert kinds == {(onnx.TensorProto.FLOAT16, 4), (onnx.TensorProto.FLOAT, 2)}


def test_layers_that_networks_share_are_in_one_block() -> None:
    first, second = networks(2)
    second.get_layer("base").set_weights(first.get_layer("base").get_weights())  # frozen in training
    ready = prepare(convert(averaged([first, second])))
    found = [name for block in blocks_of(ready) for name in block.nodes]
    assert sorted(found) == sorted(quantisable(ready.graph))
    assert [node.op_type for node in ready.graph.node].count("Conv") == 1


def test_the_command_takes_views_and_members(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: dict[str, Any] = {}
    monkeypatch.setattr("ceres_fast.export.export", lambda run, **given: seen.update(given, run=run))
    called = CliRunner().invoke(app, ["export", "a", "--views", "8", "--members", "b", "--members", "c"])
    assert called.exit_code == 0, called.output
    assert (seen["run"], seen["views"], list(seen["members"])) == (Path("a"), 8, [Path("b"), Path("c")])
    assert CliRunner().invoke(app, ["export", "a", "--views", "4"]).exit_code == 2
    assert CliRunner().invoke(app, ["export", "a"]).exit_code == 0
    assert (seen["views"], list(seen["members"])) == (1, [])


def test_words_for_several_networks() -> None:
    from ceres_fast.artifact.products import in_words

    from ..tiny_models import classifier

    member = {
        "run": "b",
        "backbone": "Xception",
        "experiment": 2,
        "normalise": "asinh",
        "head": {"dense": 8, "dropout": 0},
    }
    made: Classifier = classifier(members=[member, {**member, "backbone": "vgg"}])
    assert in_words(made) == "2 of Xception, experiment 2 and vgg, experiment 2 (mean over 3 networks)"
