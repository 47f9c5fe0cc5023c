"""An export is written only when ONNX Runtime answers as Keras does; the run then knows the file by its hash."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest

from ceres_fast import export as module
from ceres_fast.classifier import Classifier, read_classifier
from ceres_fast.engines import load
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.export import (
    EXPORTED_AS,
    EXPORTERS,
    TOLERANCE,
    check_batch_independence,
    check_parity,
    export_onnx,
    probe_stamps,
    validation_stamps,
)
from ceres_fast.files import sha256_of
from ceres_fast.model.build import PRECISIONS
from ceres_fast.model.load import load_model, predict
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_stamps
from ceres_fast.survey.stamp_table import PLANES

from .tiny_models import classifier
from .tiny_networks import WEIGHTS, write_run


@pytest.fixture
def run(tmp_path: Path, tiny_classifier: None) -> Path:
    return write_run(tmp_path / "run")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_the_run_knows_its_export_by_its_hash(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_classifier(run)
    path = export_onnx(run)
    assert path == run / "classifier.onnx"
    after = read_classifier(run)
    assert after.files == {**before.files, "onnx": {"file": "classifier.onnx", "sha256": sha256_of(path)}}
    assert after == before.with_file("onnx", path)
    printed = capsys.readouterr().out
    assert str(path) in printed
    assert "largest difference on 30 stamps" in printed

    engine = load(run)
    assert engine.classifier == before
    stamps = probe_stamps()
    np.testing.assert_allclose(
        engine.predict(stamps), predict(load_model(after), stamps)[:, 1], atol=TOLERANCE["float32"]
    )


def test_three_planes(tmp_path: Path, tiny_classifier: None, tiny_records: Path) -> None:
    run = write_run(tmp_path / "run", planes=PLANES)
    engine = load(export_onnx(run))
    stamps = probe_stamps(PLANES)
    assert engine.classifier.stamp_shape == stamps.shape[1:] == (32, 32, 3)
    answers = predict(load_model(read_classifier(run)), stamps)[:, 1]
    np.testing.assert_allclose(engine.predict(stamps), answers, atol=TOLERANCE["float32"])
    assert not np.allclose(engine.predict(stamps[..., ::-1]), answers, atol=1e-3)  # the order of the planes matters
    with pytest.raises(ValueError, match=r"not \(n, 32, 32, 3\)"):
        engine.predict(stamps[..., 0])
    with pytest.raises(CeresFastError, match=r"have 1 plane\(s\), and the classifier takes science, template"):
        export_onnx(run, stamps=validation_stamps(tiny_records))


def test_an_export_is_replaced(run: Path) -> None:
    first = sha256_of(export_onnx(run))
    write_run(run)  # other random weights: trained again
    assert sha256_of(export_onnx(run)) != first
    assert "onnx" not in load(run).classifier.files  # a file cannot hold its own hash
    assert sha256_of(export_onnx(run)) == read_classifier(run).files["onnx"]["sha256"]
    assert "onnx" not in load(run).classifier.files


def test_a_file_elsewhere_is_not_the_run_s(run: Path, tmp_path: Path) -> None:
    before = contents(run)
    path = export_onnx(run / "classifier.json", tmp_path / "out" / "mine.onnx")
    assert contents(run) == before
    assert load(path).classifier == read_classifier(run)
    with pytest.raises(CeresFastError, match=r"mine\.onnx: exists already"):
        export_onnx(run, path)
    export_onnx(run, path, overwrite=True)


@pytest.mark.parametrize("name", ["model.bin", "model", "model.h5"])
def test_another_kind_of_name_is_refused(run: Path, name: str) -> None:
    before = contents(run)
    with pytest.raises(CeresFastError, match=r"choose a name that ends in \.onnx"):
        export_onnx(run, run / name)
    assert contents(run) == before


def test_a_folder_as_output_is_refused(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out.onnx").mkdir()
    with pytest.raises(CeresFastError, match=r"out\.onnx: exists already"):
        export_onnx(run, tmp_path / "out.onnx")
    with pytest.raises(CeresFastError, match=r"out\.onnx: is a folder"):
        export_onnx(run, tmp_path / "out.onnx", overwrite=True)


def no_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TOLERANCE, "float32", -1.0)


def other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    convert = module.convert

    def converted(model: keras.Model, described: Classifier) -> onnx.ModelProto:
        kept = model.get_weights()
        model.set_weights([weight + 0.3 * np.sign(weight) for weight in kept])
        try:
            return convert(model, described)
        finally:
            model.set_weights(kept)

    monkeypatch.setattr(module, "convert", converted)


def not_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "predict", lambda model, stamps: np.full((len(stamps), 2), np.nan, np.float32))


@pytest.mark.parametrize("break_it", [no_tolerance, other_weights, not_a_number])
@pytest.mark.parametrize("exported", [False, True], ids=["first export", "exported before"])
def test_where_answers_differ_no_file_is_left(
    run: Path, break_it: Callable[[pytest.MonkeyPatch], None], exported: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if exported:
        export_onnx(run)
    before = contents(run)
    break_it(monkeypatch)
    with pytest.raises(CeresFastError, match=r"Not exported: ONNX Runtime and Keras differ by \S+, allowed"):
        export_onnx(run)
    assert contents(run) == before


class Leaking:
    """An engine whose answers depend on the batch."""

    def __init__(self, precision: str = "float32") -> None:
        self.classifier = classifier(precision=precision)

    def predict(self, stamps: np.ndarray, batch_size: int = 64) -> np.ndarray:
        return np.full(len(stamps), 0.5, np.float32) + 0.001 * len(stamps)


def test_an_answer_that_depends_on_the_batch_is_refused(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(CeresFastError, match=r"depends on the others of its batch by 0\.029, allowed 0\.0001"):
        check_batch_independence(Leaking(), probe_stamps())
    with pytest.raises(CeresFastError, match=r"by 0\.029, allowed 0\.01"):
        check_batch_independence(Leaking("mixed_float16"), probe_stamps())
    monkeypatch.setattr(module, "check_parity", lambda *arguments: 0.0)
    monkeypatch.setattr(module, "OnnxRuntimeEngine", lambda path: Leaking())
    with pytest.raises(CeresFastError, match="depends on the others"):
        export_onnx(run)
    assert not (run / "classifier.onnx").exists()


def test_a_run_that_trains_on_meanwhile_keeps_its_newer_classifier(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def trains_on(*arguments: object) -> float:
        write_run(run)
        return 0.0

    monkeypatch.setattr(module, "check_batch_independence", trains_on)
    with pytest.raises(CeresFastError, match="has changed meanwhile"):
        export_onnx(run)
    assert set(contents(run)) == {"classifier.json", WEIGHTS}
    read_classifier(run).weights_path()


def test_the_stamps_given_are_checked_too(run: Path, tiny_records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(engine: object, model: keras.Model, stamps: np.ndarray, tolerance: float) -> float:
        seen.append(stamps)
        return check_parity(engine, model, stamps, tolerance)

    monkeypatch.setattr(module, "check_parity", watched)
    stamps = validation_stamps(tiny_records)
    np.testing.assert_array_equal(stamps, read_stamps(load_manifest(tiny_records), "validation")[0])
    assert len(validation_stamps(tiny_records, most=3)) == 3
    export_onnx(run, stamps=stamps)
    np.testing.assert_array_equal(seen[0], np.concatenate([probe_stamps(), stamps]))


def test_probe_stamps_hold_what_a_detector_can_deliver() -> None:
    stamps = probe_stamps()
    np.testing.assert_array_equal(stamps, probe_stamps())
    assert (stamps.shape[1:], stamps.dtype) == ((32, 32, 1), np.float32)
    assert np.isfinite(stamps).all()
    spans = np.ptp(stamps, axis=(1, 2))
    assert (spans == 0).sum() == 2  # constant, dark and saturated
    assert (stamps.min(axis=(1, 2)) < 0).any()
    assert (stamps == 65535).any(axis=(1, 2)).sum() >= 3
    assert stamps.max() > 1e8
    assert spans[spans > 0].min() < 1e-3


@pytest.mark.parametrize(("trained", "exported"), EXPORTED_AS.items())
def test_precisions(tmp_path: Path, tiny_classifier: None, trained: str, exported: str) -> None:
    run = write_run(tmp_path / "run", precision=trained)
    export_onnx(run)
    assert read_classifier(run).precision == trained
    assert load(run).classifier.precision == exported


def test_every_precision_has_an_export_and_a_tolerance() -> None:
    assert EXPORTED_AS.keys() == set(PRECISIONS)
    assert set(EXPORTED_AS.values()) == TOLERANCE.keys()
    assert {"onnx": export_onnx} == EXPORTERS


def test_what_this_version_cannot_build_is_named(run: Path) -> None:
    values = json.loads((run / "classifier.json").read_text())
    (run / "classifier.json").write_text(json.dumps(values | {"precision": "int8"}))
    with pytest.raises(InputError, match="unknown precision 'int8'"):
        export_onnx(run)


def test_changed_weights_are_refused(run: Path) -> None:
    (run / WEIGHTS).write_bytes(b"others")
    with pytest.raises(InputError, match=f"{WEIGHTS}: is not the weights file"):
        export_onnx(run)
    assert not (run / "classifier.onnx").exists()


def test_no_run(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"classifier\.json: cannot be read"):
        export_onnx(tmp_path)


@pytest.mark.slow
def test_a_trained_xception(trained: Path, tiny_records: Path, tmp_path: Path) -> None:
    path = export_onnx(trained, tmp_path / "classifier.onnx", stamps=validation_stamps(tiny_records))
    stamps, labels = read_stamps(load_manifest(tiny_records), "test")
    answers = load(path).predict(stamps)
    assert ((answers > 0.5) == labels).all()
    expected = predict(load_model(read_classifier(trained)), stamps)[:, 1]
    np.testing.assert_allclose(answers, expected, atol=TOLERANCE["float32"])
