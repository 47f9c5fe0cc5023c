"""An export is written only when it answers as Keras does; the run then knows the file by its hash, at every moment."""

from __future__ import annotations

import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import onnx
import pytest

from ceres_fast.artifact.classifier import ONNX_KINDS, ONNX_METADATA_KEY, Classifier, read_classifier
from ceres_fast.artifact.latest import name_latest
from ceres_fast.artifact.products import as_product, metadata, onnx_name
from ceres_fast.engines.agreement import probe_stamps
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.export import export, onnx_file, proof
from ceres_fast.export.onnx_file import keras_graph
from ceres_fast.export.proof import against_keras
from ceres_fast.export.proof.tolerances import Tolerances
from ceres_fast.files import sha256_of
from ceres_fast.model.load import load_model, predict
from ceres_fast.model.onnx_convert import OPSET
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_stamps
from ceres_fast.stamps import PLANES

from ..tiny_models import classifier
from ..tiny_networks import WEIGHTS, write_run
from .exported import FILES, contents, engine_of, no_tolerance


@pytest.fixture
def run(tmp_path: Path, tiny_classifier: None) -> Path:
    return write_run(tmp_path / "run")


def test_the_run_knows_its_export_by_its_hash(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_classifier(run)
    path = export(run)
    assert path == run / "classifier.onnx"
    after = read_classifier(run)
    assert after.files == {**before.files, "onnx": {"file": "classifier.onnx", "sha256": sha256_of(path)}}
    assert after == before.with_file("onnx", path)
    assert set(contents(run)) == FILES
    stored = json.loads((run / "classifier.proof.json").read_text())
    assert (stored["product"], stored["sha256"]) == (path.name, sha256_of(path))
    assert stored["largest"] <= stored["bounds"]["difference"]
    printed = capsys.readouterr().out
    assert f"wrote {path} (" in printed
    assert "float32 and Keras, on 30 built-in extreme ones" in printed

    engine = engine_of(run)
    assert engine.classifier == before
    stamps = probe_stamps()
    np.testing.assert_allclose(engine.predict(stamps, raw=True), predict(load_model(after), stamps)[:, 1], atol=1e-4)


def test_three_planes(tmp_path: Path, tiny_classifier: None, tiny_records: Path) -> None:
    run = write_run(tmp_path / "run", planes=PLANES)
    engine = OnnxRuntimeEngine(export(run))
    stamps = probe_stamps(PLANES)
    assert engine.classifier.stamp_shape == stamps.shape[1:] == (32, 32, 3)
    answers = predict(load_model(read_classifier(run)), stamps)[:, 1]
    np.testing.assert_allclose(engine.predict(stamps), answers, atol=1e-4)
    assert not np.allclose(engine.predict(stamps[..., ::-1]), answers, atol=1e-3)  # the order of the planes matters
    before = contents(run)
    with pytest.raises(InputError, match="expected those the classifier takes, science, template"):
        export(run, records=tiny_records)
    assert contents(run) == before


def test_an_export_is_replaced(run: Path) -> None:
    first = sha256_of(export(run))
    write_run(run)  # other random weights: trained again
    assert sha256_of(export(run)) != first
    assert "onnx" not in engine_of(run).classifier.files  # a file cannot hold its own hash
    assert sha256_of(export(run)) == read_classifier(run).files["onnx"]["sha256"]
    assert "onnx" not in engine_of(run).classifier.files
    assert set(contents(run)) == FILES


def test_a_file_elsewhere_is_not_the_run_s(run: Path, tmp_path: Path) -> None:
    before = contents(run)
    path = export(run / "classifier.json", output=tmp_path / "out" / "mine.onnx")
    assert contents(run) == before
    assert set(contents(tmp_path / "out")) == {"mine.onnx", "mine.proof.json"}
    assert OnnxRuntimeEngine(path).classifier == read_classifier(run)
    with pytest.raises(CeresFastError, match=r"mine\.onnx: exists already"):
        export(run, output=path)
    export(run, output=path, overwrite=True)


def test_another_name_in_the_run_is_the_run_s(run: Path, tmp_path: Path) -> None:
    name_latest(run)
    path = export(run.parent / "latest", output=run.parent / "latest" / "mine.onnx")
    assert path == run / "mine.onnx"
    assert read_classifier(run).files["onnx"] == {"file": "mine.onnx", "sha256": sha256_of(path)}
    export(run, precision="float16", output=run / "mine.onnx", overwrite=True)
    # It took the name of the other, of which nothing is left.
    assert read_classifier(run).onnx_files() == {"onnx-float16": "mine.onnx"}
    assert engine_of(run, "float16").classifier.precision == "float16"
    assert set(contents(run)) == {"classifier.json", WEIGHTS, "mine.onnx", "mine.proof.json"}


@pytest.mark.parametrize("name", ["model.bin", "model", "model.h5", "classifier-next.onnx"])
def test_another_kind_of_name_is_refused(run: Path, name: str) -> None:
    before = contents(run)
    with pytest.raises(CeresFastError, match=r"choose a name that ends in \.onnx"):
        export(run, output=run / name)
    assert contents(run) == before


def test_a_folder_as_output_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out.onnx").mkdir()
    with pytest.raises(CeresFastError, match=r"out\.onnx: exists already"):
        export(run, output=tmp_path / "out.onnx")
    with pytest.raises(CeresFastError, match=r"out\.onnx: is a folder"):
        export(run, output=tmp_path / "out.onnx", overwrite=True)


def other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    convert = onnx_file.convert

    def converted(model: keras.Model) -> onnx.ModelProto:
        kept = model.get_weights()
        model.set_weights([weight + 0.3 * np.sign(weight) for weight in kept])
        try:
            return convert(model)
        finally:
            model.set_weights(kept)

    monkeypatch.setattr(onnx_file, "convert", converted)


def not_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(against_keras, "predict", lambda model, stamps: np.full((len(stamps), 2), np.nan, np.float32))


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def save(model: onnx.ModelProto, path: Path) -> None:
        path.write_bytes(b"half of")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(onnx_file.onnx, "save", save)


REFUSED = {
    "no tolerance": (no_tolerance, "Not exported: a probability differs from that of Keras by"),
    "other weights": (other_weights, "Not exported: a probability differs from that of Keras by"),
    "not a number": (not_a_number, r"Not exported: the classifier itself \(Keras\) gives no number"),
    "full disk": (full_disk, "No space left on device"),
}


@pytest.mark.parametrize("why", REFUSED)
@pytest.mark.parametrize("exported", [False, True], ids=["first export", "exported before"])
def test_what_is_refused_leaves_what_was_there(
    run: Path, why: str, exported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if exported:
        export(run)
    before = contents(run)
    break_it, message = REFUSED[why]
    break_it(monkeypatch)
    with pytest.raises(CeresFastError, match=message):
        export(run)
    assert contents(run) == before


def test_a_run_that_trains_on_meanwhile_keeps_its_newer_classifier(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trains_on(*arguments: Any) -> proof.Proof:
        write_run(run)
        return proof.prove(*arguments)

    monkeypatch.setattr(against_keras, "prove", trains_on)
    with pytest.raises(CeresFastError, match="has changed meanwhile"):
        export(run)
    assert set(contents(run)) == {"classifier.json", WEIGHTS}
    read_classifier(run).weights_path()


def test_what_it_is_proven_on(run: Path, tiny_records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(engine: OnnxRuntimeEngine, stamps: Any, tolerances: Tolerances, answers: np.ndarray) -> proof.Proof:
        seen.append((engine.classifier, stamps, tolerances))
        return proof.prove(engine, stamps, tolerances, answers)

    monkeypatch.setattr(against_keras, "prove", watched)
    export(run, records=tiny_records)
    ((described, stamps, tolerances),) = seen
    np.testing.assert_array_equal(stamps.pixels, read_stamps(load_manifest(tiny_records), "test")[0])
    assert described == as_product(read_classifier(run), "float32")
    assert tolerances == proof.tolerances_for("float32")


@pytest.mark.parametrize(
    ("trained", "asked", "made"),
    [
        ("float32", None, "float32"),
        ("mixed_float16", None, "float16"),
        ("mixed_bfloat16", None, "float32"),
        ("float32", "float16", "float16"),
        ("mixed_float16", "float32", "float32"),
    ],
)
def test_precision(tmp_path: Path, tiny_classifier: None, trained: str, asked: str | None, made: str) -> None:
    run = write_run(tmp_path / "run", precision=trained)
    path = export(run, precision=asked)
    assert path == run / onnx_name(made)
    after = read_classifier(run)
    assert (after.precision, after.onnx_files()) == (trained, {ONNX_KINDS[made]: path.name})
    assert engine_of(run, made).classifier == as_product(after, made)


def test_precisions_side_by_side(run: Path) -> None:
    export(run)
    first = read_classifier(run)
    export(run, precision="float16")
    both = read_classifier(run)
    assert both.onnx_files() == {"onnx": "classifier.onnx", "onnx-float16": "classifier-float16.onnx"}
    assert both.files["onnx"] == first.files["onnx"]
    for precision in ("float32", "float16"):
        assert engine_of(run, precision).classifier == as_product(both, precision)
    assert not {"onnx", "onnx-float16"} & engine_of(run, "float16").classifier.files.keys()


def test_what_this_version_cannot_build_is_named(run: Path) -> None:
    values = json.loads((run / "classifier.json").read_text())
    (run / "classifier.json").write_text(json.dumps(values | {"precision": "int8"}))
    with pytest.raises(InputError, match="unknown precision 'int8'"):
        export(run)


def test_changed_weights_are_refused(run: Path) -> None:
    (run / WEIGHTS).write_bytes(b"others")
    with pytest.raises(InputError, match=f"{WEIGHTS}: is not the weights file"):
        export(run)
    assert not (run / "classifier.onnx").exists()


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"classifier\.json: cannot be read"):
        export(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float32", "float16"])
def test_a_trained_xception(trained: Path, tiny_records: Path, tmp_path: Path, precision: str) -> None:
    path = export(trained, precision=precision, output=tmp_path / "classifier.onnx", records=tiny_records)
    stamps, labels = read_stamps(load_manifest(tiny_records), "test")
    answers = OnnxRuntimeEngine(path).predict(stamps)
    assert ((answers > 0.5) == labels).all()
    expected = predict(load_model(read_classifier(trained)), stamps)[:, 1]
    np.testing.assert_allclose(answers, expected, atol=1e-4 if precision == "float32" else 1e-2)


@pytest.mark.usefixtures("tiny_classifier")
@pytest.mark.parametrize("precision", ["float32", "float16"])
@pytest.mark.parametrize("trained", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_the_reference_is_the_model_that_was_trained(
    tmp_path: Path, trained: str, precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = []
    load_model = onnx_file.load_model

    def watched(described: Classifier) -> object:
        loaded.append(described.precision)
        return load_model(described)

    monkeypatch.setattr(onnx_file, "load_model", watched)
    run = read_classifier(write_run(tmp_path / "run", precision=trained))
    made, _ = keras_graph(run, precision)
    # The graph is converted from float32: a policy is of no consequence to weights.
    assert loaded == ([trained] if trained == "float32" else [trained, "float32"])
    said = {entry.key: entry.value for entry in made.metadata_props}
    assert said == metadata(as_product(run, precision), OPSET)
    types = {tensor.data_type for tensor in made.graph.initializer if len(tensor.dims) == 4}
    assert types == {onnx.TensorProto.FLOAT16 if precision == "float16" else onnx.TensorProto.FLOAT}
    assert replace(run, precision=precision) == Classifier.from_json(said[ONNX_METADATA_KEY], tmp_path)


def test_int8_is_not_converted(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="int8"):
        keras_graph(classifier(), "int8")
