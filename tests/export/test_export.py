"""An export is written only when it answers as Keras does; the run then knows the file by its hash, at every moment."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import keras
import numpy as np
import onnx
import pytest

from ceres_fast import files
from ceres_fast.classifier import ONNX_KINDS, ONNX_METADATA_KEY, Classifier, read_classifier
from ceres_fast.engines.onnx_runtime import OnnxRuntimeEngine
from ceres_fast.errors import CeresFastError, InputError
from ceres_fast.export import BATCHES, export, graph, onnx_file, proof
from ceres_fast.export.bounds import Bounds
from ceres_fast.export.products import PRECISIONS, carried, onnx_name
from ceres_fast.export.stamps import probe_stamps
from ceres_fast.files import sha256_of
from ceres_fast.model.load import load_model, predict
from ceres_fast.records.manifest import load_manifest
from ceres_fast.records.pipeline import read_stamps
from ceres_fast.survey.stamp_table import PLANES

from ..tiny_networks import WEIGHTS, write_run

FILES = {"classifier.json", WEIGHTS, "classifier.onnx", "classifier.proof.json"}
"""What is in the directory of a run that was exported."""


@pytest.fixture
def run(tmp_path: Path, tiny_classifier: None) -> Path:
    return write_run(tmp_path / "run")


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def engine_of(run: Path, precision: str = "float32") -> OnnxRuntimeEngine:
    """Open the file that the run names, after checking its hash."""
    return OnnxRuntimeEngine(read_classifier(run).file_path(ONNX_KINDS[precision]))


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
    np.testing.assert_allclose(engine.predict(stamps), predict(load_model(after), stamps)[:, 1], atol=1e-4)


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
    (tmp_path / "latest").symlink_to(run)
    path = export(tmp_path / "latest", output=tmp_path / "latest" / "mine.onnx")
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


def no_tolerance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx_file, "bounds_for", lambda *precisions: Bounds(-1.0, 0.0, 0.0, 1.0))


def other_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    convert = graph.convert

    def converted(model: keras.Model) -> onnx.ModelProto:
        kept = model.get_weights()
        model.set_weights([weight + 0.3 * np.sign(weight) for weight in kept])
        try:
            return convert(model)
        finally:
            model.set_weights(kept)

    monkeypatch.setattr(graph, "convert", converted)


def not_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proof, "predict", lambda model, stamps: np.full((len(stamps), 2), np.nan, np.float32))


def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def save(model: onnx.ModelProto, path: Path) -> None:
        path.write_bytes(b"half of")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(onnx_file.onnx, "save", save)


REFUSED = {
    "no tolerance": (no_tolerance, "Not exported: a probability differs from Keras's by"),
    "other weights": (other_weights, "Not exported: a probability differs from Keras's by"),
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
    def trains_on(*arguments: object) -> None:
        write_run(run)

    monkeypatch.setattr(onnx_file, "prove", trains_on)
    with pytest.raises(CeresFastError, match="has changed meanwhile"):
        export(run)
    assert set(contents(run)) == {"classifier.json", WEIGHTS}
    read_classifier(run).weights_path()


def test_what_it_is_proven_on(run: Path, tiny_records: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def watched(engine: OnnxRuntimeEngine, model: keras.Model, stamps: Any, bounds: Bounds) -> proof.Proof:
        seen.append((engine.classifier, stamps, bounds))
        return proof.prove(engine, model, stamps, bounds)

    monkeypatch.setattr(onnx_file, "prove", watched)
    export(run, records=tiny_records)
    ((described, stamps, bounds),) = seen
    np.testing.assert_array_equal(stamps.pixels, read_stamps(load_manifest(tiny_records), "test")[0])
    assert described == carried(read_classifier(run), "float32")
    assert bounds == proof.bounds_for("float32")


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
    assert engine_of(run, made).classifier == carried(after, made)


def test_precisions_side_by_side(run: Path) -> None:
    export(run)
    first = read_classifier(run)
    export(run, precision="float16")
    both = read_classifier(run)
    assert both.onnx_files() == {"onnx": "classifier.onnx", "onnx-float16": "classifier-float16.onnx"}
    assert both.files["onnx"] == first.files["onnx"]
    for precision in ("float32", "float16"):
        assert engine_of(run, precision).classifier == carried(both, precision)
    assert not {"onnx", "onnx-float16"} & engine_of(run, "float16").classifier.files.keys()


class Killed(BaseException):
    """Nothing in the program looks for it."""


COMMITS = ["classifier-next.onnx", "classifier.json", "classifier.onnx", "classifier.json", "classifier.proof.json"]
"""What gets its name, in this order, when a run is exported for a second time."""


def test_what_gets_its_name_when(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed: list[str] = []
    rename = Path.replace
    monkeypatch.setattr(files.Path, "replace", lambda path, target: (renamed.append(target.name), rename(path, target)))
    export(run)
    assert renamed == ["classifier.onnx", "classifier.json", "classifier.proof.json"]
    del renamed[:]
    export(run)
    assert renamed == COMMITS


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("commit", range(1, len(COMMITS) + 1))
def test_a_kill_leaves_a_run_that_works(run: Path, monkeypatch: pytest.MonkeyPatch, commit: int, after: bool) -> None:
    export(run)
    old = read_classifier(run)
    answers = engine_of(run).predict(probe_stamps())
    graphs = onnx_file.keras_graph

    def other_graph(classifier: Classifier, precision: str) -> tuple[onnx.ModelProto, keras.Model]:
        made, model = graphs(classifier, precision)
        made.doc_string = "another file"
        return made, model

    count, rename = 0, Path.replace

    def replace_until(path: Path, target: Path) -> Path:
        nonlocal count
        count += 1
        if count == commit and not after:
            raise Killed
        renamed = rename(path, target)
        if count == commit:
            raise Killed
        return renamed

    with monkeypatch.context() as patch:
        patch.setattr(onnx_file, "keras_graph", other_graph)
        patch.setattr(files.Path, "replace", replace_until)
        with pytest.raises(Killed):
            export(run)
    found = read_classifier(run)
    assert found.without_onnx() == old.without_onnx()
    named = found.file_path("onnx")  # it is there, and the one that was written
    proof_file = run / "classifier.proof.json"
    if proof_file.exists():  # none, rather than that of another file
        assert json.loads(proof_file.read_text())["sha256"] == found.files["onnx"]["sha256"]
    is_new = commit > 2 or (commit == 2 and after)
    assert (onnx.load(named).doc_string == "another file") == is_new
    np.testing.assert_array_equal(engine_of(run).predict(probe_stamps()), answers)
    # What it left does not disturb the next.
    export(run)
    assert read_classifier(run).onnx_files() == {"onnx": "classifier.onnx"}
    engine_of(run)
    assert set(contents(run)) == FILES


def test_int8_needs_records(run: Path) -> None:
    before = contents(run)
    with pytest.raises(CeresFastError, match="int8: needs records"):
        export(run, precision="int8")
    assert contents(run) == before


def test_int8_is_chosen_on_one_split_and_proven_on_another(
    run: Path, tiny_records: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: dict[str, Any] = {}

    def quantise(
        graph: onnx.ModelProto,
        ranges: np.ndarray,
        judge: Callable[[onnx.ModelProto], Any],
        limits: Bounds,
        report: Callable[[Any], None],
    ) -> SimpleNamespace:
        judgement = judge(graph)
        report(SimpleNamespace(what="nothing", judgement=judgement))
        seen.update(ranges=ranges, judgement=judgement, limits=limits)
        return SimpleNamespace(model=graph, text=lambda: "int8: 0 of 2 layers")

    def prove(engine: OnnxRuntimeEngine, model: keras.Model, stamps: Any, bounds: Bounds) -> proof.Proof:
        seen.update(split=stamps.split, described=engine.classifier, bounds=bounds)
        return proof.prove(engine, model, stamps, bounds)

    module = SimpleNamespace(quantise=quantise, calibration_stamps=lambda records: f"stamps of {records.name}")
    monkeypatch.setitem(sys.modules, "ceres_fast.export.quantise", module)
    monkeypatch.setattr(onnx_file, "prove", prove)
    path = export(run, precision="int8", records=tiny_records)
    assert path == run / "classifier-int8.onnx"
    assert read_classifier(run).onnx_files() == {"onnx-int8": path.name}
    assert seen["ranges"] == "stamps of records"
    assert (seen["judgement"].recall_loss, seen["judgement"].changed) == (0, 0)
    assert seen["split"] == "test"
    assert seen["described"] == carried(read_classifier(run), "int8")
    assert seen["bounds"] == seen["limits"] == proof.bounds_for("int8")
    printed = capsys.readouterr().out
    assert "int8, nothing: recall falls by 0.0000, 0.00% of the decisions change" in printed
    assert "int8: 0 of 2 layers" in printed


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[tuple[Any, ...]]:
    """What engines and repositories are asked to be made of, in the place of which nothing is made."""
    calls: list[tuple[Any, ...]] = []

    def write_engine(onnx: Path, name: str, options: Any, *, output: Path | None, overwrite: bool) -> Path:
        calls.append((onnx, name, options, output, overwrite))
        return onnx.with_suffix(".engine")

    def write_repository(product: Path, repository: Path, *, batches: tuple[int, ...]) -> Path:
        calls.append((product, repository, batches))
        return repository / "1"

    for name, module in {
        "engines.tensorrt": SimpleNamespace(__path__=[]),
        "engines.tensorrt.api": SimpleNamespace(EngineOptions=SimpleNamespace),
        "export.engine_files": SimpleNamespace(write_engine=write_engine),
        "export.triton": SimpleNamespace(write_repository=write_repository),
    }.items():
        monkeypatch.setitem(sys.modules, f"ceres_fast.{name}", module)
    return calls


def test_an_engine_is_made_of_the_run_s_file(run: Path, tmp_path: Path, built: list[tuple[Any, ...]]) -> None:
    assert export(run, to="tensorrt") == run / "classifier.engine"
    options = SimpleNamespace(batches=BATCHES)
    assert built == [(run / "classifier.onnx", "tensorrt", options, None, False)]
    made = sha256_of(run / "classifier.onnx")

    # It is exported again only where it would be another one.
    export(run, to="tensorrt-rtx", output=tmp_path / "out", overwrite=True, batches=[8])
    assert built[1] == (run / "classifier.onnx", "tensorrt-rtx", SimpleNamespace(batches=(8,)), tmp_path / "out", True)
    assert sha256_of(run / "classifier.onnx") == made
    changed = replace(read_classifier(run), threshold=0.25)
    changed.write(run)
    chosen = SimpleNamespace(batches=(2,))
    export(run, to="tensorrt", options=chosen)
    assert built[2][2] is chosen
    assert engine_of(run).classifier.threshold == 0.25
    assert sha256_of(run / "classifier.onnx") != made

    export(run, to="tensorrt", precision="float16")
    assert built[3][0] == run / "classifier-float16.onnx"
    assert engine_of(run, "float16").classifier.precision == "float16"


def older(path: Path) -> None:
    """Let the file be one from before its properties said more than the classifier."""
    made = onnx.load(path)
    onnx.helper.set_model_props(made, {p.key: p.value for p in made.metadata_props if p.key == ONNX_METADATA_KEY})
    onnx.save(made, path)
    run = path.parent
    read_classifier(run).with_file("onnx", path).write(run)


def missing(path: Path) -> None:
    path.unlink()


def damaged(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize("damage", [older, missing, damaged])
def test_a_file_that_cannot_be_used_is_exported_again(
    run: Path, damage: Callable[[Path], None], built: list[tuple[Any, ...]]
) -> None:
    path = export(run)
    good = onnx_file.up_to_date(read_classifier(run), "float32")
    assert good == path
    damage(path)
    assert onnx_file.up_to_date(read_classifier(run), "float32") is None
    export(run, to="tensorrt")
    assert onnx_file.up_to_date(read_classifier(run), "float32") == path
    assert len(built) == 1


def test_a_repository_is_made_of_the_run_s_file(run: Path, tmp_path: Path, built: list[tuple[Any, ...]]) -> None:
    export(run, to="triton", batches=(1, 32))
    export(run, to="triton", output=tmp_path / "models")
    onnx_path = run / "classifier.onnx"
    assert built == [(onnx_path, run / "triton", (1, 32)), (onnx_path, tmp_path / "models", BATCHES)]


@pytest.mark.parametrize("to", ["tensorrt", "tensorrt-rtx", "triton"])
def test_an_exported_file_will_do(tmp_path: Path, to: str, built: list[tuple[Any, ...]]) -> None:
    path = tmp_path / "copied.onnx"
    path.touch()
    export(path, to=to)
    assert built[0][0] == path
    with pytest.raises(CeresFastError, match="has a precision of its own"):
        export(path, to=to, precision="float16")
    with pytest.raises(CeresFastError, match="is exported already"):
        export(path)


def test_making_an_engine_of_a_file_needs_no_tensorflow(tmp_path: Path) -> None:
    (tmp_path / "copied.onnx").touch()
    code = (
        "import sys; from types import SimpleNamespace as S; from pathlib import Path\n"
        "for name in ('tensorflow', 'keras', 'tf2onnx', 'onnx', 'sklearn'): sys.modules[name] = None\n"
        "made = S(write_engine=lambda onnx, *options, **named: onnx.with_suffix('.engine'))\n"
        "for name, module in {'engines.tensorrt': S(__path__=[]), 'engines.tensorrt.api': S(EngineOptions=S),\n"
        "    'export.engine_files': made}.items(): sys.modules[f'ceres_fast.{name}'] = module\n"
        "from ceres_fast.export import export\n"
        "print(export(Path(sys.argv[1]), to='tensorrt').name)\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    arguments = [sys.executable, "-c", code, str(tmp_path / "copied.onnx")]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("copied.engine\n", "")


@pytest.mark.parametrize("failing", [False, True], ids=["proven", "refused"])
def test_debug_compares_with_the_float32_graph(run: Path, monkeypatch: pytest.MonkeyPatch, failing: bool) -> None:
    types = []

    class Found:
        def show(self) -> None:
            types.append("shown")

        def write(self, path: Path) -> None:
            path.write_text("layers")

    def layerwise(reference: Path, product: Path) -> Found:
        for path in (reference, product):
            weights = [tensor for tensor in onnx.load(path).graph.initializer if len(tensor.dims) == 4]
            types.append([onnx.TensorProto.DataType.Name(weight.data_type) for weight in weights])
        return Found()

    monkeypatch.setattr("ceres_fast.export.debug.layerwise", layerwise)
    if failing:
        no_tolerance(monkeypatch)
        with pytest.raises(CeresFastError, match="Not exported"):
            export(run, precision="float16", debug=True)
    else:
        export(run, precision="float16", debug=True)
    assert types == [["FLOAT"], ["FLOAT16"], "shown"]
    assert (run / "classifier-float16.layers.ecsv").read_text() == "layers"
    assert (run / "classifier-float16.onnx").exists() != failing


def test_debug_has_nothing_to_compare_float32_with(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export(run, debug=True)
    assert "no float32 graph to compare" in capsys.readouterr().err


def test_unknown_products_are_refused(run: Path) -> None:
    with pytest.raises(CeresFastError, match="--to coreml: expected one of onnx, tensorrt, tensorrt-rtx, triton"):
        export(run, to="coreml")
    with pytest.raises(CeresFastError, match=f"--precision mixed_float16: expected one of {', '.join(PRECISIONS)}"):
        export(run, precision="mixed_float16")


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
